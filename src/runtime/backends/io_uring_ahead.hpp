// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/io_uring_ahead.hpp: what the kernel receives before anybody asks for it.
//
//      off ──── enough short receives ────▶ on ──── a full buffer, or two held ────▶ ending
//       ▲                                                                              │
//       └────────── the kernel has ended, and what was held has been taken ────────────┘
//
// On a connection of short messages one request to the kernel (a multishot receive) brings them
// all, each in a buffer that the kernel takes from a ring of ours. A receive then copies out of the
// buffers that are held, or waits for the next. A connection that brings more than that, or whose
// reader is slow, goes back to receiving into the reader's own buffer, so that nothing is copied
// and the peer is held up by the window of TCP.
//
// Invariants
//   1. A buffer belongs to the kernel, or is held by exactly one connection, in order of arrival,
//      or is lent to the program.
//   2. No receive is in the kernel while its connection is on or ending, but the multishot. So a
//      receive that waits can be cancelled at once, and takes nothing with it.
//   3. A completion whose generation is not the connection's belongs to a descriptor that was
//      closed. Its buffer goes back to the kernel.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/backends/io_uring_buffers.hpp"
#include "simul/runtime/operation.hpp"

namespace simul::detail {

/// What is known of one connection.
struct ahead {
    static constexpr std::int32_t no_end = 1;

    std::uint32_t generation = 1;
    std::int32_t end = no_end;  ///< 0 or a negated errno: what comes behind the buffers held
    std::uint16_t first = provided_buffers::none;  ///< of the buffers held
    std::uint16_t last = provided_buffers::none;
    std::uint16_t held = 0;
    std::uint8_t short_receives = 0;  ///< in a row
    std::uint8_t wanted = 0;          ///< so many of them turn it on
    bool is_on = false;
    bool is_armed = false;   ///< the kernel has the multishot
    bool is_ending = false;  ///< it is to go off

    [[nodiscard]] bool has_result() const noexcept { return held != 0 || end != no_end; }
};

/// All connections of a backend, by descriptor.
///
/// Threads       that of the ring.
class connections_ahead {
public:
    /// How many short receives turn a connection on; `never` keeps all of them off.
    static constexpr std::uint8_t never = 0xff;

    connections_ahead(std::uint8_t wanted, unsigned buffers) noexcept
        : wanted_{wanted}, buffer_count_{buffers} {}
    connections_ahead(const connections_ahead&) = delete;
    connections_ahead& operator=(const connections_ahead&) = delete;

    /// The ring of requests is gone by now.
    ~connections_ahead() {
        if (buffers_ != nullptr) buffers_->retire();
    }

    /// Makes the ring of buffers, unless it is there.
    ///
    /// Returns       false if there is none, because the kernel knows none or has no memory.
    [[nodiscard]] bool has_buffers(io_uring& ring) noexcept;

    /// Prepares such a receive.
    static void prepare_to_lend(io_uring_sqe& submission, int descriptor) noexcept;

    /// Takes over the buffer that its completion names, if it names one.
    void note_lent(operation& request, const io_uring_cqe& completion) noexcept;

    /// Whose buffer it is: ours, or nullptr.
    [[nodiscard]] buffer_lender* lender_of(const void* buffer) noexcept {
        return buffers_ != nullptr && buffers_->owns(buffer) ? buffers_ : nullptr;
    }

    /// The entry of the connection if it is on, or is now turned on; otherwise nullptr.
    ahead* entry_if_on(const operation& request, io_uring& ring) noexcept;

    /// The entry that a completion belongs to; nullptr if the descriptor was closed meanwhile.
    ahead* named_by(std::uint64_t user_data) noexcept;

    /// The entry of a descriptor, whether it is on or not; nullptr if none was ever made.
    ahead* find(int descriptor) noexcept {
        const auto index = static_cast<std::size_t>(descriptor);
        return descriptor >= 0 && index < entries_.size() ? &entries_[index] : nullptr;
    }

    /// Counts a receive that was made without a multishot.
    void note(const operation& request, std::int32_t result) noexcept;

    /// Names the multishot of a connection to the kernel; no slot of an operation has that name.
    [[nodiscard]] static std::uint64_t user_data(const ahead& entry, int descriptor) noexcept {
        return std::uint64_t{entry.generation} << 32 | mark |
               static_cast<std::uint32_t>(descriptor);
    }
    [[nodiscard]] static bool is_named_by(std::uint64_t user_data) noexcept {
        return (user_data & mark) != 0;
    }
    [[nodiscard]] static int descriptor_of(std::uint64_t user_data) noexcept {
        return static_cast<int>(static_cast<std::uint32_t>(user_data) & ~mark);
    }

    /// Prepares the multishot.
    void arm(io_uring_sqe& submission, ahead& entry, int descriptor) noexcept;

    /// Takes over what a completion brings.
    ///
    /// Returns       true when the kernel is to be asked to end the multishot.
    bool add(ahead& entry, const io_uring_cqe& completion) noexcept;

    /// The completion of a descriptor that was closed.
    void add_stranger(const io_uring_cqe& completion) noexcept;

    /// Fills the buffer of `request` from what is held, or lends it the first buffer of those;
    /// there is something.
    ///
    /// Returns       its result.
    std::int32_t take(ahead& entry, operation& request) noexcept;

    /// Forgets a connection that is to be closed, except for its multishot, whose completions are
    /// strangers from now on.
    ///
    /// Returns       true if bytes were dropped with it.
    bool forget(ahead& entry) noexcept;

    /// Never again turns one on: the kernel has no such receive (before Linux 6.0).
    void give_up() noexcept { wanted_ = never; }

    /// Multishots in the kernel.
    [[nodiscard]] std::size_t armed() const noexcept { return armed_; }

    /// Calls `visit` with the user_data of every multishot in the kernel.
    template <class Visit>
    void for_each_armed(Visit visit) const noexcept {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            if (entries_[i].is_armed) visit(user_data(entries_[i], static_cast<int>(i)));
        }
    }

private:
    static constexpr std::uint32_t mark = 0x8000'0000;

    void turn_off_if_done(ahead& entry) noexcept;
    [[nodiscard]] std::uint16_t take_first(ahead& entry) noexcept;
    void drop_first(ahead& entry) noexcept { buffers_->give_back(take_first(entry)); }

    std::vector<ahead> entries_;  // by descriptor
    provided_buffers* buffers_ = nullptr;
    bool lacks_buffers_ = false;  // there is no making them
    std::size_t armed_ = 0;
    std::uint8_t wanted_;
    unsigned buffer_count_;
};

}  // namespace simul::detail
