// SPDX-License-Identifier: Apache-2.0
//
// simul/web/html_links.hpp: the links of an HTML page, and what the page says about itself.
//
// Reading order: extract_links() is the whole of it for a page in memory; html_link_extractor is
// the same for a page that arrives in pieces. Resolving what is found against the page's address is
// the caller's: see simul/web/url.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "simul/web/html_tokenizer.hpp"

namespace simul::web {

/// Where in the page a link stands.
enum class html_link_kind : std::uint8_t {
    anchor,           ///< <a href>, in svg too
    area,             ///< <area href>
    link,             ///< <link href>: style sheets, icons, canonical addresses; see rel
    base,             ///< <base href>; html_page::base is the one that counts
    image,            ///< <img src>, <input type=image src>, svg <image href>
    image_candidate,  ///< one address of a srcset or imagesrcset
    source,           ///< <source src>
    iframe,           ///< <iframe src>
    frame,            ///< <frame src>
    form,             ///< <form action>, and formaction of its buttons
    script,           ///< <script src>
    refresh,          ///< <meta http-equiv=refresh>
    video,            ///< <video src>
    poster,           ///< <video poster>
    audio,            ///< <audio src>
    track,            ///< <track src>
    embed,            ///< <embed src>
    object,           ///< <object data>
    citation,         ///< cite of <blockquote>, <q>, <ins>, <del>, if asked for
};

/// The kind in one word, "anchor" for example.
[[nodiscard]] std::string_view name_of(html_link_kind kind) noexcept;

/// Tokens of a rel attribute, as a set of bits.
enum class html_rel : std::uint16_t {
    none = 0,
    nofollow = 1 << 0,
    canonical = 1 << 1,
    alternate = 1 << 2,
    next = 1 << 3,
    prev = 1 << 4,  ///< or "previous"
    stylesheet = 1 << 5,
    icon = 1 << 6,
    preload = 1 << 7,  ///< or "modulepreload", "prefetch", "preconnect", "dns-prefetch"
    ugc = 1 << 8,
    sponsored = 1 << 9,
    external = 1 << 10,
    amphtml = 1 << 11,
};

[[nodiscard]] constexpr html_rel operator|(html_rel a, html_rel b) noexcept {
    return static_cast<html_rel>(static_cast<std::uint16_t>(a) | static_cast<std::uint16_t>(b));
}

/// Whether all of `wanted` is in `set`.
[[nodiscard]] constexpr bool has(html_rel set, html_rel wanted) noexcept {
    const auto bits = static_cast<std::uint16_t>(wanted);
    return (static_cast<std::uint16_t>(set) & bits) == bits;
}

/// One link.
///
/// Lifetime      the texts lie in the html_page.
struct html_link {
    /// As it stands in the page: character references replaced, whitespace at its ends removed.
    /// Tabs and line ends inside are left to the URL parser. May be empty: that is the page itself.
    std::string_view url;
    std::string_view rel;      ///< the whole attribute
    std::uint64_t offset = 0;  ///< of the "<" of the tag in the page
    html_rel rel_tokens = html_rel::none;
    html_link_kind kind = html_link_kind::anchor;
    bool is_post = false;    ///< a form that is not fetched with GET
    bool truncated = false;  ///< the attribute was over its limit: this is no working address
};

/// What is looked for, and limits.
struct html_link_options {
    html_link_options() noexcept {}

    std::size_t max_links = 50'000;  ///< further ones are counted only
    std::size_t max_title = 4096;    ///< bytes
    bool citations = false;          ///< give cite attributes
    bool anchors = false;            ///< collect ids and names that a fragment may point at
    std::size_t max_anchors = 50'000;
    /// <meta name> that counts like "robots", for a crawler with a name; in lower case.
    std::string_view robots_name;
    html_tokenizer_options tokenizer;
};

/// What was found in a page. Moves; views of its texts stay valid when it does.
struct html_page {
    html_page() noexcept = default;
    html_page(html_page&&) noexcept = default;
    html_page& operator=(html_page&&) noexcept = default;

    std::vector<html_link> links;          ///< in the order of the page
    std::optional<std::string_view> base;  ///< href of the first <base> that has one
    std::string_view title;                ///< whitespace collapsed, empty if there is none
    std::vector<std::string_view> anchors;

    bool noindex = false;   ///< from <meta name=robots>
    bool nofollow = false;  ///< likewise, for all links of the page
    bool title_truncated = false;

    std::uint64_t links_dropped = 0;    ///< over max_links
    std::uint64_t anchors_dropped = 0;  ///< over max_anchors
    html_limit_counts limits;           ///< what the tokenizer had to cut
    std::uint64_t size = 0;             ///< bytes of the page

    /// Copies a text into the page.
    ///
    /// Returns       the copy, which lives as long as the page.
    std::string_view keep(std::string_view text);

private:
    std::vector<std::unique_ptr<char[]>> blocks_;
    std::size_t block_left_ = 0;
    char* block_at_ = nullptr;
};

/// The links of a page that arrives in pieces.
///
/// Links inside of comments, scripts and <template> are none; those in <noscript> are. Where an
/// attribute stands twice in a tag the first one counts. Memory grows with what is found, never
/// with nesting.
///
/// Errors        std::bad_alloc leaves through feed and finish, after which the extractor can only
///               be destroyed. Otherwise there are none: all text is HTML.
/// Source        HTML Living Standard: 4.8.4.3.10 "srcset", 4.2.5.3 "shared declarative refresh
///               steps", 4.6.7 "link types".
class html_link_extractor {
public:
    explicit html_link_extractor(const html_link_options& options = {});
    html_link_extractor(html_link_extractor&&) noexcept;
    html_link_extractor& operator=(html_link_extractor&&) noexcept;
    ~html_link_extractor();

    /// Takes the next piece of the page, in UTF-8.
    void feed(std::string_view chunk);

    /// Ends the page; nothing may be fed afterwards.
    ///
    /// Returns       what was found.
    [[nodiscard]] html_page finish();

private:
    class state;

    std::unique_ptr<state> state_;
};

/// The links of a page in memory, in UTF-8; a byte order mark is skipped.
[[nodiscard]] html_page extract_links(std::string_view document,
                                      const html_link_options& options = {});

}  // namespace simul::web
