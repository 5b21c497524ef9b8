// SPDX-License-Identifier: Apache-2.0
//
// web/url_parser.hpp: the URL Standard's basic URL parser, section 4.4.
//
// The standard describes a machine that looks at one code point at a time and keeps a record of
// parts. Here each of its states is a function over the rest of the text, and the parts are written
// where they belong in the address as they are found: what it calls the path is the end of the
// string, "shorten the path" cuts the string at its last slash. Two things make that exact. Every
// segment begins with its slash, so segments and text are the same; and tabs, line ends and the
// spaces around are dropped before, which the machine would skip wherever it is.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <cstddef>
#include <cstdint>

#include "simul/web/url.hpp"

namespace simul::web::detail {

/// What url_options may at most allow; offsets are 32 bits wide.
inline constexpr std::size_t longest_url = std::size_t{256} << 20;

/// The default port of a scheme.
constexpr std::optional<std::uint16_t> default_port(scheme_type type) noexcept {
    switch (type) {
        case scheme_type::http:
        case scheme_type::ws: return std::uint16_t{80};
        case scheme_type::https:
        case scheme_type::wss: return std::uint16_t{443};
        case scheme_type::ftp: return std::uint16_t{21};
        case scheme_type::file:
        case scheme_type::other: break;
    }
    return std::nullopt;
}

class url_parser {
public:
    static std::expected<url, std::error_code> parse(std::string_view input, const url* base,
                                                     const url_options& options);

private:
    // The states. Each takes what is left of the text and returns 0 or what is wrong.
    url_errc start(std::string_view input, const url* base);
    url_errc after_scheme(std::string_view rest, const url* base);
    url_errc no_scheme(std::string_view rest, const url& base);
    url_errc relative(std::string_view rest, const url& base);
    url_errc file(std::string_view rest, const url* base);
    url_errc file_host(std::string_view rest);
    url_errc authority(std::string_view rest);
    url_errc host_and_port(std::string_view text);
    url_errc port(std::string_view digits);
    void credentials(std::string_view text);
    void path_start(std::string_view rest);
    void path(std::string_view rest);
    void opaque_path(std::string_view rest);
    void query_and_fragment(std::string_view rest);

    void copy_scheme(const url& base);
    void copy_authority(const url& base);
    void copy_path(const url& base);
    void copy_path_and_query(const url& base);
    void shorten_path();
    void protect_path();  // from looking like a host, with "/." before it

    [[nodiscard]] bool is_slash(char c) const noexcept {
        return c == '/' || (special_ && c == '\\');
    }
    [[nodiscard]] std::uint32_t here() const noexcept {
        return static_cast<std::uint32_t>(url_.href_.size());
    }

    url url_;
    std::string& out_ = url_.href_;
    bool special_ = false;
};

}  // namespace simul::web::detail
