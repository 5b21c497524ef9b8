// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/io_uring_buffers.hpp: a ring of buffers, out of which the kernel takes one when
// bytes have come for which nobody has named a buffer.
//
//      the kernel's ──completion──▶ held by a connection ──take──▶ lent to the program
//           ▲                                │                              │
//           └──────────── give_back ─────────┴────────── take_back ─────────┘
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "simul/runtime/buffer_lease.hpp"

namespace simul::detail {

/// The buffers of one io_uring. Those that are lent may outlive it: the memory goes with the last.
///
/// Threads       that of the ring.
class provided_buffers final : public buffer_lender {
public:
    static constexpr std::uint16_t none = 0xffff;
    static constexpr std::uint16_t group = 0;
    static constexpr std::size_t size_of_one = 2048;

    provided_buffers(const provided_buffers&) = delete;
    provided_buffers& operator=(const provided_buffers&) = delete;

    /// Maps the memory and hands it to the kernel. `count` is a power of two.
    ///
    /// Returns       nullptr when the kernel knows no such rings (before Linux 5.19) or there is no
    ///               memory.
    [[nodiscard]] static provided_buffers* make(io_uring& ring, unsigned count) noexcept;

    /// To be called once, when the ring of requests is gone. Ends its life, or lets the return of
    /// the last buffer that is lent do so.
    void retire() noexcept;

    [[nodiscard]] std::byte* at(std::uint16_t index) const noexcept {
        return memory_ + index * size_of_one;
    }
    [[nodiscard]] bool owns(const void* buffer) const noexcept {
        const std::less<> before;
        return !before(buffer, memory_) && before(buffer, memory_ + count_ * size_of_one);
    }
    void give_back(std::uint16_t index) noexcept;

    /// The buffer is the program's until take_back.
    [[nodiscard]] std::byte* lend(std::uint16_t index) noexcept {
        ++lent_;
        return at(index);
    }
    void take_back(std::byte* bytes) noexcept override;

    /// What a connection remembers of a buffer that it holds.
    struct place {
        std::uint16_t begin = 0;
        std::uint16_t end = 0;
        std::uint16_t next = none;
    };
    [[nodiscard]] place& place_of(std::uint16_t index) noexcept { return places_[index]; }

private:
    provided_buffers(std::byte* memory, std::size_t mapped, unsigned count) noexcept;
    ~provided_buffers();

    io_uring_buf_ring* entries_;
    place* places_;
    std::byte* memory_;
    std::size_t mapped_;
    unsigned count_;
    std::size_t lent_ = 0;
    bool is_retired_ = false;
};

}  // namespace simul::detail
