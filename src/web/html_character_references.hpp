// SPDX-License-Identifier: Apache-2.0
//
// web/html_character_references.hpp: what &name; and &#number; stand for in HTML.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "simul/web/html_tokenizer.hpp"

namespace simul::web::detail {

/// One or two code points; the second is 0 where there is only one.
struct reference_text {
    char32_t first;
    char32_t second;
};

// The table is generated (tools/generate_entities.py). Names are sorted by their bytes and lie
// behind one another: name i is reference_names[reference_begins[i], reference_begins[i + 1]).
// reference_first[c] is the first name that does not begin with a byte below c.
extern const std::size_t reference_count;
extern const std::size_t longest_reference;
extern const char reference_names[];
extern const std::uint16_t reference_begins[];
extern const std::uint16_t reference_first[];
extern const reference_text reference_texts[];

/// Finds the longest name at the beginning of a text that comes byte by byte.
class reference_search {
public:
    /// Forgets everything: the next byte is the first one behind the ampersand.
    void restart() noexcept { *this = {}; }

    /// Takes one more byte.
    ///
    /// Returns       false, and takes nothing, if no name goes on like that.
    bool take(char byte) noexcept;

    /// Bytes of the longest name that was complete at some time; 0 if none was.
    [[nodiscard]] std::size_t matched() const noexcept { return matched_; }

    /// What that name stands for.
    [[nodiscard]] reference_text text() const noexcept { return reference_texts[match_]; }

private:
    std::uint16_t begin_ = 0;  // the names that begin with what was taken
    std::uint16_t end_ = 0;
    std::uint16_t match_ = 0;
    std::uint8_t taken_ = 0;
    std::uint8_t matched_ = 0;
};

/// What the whole name, which is not empty, stands for; nullptr if there is no such name.
[[nodiscard]] const reference_text* find_reference(std::string_view name) noexcept;

/// What a numeric reference stands for, and what is wrong with it.
struct numeric_reference {
    char32_t code_point;
    std::optional<html_error> error;
};
[[nodiscard]] numeric_reference decode_numeric_reference(std::uint32_t number) noexcept;

/// Whether the code point is one of the 66 that will never be characters.
[[nodiscard]] constexpr bool is_noncharacter(char32_t code_point) noexcept {
    return (code_point >= 0xFDD0 && code_point <= 0xFDEF) || (code_point & 0xFFFE) == 0xFFFE;
}

/// Text of up to two code points, without a std::string around it.
class encoded_text {
public:
    void append(char32_t code_point) noexcept;
    [[nodiscard]] std::string_view view() const noexcept { return {bytes_, size_}; }

private:
    char bytes_[8] = {};
    std::size_t size_ = 0;
};

}  // namespace simul::web::detail
