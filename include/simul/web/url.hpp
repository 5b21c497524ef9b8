// SPDX-License-Identifier: Apache-2.0
//
// simul/web/url.hpp: an address, parsed as browsers parse it.
//
// Reading order: url::parse, then what can be asked of a url. The parser follows the URL Standard
// (https://url.spec.whatwg.org) state by state, not RFC 3986: what a browser accepts is accepted
// here and comes out the same. What is no address is an error_code of the category below.
#pragma once

#include <compare>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <cstddef>
#include <cstdint>

namespace simul::web {

/// What keeps a text from being an address.
enum class url_errc {
    missing_scheme = 1,        ///< what stands before the first colon is no scheme
    relative_without_base,     ///< the reference is relative and no base was given
    opaque_base,               ///< the base has an opaque path (mailto:…) and takes fragments only
    missing_host,              ///< the scheme needs a host, or a port or user has none
    forbidden_host_character,  ///< the host holds a character that no host may hold
    bad_ipv4,                  ///< the host ends in a number and is no IPv4 address
    bad_ipv6,                  ///< what stands in brackets is no IPv6 address
    bad_domain,                ///< the host is no internationalized domain name
    bad_port,                  ///< the port is not made of digits
    port_out_of_range,         ///< the port is above 65,535
    too_long,                  ///< the text, or the address made of it, exceeds max_length
};

/// The category of url_errc, named "simul.url".
const std::error_category& url_category() noexcept;

/// Makes an error_code of url_errc; found by argument-dependent lookup.
std::error_code make_error_code(url_errc code) noexcept;

/// Limits of url::parse.
struct url_options {
    constexpr url_options() noexcept {}

    /// Most bytes of the text that is parsed, and of the address that comes out (percent-encoding
    /// and the base make it longer). At most 256 MiB.
    std::size_t max_length = std::size_t{64} * 1024;
};

namespace detail {
class url_parser;

enum class scheme_type : std::uint8_t { other, http, https, ws, wss, ftp, file };
enum class host_kind : std::uint8_t { none, empty, domain, opaque, ipv4, ipv6 };
}  // namespace detail

/// An absolute address in its one normal form. A url made by default is about:blank.
///
/// Think of a string that is known to be an address, with marks where its parts begin: the parts
/// are views into it, copying it copies one string, and two urls are equal when their strings are.
/// A url never changes except by assignment; to change a part, write a new text and parse it.
///
///      scheme      username  password   host     port path      query   fragment
///       |             |         |         |        |   |          |        |
///     https   :// user     :  pass  @ example.org:8080/a/b.html ? q=1  #  top
///
/// Threads       a value: different urls on different threads, one url for many readers.
/// Lifetime      the views that the accessors return live as long as the url and end when it is
///               assigned to or moved from. A url that was moved from may only be assigned to or
///               destroyed.
/// Source        URL Standard, sections 3 (hosts) and 4 (URLs).
class url {
public:
    /// The address about:blank.
    url() = default;

    /// Parses an absolute address.
    ///
    /// Spaces and controls around it, tabs and line ends anywhere are dropped, as the standard
    /// says. The text is UTF-8; bytes that are not become U+FFFD.
    ///
    ///     auto address = web::url::parse("HTTP://Example.org:80/a/../b?q#top");
    ///     if (!address) throw std::system_error{address.error()};
    ///     address->href();  // "http://example.org/b?q#top"
    ///
    /// Returns       the address, or the url_errc that says what is wrong.
    /// Complexity    O(n) and one allocation for ASCII hosts. Names beyond ASCII are mapped by the
    ///               tables of Unicode and cost more; they may have 4,096 bytes, 200 characters in
    ///               a label, which is far beyond what the DNS allows.
    [[nodiscard]] static std::expected<url, std::error_code> parse(
        std::string_view input, const url_options& options = url_options{});

    /// Parses a reference as it stands in a document at `base`: relative, or an address of its own.
    ///
    ///     web::url::parse("../c?d", *base);  // base http://h/a/b: http://h/c?d
    ///
    /// Returns       the address, or the url_errc that says what is wrong.
    /// Complexity    as above.
    [[nodiscard]] static std::expected<url, std::error_code> parse(
        std::string_view reference, const url& base, const url_options& options = url_options{});

    /// The whole address. Parsing it again gives an equal url.
    [[nodiscard]] const std::string& href() const noexcept { return href_; }

    /// The scheme in lower case, without the colon.
    [[nodiscard]] std::string_view scheme() const noexcept { return part(0, scheme_end_); }

    /// The user name, percent-encoded; empty if there is none.
    [[nodiscard]] std::string_view username() const noexcept;

    /// The password, percent-encoded; empty if there is none.
    [[nodiscard]] std::string_view password() const noexcept;

    /// The host: a domain in ASCII and lower case, an IPv4 address, an IPv6 address in brackets, or
    /// what a scheme that is not special put there; empty if there is none.
    [[nodiscard]] std::string_view host() const noexcept { return part(host_begin_, host_end_); }

    /// Whether there is a host, be it empty: file:///x has one, mailto:x has not.
    [[nodiscard]] bool has_host() const noexcept { return host_kind_ != detail::host_kind::none; }

    /// The port, unless it is absent or the scheme's default.
    [[nodiscard]] std::optional<std::uint16_t> port() const noexcept;

    /// The port to connect to: the one given or else the scheme's default; none where the scheme
    /// has no default (file, and all that are not special).
    [[nodiscard]] std::optional<std::uint16_t> effective_port() const noexcept;

    /// The path, percent-encoded. It begins with / if the scheme is special.
    [[nodiscard]] std::string_view path() const noexcept { return part(path_begin_, path_end()); }

    /// Whether there is a query, be it empty.
    [[nodiscard]] bool has_query() const noexcept { return query_begin_ != absent; }

    /// The query without its question mark, percent-encoded; empty if there is none.
    [[nodiscard]] std::string_view query() const noexcept;

    /// Whether there is a fragment, be it empty.
    [[nodiscard]] bool has_fragment() const noexcept { return fragment_begin_ != absent; }

    /// The fragment without its number sign, percent-encoded; empty if there is none.
    [[nodiscard]] std::string_view fragment() const noexcept;

    /// Path and query as they stand in a request line: "/a?b". Never empty if the scheme is
    /// special.
    [[nodiscard]] std::string_view path_and_query() const noexcept;

    /// The origin: "https://example.org:8080", or "null" where it is opaque (file, data and
    /// whatever is not special). That of a blob: address is the one of the http or https address
    /// inside it.
    ///
    /// Source        URL Standard section 4.7.
    [[nodiscard]] std::string origin() const;

    /// Says whether both have the same scheme, host and port. An opaque origin is not the same as
    /// any other, nor as itself.
    [[nodiscard]] friend bool same_origin(const url& left, const url& right) {
        return left.has_origin_of(right);
    }

    /// Whether the scheme is one of http, https, ws, wss, ftp and file.
    [[nodiscard]] bool is_special() const noexcept { return type_ != detail::scheme_type::other; }

    /// Whether the path is one text without segments, as in mailto:a@b. Such an address is no base
    /// for relative references.
    [[nodiscard]] bool has_opaque_path() const noexcept { return opaque_path_; }

    /// Whether the host is an IPv4 or IPv6 address. Only special schemes have IPv4 addresses;
    /// elsewhere 127.0.0.1 is a name like others.
    [[nodiscard]] bool is_ip_host() const noexcept {
        return host_kind_ == detail::host_kind::ipv4 || host_kind_ == detail::host_kind::ipv6;
    }

    /// The address of the whole resource: this one without its fragment.
    [[nodiscard]] url without_fragment() const;

    /// This address without user name and password, fit for logs and for Referer.
    [[nodiscard]] url without_credentials() const;

    [[nodiscard]] friend bool operator==(const url& left, const url& right) noexcept {
        return left.href_ == right.href_;
    }
    [[nodiscard]] friend std::strong_ordering operator<=>(const url& left,
                                                          const url& right) noexcept {
        return left.href_ <=> right.href_;
    }

private:
    friend class detail::url_parser;
    static constexpr std::uint32_t absent = 0xFFFF'FFFF;

    [[nodiscard]] std::string_view part(std::uint32_t begin, std::uint32_t end) const noexcept {
        return std::string_view{href_.data() + begin, end - begin};
    }
    [[nodiscard]] std::uint32_t query_end() const noexcept;
    [[nodiscard]] std::uint32_t path_end() const noexcept {
        return query_begin_ != absent ? query_begin_ : query_end();
    }
    [[nodiscard]] bool has_tuple_origin() const noexcept;
    [[nodiscard]] bool has_origin_of(const url& other) const;

    // All set by the parser. With a host, "//" stands behind the scheme's colon and the user name
    // behind that; without one the three offsets are where the path begins, less the "/." that
    // keeps a path like //a from looking like a host.
    std::string href_ = "about:blank";
    std::uint32_t scheme_end_ = 5;  // of the colon
    std::uint32_t username_end_ = 6;
    std::uint32_t host_begin_ = 6;
    std::uint32_t host_end_ = 6;
    std::uint32_t path_begin_ = 6;
    std::uint32_t query_begin_ = absent;     // of the question mark
    std::uint32_t fragment_begin_ = absent;  // of the number sign
    std::uint16_t port_ = 0;
    bool has_port_ = false;
    bool opaque_path_ = true;
    detail::scheme_type type_ = detail::scheme_type::other;
    detail::host_kind host_kind_ = detail::host_kind::none;
};

}  // namespace simul::web

template <>
struct std::is_error_code_enum<simul::web::url_errc> : std::true_type {};

/// Hashes the address, for unordered containers.
template <>
struct std::hash<simul::web::url> {
    [[nodiscard]] std::size_t operator()(const simul::web::url& address) const noexcept {
        return std::hash<std::string>{}(address.href());
    }
};
