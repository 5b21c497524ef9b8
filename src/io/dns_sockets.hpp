// SPDX-License-Identifier: Apache-2.0
//
// io/dns_sockets.hpp: the sockets of c-ares, opened for it and waited for together.
//
// c-ares opens and closes them when it likes, and says what it waits for:
//
//      ares_process_fd ──dns_socket_calls──▶ UDP socket, TCP socket, ...
//            │                                     │
//            └──watch──▶ watched_sockets ◀──poll───┘
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include <ares.h>

#include "simul/base/time.hpp"
#include "simul/concurrency/detail/gather_state.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul::detail {

/// A socket with what is wanted of it and, after a wait, what holds.
class watched_socket {
public:
    watched_socket() noexcept = default;

    void watch(int socket, std::uint32_t events) noexcept {
        socket_ = socket;
        wanted_ = events;
        ready_ = 0;
    }
    void release() noexcept { watch(-1, 0); }

    [[nodiscard]] int socket() const noexcept { return socket_; }
    [[nodiscard]] bool is_free() const noexcept { return socket_ < 0; }

    /// As of an operation, for each wait anew.
    started start(waiter& self) noexcept { return poll_.emplace(socket_, wanted_).start(self); }

    /// Ends a wait. Throws what made it impossible.
    void settle();

    /// The events that hold, once.
    [[nodiscard]] std::uint32_t take_ready() noexcept { return std::exchange(ready_, 0); }

private:
    int socket_ = -1;
    std::uint32_t wanted_ = 0;
    std::uint32_t ready_ = 0;
    std::optional<readiness_operation> poll_;
};

/// The sockets of one question. Between two waits nothing is in flight on them, so that c-ares can
/// close them when it likes.
class watched_sockets {
public:
    watched_sockets() = default;
    watched_sockets(const watched_sockets&) = delete;
    watched_sockets& operator=(const watched_sockets&) = delete;

    /// Waits for these events of `socket` from the next wait on; for none, forgets it.
    ///
    /// Returns       false if there is no memory for it.
    [[nodiscard]] bool watch(int socket, bool readable, bool writable) noexcept;

    /// Waits until at least one of the sockets is ready, or for `limit`.
    ///
    /// Errors        std::system_error with the system's code if that is impossible.
    /// Cancellation  clean: what was ready still is.
    /// Complexity    one poll operation for each socket; allocates nothing.
    [[nodiscard]] auto wait(duration limit) noexcept { return wait_awaitable{*this, limit}; }

    /// Calls `act(socket, readable, writable)` for those that the last wait has found ready. It may
    /// call watch().
    template <class Action>
    void for_each_ready(Action act) {
        for (std::size_t index = 0; index != members_.size(); ++index) {
            watched_socket& each = members_[index].operation;
            if (const std::uint32_t ready = each.take_ready(); ready != 0) {
                act(each.socket(), is_readable(ready), is_writable(ready));
            }
        }
    }

private:
    struct member : member_base {
        watched_socket operation;
    };
    struct time_limit : member_base {
        explicit time_limit(duration limit) noexcept : operation{limit} {}
        sleep_for_operation operation;
    };

    // The first one that ends ends the others; one of those may still find its socket ready.
    class wait_operation : public join_state {
    public:
        wait_operation(watched_sockets& owner, duration limit) noexcept
            : join_state{&ended}, owner_{owner}, limit_{limit} {}

        started start(waiter& self) noexcept;
        void take();

    private:
        static void ended(join_state& state, member_base& member) noexcept;

        watched_sockets& owner_;
        time_limit limit_;
    };

    class [[nodiscard("co_await it")]] wait_awaitable {
    public:
        wait_awaitable(watched_sockets& owner, duration limit) noexcept
            : owner_{&owner}, limit_{limit} {}
        auto operator co_await() const noexcept { return wait_operation{*owner_, limit_}; }

    private:
        watched_sockets* owner_;
        duration limit_;
    };

    [[nodiscard]] static bool is_readable(std::uint32_t events) noexcept;
    [[nodiscard]] static bool is_writable(std::uint32_t events) noexcept;

    std::deque<member> members_;  // of which some are free; they cannot be moved
};

/// The system calls that c-ares makes, to see more than it tells.
///
/// It reports one code for "nobody there" and for every refusal by a server, so the response code
/// of the last datagram is written down. And a datagram that nobody wanted makes the *next* send on
/// the same socket fail (the second question of two), which c-ares takes for the failure of that
/// one alone and waits for the other until its time is over; here the socket reads as refused, too.
class dns_socket_calls {
public:
    [[nodiscard]] unsigned last_status() const noexcept { return last_status_; }

    /// Sockets that are to be read although the system does not say so.
    [[nodiscard]] const std::vector<int>& refused() const noexcept { return refused_; }

    /// Whose user data is an object of this class.
    static const ares_socket_functions& table() noexcept;

private:
    static ares_socket_t open(int family, int type, int protocol, void* self);
    static int close(ares_socket_t socket, void* self);
    static int connect(ares_socket_t socket, const sockaddr* address, ares_socklen_t size,
                       void* self);
    static ares_ssize_t receive(ares_socket_t socket, void* data, std::size_t size, int flags,
                                sockaddr* from, ares_socklen_t* from_size, void* self);
    static ares_ssize_t send(ares_socket_t socket, const iovec* parts, int count, void* self);

    static std::vector<int> with_room() {
        std::vector<int> room;
        room.reserve(16);  // c-ares is C: nothing may throw through it
        return room;
    }

    std::vector<int> refused_ = with_room();
    unsigned last_status_ = 0;
};

}  // namespace simul::detail
