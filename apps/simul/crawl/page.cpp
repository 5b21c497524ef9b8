// SPDX-License-Identifier: Apache-2.0
#include "crawl/page.hpp"

#include <optional>
#include <unordered_map>
#include <utility>

#include "simul/http/headers.hpp"
#include "simul/web/charset.hpp"
#include "simul/web/content_type.hpp"
#include "simul/web/html_prescan.hpp"

namespace simul::program {

namespace {

using kind = web::html_link_kind;

bool is_known_label(std::string_view label) {
    return web::encoding_of_label(label).has_value();
}

bool leads_to_page(const web::html_link& link) noexcept {
    switch (link.kind) {
        case kind::anchor:
        case kind::area:
        case kind::iframe:
        case kind::frame:
        case kind::refresh: return true;
        case kind::link:
            return has(link.rel_tokens, web::html_rel::canonical) ||
                   has(link.rel_tokens, web::html_rel::next) ||
                   has(link.rel_tokens, web::html_rel::prev);
        default: return false;
    }
}

class link_table {
public:
    explicit link_table(page_content& into) : into_{into} {}

    void add(const web::html_link& link, web::url target) {
        const bool nofollow = has(link.rel_tokens, web::html_rel::nofollow);
        const bool leads = leads_to_page(link);
        auto& slots = places_[target];
        for (const std::size_t slot : slots) {
            found_link& same = into_.links[slot];
            if (same.kind != link.kind) continue;
            ++same.count;
            if (same.rel.empty()) same.rel = link.rel;
            if (!nofollow) same.nofollow = false;
            if (leads) same.leads_to_page = true;
            return;
        }
        slots.push_back(into_.links.size());
        found_link& fresh = into_.links.emplace_back();
        fresh.target = std::move(target);
        fresh.kind = link.kind;
        fresh.rel = link.rel;
        fresh.count = 1;
        fresh.nofollow = nofollow;
        fresh.leads_to_page = leads;
    }

private:
    page_content& into_;
    std::unordered_map<web::url, std::vector<std::size_t>> places_;
};

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

bool is_page(std::string_view content_type) noexcept {
    if (trimmed(content_type).empty()) return true;
    const auto type = web::content_type::parse(content_type);
    return type && (type->is_html() || type->is_xhtml());
}

page_content read_page(std::string_view body, std::string_view content_type,
                       const web::url& address, std::string_view robots_name) {
    page_content content;
    const auto type = web::content_type::parse(content_type);
    if (!type) {
        const std::size_t first = body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
        if (first == std::string_view::npos || body[first] != '<') return content;
    }
    const std::string_view header = type ? type->charset().value_or("") : std::string_view{};
    const std::string declared = web::prescan_charset(body, &is_known_label);
    const auto encoding = web::choose_charset(body, header, declared);
    const web::decoded_text text = web::decode_to_utf8(body, encoding.which);

    web::html_link_options options;
    options.robots_name = robots_name;
    const web::html_page page = web::extract_links(text.view(), options);
    content.title = page.title;
    content.nofollow = page.nofollow || page.noindex;
    content.dropped = page.links_dropped;

    std::optional<web::url> other_base;
    if (page.base) {
        auto named = web::url::parse(*page.base, address);
        if (named && named->scheme() != "data" && named->scheme() != "javascript") {
            other_base = std::move(*named);
        }
    }
    const web::url& base = other_base ? *other_base : address;
    link_table table{content};
    for (const web::html_link& link : page.links) {
        auto target = web::url::parse(link.url, link.kind == kind::base ? address : base);
        if (link.truncated || !target) {
            ++content.unreadable;
        } else if (target->scheme() == "javascript" || target->scheme() == "data") {
            ++content.inline_only;
        } else if (target->has_fragment()) {
            table.add(link, target->without_fragment());
        } else {
            table.add(link, std::move(*target));
        }
    }
    return content;
}

bool robots_tag_forbids(std::string_view value, std::string_view robots_name) {
    bool for_us = true;
    while (true) {
        const std::size_t comma = std::min(value.find(','), value.size());
        std::string_view token = trimmed(value.substr(0, comma));
        const std::size_t colon = token.find(':');
        // A name stands before its first rule and holds for those that follow it.
        if (colon != std::string_view::npos) {
            const std::string_view name = trimmed(token.substr(0, colon));
            for_us = http::equals_ignoring_case(name, robots_name) ||
                     http::equals_ignoring_case(name, "unavailable_after");
            token = trimmed(token.substr(colon + 1));
        }
        if (for_us && (http::equals_ignoring_case(token, "noindex") ||
                       http::equals_ignoring_case(token, "nofollow") ||
                       http::equals_ignoring_case(token, "none"))) {
            return true;
        }
        if (comma == value.size()) return false;
        value.remove_prefix(comma + 1);
    }
}

}  // namespace simul::program
