// SPDX-License-Identifier: Apache-2.0
//
// crawl/scope.hpp: which addresses belong to a crawl, and why the others do not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "crawl/expression.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// Why an address is not asked for.
enum class refusal : std::uint8_t {
    no_address,          ///< what the page says cannot be read as an address
    scheme,              ///< neither http nor https
    too_long,            ///< the address
    many_segments,       ///< the path is deeper than sites are
    repeated_segment,    ///< one part of the path again and again
    many_parameters,     ///< in the query
    port,                ///< neither usual nor that of a start address
    elsewhere,           ///< outside --scope
    excluded,            ///< --exclude
    not_included,        ///< --include
    too_deep,            ///< --depth
    page_limit,          ///< --max-pages
    host_page_limit,     ///< --max-pages-per-host
    nofollow,            ///< the page asks not to follow the link
    robots,              ///< robots.txt
    robots_unreachable,  ///< robots.txt could not be had, which forbids everything
    crawl_delay,         ///< robots.txt asks for a longer pause than is waited
    host_given_up,       ///< the host failed too often, or asked to come back much later
};
inline constexpr std::size_t refusal_count = 18;

/// The reason in a few words for people.
[[nodiscard]] std::string_view describe(refusal why) noexcept;

/// How far a crawl goes from its start addresses.
enum class reach : std::uint8_t {
    host,    ///< the same host, with or without "www."
    domain,  ///< hosts with the same last two labels; addresses of the internet exactly
    prefix,  ///< what begins like a start address up to its last slash
    any,     ///< the whole web
};

/// What belongs to a crawl.
class scope_options {
public:
    scope_options() {}

    reach how_far = reach::host;
    std::vector<expression> include;  ///< one of them must match somewhere; none: everything does
    std::vector<expression> exclude;
    std::optional<unsigned> depth;  ///< links from a start address
    bool drop_query = false;

    std::size_t max_length = 2083;  ///< bytes of an address
    std::size_t max_segments = 32;
    std::size_t max_repeats = 3;  ///< how often one part of the path may occur
    std::size_t max_parameters = 20;
};

/// Decides about addresses. Start addresses belong always, if they are short and http or https.
///
/// Complexity    O(length), besides that of the expressions.
class scope {
public:
    scope(scope_options options, const std::vector<web::url>& seeds);

    /// The address as it is asked for: without fragment and credentials, and without query if
    /// queries are dropped.
    [[nodiscard]] web::url normal_form(const web::url& address) const;

    /// Why an address in its normal form, so many links away from the start, does not belong to
    /// the crawl; nothing if it does.
    [[nodiscard]] std::optional<refusal> refuses(const web::url& address, unsigned depth) const;

private:
    [[nodiscard]] bool is_near(const web::url& address) const;
    [[nodiscard]] std::optional<refusal> refuses_form(const web::url& address) const;

    scope_options options_;
    std::set<std::string, std::less<>> places_;  ///< hosts, domains or prefixes
    std::set<std::uint16_t> ports_;
    std::set<std::string, std::less<>> seeds_;
};

}  // namespace simul::program
