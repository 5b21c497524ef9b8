// SPDX-License-Identifier: Apache-2.0
#include "simul/io/pipe.hpp"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

#include "io/socket_calls.hpp"
#include "runtime/backends/simulated.hpp"
#include "simul/base/error.hpp"

namespace simul {

namespace {

void make_non_blocking(int descriptor) {
    const int flags = ::fcntl(descriptor, F_GETFL);
    if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) {
        throw std::system_error{errno, std::system_category(), "fcntl of a pipe"};
    }
}

// In the simulated world nothing blocks, so there is nothing to be made so.
detail::socket_owner own(unique_fd end) {
    if (!end) return {};
    if (const auto* const world = detail::simulated_world()) {
        if (!world->exists(end.get())) {
            throw std::system_error{make_error_code(errc::unavailable),
                                    "the simulated backend has no pipes of the system: use "
                                    "memory_stream_pair"};
        }
    } else {
        make_non_blocking(end.get());
    }
    return detail::socket_owner{std::move(end)};
}

}  // namespace

namespace detail {

std::size_t pipe_transfer::take() const {
    if (is_shut_down_ && result == stream_closed) throw_stream_error(-EPIPE);
    return socket_transfer::take();
}

started pipe_shutdown::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    result_ = stream_.shut_down();
    return started::done;
}

}  // namespace detail

pipe_stream pipe_stream::adopt(unique_fd to_read, unique_fd to_write) {
    pipe_stream made;
    made.incoming_ = own(std::move(to_read));
    made.outgoing_ = own(std::move(to_write));
    return made;
}

void pipe_stream::close() noexcept {
    incoming_.close();
    outgoing_.close();
    is_shut_down_ = false;
}

bool pipe_stream::has_input() const noexcept {
    return incoming_.get() == nullptr || incoming_.get()->has_input();
}

int pipe_stream::shut_down() noexcept {
    if (is_shut_down_) return 0;
    detail::shared_socket* const pipe = outgoing_.get();
    if (pipe == nullptr || pipe->is_closed()) return detail::stream_closed;
    if (pipe->waiting(detail::direction::outgoing) != nullptr) return detail::stream_busy;
    outgoing_.close();
    is_shut_down_ = true;
    return 0;
}

}  // namespace simul
