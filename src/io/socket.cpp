// SPDX-License-Identifier: Apache-2.0
#include "simul/io/detail/socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "io/socket_address.hpp"
#include "io/socket_calls.hpp"
#include "simul/base/error.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

// --- shared_socket ------------------------------------------------------------------------------

shared_socket::shared_socket(int owned, known_to_loop known) noexcept
    : descriptor_{owned}, is_simulated_{simulated_world_of(owned) != nullptr} {
    if (known == known_to_loop::yes || owned < 0) return;
    if (loop* const running = loop::find_current()) running->io().forget(owned);
}

shared_socket::~shared_socket() {
    drop_kept();
    close_descriptor();
}

void shared_socket::close() noexcept {
    if (is_closed_) return;
    is_closed_ = true;
    drop_kept();
    for (socket_operation* const waiting : waiting_) {
        if (waiting == nullptr || waiting->state != operation_state::in_flight) continue;
        if (loop::current().io().cancel(*waiting)) waiting->complete(*waiting);
    }
    if (in_flight_ == 0) close_descriptor();
}

void shared_socket::operation_ended() noexcept {
    --in_flight_;
    if (is_closed_ && in_flight_ == 0) close_descriptor();
}

void shared_socket::claim_began() noexcept {
    is_claimed_ = true;
    ++in_flight_;
}

void shared_socket::claim_ended() noexcept {
    is_claimed_ = false;
    --in_flight_;
    if (is_closed_ && in_flight_ == 0) close_descriptor();
}

// A simulated one whose world has ended is gone with it. The number of a connection over TCP is
// given to nobody; one that was adopted may have a duplicate, and costs a wake for nothing then.
void shared_socket::close_descriptor() noexcept {
    const int closing = std::exchange(descriptor_, -1);
    if (closing < 0 || (is_simulated_ && simulated_world() == nullptr)) return;
    close_socket(closing, is_tcp ? duplicates::none : duplicates::possible);
}

void shared_socket::drop_kept() noexcept {
    if (kept) close_socket(kept.release());
}

bool shared_socket::has_input() const noexcept {
    return is_closed_ || detail::has_input(descriptor_);
}

// Of a connection that is gone already nobody has to be told; a read says why.
int shared_socket::shut_down() noexcept {
    if (is_closed_) return stream_closed;
    if (waiting(direction::outgoing) != nullptr || is_claimed_) return stream_busy;
    if (shut_down_writing(descriptor_) == 0 || errno == ENOTCONN) return 0;
    return -errno;
}

// --- socket_owner -------------------------------------------------------------------------------

socket_owner::socket_owner(unique_fd owned, known_to_loop known) {
    held_socket held{owned.release()};
    socket_ = socket_reference{new shared_socket{held.get(), known}};
    static_cast<void>(held.release());
}

socket_owner& socket_owner::operator=(socket_owner&& other) noexcept {
    if (this == &other) return *this;
    expect_nobody_waits();
    close();
    socket_ = socket_reference{};
    socket_ = std::move(other.socket_);
    return *this;
}

socket_owner::~socket_owner() {
    expect_nobody_waits();
    close();
}

void socket_owner::expect_nobody_waits() const noexcept {
    SIMUL_ASSERT(!socket_ || socket_->is_closed() || !socket_->has_operations(),
                 "a stream or listener was destroyed while a task was waiting on it");
}

int socket_owner::descriptor() const {
    if (!socket_ || socket_->is_closed()) throw closed{};
    return socket_->descriptor();
}

// --- socket_operation ---------------------------------------------------------------------------

started socket_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (settle_before_submit()) return started::done;
    const bool takes_connection = code == opcode::accept;
    if (loop::current().io().submit(*this)) {
        if (takes_connection && result >= 0) socket_->waiting(direction_) = this;
        return started::done;
    }
    socket_->waiting(direction_) = this;
    socket_->operation_began();
    return begin(self) ? started::pending : started::stopped;
}

bool socket_operation::settle_before_submit() noexcept {
    if (!socket_ || socket_->is_closed()) {
        result = stream_closed;
    } else if (code != opcode::accept && size == 0) {
        result = 0;
    } else if (is_kept_out()) {
        result = stream_busy;
    } else if (code == opcode::accept && socket_->kept) {
        result = socket_->kept.release();
        socket_->waiting(direction_) = this;
    } else {
        return false;
    }
    return true;
}

bool socket_operation::is_kept_out() const noexcept {
    if (socket_->waiting(direction_) != nullptr) return true;
    return direction_ == direction::outgoing && socket_->is_claimed() && !has_claim_;
}

// Cancelled without having been asked by a scope means that the stream is being closed.
void socket_operation::finished(operation& self) noexcept {
    auto& ended = static_cast<socket_operation&>(self);
    ended.settle_result();
    const bool stopped = ended.result == stream_closed && ended.asked_to_end_;
    ended.finish(stopped ? notice::stopped : notice::queue);
}

void socket_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<socket_operation&>(self);
    waiting.asked_to_end_ = true;
    if (!loop::current().io().cancel(waiting)) return;
    waiting.settle_result();
    waiting.finish(notice::stopped);
}

void socket_operation::settle_result() noexcept {
    const bool has_connection = code == opcode::accept && result >= 0;
    if (socket_->is_closed()) {
        if (has_connection) close_socket(result);
        result = stream_closed;
    }
    if (!has_connection || socket_->is_closed()) stop_waiting();
    socket_->operation_ended();
}

// --- socket_lease -------------------------------------------------------------------------------

socket_lease::socket_lease(shared_socket* on) noexcept
    : socket_operation{on, direction::incoming, opcode::receive, nullptr, lease_size} {
    flags = lends_buffer;
    if (on != nullptr && on->is_tcp) flags |= short_means_empty;
}

// Of a result that nobody takes the buffer is given back.
socket_lease::~socket_lease() {
    static_cast<void>(buffer_lease::of(*this));
}

buffer_lease socket_lease::take() {
    static_cast<void>(take_stream_result(result));
    return buffer_lease::of(*this);
}

// --- socket_readiness ---------------------------------------------------------------------------

// It moves no bytes; a size of 0 would say that there is nothing to do.
socket_readiness::socket_readiness(shared_socket* on) noexcept
    : socket_operation{on, direction::incoming, opcode::poll, nullptr, 1} {
    flags = POLLIN;
}

// --- socket_accept ------------------------------------------------------------------------------

started socket_accept::start(waiter& self) noexcept {
    buffer = address_.data();
    size = static_cast<std::uint32_t>(address_.size());
    flags = size;
    return socket_operation::start(self);
}

accepted socket_accept::take() {
    if (result < 0) throw_stream_error(result);
    unique_fd connected{std::exchange(result, stream_closed)};
    stop_waiting();
    socket_owner owned{std::move(connected)};
    owned.get()->is_tcp = true;
    return accepted{tcp_stream{std::move(owned)}, peer()};
}

bool socket_accept::give_back() noexcept {
    if (result < 0) return true;
    held_socket connected{std::exchange(result, stream_closed)};
    stop_waiting();
    if (!socket().is_closed()) {
        socket().kept_peer = peer();
        socket().kept.reset(connected.release());
    }
    return true;
}

// One that was never submitted has the connection that the listener had kept.
endpoint socket_accept::peer() const noexcept {
    if (state == operation_state::idle) return socket().kept_peer;
    static_assert(sizeof(sockaddr_storage) <= sizeof address_);
    const auto* address = reinterpret_cast<const sockaddr*>(address_.data());
    return endpoint_of(address, flags).value_or(endpoint{});
}

}  // namespace simul::detail
