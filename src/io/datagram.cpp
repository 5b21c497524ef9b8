// SPDX-License-Identifier: Apache-2.0
#include "simul/io/detail/datagram.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "io/socket_address.hpp"
#include "io/socket_calls.hpp"
#include "simul/coro/scheduler.hpp"
#include "simul/io/udp.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

// Once an operation is counted the descriptor stays open, so this counts as one.
class open_while_visited {
public:
    explicit open_while_visited(shared_socket& socket) noexcept : socket_{socket} {
        socket.operation_began();
    }
    open_while_visited(const open_while_visited&) = delete;
    open_while_visited& operator=(const open_while_visited&) = delete;
    ~open_while_visited() { socket_.operation_ended(); }

private:
    shared_socket& socket_;
};

// Calls `transfer` until no signal disturbs it. Returns false if it would have to wait.
template <class Transfer>
bool settle(std::ptrdiff_t& result, Transfer transfer) noexcept {
    do {
        result = transfer();
    } while (result < 0 && errno == EINTR);
    if (result >= 0) return true;
    if (errno == EAGAIN) return false;
    result = -errno;
    return true;
}

// A socket without a port gets one when it sends; that there is none left is told by EAGAIN, too.
bool lacks_port(int socket) noexcept {
    socket_address own;
    if (local_name(socket, own.data(), own.length()) != 0) return false;
    const std::optional<endpoint> found = own.to_endpoint();
    return found && found->port() == 0;
}

}  // namespace

void close_datagrams(shared_socket& on) noexcept {
    if (!on.has_operations()) return on.close();
    const open_while_visited keeps{on};
    on.close();
    loop::current().io().for_each_in_flight(
        on.descriptor(),
        [](operation& found, void*) {
            if (loop::current().io().cancel(found)) found.complete(found);
        },
        nullptr);
}

// --- datagram_operation -------------------------------------------------------------------------

datagram_operation::datagram_operation(shared_socket* through, direction which) noexcept
    : leaf{kind},
      operation{opcode::poll, through != nullptr ? through->descriptor() : -1, nullptr, 0, &ready},
      waiter{&have_turn},
      socket_{through} {
    operation::flags = which == direction::incoming ? POLLIN : POLLOUT;
}

started datagram_operation::start(waiter& self) noexcept {
    if (!begin(self)) return started::stopped;
    if (try_or_wait() == step::waits) return started::pending;
    leaf::unlink();
    return started::done;
}

// A descriptor that is ready may have nothing for us all the same: a datagram was damaged, or
// another task or process was faster. One that says so at once is tried in a later turn, so that
// nobody is kept from his while it goes on saying so.
datagram_operation::step datagram_operation::try_or_wait() noexcept {
    if (!socket_ || socket_->is_closed()) {
        transferred_ = stream_closed;
        return step::done;
    }
    if (try_transfer()) return step::done;
    if (!loop::current().io().submit(*this)) {
        socket_->operation_began();
        return step::waits;
    }
    if (operation::result < 0) {
        transferred_ = operation::result;
        return step::done;
    }
    leaf::unlink();
    scheduler::current().queue(*this);
    return step::waits;
}

// Cancelled without having been asked by a scope means that the socket is being closed.
void datagram_operation::ready(operation& self) noexcept {
    auto& waiting = static_cast<datagram_operation&>(self);
    waiting.socket_->operation_ended();
    if (waiting.asked_to_end_) return waiting.finish(notice::stopped);
    waiting.leaf::unlink();
    scheduler::current().queue(waiting);
}

void datagram_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<datagram_operation&>(self);
    waiting.asked_to_end_ = true;
    if (loop::current().io().cancel(waiting)) ready(waiting);
}

void datagram_operation::have_turn(waiter& self, notice) noexcept {
    auto& awake = static_cast<datagram_operation&>(self);
    if (!awake.begin(awake.waiting())) return awake.finish(notice::stopped);
    if (awake.operation::result < 0 && !awake.socket_->is_closed()) {
        awake.transferred_ = awake.operation::result;
    } else if (awake.try_or_wait() == step::waits) {
        return;
    }
    awake.finish(notice::now);
}

// --- datagram_receive ---------------------------------------------------------------------------

bool datagram_receive::try_transfer() noexcept {
    socket_address from;
    iovec place{buffer_.data(), buffer_.size()};
    msghdr message{};
    message.msg_name = from.data();
    message.msg_namelen = *from.length();
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    const bool is_over = settle(transferred_, [&] {
        return receive_message(descriptor, &message, MSG_DONTWAIT | MSG_TRUNC);
    });
    if (is_over && transferred_ >= 0) {
        peer_ = endpoint_of(from.data(), message.msg_namelen).value_or(endpoint{});
    }
    return is_over;
}

datagram datagram_receive::take() const {
    const std::size_t full_size = take_stream_result(transferred_);
    return datagram{buffer_.first(std::min(full_size, buffer_.size())), peer_, full_size};
}

// --- datagram_send ------------------------------------------------------------------------------

bool datagram_send::try_transfer() noexcept {
    socket_address address;
    msghdr message{};
    if (to_) {
        address = socket_address{*to_};
        message.msg_name = address.data();
        message.msg_namelen = address.size();
    }
    iovec place{const_cast<std::byte*>(bytes_.data()), bytes_.size()};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    const bool is_over = settle(transferred_, [&] {
        return send_message(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    });
    if (is_over || !lacks_port(descriptor)) return is_over;
    transferred_ = -EADDRNOTAVAIL;
    return true;
}

void datagram_send::take() const {
    static_cast<void>(take_stream_result(transferred_));
}

}  // namespace simul::detail
