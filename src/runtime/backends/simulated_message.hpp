// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated_message.hpp: the bytes that a msghdr names.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <span>

namespace simul::detail {

inline std::span<const iovec> parts_of(const msghdr& message) noexcept {
    return {message.msg_iov, message.msg_iovlen};
}

inline std::size_t size_of(const msghdr& message) noexcept {
    std::size_t size = 0;
    for (const iovec& part : parts_of(message)) size += part.iov_len;
    return size;
}

/// Fills the parts with `count` elements, which are not more than there is room for.
template <class Iterator>
void scatter(const msghdr& message, Iterator from, std::size_t count) {
    for (const iovec& part : parts_of(message)) {
        const std::size_t size = std::min(count, part.iov_len);
        const auto end = from + static_cast<std::ptrdiff_t>(size);
        std::copy(from, end, static_cast<std::byte*>(part.iov_base));
        from = end;
        count -= size;
    }
}

/// Appends the first `count` bytes of the parts.
template <class Container>
void gather(const msghdr& message, Container& to, std::size_t count) {
    for (const iovec& part : parts_of(message)) {
        const auto* bytes = static_cast<const std::byte*>(part.iov_base);
        const std::size_t size = std::min(count, part.iov_len);
        to.insert(to.end(), bytes, bytes + size);
        count -= size;
    }
}

}  // namespace simul::detail
