// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/io_uring_ahead.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "runtime/backends/lent_buffer.hpp"

namespace simul::detail {

namespace {

// A connection that was turned off needs twice as many short receives the next time, up to this.
constexpr std::uint8_t most_wanted = 128;

// More than one buffer held means that its reader is slower than its peer.
constexpr std::uint16_t most_held = 1;

// Why the kernel has ended a multishot.
enum class over { pause, out_of_buffers, unknown_to_kernel, end };

over meaning_of(std::int32_t result) noexcept {
    if (result > 0) return over::pause;
    switch (-result) {
        case EINTR:
        case EAGAIN:
        case ECANCELED: return over::pause;
        case ENOBUFS: return over::out_of_buffers;
        case EINVAL: return over::unknown_to_kernel;
        default: return over::end;
    }
}

}  // namespace

ahead* connections_ahead::entry_if_on(const operation& request, io_uring& ring) noexcept {
    const bool counts =
        request.code == opcode::receive && (request.flags & operation::short_means_empty) != 0;
    if (!counts || wanted_ == never) return nullptr;
    ahead* entry = find(request.descriptor);
    if (entry == nullptr) {
        const auto index = static_cast<std::size_t>(request.descriptor);
        try {
            ahead fresh;
            fresh.wanted = wanted_;
            entries_.resize(index + index / 2 + 16, fresh);
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
        entry = &entries_[index];
    }
    if (entry->is_on) return entry;
    if (entry->short_receives < entry->wanted) return nullptr;
    if (!has_buffers(ring)) {
        give_up();
        return nullptr;
    }
    entry->is_on = true;
    return entry;
}

ahead* connections_ahead::named_by(std::uint64_t user_data) noexcept {
    ahead* const entry = find(descriptor_of(user_data));
    return entry != nullptr && entry->generation == user_data >> 32 ? entry : nullptr;
}

void connections_ahead::note(const operation& request, std::int32_t result) noexcept {
    if (request.code != opcode::receive) return;
    ahead* const entry = find(request.descriptor);
    if (entry == nullptr) return;
    const bool was_short = result > 0 && static_cast<std::uint32_t>(result) < request.size &&
                           static_cast<std::size_t>(result) < provided_buffers::size_of_one;
    if (!was_short) {
        entry->short_receives = 0;
    } else if (entry->short_receives < most_wanted) {
        ++entry->short_receives;
    }
}

void connections_ahead::arm(io_uring_sqe& submission, ahead& entry, int descriptor) noexcept {
    io_uring_prep_recv_multishot(&submission, descriptor, nullptr, 0, 0);
    submission.flags |= IOSQE_BUFFER_SELECT;
    submission.buf_group = provided_buffers::group;
    submission.user_data = user_data(entry, descriptor);
    entry.is_armed = true;
    ++armed_;
}

bool connections_ahead::add(ahead& entry, const io_uring_cqe& completion) noexcept {
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
        const auto index = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
        if (completion.res > 0) {
            buffers_->place_of(index) = {.begin = 0,
                                         .end = static_cast<std::uint16_t>(completion.res),
                                         .next = provided_buffers::none};
            (entry.held == 0 ? entry.first : buffers_->place_of(entry.last).next) = index;
            entry.last = index;
            ++entry.held;
        } else {
            buffers_->give_back(index);
        }
    }
    const bool is_over = (completion.flags & IORING_CQE_F_MORE) == 0;
    if (is_over) {
        entry.is_armed = false;
        --armed_;
        const over how = meaning_of(completion.res);
        if (how == over::unknown_to_kernel) give_up();
        if (how == over::end) entry.end = completion.res;
        if (how != over::pause) entry.is_ending = true;
        turn_off_if_done(entry);
    }
    const bool is_full = completion.res > 0 &&
                         static_cast<std::size_t>(completion.res) == provided_buffers::size_of_one;
    if (is_over || entry.is_ending || !(is_full || entry.held > most_held)) return false;
    entry.is_ending = true;
    return true;
}

void connections_ahead::add_stranger(const io_uring_cqe& completion) noexcept {
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0)
        buffers_->give_back(
            static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT));
    if ((completion.flags & IORING_CQE_F_MORE) == 0) --armed_;
}

std::int32_t connections_ahead::take(ahead& entry, operation& request) noexcept {
    if (entry.held == 0) {
        const std::int32_t end = std::exchange(entry.end, ahead::no_end);
        turn_off_if_done(entry);
        return end;
    }
    if (lends_buffer(request) && request.buffer == nullptr) {
        const std::uint16_t index = take_first(entry);
        const provided_buffers::place& from = buffers_->place_of(index);
        request.buffer = buffers_->lend(index) + from.begin;
        turn_off_if_done(entry);
        return from.end - from.begin;
    }
    auto* to = static_cast<std::byte*>(request.buffer);
    std::size_t left = request.size;
    while (left != 0 && entry.held != 0) {
        provided_buffers::place& from = buffers_->place_of(entry.first);
        const std::size_t count = std::min<std::size_t>(left, from.end - from.begin);
        std::memcpy(to, buffers_->at(entry.first) + from.begin, count);
        to += count;
        left -= count;
        from.begin = static_cast<std::uint16_t>(from.begin + count);
        if (from.begin == from.end) drop_first(entry);
    }
    turn_off_if_done(entry);
    return static_cast<std::int32_t>(request.size - left);
}

bool connections_ahead::forget(ahead& entry) noexcept {
    const bool drops = entry.held != 0;
    while (entry.held != 0) drop_first(entry);
    const std::uint32_t generation = entry.generation + (entry.is_on ? 1 : 0);
    entry = ahead{};
    entry.wanted = wanted_;
    entry.generation = generation;
    return drops;
}

void connections_ahead::turn_off_if_done(ahead& entry) noexcept {
    if (!entry.is_ending || entry.is_armed || entry.has_result()) return;
    entry.is_on = false;
    entry.is_ending = false;
    entry.short_receives = 0;
    const int doubled = std::max(2 * entry.wanted, 1);
    entry.wanted = static_cast<std::uint8_t>(std::min<int>(doubled, most_wanted));
}

std::uint16_t connections_ahead::take_first(ahead& entry) noexcept {
    const std::uint16_t index = entry.first;
    entry.first = buffers_->place_of(index).next;
    --entry.held;
    return index;
}

bool connections_ahead::has_buffers(io_uring& ring) noexcept {
    if (buffers_ == nullptr && !lacks_buffers_) {
        buffers_ = provided_buffers::make(ring, buffer_count_);
        lacks_buffers_ = buffers_ == nullptr;
    }
    return buffers_ != nullptr;
}

void connections_ahead::prepare_to_lend(io_uring_sqe& submission, int descriptor) noexcept {
    io_uring_prep_recv(&submission, descriptor, nullptr, provided_buffers::size_of_one, 0);
    submission.flags |= IOSQE_BUFFER_SELECT;
    submission.buf_group = provided_buffers::group;
}

void connections_ahead::note_lent(operation& request, const io_uring_cqe& completion) noexcept {
    if ((completion.flags & IORING_CQE_F_BUFFER) == 0) return;
    const auto index = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    if (completion.res > 0) {
        request.buffer = buffers_->lend(index);
    } else {
        buffers_->give_back(index);
    }
}

}  // namespace simul::detail
