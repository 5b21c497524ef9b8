// SPDX-License-Identifier: Apache-2.0
//
// crawl/option_text.hpp: what options say that only crawl has; see common/option_text.hpp.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/option_text.hpp"
#include "simul/http/headers.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// "10M", "512k", "1G", "1000": a number of bytes, multiples of 1,024, at least 1.
[[nodiscard]] std::size_t read_size(std::string_view text);

/// "Name: value", checked as a header field.
void read_header(std::string_view text, http::headers& into);

/// A start address: http or https, without user name and password.
[[nodiscard]] web::url read_start_address(std::string_view text);

/// A line of a list that is no start address.
class rejected_address {
public:
    rejected_address() {}

    std::string text;   ///< as it may be shown
    std::string place;  ///< the name of the list, and the number of the line
    std::string why;
};

class address_list {
public:
    address_list() {}

    std::vector<web::url> addresses;
    std::vector<rejected_address> rejected;
};

/// Start addresses, one a line; empty lines and those that begin with # do not count. `name` is
/// for messages.
[[nodiscard]] address_list read_address_list(std::string_view text, std::string_view name);

/// Which of some words it is: its number among them.
[[nodiscard]] std::size_t read_choice(std::string_view text,
                                      std::initializer_list<std::string_view> words);

}  // namespace simul::program
