// SPDX-License-Identifier: Apache-2.0
#include "simul/io/memory_stream.hpp"

#include <algorithm>
#include <cstring>

#include "simul/base/assert.hpp"

namespace simul {

namespace detail {

memory_pipe::memory_pipe(std::size_t capacity)
    : bytes_{std::make_unique_for_overwrite<std::byte[]>(capacity)}, capacity_{capacity} {}

std::ptrdiff_t memory_pipe::attempt(const memory_operation& request) noexcept {
    const bool reads = request.side() == pipe_side::reading;
    if (closed(request.side())) return stream_closed;
    if (request.size() == 0) return 0;
    if (is_reset_) return -ECONNRESET;
    const std::size_t size = std::min(request.size(), at(request.side()).most);
    if (reads) {
        if (filled_ != 0) return drain(request.data(), size);
        return is_ended_ || closed(pipe_side::writing) ? 0 : would_block;
    }
    if (is_ended_ || closed(pipe_side::reading)) return -EPIPE;
    return filled_ != capacity_ ? fill(request.data(), size) : would_block;
}

void memory_pipe::wake(pipe_side side) noexcept {
    memory_operation* const waiter = waiting(side);
    if (waiter == nullptr) return;
    const std::ptrdiff_t result = attempt(*waiter);
    if (result != would_block) waiter->complete(result);
}

std::ptrdiff_t memory_pipe::shut_down() noexcept {
    if (closed(pipe_side::writing)) return stream_closed;
    if (waiting(pipe_side::writing) != nullptr) return stream_busy;
    is_ended_ = true;
    wake(pipe_side::reading);
    return 0;
}

void memory_pipe::close(pipe_side side) noexcept {
    at(side).is_closed = true;
    if (side == pipe_side::reading) filled_ = 0;
    wake(pipe_side::reading);
    wake(pipe_side::writing);
}

void memory_pipe::reset() noexcept {
    is_reset_ = true;
    filled_ = 0;
    wake(pipe_side::reading);
    wake(pipe_side::writing);
}

std::ptrdiff_t memory_pipe::fill(const std::byte* from, std::size_t size) noexcept {
    const std::size_t count = std::min(size, capacity_ - filled_);
    const std::size_t begin = (first_ + filled_) % capacity_;
    const std::size_t before_wrap = std::min(count, capacity_ - begin);
    std::memcpy(bytes_.get() + begin, from, before_wrap);
    std::memcpy(bytes_.get(), from + before_wrap, count - before_wrap);
    filled_ += count;
    return static_cast<std::ptrdiff_t>(count);
}

std::ptrdiff_t memory_pipe::drain(std::byte* into, std::size_t size) noexcept {
    const std::size_t count = std::min(size, filled_);
    const std::size_t before_wrap = std::min(count, capacity_ - first_);
    std::memcpy(into, bytes_.get() + first_, before_wrap);
    std::memcpy(into + before_wrap, bytes_.get(), count - before_wrap);
    first_ = (first_ + count) % capacity_;
    filled_ -= count;
    return static_cast<std::ptrdiff_t>(count);
}

started memory_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (pipe_ == nullptr) return started::done;
    if (size_ != 0 && pipe_->waiting(side_) != nullptr) {
        result_ = stream_busy;
        return started::done;
    }
    result_ = pipe_->attempt(*this);
    if (result_ != memory_pipe::would_block) {
        if (result_ > 0) {
            pipe_->wake(side_ == pipe_side::reading ? pipe_side::writing : pipe_side::reading);
        }
        return started::done;
    }
    pipe_->waiting(side_) = this;
    return begin(self) ? started::pending : started::stopped;
}

// A reader ends because the pipe was filled, a writer because it was drained: the other side is not
// waiting, so nobody has to be woken in turn.
void memory_operation::complete(std::ptrdiff_t result) noexcept {
    pipe_->waiting(side_) = nullptr;
    result_ = result;
    finish(notice::queue);
}

void memory_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<memory_operation&>(self);
    waiting.pipe_->waiting(waiting.side_) = nullptr;
    waiting.finish(notice::stopped);
}

}  // namespace detail

memory_stream::connection::connection(std::size_t capacity)
    : pipes{detail::memory_pipe{capacity}, detail::memory_pipe{capacity}} {}

memory_stream::memory_stream(std::shared_ptr<connection> both, std::size_t side) noexcept
    : connection_{std::move(both)}, side_{side} {}

memory_stream::memory_stream(memory_stream&& other) noexcept
    : connection_{std::move(other.connection_)}, side_{other.side_} {
    expect_nobody_waits();
}

memory_stream& memory_stream::operator=(memory_stream&& other) noexcept {
    if (this == &other) return *this;
    expect_nobody_waits();
    other.expect_nobody_waits();
    close();
    connection_ = std::move(other.connection_);
    side_ = other.side_;
    return *this;
}

memory_stream::~memory_stream() {
    expect_nobody_waits();
    close();
}

void memory_stream::expect_nobody_waits() const noexcept {
    if (!connection_) return;
    SIMUL_ASSERT(incoming()->waiting(detail::pipe_side::reading) == nullptr &&
                     outgoing()->waiting(detail::pipe_side::writing) == nullptr,
                 "a stream was moved or destroyed while a task was waiting on it");
}

void memory_stream::close() noexcept {
    if (!connection_ || incoming()->closed(detail::pipe_side::reading)) return;
    incoming()->close(detail::pipe_side::reading);
    outgoing()->close(detail::pipe_side::writing);
}

bool memory_stream::has_input() const noexcept {
    return !connection_ || incoming()->has_input();
}

void memory_stream::limit_transfers(std::size_t most) noexcept {
    SIMUL_ASSERT(most != 0, "limit_transfers needs a limit of at least one byte");
    if (!connection_) return;
    incoming()->limit(detail::pipe_side::reading, most);
    outgoing()->limit(detail::pipe_side::writing, most);
}

void memory_stream::reset() noexcept {
    if (!connection_) return;
    incoming()->reset();
    outgoing()->reset();
}

std::size_t memory_stream::unread_by_peer() const noexcept {
    return connection_ ? outgoing()->filled() : 0;
}

std::pair<memory_stream, memory_stream> memory_stream_pair(std::size_t capacity) {
    SIMUL_ASSERT(capacity != 0, "a pair of memory streams needs a capacity of at least one byte");
    auto both = std::make_shared<memory_stream::connection>(capacity);
    return {memory_stream{both, 0}, memory_stream{both, 1}};
}

}  // namespace simul
