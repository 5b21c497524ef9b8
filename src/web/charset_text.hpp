// SPDX-License-Identifier: Apache-2.0
//
// web/charset_text.hpp: what the decoders of the encodings share.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "simul/web/charset.hpp"

namespace simul::web {

inline constexpr char32_t replacement_character = 0xfffd;

/// Appends one character, which is no surrogate.
void append_utf8(std::string& text, char32_t character);

/// What stands at a place of text that should be UTF-8.
struct utf8_sequence {
    std::size_t length = 1;  // of the character, or of the malformed bytes that one U+FFFD replaces
    bool is_valid = false;
    bool is_cut = false;  // malformed only because the text ends
};

/// The sequence at `at`, which is not the end.
utf8_sequence utf8_sequence_at(std::string_view text, std::size_t at) noexcept;

/// Where the run of ASCII that begins at `at` ends.
std::size_t end_of_ascii(std::string_view text, std::size_t at) noexcept;

/// Where the run of valid UTF-8 that begins at `at` ends.
std::size_t end_of_valid_utf8(std::string_view text, std::size_t at) noexcept;

/// What the bytes from 0x80 on mean in an encoding of one byte per character.
using upper_half = std::array<char16_t, 128>;

bool is_single_byte(encoding which) noexcept;
/// Asks ICU, which has the tables of all of them but three.
upper_half icu_upper_half(encoding which);
/// Decodes one of them.
std::string single_bytes_to_utf8(std::string_view bytes, encoding which);

/// Decodes one of the encodings of East Asia.
std::string east_asian_to_utf8(std::string_view bytes, encoding which);

}  // namespace simul::web
