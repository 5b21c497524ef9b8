// SPDX-License-Identifier: Apache-2.0
//
// crawl/page.hpp: what a crawl takes from the text of one page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "simul/web/html_links.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// All links of a page that have the same target and the same kind.
class found_link {
public:
    found_link() {}

    web::url target;  ///< without fragment
    web::html_link_kind kind = web::html_link_kind::anchor;
    std::string rel;        ///< of the first that has one
    std::size_t count = 0;  ///< how often it stands in the page
    bool nofollow = false;  ///< every one of them says so
    bool leads_to_page = false;
};

/// What was read from a page.
class page_content {
public:
    page_content() {}

    std::string title;
    std::vector<found_link> links;  ///< in the order of the page
    bool nofollow = false;          ///< the page asks not to be indexed, or its links not followed
    std::size_t unreadable = 0;     ///< references that are no addresses
    std::vector<std::string> unreadable_texts;  ///< the first of them, as the page has them
    std::size_t inline_only = 0;                ///< javascript: and data:, which lead nowhere
    std::uint64_t dropped = 0;                  ///< links over the limit of one page
};

/// Whether an answer may be a page whose links are read: HTML or XHTML, or it does not say what it
/// is. The latter is a page for read_page() only if it begins like markup.
[[nodiscard]] bool is_page(std::string_view content_type) noexcept;

/// Reads a page. Its encoding is told by its byte order mark, its Content-Type, or itself.
///
/// `robots_name` is the crawler's name in <meta name>, besides "robots".
///
/// Errors        std::system_error with std::errc::not_supported if the library lacks the tables
///               of the encoding.
/// Complexity    O(bytes).
[[nodiscard]] page_content read_page(std::string_view body, std::string_view content_type,
                                     const web::url& address, std::string_view robots_name = {});

/// Whether an X-Robots-Tag asks for the same: "noindex", "nofollow" or "none", for every crawler
/// or for the one of this name.
[[nodiscard]] bool robots_tag_forbids(std::string_view value, std::string_view robots_name);

}  // namespace simul::program
