// SPDX-License-Identifier: Apache-2.0
#include "common/page_links.hpp"

#include <algorithm>
#include <array>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "simul/web/content_type.hpp"
#include "simul/web/html_prescan.hpp"

namespace simul::program {

namespace {

using web::html_rel;

// Most of these have an opaque path, but javascript://… parses as if it had a host.
constexpr std::array<std::string_view, 7> nowhere{"javascript", "data", "mailto",  "tel",
                                                  "about",      "blob", "vbscript"};

bool has_wanted_scheme(const web::url& address, link_schemes wanted) noexcept {
    const std::string_view scheme = address.scheme();
    switch (wanted) {
        case link_schemes::http: return scheme == "http" || scheme == "https";
        case link_schemes::places:
            return !address.has_opaque_path() &&
                   std::ranges::find(nowhere, scheme) == nowhere.end();
        case link_schemes::all: break;
    }
    return true;
}

bool has_utf16_mark(std::string_view body) noexcept {
    return body.starts_with("\xFE\xFF") || body.starts_with("\xFF\xFE");
}

bool looks_like_text(std::string_view body) noexcept {
    return has_utf16_mark(body) || body.substr(0, 1000).find('\0') == std::string_view::npos;
}

bool is_known_label(std::string_view label) {
    return web::encoding_of_label(label).has_value();
}

constexpr html_rel without_nofollow(html_rel set) noexcept {
    return static_cast<html_rel>(static_cast<std::uint16_t>(set) &
                                 ~static_cast<unsigned>(html_rel::nofollow));
}

// Resolves references one by one, and keeps those that are wanted.
class link_collector {
public:
    link_collector(page_links& into, const page_link_options& options)
        : into_{into}, options_{options} {}

    void add(std::string_view reference, const web::url& base, web::html_link_kind kind,
             html_rel rel) {
        std::expected<web::url, std::error_code> address = web::url::parse(reference, base);
        if (!address) {
            ++into_.invalid;
            return;
        }
        if (!has_wanted_scheme(*address, options_.schemes)) {
            ++into_.elsewhere;
            return;
        }
        if (options_.drop_fragments && address->has_fragment()) {
            address = address->without_fragment();
        }
        const auto [known, is_new] = places_.try_emplace(*address, into_.links.size());
        if (!is_new) {
            merge(into_.links[known->second], rel);
            return;
        }
        page_link& added = into_.links.emplace_back();
        added.address = std::move(*address);
        added.kind = kind;
        added.rel = rel;
    }

private:
    static void merge(page_link& link, html_rel rel) noexcept {
        const bool keeps_nofollow =
            has(link.rel, html_rel::nofollow) && has(rel, html_rel::nofollow);
        link.rel = without_nofollow(link.rel | rel);
        if (keeps_nofollow) link.rel = link.rel | html_rel::nofollow;
    }

    page_links& into_;
    const page_link_options& options_;
    std::unordered_map<web::url, std::size_t> places_;
};

void read_markup(std::string_view text, const web::url& address, const page_link_options& options,
                 page_links& found) {
    found.page = web::extract_links(text, options.html);
    found.dropped = found.page.links_dropped;
    web::url base = address;
    if (found.page.base) {
        const std::expected<web::url, std::error_code> named =
            web::url::parse(*found.page.base, address);
        // The standard forbids these two as a base.
        if (named && named->scheme() != "data" && named->scheme() != "javascript") base = *named;
    }
    link_collector collector{found, options};
    for (const web::html_link& link : found.page.links) {
        if (std::ranges::find(options.kinds, link.kind) == options.kinds.end()) continue;
        if (link.truncated) {
            ++found.invalid;
            continue;
        }
        const bool is_base = link.kind == web::html_link_kind::base;
        collector.add(link.url, is_base ? address : base, link.kind, link.rel_tokens);
    }
}

// The expression href="(.*?)": its dot stands for anything but the end of a line.
void match_expression(std::string_view text, const web::url& address,
                      const page_link_options& options, page_links& found) {
    constexpr std::string_view opening = "href=\"";
    link_collector collector{found, options};
    std::size_t matches = 0;
    for (std::size_t at = text.find(opening); at != std::string_view::npos;
         at = text.find(opening, at)) {
        at += opening.size();
        const std::size_t end = text.find_first_of("\"\n", at);
        if (end == std::string_view::npos) return;
        if (text[end] == '\n') continue;
        if (matches++ < options.html.max_links) {
            collector.add(text.substr(at, end - at), address, web::html_link_kind::anchor,
                          html_rel::none);
        } else {
            ++found.dropped;
        }
        at = end + 1;
    }
}

}  // namespace

page_links find_page_links(std::string_view body, std::string_view content_type,
                           const web::url& address, const page_link_options& options) {
    page_links found;
    const std::optional<web::content_type> type = web::content_type::parse(content_type);
    found.is_text = type ? type->is_text() : looks_like_text(body);
    if (!found.is_text) return found;
    found.is_markup = !type || type->is_html() || type->is_xhtml();
    std::string declared;
    if (found.is_markup) declared = web::prescan_charset(body, &is_known_label);
    const std::string_view header = type ? type->charset().value_or("") : "";
    found.charset = web::choose_charset(body, header, declared);
    const web::decoded_text text = web::decode_to_utf8(body, found.charset.which);
    if (options.finder == link_finder::founding_expression) {
        match_expression(text.view(), address, options, found);
    } else if (found.is_markup) {
        read_markup(text.view(), address, options, found);
    }
    return found;
}

}  // namespace simul::program
