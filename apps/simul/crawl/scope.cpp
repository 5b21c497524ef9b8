// SPDX-License-Identifier: Apache-2.0
#include "crawl/scope.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace simul::program {

namespace {

constexpr std::array<std::string_view, refusal_count> reasons{
    "not an address",
    "not http or https",
    "longer than an address may be",
    "a path of too many parts",
    "one part of the path repeats",
    "too many parameters",
    "an unusual port",
    "outside the scope",
    "excluded",
    "not included",
    "too deep",
    "over --max-pages",
    "over --max-pages-per-host",
    "nofollow",
    "disallowed by robots.txt",
    "robots.txt unreachable, which disallows everything",
    "robots.txt asks for a longer pause than a minute",
    "the host was given up",
};

constexpr std::array<std::uint16_t, 4> usual_ports{80, 443, 8080, 8443};

std::string_view without_www(std::string_view host) {
    if (host.starts_with("www.")) host.remove_prefix(4);
    return host;
}

std::string_view last_two_labels(const web::url& address) {
    const std::string_view host = address.host();
    if (address.is_ip_host()) return host;
    const std::size_t last = host.rfind('.');
    if (last == std::string_view::npos || last == 0) return host;
    const std::size_t before = host.rfind('.', last - 1);
    return before == std::string_view::npos ? host : host.substr(before + 1);
}

std::string_view up_to_last_slash(const web::url& address) {
    const std::string_view whole = address.href();
    const auto path = static_cast<std::size_t>(address.path().data() - whole.data());
    return whole.substr(0, path + address.path().rfind('/') + 1);
}

bool matches(const std::vector<expression>& any_of, const std::string& text) {
    return std::ranges::any_of(any_of, [&](const expression& each) { return each.is_in(text); });
}

}  // namespace

std::string_view describe(refusal why) noexcept {
    return reasons[static_cast<std::size_t>(why)];
}

scope::scope(scope_options options, const std::vector<web::url>& seeds)
    : options_{std::move(options)} {
    for (const web::url& seed : seeds) {
        const web::url normal = normal_form(seed);
        if (const auto port = normal.effective_port()) ports_.insert(*port);
        seeds_.insert(normal.href());
        switch (options_.how_far) {
            case reach::host: places_.emplace(without_www(normal.host())); break;
            case reach::domain: places_.emplace(last_two_labels(normal)); break;
            case reach::prefix: places_.emplace(up_to_last_slash(normal)); break;
            case reach::any: break;
        }
    }
}

web::url scope::normal_form(const web::url& address) const {
    web::url normal = address.has_fragment() ? address.without_fragment() : address;
    if (!normal.username().empty() || !normal.password().empty()) {
        normal = normal.without_credentials();
    }
    if (options_.drop_query && normal.has_query()) {
        const std::string_view whole = normal.href();
        if (auto bare = web::url::parse(whole.substr(0, whole.find('?')))) {
            normal = std::move(*bare);
        }
    }
    return normal;
}

std::optional<refusal> scope::refuses(const web::url& address, unsigned depth) const {
    if (const auto wrong = refuses_form(address)) return wrong;
    if (seeds_.contains(address.href())) return std::nullopt;
    if (!is_near(address)) return refusal::elsewhere;
    const std::uint16_t port = address.effective_port().value_or(0);
    if (std::ranges::find(usual_ports, port) == usual_ports.end() && !ports_.contains(port)) {
        return refusal::port;
    }
    if (options_.depth && depth > *options_.depth) return refusal::too_deep;
    if (matches(options_.exclude, address.href())) return refusal::excluded;
    if (!options_.include.empty() && !matches(options_.include, address.href())) {
        return refusal::not_included;
    }
    return std::nullopt;
}

std::optional<refusal> scope::refuses_form(const web::url& address) const {
    if (address.scheme() != "http" && address.scheme() != "https") return refusal::scheme;
    if (address.href().size() > options_.max_length) return refusal::too_long;

    std::unordered_map<std::string_view, std::size_t> seen;
    std::size_t segments = 0;
    std::string_view path = address.path();
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view segment = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (segment.empty()) continue;
        if (++segments > options_.max_segments) return refusal::many_segments;
        if (++seen[segment] > options_.max_repeats) return refusal::repeated_segment;
    }
    const std::string_view query = address.query();
    const auto separators = static_cast<std::size_t>(std::ranges::count(query, '&'));
    if (!query.empty() && separators + 1 > options_.max_parameters) {
        return refusal::many_parameters;
    }
    return std::nullopt;
}

bool scope::is_near(const web::url& address) const {
    switch (options_.how_far) {
        case reach::host: return places_.contains(without_www(address.host()));
        case reach::domain: return places_.contains(last_two_labels(address));
        case reach::prefix:
            return std::ranges::any_of(
                places_, [&](const std::string& each) { return address.href().starts_with(each); });
        case reach::any: break;
    }
    return true;
}

}  // namespace simul::program
