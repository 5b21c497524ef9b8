// SPDX-License-Identifier: Apache-2.0
//
// serve/demonstration.hpp: a small web site inside the program, to try a crawler on.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "serve/site.hpp"

namespace simul::program {

/// What a walk through the demonstration must find, if it begins at "/", follows the <a href> of
/// the HTML pages and obeys robots.txt.
struct demonstration_counts {
    std::size_t pages = 0;       ///< HTML pages with status 200
    std::size_t texts = 0;       ///< linked resources with status 200 that are no HTML
    std::size_t redirects = 0;   ///< addresses that redirect
    std::size_t missing = 0;     ///< addresses with status 404
    std::size_t disallowed = 0;  ///< addresses that are linked and that robots.txt forbids
    std::size_t external = 0;    ///< addresses of other hosts
    std::size_t anchors = 0;     ///< <a href> in all these pages together, repeated ones included
};

/// The Museum of Waves: 150 pages, the same ones each time. Halls whose lists have two pages each,
/// exhibits that point to their neighbours, tours across the halls; and one of each thing that a
/// crawler meets: a redirect, a dead link, links to other hosts, a base address, pictures for
/// several densities, a text without links, a page that comes gzip-coded, an address with encoded
/// letters, a part that robots.txt forbids.
class demonstration_site final : public site {
public:
    demonstration_site();

    /// The answer for a path with its query, as they are sent: 200, 301 or 404.
    ///
    /// Lifetime      valid as long as the site.
    [[nodiscard]] const answer& find(std::string_view path_and_query) const;

    /// What a walk must find.
    [[nodiscard]] const demonstration_counts& expected() const noexcept { return expected_; }

    /// Looks a request up; the answer is a copy.
    ///
    /// Errors        std::bad_alloc.
    /// Suspends      never.
    /// Cancellation  clean.
    [[nodiscard]] task<answer> look_up(const http::wire::request_head& asked) override;

private:
    class writer;

    void add(std::string path, std::string type, std::string body);

    std::map<std::string, answer, std::less<>> answers_;
    answer not_found_;
    demonstration_counts expected_;
};

}  // namespace simul::program
