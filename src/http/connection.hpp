// SPDX-License-Identifier: Apache-2.0
//
// http/connection.hpp: one connection to a server, with what was read ahead.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/io/stream.hpp"

namespace simul::http::detail {

struct idle_in_pool;
struct idle_in_origin;

class connection : public list_hook<idle_in_pool>, public list_hook<idle_in_origin> {
public:
    explicit connection(any_stream opened) noexcept : stream{std::move(opened)} {}

    /// Bytes that were read and not consumed yet.
    [[nodiscard]] std::span<const std::byte> unread() const noexcept {
        return std::span{input_}.subspan(begin_, end_ - begin_);
    }
    void consume(std::size_t count) noexcept { begin_ += count; }

    /// Where the next bytes go. What was not consumed moves to the front first.
    [[nodiscard]] std::span<std::byte> room() noexcept;
    void filled(std::size_t count) noexcept { end_ += count; }

    /// True when nothing can have arrived that belongs to no request.
    [[nodiscard]] bool is_clean() const noexcept { return begin_ == end_ && !stream.has_input(); }

    any_stream stream;
    void* owner = nullptr;    ///< the pool's record of its origin, while it is idle
    time_point idle_since{};  ///< written by the pool
    unsigned exchanges = 0;   ///< requests that were sent on it

    static constexpr std::size_t input_size = 16 * 1024;

private:
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::array<std::byte, input_size> input_;
};

}  // namespace simul::http::detail
