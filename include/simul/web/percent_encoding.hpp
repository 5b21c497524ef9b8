// SPDX-License-Identifier: Apache-2.0
//
// simul/web/percent_encoding.hpp: bytes written as %41, and read back.
//
// Which bytes must be written that way depends on the part of the address they go into. The URL
// standard names one set for each part; they are here under its names.
#pragma once

#include <string>
#include <string_view>

#include <cstdint>

namespace simul::web {

/// The bytes that are percent-encoded in one part of an address. Every set holds the C0 controls,
/// DEL and all bytes above it.
///
/// Source        URL Standard section 1.3, percent-encoded bytes.
enum class encode_set : std::uint8_t {
    c0_control = 1,     ///< nothing more: opaque paths and opaque hosts
    fragment = 2,       ///< and space " < > `
    query = 4,          ///< and space " # < >
    special_query = 8,  ///< query and ': the query of http, https, ws, wss, ftp and file
    path = 16,          ///< query and ? ^ ` { }
    userinfo = 32,      ///< path and / : ; = @ [ \ ] |
    component = 64,     ///< userinfo and $ to & + , like encodeURIComponent: one value anywhere
    form = 128,         ///< component and ! ' ( ) ~: all but letters, digits and * - . _
};

/// Says whether a byte is percent-encoded in a part of an address.
[[nodiscard]] bool is_percent_encoded(char byte, encode_set set) noexcept;

/// Writes the bytes of `set` as %XX, with capital digits, and leaves all others alone.
///
/// A percent sign is in none of the sets but component and form: it is left alone by the others, so
/// that what is encoded already stays as it is. With those two percent_decode gives the text back,
/// whatever bytes it holds.
///
/// Complexity    O(n), one allocation.
[[nodiscard]] std::string percent_encode(std::string_view text, encode_set set);

/// Replaces every %XX by the byte it stands for. A percent sign without two hexadecimal digits
/// behind it stands for itself. The result is bytes, not necessarily UTF-8.
///
/// Complexity    O(n), one allocation.
[[nodiscard]] std::string percent_decode(std::string_view text);

/// Encodes a name or a value for application/x-www-form-urlencoded: the set `form`, and + for a
/// space.
[[nodiscard]] std::string form_encode(std::string_view text);

/// Reads a name or a value of application/x-www-form-urlencoded: + is a space, %XX a byte.
[[nodiscard]] std::string form_decode(std::string_view text);

}  // namespace simul::web
