// SPDX-License-Identifier: Apache-2.0
#include "web/html_link_values.hpp"

#include <array>
#include <utility>

#include "web/html_scan.hpp"

namespace simul::web::detail {

namespace {

// The next word that is not of `separators`, taken off the front; empty at the end.
template <class IsSeparator>
std::string_view take_word(std::string_view& rest, IsSeparator is_separator) noexcept {
    std::size_t begin = 0;
    while (begin < rest.size() && is_separator(rest[begin])) ++begin;
    std::size_t end = begin;
    while (end < rest.size() && !is_separator(rest[end])) ++end;
    const std::string_view word = rest.substr(begin, end - begin);
    rest.remove_prefix(end);
    return word;
}

void skip_space(std::string_view& rest) noexcept {
    while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
}

}  // namespace

html_rel rel_tokens_in(std::string_view rel) noexcept {
    using enum html_rel;
    static constexpr std::array<std::pair<std::string_view, html_rel>, 17> known = {{
        {"nofollow", nofollow},
        {"canonical", canonical},
        {"alternate", alternate},
        {"next", next},
        {"prev", prev},
        {"previous", prev},
        {"stylesheet", stylesheet},
        {"icon", icon},
        {"preload", preload},
        {"modulepreload", preload},
        {"prefetch", preload},
        {"preconnect", preload},
        {"dns-prefetch", preload},
        {"ugc", ugc},
        {"sponsored", sponsored},
        {"external", external},
        {"amphtml", amphtml},
    }};
    html_rel found = none;
    while (true) {
        const std::string_view word = take_word(rel, is_space);
        if (word.empty()) return found;
        for (const auto& [name, token] : known) {
            if (equals_ignoring_case(word, name)) found = found | token;
        }
    }
}

robots_directives robots_directives_in(std::string_view content) noexcept {
    robots_directives found;
    while (true) {
        const std::string_view word =
            take_word(content, [](char c) { return c == ',' || is_space(c); });
        if (word.empty()) return found;
        const bool both = equals_ignoring_case(word, "none");
        found.noindex = found.noindex || both || equals_ignoring_case(word, "noindex");
        found.nofollow = found.nofollow || both || equals_ignoring_case(word, "nofollow");
    }
}

std::optional<std::string_view> refresh_url(std::string_view content) noexcept {
    skip_space(content);
    const bool has_time = !content.empty() && (is_digit(content.front()) || content.front() == '.');
    if (!has_time) return std::nullopt;
    while (!content.empty() && (is_digit(content.front()) || content.front() == '.')) {
        content.remove_prefix(1);
    }
    if (content.empty()) return std::nullopt;
    const char separator = content.front();
    if (separator != ';' && separator != ',' && !is_space(separator)) return std::nullopt;
    skip_space(content);
    if (!content.empty() && (content.front() == ';' || content.front() == ',')) {
        content.remove_prefix(1);
    }
    skip_space(content);
    if (content.empty()) return std::nullopt;

    // "url=" may be left out; what only begins like it is part of the address.
    std::string_view rest = content;
    if (equals_ignoring_case(rest.substr(0, 3), "url")) {
        rest.remove_prefix(3);
        skip_space(rest);
        if (rest.empty() || rest.front() != '=') return content;
        rest.remove_prefix(1);
        skip_space(rest);
    } else if (lower(rest.front()) == 'u') {
        return content;
    }
    if (!rest.empty() && (rest.front() == '"' || rest.front() == '\'')) {
        const char quote = rest.front();
        rest.remove_prefix(1);
        rest = rest.substr(0, rest.find(quote));
    }
    return rest;
}

std::optional<std::string_view> srcset_reader::next() noexcept {
    while (!rest_.empty() && (is_space(rest_.front()) || rest_.front() == ',')) {
        rest_.remove_prefix(1);
    }
    if (rest_.empty()) return std::nullopt;
    std::string_view url = take_word(rest_, is_space);
    if (url.back() == ',') {
        while (!url.empty() && url.back() == ',') url.remove_suffix(1);
        return url;
    }
    // Descriptors: up to a comma that is not in parentheses.
    bool in_parentheses = false;
    while (!rest_.empty()) {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        if (c == '(') in_parentheses = true;
        if (c == ')') in_parentheses = false;
        if (c == ',' && !in_parentheses) break;
    }
    return url;
}

}  // namespace simul::web::detail
