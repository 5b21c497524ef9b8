// SPDX-License-Identifier: Apache-2.0
#include "crawl/page.hpp"

#include <limits>
#include <memory_resource>
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

constexpr std::size_t most_texts = 100;
constexpr std::size_t most_text = 200;  // bytes

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

// A reference without its fragment where that is certain to give the same address without
// fragment. Pages have the same few references again and again, which need not be parsed each time.
std::string_view without_fragment(std::string_view reference, const web::url& base) noexcept {
    const std::size_t end = reference.find('#');
    if (end == std::string_view::npos) return reference;
    const bool is_certain = end == 0 ? !base.has_opaque_path() : reference[end - 1] > ' ';
    return is_certain ? reference.substr(0, end) : reference;
}

// The links of one page as they are read, most of which have been read before.
class link_table {
public:
    link_table(page_content& into, std::size_t most_links) : into_{into} {
        into_.links.reserve(most_links);  // the keys of places_ are views of what is in there
        known_.reserve(most_links);
        places_.reserve(most_links);
    }

    void read(const web::html_link& link, const web::url& base) {
        const std::string_view reference = without_fragment(link.url, base);
        std::size_t& known = known_.try_emplace(reference, none).first->second;
        if (known != none && !link.truncated) {
            add(link, known);
        } else if (std::optional<web::url> target = parse(link, reference, base)) {
            known = add(link, *std::move(target));
        }
    }

    // These are relative to the address itself, so what is known of the others does not hold.
    void read_base(const web::html_link& link, const web::url& address) {
        if (std::optional<web::url> target = parse(link, link.url, address)) {
            add(link, *std::move(target));
        }
    }

private:
    static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

    std::optional<web::url> parse(const web::html_link& link, std::string_view reference,
                                  const web::url& base) {
        auto target = web::url::parse(reference, base);
        if (link.truncated || !target) {
            if (into_.unreadable++ < most_texts) {
                into_.unreadable_texts.emplace_back(link.url.substr(0, most_text));
            }
            return std::nullopt;
        }
        if (target->scheme() == "javascript" || target->scheme() == "data") {
            ++into_.inline_only;
            return std::nullopt;
        }
        if (target->has_fragment()) return target->without_fragment();
        return *std::move(target);
    }

    // Returns the first link to the target.
    std::size_t add(const web::html_link& link, web::url&& target) {
        const std::size_t slot = append(link, std::move(target));
        const auto [place, is_new] = places_.try_emplace(into_.links[slot].target.href(), slot);
        if (!is_new) {
            into_.links.pop_back();
            next_.pop_back();
            add(link, place->second);
        }
        return place->second;
    }

    // Adds a link to the target of the link at `slot`, which is the first one.
    void add(const web::html_link& link, std::size_t slot) {
        while (into_.links[slot].kind != link.kind && next_[slot] != none) slot = next_[slot];
        found_link& same = into_.links[slot];
        if (same.kind != link.kind) {
            next_[slot] = append(link, web::url{same.target});
            return;
        }
        ++same.count;
        if (same.rel.empty()) same.rel = link.rel;
        if (!has(link.rel_tokens, web::html_rel::nofollow)) same.nofollow = false;
        if (leads_to_page(link)) same.leads_to_page = true;
    }

    std::size_t append(const web::html_link& link, web::url&& target) {
        found_link& fresh = into_.links.emplace_back();
        fresh.target = std::move(target);
        fresh.kind = link.kind;
        fresh.rel = link.rel;
        fresh.count = 1;
        fresh.nofollow = has(link.rel_tokens, web::html_rel::nofollow);
        fresh.leads_to_page = leads_to_page(link);
        next_.push_back(none);
        return into_.links.size() - 1;
    }

    page_content& into_;
    std::vector<std::size_t> next_;  // for each link the next one of another kind to its target
    std::pmr::monotonic_buffer_resource memory_{std::size_t{4} * 1024};
    std::pmr::unordered_map<std::string_view, std::size_t> places_{&memory_};  // first, by target
    std::pmr::unordered_map<std::string_view, std::size_t> known_{&memory_};   // by reference
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
    link_table table{content, page.links.size()};
    for (const web::html_link& link : page.links) {
        if (link.kind == kind::base) {
            table.read_base(link, address);
        } else {
            table.read(link, base);
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
