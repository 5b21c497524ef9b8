// SPDX-License-Identifier: Apache-2.0
//
// simul/base/bytes.hpp: text seen as bytes, and bytes seen as text.
//
// Streams carry bytes (std::byte), because what comes from the network has no characters yet. These
// two views are the only casts between the two worlds.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace simul {

/// The bytes of a text.
///
/// Lifetime      a view: `text` must outlive it.
[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
    return std::as_bytes(std::span{text.data(), text.size()});
}

/// Bytes as text, whatever they mean.
///
/// Lifetime      a view: `bytes` must outlive it.
[[nodiscard]] inline std::string_view text_of(std::span<const std::byte> bytes) noexcept {
    return std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace simul
