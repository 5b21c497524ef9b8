// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated_pipe.hpp: a pipe of the simulated world.
//
// As pipe(7) has it: bytes go one way, each end may have several descriptors, the end is read when
// the last of those to write with is closed, and a write that is short enough is taken as a whole
// or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace simul::detail {

enum class pipe_end : std::uint8_t { reading, writing, sink };

/// What the descriptors of one pipe share. A result is a count or a negative error; none means
/// that the operation has to wait.
class simulated_pipe {
public:
    explicit simulated_pipe(std::size_t capacity) noexcept : capacity_{capacity} {}

    /// A sink; see simulated_network::open_sink.
    explicit simulated_pipe(std::string* into) noexcept : capacity_{0}, sink_{into} {}

    [[nodiscard]] std::optional<int> check_read(pipe_end side, std::size_t size) const noexcept;
    [[nodiscard]] std::optional<int> check_write(pipe_end side, std::size_t size) const noexcept;

    // After a check that gave a positive number, which is how many bytes are to be moved.
    void read(std::span<std::byte> into) noexcept;
    void write(std::span<const std::byte> bytes, pipe_end side);

    /// The events of poll(2) that are there.
    [[nodiscard]] unsigned events(pipe_end side) const noexcept;

    /// The descriptors of each end.
    std::vector<int> readers;
    std::vector<int> writers;

private:
    [[nodiscard]] std::size_t room() const noexcept { return capacity_ - bytes_.size(); }
    [[nodiscard]] std::size_t whole() const noexcept;

    std::deque<std::byte> bytes_;
    std::size_t capacity_;
    std::string* sink_ = nullptr;
};

}  // namespace simul::detail
