// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/buffer_lease.hpp: bytes in a buffer that the backend has provided.
//
// Who reads into a buffer of his own has one for as long as he waits. Who reads by leases has one
// from the moment at which bytes have come until he gives it back: with io_uring out of the ring of
// buffers that the kernel fills, otherwise from the recycler of frames.
//
//      operation (a receive with lends_buffer) ──completed──▶ buffer_lease ──destroyed──▶ lender
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace simul {

class operation;

namespace detail {

/// Where a lent buffer goes back to.
///
/// Threads       that of the loop.
class buffer_lender {
public:
    /// Takes back the buffer that `bytes` lie in. The call may end the lender's own life, if the
    /// loop has ended before and this was its last buffer.
    virtual void take_back(std::byte* bytes) noexcept = 0;

protected:
    ~buffer_lender() = default;
};

/// The size of a lent buffer that has no lender: a frame that the recycler hands out.
inline constexpr std::size_t lease_size = 4080;

/// A buffer from the recycler of frames; nullptr if there is no memory.
[[nodiscard]] std::byte* take_lease_buffer() noexcept;

/// Gives the buffer that `bytes` lie in to its lender, or back to the recycler if it has none.
void give_back_lease_buffer(buffer_lender* lender, std::byte* bytes) noexcept;

}  // namespace detail

/// Bytes that were received into a buffer of the loop's, which goes back when this is destroyed.
///
/// The bytes belong to the holder, who may change them in place.
///
/// Threads       only the thread of the loop that lent it.
/// Lifetime      may outlive the stream and the loop. A buffer that is kept for long is missing
///               to others on io_uring, where there are 1,024 for each loop: when none is left,
///               bytes are received into fresh memory, which costs a system call more.
class buffer_lease {
public:
    /// No bytes, and no buffer.
    buffer_lease() noexcept = default;
    buffer_lease(buffer_lease&& other) noexcept
        : lender_{std::exchange(other.lender_, nullptr)},
          bytes_{std::exchange(other.bytes_, std::span<std::byte>{})} {}
    buffer_lease& operator=(buffer_lease&& other) noexcept {
        buffer_lease taken{std::move(other)};
        std::swap(lender_, taken.lender_);
        std::swap(bytes_, taken.bytes_);
        return *this;
    }
    ~buffer_lease() {
        if (!bytes_.empty()) detail::give_back_lease_buffer(lender_, bytes_.data());
    }

    /// The bytes that were received; none at the end of a stream.
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }

    /// Takes over the buffer of a completed receive with operation::lends_buffer, whose loop is the
    /// one that runs on this thread. Empty if there is none; and if the result was made an error
    /// after the completion, which gives the buffer back.
    [[nodiscard]] static buffer_lease of(operation& completed) noexcept;

private:
    buffer_lease(detail::buffer_lender* lender, std::span<std::byte> bytes) noexcept
        : lender_{lender}, bytes_{bytes} {}

    detail::buffer_lender* lender_ = nullptr;
    std::span<std::byte> bytes_;
};

}  // namespace simul
