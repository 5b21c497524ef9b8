// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/simulated_pipe.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "runtime/backends/simulated_network.hpp"

namespace simul::detail {

namespace {

std::optional<int> count_of(std::size_t bytes) noexcept {
    return static_cast<int>(std::min<std::size_t>(bytes, INT_MAX));
}

}  // namespace

// So many bytes are written as a whole; a pipe that holds fewer is an invention of a test.
std::size_t simulated_pipe::whole() const noexcept {
    return std::min<std::size_t>(PIPE_BUF, capacity_);
}

std::optional<int> simulated_pipe::check_read(pipe_end side, std::size_t size) const noexcept {
    if (side == pipe_end::writing) return -EBADF;
    if (size == 0 || side == pipe_end::sink) return 0;
    if (!bytes_.empty()) return count_of(std::min(size, bytes_.size()));
    return writers.empty() ? std::optional{0} : std::nullopt;
}

std::optional<int> simulated_pipe::check_write(pipe_end side, std::size_t size) const noexcept {
    if (side == pipe_end::reading) return -EBADF;
    if (size == 0 || side == pipe_end::sink) return count_of(size);
    if (readers.empty()) return -EPIPE;
    if (room() < (size <= whole() ? size : 1)) return std::nullopt;
    return count_of(std::min(size, room()));
}

void simulated_pipe::read(std::span<std::byte> into) noexcept {
    const auto end = bytes_.begin() + static_cast<std::ptrdiff_t>(into.size());
    std::copy(bytes_.begin(), end, into.begin());
    bytes_.erase(bytes_.begin(), end);
}

void simulated_pipe::write(std::span<const std::byte> bytes, pipe_end side) {
    if (side == pipe_end::writing) {
        const std::size_t before = bytes_.size();
        try {
            bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        } catch (...) {
            bytes_.resize(before);
            throw;
        }
    } else if (sink_ != nullptr) {
        sink_->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
}

unsigned simulated_pipe::events(pipe_end side) const noexcept {
    if (side == pipe_end::sink) return POLLIN | POLLOUT;
    unsigned there = 0;
    if (side == pipe_end::reading) {
        if (!bytes_.empty()) there |= POLLIN;
        if (writers.empty()) there |= POLLHUP;
    } else {
        if (readers.empty()) there |= POLLOUT | POLLERR;
        if (room() >= whole()) there |= POLLOUT;
    }
    return there;
}

// --- the descriptors ----------------------------------------------------------------------------

std::pair<int, int> simulated_network::open_pipe(std::size_t capacity) {
    const auto pipe = std::make_shared<simulated_pipe>(capacity);
    const int reading = add_to_pipe(pipe, pipe_end::reading);
    return {reading, add_to_pipe(pipe, pipe_end::writing)};
}

int simulated_network::open_sink(std::string* into) {
    return add_to_pipe(std::make_shared<simulated_pipe>(into), pipe_end::sink);
}

int simulated_network::duplicate(int descriptor) {
    const endpoint& original = get(descriptor);
    SIMUL_ASSERT(original.pipe != nullptr, "only ends of pipes are duplicated");
    return add_to_pipe(original.pipe, original.side);
}

int simulated_network::add_to_pipe(std::shared_ptr<simulated_pipe> pipe, pipe_end side) {
    const int descriptor = add(kind::pipe, AF_UNSPEC, 0);
    endpoint& place = get(descriptor);
    place.side = side;
    if (side == pipe_end::reading) pipe->readers.push_back(descriptor);
    if (side == pipe_end::writing) pipe->writers.push_back(descriptor);
    place.pipe = std::move(pipe);
    return descriptor;
}

void simulated_network::touch_all(const std::vector<int>& descriptors) noexcept {
    for (const int each : descriptors) touch(each);
}

void simulated_network::leave_pipe(int descriptor, endpoint& place) noexcept {
    const std::shared_ptr<simulated_pipe> pipe = std::move(place.pipe);
    std::erase(pipe->readers, descriptor);
    std::erase(pipe->writers, descriptor);
    if (pipe->writers.empty()) touch_all(pipe->readers);
    if (pipe->readers.empty()) touch_all(pipe->writers);
}

int simulated_network::attempt_on_pipe(operation& request, endpoint& place) {
    simulated_pipe& pipe = *place.pipe;
    if (request.code != opcode::read && request.code != opcode::write) return -ENOTSOCK;
    const bool reads = request.code == opcode::read;
    const std::optional<int> result = reads ? pipe.check_read(place.side, request.size)
                                            : pipe.check_write(place.side, request.size);
    if (!result) return would_block;
    if (*result <= 0) return *result;
    operations_.give_back_buffer(request);
    const auto count = static_cast<std::size_t>(*result);
    const std::span bytes{static_cast<std::byte*>(request.buffer), count};
    if (reads) {
        pipe.read(bytes);
        touch_all(pipe.writers);
    } else {
        pipe.write(bytes, place.side);
        touch_all(pipe.readers);
    }
    return *result;
}

}  // namespace simul::detail
