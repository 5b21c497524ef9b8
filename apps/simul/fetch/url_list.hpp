// SPDX-License-Identifier: Apache-2.0
//
// fetch/url_list.hpp: the addresses that a text file names, one in a line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/process.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// One address of the list.
struct listed_url {
    listed_url() {}

    web::url address;
    std::string shown;  ///< as it was written, but without user name and password
};

/// One line that names no address.
struct rejected_line {
    rejected_line() {}

    std::string place;  ///< "urls.txt:3", or "argument 1"
    std::string text;
    std::string why;
};

/// Addresses from files and from the command line, as a set: of equal ones the first counts.
class url_list {
public:
    /// Adds each line of a text. Blanks around an address, empty lines and a byte order mark do not
    /// count.
    void add_lines(std::string_view text, std::string_view name);

    /// Adds one address. What cannot be fetched, because it is no address or not one of http and
    /// https, is among rejected().
    void add(std::string_view text, std::string place);

    [[nodiscard]] const std::vector<listed_url>& urls() const noexcept { return urls_; }
    [[nodiscard]] const std::vector<rejected_line>& rejected() const noexcept { return rejected_; }

private:
    std::vector<listed_url> urls_;
    std::vector<rejected_line> rejected_;
    std::unordered_set<web::url> known_;
};

}  // namespace simul::program
