// SPDX-License-Identifier: Apache-2.0
//
// common/page_links.hpp: from the body of an answer to the addresses it links to.
//
// find_page_links() is the whole of it: it decides whether the body is text, decodes it, finds
// references, and resolves them. It does not wait and knows nothing of the network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "simul/web/charset.hpp"
#include "simul/web/html_links.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// How references are found.
enum class link_finder : std::uint8_t {
    markup,               ///< by reading HTML, as a browser does; other text has no links
    founding_expression,  ///< href="(.*?)" over any text, and no more
};

/// Which addresses count, by their scheme.
enum class link_schemes : std::uint8_t {
    http,    ///< http: and https:
    places,  ///< all that name a place on a network or disk, thus not mailto:, javascript:, data: …
    all,     ///< whatever parses
};

/// What find_page_links looks for.
struct page_link_options {
    page_link_options() {}

    link_finder finder = link_finder::markup;
    /// The kinds that count, for link_finder::markup.
    std::vector<web::html_link_kind> kinds{web::html_link_kind::anchor};
    link_schemes schemes = link_schemes::places;
    /// Without fragments, which makes links to parts of one page the same link.
    bool drop_fragments = false;
    /// Limits of reading HTML; html.max_links holds for both finders.
    web::html_link_options html;
};

/// One link of a page, resolved.
struct page_link {
    page_link() {}

    web::url address;
    /// Of the first place where it stands in the page.
    web::html_link_kind kind = web::html_link_kind::anchor;
    /// All that any of the places says; nofollow only if every place says it.
    web::html_rel rel = web::html_rel::none;
};

/// What a body turned out to be.
struct page_links {
    page_links() {}

    bool is_text = false;    ///< false: bytes, in which nothing was looked for
    bool is_markup = false;  ///< HTML or XHTML
    web::charset_choice charset;
    std::vector<page_link> links;  ///< no address twice, in the order of the page
    std::size_t invalid = 0;       ///< references that are no address
    std::size_t elsewhere = 0;     ///< addresses that were left out for their scheme
    std::size_t dropped = 0;       ///< references over html.max_links
    /// What the page says about itself (title, nofollow, anchors), if HTML was read.
    web::html_page page;
};

/// The addresses that a body links to.
///
/// The body is text if `content_type`, the field as it came, says so; if there is none, or it
/// cannot be read, unless there is a zero byte among the first thousand. Links are resolved against
/// the page's <base href>, and that against `address`, which is where the answer came from after
/// redirects. The founding expression knows no <base> and no character references.
///
/// Errors        std::system_error with std::errc::not_supported if the encoding's tables are
///               missing; std::bad_alloc.
/// Complexity    O(body).
[[nodiscard]] page_links find_page_links(std::string_view body, std::string_view content_type,
                                         const web::url& address,
                                         const page_link_options& options = {});

}  // namespace simul::program
