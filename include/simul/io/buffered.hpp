// SPDX-License-Identifier: Apache-2.0
//
// simul/io/buffered.hpp: reads a stream by the piece: so many bytes, up to a delimiter, a line.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/io/detail/read_buffer.hpp"
#include "simul/io/detail/stop_check.hpp"
#include "simul/io/error.hpp"
#include "simul/io/stream.hpp"

namespace simul {

/// Reads pieces of a stream through a buffer.
///
///     buffered_reader reader{stream};
///     while (true) {
///         const auto next = co_await reader.peek();
///         if (next.empty()) break;  // the end, between two lines
///         const std::string line = co_await reader.read_line();
///     }
///
/// The buffer grows to what the longest piece needed, at most `limit` bytes and a delimiter: a peer
/// that never sends the end of a line costs no more than that. Bytes leave the buffer only when a
/// call returns them. So a call that was cancelled, or failed, lost nothing: what had arrived is in
/// buffered(), and the next call begins there. The same is true of a call that lost a select, even
/// if its piece came in the same turn; only read_some() gives what it has read, come what may. That
/// is where it differs from asyncio's StreamReader, whose time-outs may take bytes away.
///
/// Once there is a reader, read through it only: it holds bytes that the stream does not have any
/// more. One call at a time; another is refused with errc::busy.
///
/// Threads       those of the stream.
/// Lifetime      refers to the stream, which must outlive it and not be moved meanwhile.
template <byte_stream Stream>
class buffered_reader {
public:
    static constexpr std::size_t default_limit = 65536;
    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

    /// Makes a reader with an empty buffer. `limit` is the longest piece that any call returns.
    explicit buffered_reader(Stream& stream, std::size_t limit = default_limit) noexcept
        : stream_{stream}, limit_{std::min(limit, no_limit - 4096)} {}
    buffered_reader(const buffered_reader&) = delete;
    buffered_reader& operator=(const buffered_reader&) = delete;

    /// Reads what is there, up to `into.size()` bytes: from the buffer or, if that is empty,
    /// straight from the stream.
    ///
    /// Returns       how many bytes; 0 at the end of the stream.
    /// Errors        those of the stream's read_some; errc::busy if another task reads.
    /// Suspends      if the buffer is empty, as the stream does.
    /// Cancellation  clean if the stream's read_some is.
    /// Lifetime      `into` must stay valid and untouched until the await has ended.
    [[nodiscard]] task<std::size_t> read_some(std::span<std::byte> into) {
        const one_call only{is_reading_};
        std::size_t count = buffer_.take(into);
        if (count == 0 && !into.empty() && !is_ended_) {
            count = co_await stream_.read_some(into);
            is_ended_ = count == 0;
        }
        co_return count;
    }

    /// Fills `into` to its end.
    ///
    /// Errors        io_errc::incomplete_read if the stream ends before, and
    ///               io_errc::limit_exceeded if `into` is longer than the reader's limit, as
    ///               std::system_error; those of the stream's read_some; errc::busy if another task
    ///               reads.
    /// Suspends      while bytes are missing.
    /// Cancellation  clean if the stream's read_some is. What had arrived stays in the buffer, and
    ///               `into` is unchanged.
    /// Lifetime      `into` must stay valid until the await has ended.
    [[nodiscard]] task<> read_exactly(std::span<std::byte> into) {
        const one_call only{is_reading_};
        if (into.size() > limit_) fail(io_errc::limit_exceeded);
        while (buffer_.size() < into.size()) {
            if (is_ended_) fail(io_errc::incomplete_read);
            const std::size_t count = co_await stream_.read_some(buffer_.room(limit_));
            arrived(count);
            co_await detail::stop_check{};
        }
        buffer_.take(into);
    }

    /// The same with a vector of its own.
    ///
    /// Returns       `count` bytes.
    /// Errors        as for the other overload.
    /// Suspends      while bytes are missing.
    /// Cancellation  clean if the stream's read_some is. What had arrived stays in the buffer.
    [[nodiscard]] task<std::vector<std::byte>> read_exactly(std::size_t count) {
        const one_call only{is_reading_};
        if (count > limit_) fail(io_errc::limit_exceeded);
        while (buffer_.size() < count) {
            if (is_ended_) fail(io_errc::incomplete_read);
            const std::size_t more = co_await stream_.read_some(buffer_.room(limit_));
            arrived(more);
            co_await detail::stop_check{};
        }
        std::vector<std::byte> bytes(count);
        buffer_.take(bytes);
        co_return bytes;
    }

    /// Reads up to a delimiter.
    ///
    /// Returns       the bytes before the delimiter and the delimiter.
    /// Errors        io_errc::incomplete_read if the stream ends before the delimiter, and
    ///               io_errc::limit_exceeded if more than `limit` bytes (or the reader's limit) are
    ///               in front of it, as std::system_error; those of the stream's read_some;
    ///               errc::busy if another task reads.
    /// Suspends      while there is no delimiter in the buffer.
    /// Cancellation  clean if the stream's read_some is. What had arrived stays in the buffer.
    /// Lifetime      `delimiter`, which is not empty, must stay valid until the await has ended.
    /// Complexity    O(bytes): none is looked at twice, except the last of a delimiter cut in two.
    [[nodiscard]] task<std::string> read_until(std::string_view delimiter,
                                               std::size_t limit = no_limit) {
        SIMUL_ASSERT(!delimiter.empty(), "read_until needs a delimiter");
        const one_call only{is_reading_};
        const std::size_t most = std::min(limit, limit_) + delimiter.size();
        std::size_t searched = 0;
        std::size_t found = std::string_view::npos;
        while (true) {
            const std::string_view text = text_of(buffer_.view()).substr(0, most);
            found = text.find(delimiter, searched);
            if (found != std::string_view::npos) break;
            if (text.size() == most) fail(io_errc::limit_exceeded);
            if (is_ended_) fail(io_errc::incomplete_read);
            searched = text.size() - std::min(text.size(), delimiter.size() - 1);
            const std::size_t count = co_await stream_.read_some(buffer_.room(most));
            arrived(count);
            co_await detail::stop_check{};
        }
        co_return take_text(found + delimiter.size(), 0);
    }

    /// Reads a line, which ends with LF or CRLF.
    ///
    /// Returns       the line without its end.
    /// Errors        io_errc::incomplete_read if the stream ends before LF, also when nothing is in
    ///               front of the end; io_errc::limit_exceeded if the line is longer than `limit`
    ///               (or the reader's limit); both as std::system_error. Those of the stream's
    ///               read_some; errc::busy if another task reads.
    /// Suspends      while there is no LF in the buffer.
    /// Cancellation  clean if the stream's read_some is. What had arrived stays in the buffer.
    /// Complexity    O(bytes).
    [[nodiscard]] task<std::string> read_line(std::size_t limit = no_limit) {
        const one_call only{is_reading_};
        const std::size_t longest = std::min(limit, limit_);
        const std::size_t most = longest + 2;
        std::size_t searched = 0;
        std::size_t found = std::string_view::npos;
        std::size_t length = 0;
        while (true) {
            const std::string_view text = text_of(buffer_.view()).substr(0, most);
            found = text.find('\n', searched);
            if (found != std::string_view::npos) {
                length = found != 0 && text[found - 1] == '\r' ? found - 1 : found;
                break;
            }
            if (text.size() == most) fail(io_errc::limit_exceeded);
            if (is_ended_) fail(io_errc::incomplete_read);
            searched = text.size();
            const std::size_t count = co_await stream_.read_some(buffer_.room(most));
            arrived(count);
            co_await detail::stop_check{};
        }
        if (length > longest) fail(io_errc::limit_exceeded);
        co_return take_text(length, found + 1 - length);
    }

    /// Waits until at least so many bytes are in the buffer, and shows them without taking them.
    ///
    /// Returns       all that is in the buffer; less than `least` bytes only at the end of the
    ///               stream, so nothing means the end.
    /// Errors        io_errc::limit_exceeded if `least` is more than the reader's limit, as
    ///               std::system_error; those of the stream's read_some; errc::busy if another task
    ///               reads.
    /// Suspends      while bytes are missing.
    /// Cancellation  clean if the stream's read_some is. What had arrived stays in the buffer.
    /// Lifetime      the view is valid until the next call.
    [[nodiscard]] task<std::span<const std::byte>> peek(std::size_t least = 1) {
        const one_call only{is_reading_};
        if (least > limit_) fail(io_errc::limit_exceeded);
        while (buffer_.size() < least) {
            if (is_ended_) break;
            const std::size_t count = co_await stream_.read_some(buffer_.room(limit_));
            arrived(count);
        }
        co_return buffer_.view();
    }

    /// What was read from the stream and not returned yet.
    ///
    /// Lifetime      valid until the next call.
    [[nodiscard]] std::span<const std::byte> buffered() const noexcept { return buffer_.view(); }

    /// Drops the first bytes of buffered(), which the caller has looked at.
    void consume(std::size_t count) noexcept { buffer_.consume(count); }

    /// The longest piece that any call returns.
    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }

private:
    // The buffer may move when it grows, so nobody else may do that during a read.
    class one_call {
    public:
        explicit one_call(bool& mark) : mark_{mark} {
            if (mark_) throw error{errc::busy};
            mark_ = true;
        }
        one_call(const one_call&) = delete;
        one_call& operator=(const one_call&) = delete;
        ~one_call() { mark_ = false; }

    private:
        bool& mark_;
    };

    [[noreturn]] static void fail(io_errc why) { throw std::system_error{make_error_code(why)}; }

    void arrived(std::size_t count) noexcept {
        buffer_.filled(count);
        is_ended_ = count == 0;
    }

    std::string take_text(std::size_t length, std::size_t dropped) {
        std::string text{text_of(buffer_.view().first(length))};
        buffer_.consume(length + dropped);
        return text;
    }

    Stream& stream_;
    detail::read_buffer buffer_;
    std::size_t limit_;
    bool is_reading_ = false;
    bool is_ended_ = false;
};

}  // namespace simul
