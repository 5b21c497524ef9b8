// SPDX-License-Identifier: Apache-2.0
//
// web/html_elements.hpp: element names as numbers, and the classes of elements the standard has.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace simul::web::detail {

/// The integer whose bytes stand at `at`, the first of them the highest.
template <class Integer>
[[nodiscard]] inline std::uint64_t load_big_endian(const char* at) noexcept {
    Integer value = 0;
    std::memcpy(&value, at, sizeof(value));
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    return value;
}

/// Up to eight bytes as one number, the first of them the highest: two loads, which may overlap.
[[nodiscard]] inline std::uint64_t pack(std::string_view name) noexcept {
    const char* const at = name.data();
    const std::size_t size = name.size();
    const auto both = [&]<class Integer>(Integer) {
        const std::size_t second = size - sizeof(Integer);
        return load_big_endian<Integer>(at) << 8 * second | load_big_endian<Integer>(at + second);
    };
    if (size >= 4) return both(std::uint32_t{});
    if (size >= 2) return both(std::uint16_t{});
    return size == 0 ? 0 : static_cast<unsigned char>(*at);
}

/// A number for a name in lower case, so that names can be switched over. Names of up to eight
/// bytes are packed; longer ones are hashed with the top bit set, which no packed ASCII name has. A
/// page can make two names collide only to be misread itself.
[[nodiscard]] constexpr std::uint64_t element(std::string_view name) noexcept {
    if (name.size() <= 8) [[likely]] {
        if !consteval {
            return pack(name);
        }
        std::uint64_t packed = 0;
        for (const char c : name) packed = packed << 8 | static_cast<unsigned char>(c);
        return packed;
    }
    std::uint64_t hash = 0xCBF29CE484222325;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    return hash | std::uint64_t{1} << 63;
}

/// Elements without content.
[[nodiscard]] bool is_void(std::uint64_t name) noexcept;

/// The standard's category "special", of HTML elements.
[[nodiscard]] bool is_special(std::uint64_t name) noexcept;

/// The standard's category "formatting".
[[nodiscard]] bool is_formatting(std::uint64_t name) noexcept;

/// Other elements of HTML whose end tag is likely to close something.
[[nodiscard]] bool is_ordinary(std::uint64_t name) noexcept;

/// Start tags that end svg and math where they stand in them; <font> is one only with certain
/// attributes.
[[nodiscard]] bool breaks_out(std::uint64_t name) noexcept;

/// Start tags that close an open <p>.
[[nodiscard]] bool closes_paragraph(std::uint64_t name) noexcept;

}  // namespace simul::web::detail
