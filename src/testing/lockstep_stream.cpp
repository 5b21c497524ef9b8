// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/lockstep_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "simul/base/assert.hpp"

namespace simul::testing {

namespace detail {

using simul::detail::stream_busy;
using simul::detail::stream_closed;

// Gives the reader what it has room for. True if that was all that the writer had.
bool lockstep_lane::transfer(lockstep_operation& writer, lockstep_operation& reader) noexcept {
    const std::size_t count = std::min(writer.size_ - writer.moved_, reader.size_);
    std::memcpy(reader.data_, writer.data_ + writer.moved_, count);
    writer.moved_ += count;
    reader.moved_ = count;
    return writer.moved_ == writer.size_;
}

bool lockstep_lane::attempt(lockstep_operation& request) noexcept {
    const lane_side side = request.side_;
    const bool reads = side == lane_side::reading;
    const auto ends_with = [&](std::ptrdiff_t result) {
        request.result_ = result;
        return true;
    };
    if (closed(side)) return ends_with(stream_closed);
    if (request.size_ == 0) return ends_with(0);
    if (waiting(side) != nullptr) return ends_with(stream_busy);
    lockstep_operation* const other = waiting(reads ? lane_side::writing : lane_side::reading);
    const bool is_met = other != nullptr && !other->is_doomed();
    if (reads) {
        if (is_met) {
            if (transfer(*other, request)) {
                other->complete(static_cast<std::ptrdiff_t>(other->size_));
            }
            return ends_with(static_cast<std::ptrdiff_t>(request.moved_));
        }
        return is_ended_ || closed(lane_side::writing) ? ends_with(0) : false;
    }
    if (is_ended_ || closed(lane_side::reading)) return ends_with(-EPIPE);
    if (!is_met) return false;
    const bool was_all = transfer(request, *other);
    other->complete(static_cast<std::ptrdiff_t>(other->moved_));
    return was_all ? ends_with(static_cast<std::ptrdiff_t>(request.size_)) : false;
}

void lockstep_lane::end_wait(lane_side side, std::ptrdiff_t result) noexcept {
    if (lockstep_operation* const who = waiting(side)) who->complete(result);
}

std::ptrdiff_t lockstep_lane::shut_down() noexcept {
    if (closed(lane_side::writing)) return stream_closed;
    if (waiting(lane_side::writing) != nullptr) return stream_busy;
    is_ended_ = true;
    end_wait(lane_side::reading, 0);
    return 0;
}

void lockstep_lane::close(lane_side side) noexcept {
    is_closed_[index(side)] = true;
    end_wait(side, stream_closed);
    if (side == lane_side::reading) {
        end_wait(lane_side::writing, -EPIPE);
    } else {
        end_wait(lane_side::reading, 0);
    }
}

started lockstep_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (lane_ == nullptr || lane_->attempt(*this)) return started::done;
    static_cast<void>(begin(self));  // the scope was asked above
    lane_->set_waiting(side_, this);
    return started::pending;
}

void lockstep_operation::complete(std::ptrdiff_t result) noexcept {
    lane_->set_waiting(side_, nullptr);
    result_ = result;
    finish(notice::queue);
}

// A reader waits only while it has nothing. What a writer has lost is told, not forgotten.
void lockstep_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<lockstep_operation&>(self);
    if (waiting.moved_ != 0) {
        return waiting.complete(static_cast<std::ptrdiff_t>(waiting.moved_));
    }
    waiting.lane_->set_waiting(waiting.side_, nullptr);
    waiting.finish(notice::stopped);
}

}  // namespace detail

lockstep_stream::lockstep_stream(lockstep_stream&& other) noexcept
    : connection_{std::move(other.connection_)}, side_{other.side_} {
    expect_nobody_waits();
}

lockstep_stream& lockstep_stream::operator=(lockstep_stream&& other) noexcept {
    if (this == &other) return *this;
    expect_nobody_waits();
    other.expect_nobody_waits();
    close();
    connection_ = std::move(other.connection_);
    side_ = other.side_;
    return *this;
}

lockstep_stream::~lockstep_stream() {
    expect_nobody_waits();
    close();
}

void lockstep_stream::expect_nobody_waits() const noexcept {
    if (!connection_) return;
    SIMUL_ASSERT(incoming()->waiting(detail::lane_side::reading) == nullptr &&
                     outgoing()->waiting(detail::lane_side::writing) == nullptr,
                 "a stream was moved or destroyed while a task was waiting on it");
}

void lockstep_stream::close() noexcept {
    if (!connection_ || incoming()->closed(detail::lane_side::reading)) return;
    incoming()->close(detail::lane_side::reading);
    outgoing()->close(detail::lane_side::writing);
}

bool lockstep_stream::has_input() const noexcept {
    return !connection_ || incoming()->has_input();
}

std::pair<lockstep_stream, lockstep_stream> lockstep_stream_pair() {
    auto both = std::make_shared<lockstep_stream::connection>();
    return {lockstep_stream{both, 0}, lockstep_stream{both, 1}};
}

}  // namespace simul::testing
