// SPDX-License-Identifier: Apache-2.0
//
// simul/io/detail/read_buffer.hpp: bytes that were read and not taken yet.
//
//      ┌──────────┬──────────────────────┬───────────────┐
//      │  taken   │  view()              │  room()       │
//      └──────────┴──────────────────────┴───────────────┘
//      0        begin_                  end_         capacity_
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "simul/base/assert.hpp"

namespace simul::detail {

class read_buffer {
public:
    [[nodiscard]] std::span<const std::byte> view() const noexcept {
        return {bytes_.get() + begin_, end_ - begin_};
    }
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }

    /// Room for at least one byte more, without growing beyond what `most` bytes in all need,
    /// which must be more than there are.
    std::span<std::byte> room(std::size_t most) {
        SIMUL_DEBUG_ASSERT(most > size(), "a read buffer was to grow beyond its limit");
        if (begin_ == end_) begin_ = end_ = 0;
        if (end_ == capacity_ && begin_ != 0) {
            std::memmove(bytes_.get(), bytes_.get() + begin_, size());
            end_ -= std::exchange(begin_, 0);
        }
        if (end_ == capacity_) grow(most);
        return {bytes_.get() + end_, capacity_ - end_};
    }

    /// So many bytes of the room were filled.
    void filled(std::size_t count) noexcept { end_ += count; }

    /// The first bytes were taken.
    void consume(std::size_t count) noexcept {
        SIMUL_ASSERT(count <= size(), "more bytes were consumed than had been read");
        begin_ += count;
    }

    /// Takes bytes out, as many as fit.
    std::size_t take(std::span<std::byte> into) noexcept {
        const std::size_t count = std::min(into.size(), size());
        if (count != 0) std::memcpy(into.data(), bytes_.get() + begin_, count);
        begin_ += count;
        return count;
    }

private:
    static constexpr std::size_t first_capacity = 4096;

    void grow(std::size_t most) {
        const std::size_t wanted = std::min(std::max(capacity_ * 2, first_capacity), most);
        auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
        if (end_ != 0) std::memcpy(larger.get(), bytes_.get(), end_);
        bytes_ = std::move(larger);
        capacity_ = wanted;
    }

    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace simul::detail
