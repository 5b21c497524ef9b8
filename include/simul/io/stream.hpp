// SPDX-License-Identifier: Apache-2.0
//
// simul/io/stream.hpp: what a byte stream is, and one that can hold any other.
//
// THE RULES OF EVERY STREAM
//
//   read_some(buffer)   waits until at least one byte is there and gives how many it put into
//                       `buffer`; 0 is the end of the stream, and it stays the end. An empty buffer
//                       gives 0 at once.
//   write_some(bytes)   waits until at least one byte is taken and gives how many were. An empty
//                       span gives 0 at once.
//   shutdown()          says politely that no more will be written; the other side reads the end.
//                       Reading goes on. A second call does nothing.
//   close()             is immediate and idempotent. What waits on the stream ends with
//                       errc::closed, and so does every later call. The destructor closes, too;
//                       nothing may be waiting then.
//   has_input()         tells without waiting whether a read would give something now: bytes, the
//                       end, or an error. A connection that is idle between two requests has none.
//
// One task may read while another one writes. A second reader, or a second writer, is refused with
// errc::busy. Streams are moved only while nobody waits on them.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "simul/coro/task.hpp"

namespace simul {

/// A stream of bytes in both directions; see the rules at the top of this file.
template <class Type>
concept byte_stream = std::is_move_constructible_v<Type> &&
                      requires(Type& stream, const Type& constant, std::span<std::byte> buffer,
                               std::span<const std::byte> bytes) {
                          { stream.read_some(buffer) } -> awaitable_of<std::size_t>;
                          { stream.write_some(bytes) } -> awaitable_of<std::size_t>;
                          { stream.shutdown() } -> awaitable_of<void>;
                          { stream.close() } noexcept -> std::same_as<void>;
                          { constant.has_input() } noexcept -> std::same_as<bool>;
                      };

/// A stream of any kind, for code that is compiled once: TLS over TCP or over memory, HTTP over
/// either. Each call costs one small coroutine frame; where that matters use the stream itself.
///
/// Threads       those of the stream in it.
/// Lifetime      owns the stream. Moved from or default-made it is empty: it may be destroyed,
///               assigned to, closed, and asked has_value().
class any_stream {
public:
    any_stream() noexcept = default;

    /// Takes over a stream of a particular kind.
    template <class Stream>
        requires(!std::same_as<Stream, any_stream> && byte_stream<Stream>)
    explicit any_stream(Stream stream)
        : held_{std::make_unique<model<Stream>>(std::move(stream))} {}

    /// Reads what is there, up to `buffer.size()` bytes.
    ///
    /// Returns       how many bytes; 0 at the end of the stream.
    /// Errors        those of the stream in it.
    /// Suspends      as the stream in it does.
    /// Cancellation  clean or partial, as the stream in it says.
    /// Lifetime      `buffer` must stay valid and untouched until the await has ended.
    [[nodiscard]] task<std::size_t> read_some(std::span<std::byte> buffer) {
        return held_->read_some(buffer);
    }

    /// Writes what the stream takes now.
    ///
    /// Returns       how many bytes were taken, at least 1 unless `bytes` is empty.
    /// Errors        those of the stream in it.
    /// Suspends      as the stream in it does.
    /// Cancellation  clean or partial, as the stream in it says.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    [[nodiscard]] task<std::size_t> write_some(std::span<const std::byte> bytes) {
        return held_->write_some(bytes);
    }

    /// Says that no more will be written.
    ///
    /// Errors        those of the stream in it.
    /// Suspends      as the stream in it does.
    /// Cancellation  clean or partial, as the stream in it says.
    [[nodiscard]] task<> shutdown() { return held_->shutdown(); }

    /// Ends both directions at once. Nothing happens if it is empty.
    void close() noexcept {
        if (held_) held_->close();
    }

    /// True when a read would not wait.
    [[nodiscard]] bool has_input() const noexcept { return held_->has_input(); }

    /// True when there is a stream in it.
    [[nodiscard]] bool has_value() const noexcept { return held_ != nullptr; }

private:
    struct interface {
        virtual ~interface() = default;
        virtual task<std::size_t> read_some(std::span<std::byte> buffer) = 0;
        virtual task<std::size_t> write_some(std::span<const std::byte> bytes) = 0;
        virtual task<> shutdown() = 0;
        virtual void close() noexcept = 0;
        virtual bool has_input() const noexcept = 0;
    };

    template <class Stream>
    struct model final : interface {
        explicit model(Stream&& stream) : held{std::move(stream)} {}

        task<std::size_t> read_some(std::span<std::byte> buffer) override {
            return as_task(held.read_some(buffer));
        }
        task<std::size_t> write_some(std::span<const std::byte> bytes) override {
            return as_task(held.write_some(bytes));
        }
        task<> shutdown() override { return as_task(held.shutdown()); }
        void close() noexcept override { held.close(); }
        bool has_input() const noexcept override { return held.has_input(); }

        Stream held;
    };

    template <class Result>
    static task<Result> as_task(task<Result> already) {
        return already;
    }
    template <awaitable Awaitable>
    static task<await_result_t<Awaitable>> as_task(Awaitable awaited) {
        co_return co_await std::move(awaited);
    }

    std::unique_ptr<interface> held_;
};

/// Writes all of `bytes`.
///
/// Errors        those of the stream's write_some.
/// Suspends      while the stream takes no more.
/// Cancellation  partial. A part of the bytes may have been written, and nobody knows how much:
///               close the stream.
/// Threads       those of the stream.
/// Lifetime      stream and bytes must stay valid until the await has ended.
/// Source        Trio's SendStream.send_all.
template <byte_stream Stream>
[[nodiscard]] task<> write_all(Stream& stream, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const std::size_t count = co_await stream.write_some(bytes);
        bytes = bytes.subspan(count);
    }
}

}  // namespace simul
