// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/readiness.hpp: what the backends on readiness (epoll, poll, select) have in
// common: how an operation is tried, the lanes it waits in, and how another thread ends a wait.
//
// The operations read, write, accept and connect want a non-blocking descriptor, because the system
// calls have no flag for it; receive and send do not care.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <deque>
#include <new>
#include <system_error>

#include "runtime/backends/backends.hpp"
#include "runtime/backends/lent_buffer.hpp"
#include "simul/base/unique_fd.hpp"

namespace simul::detail {

using operation_list = intrusive_list<operation, operation>;

inline void conclude(operation& request, int result) noexcept {
    request.result = result;
    request.state = operation_state::completed;
}

/// Returns       true, as submit does for what is completed at once.
inline bool fail(operation& request, int error) noexcept {
    conclude(request, -error);
    return true;
}

// Attempts. The four below return true when the operation is over, with its result set.

inline long receive_into_lent(operation& request) noexcept {
    if (!provide_buffer(request)) {
        errno = ENOMEM;
        return -1;
    }
    const long count = ::recv(request.descriptor, request.buffer, request.size, MSG_DONTWAIT);
    if (count > 0) return count;
    const int error = errno;
    withdraw_buffer(request);
    errno = error;
    return count;
}

inline long call(operation& request) noexcept {
    const int fd = request.descriptor;
    switch (request.code) {
        case opcode::receive:
            if (lends_buffer(request)) return receive_into_lent(request);
            return ::recv(fd, request.buffer, request.size, MSG_DONTWAIT);
        case opcode::send:
            return ::send(fd, request.buffer, request.size, MSG_DONTWAIT | MSG_NOSIGNAL);
        case opcode::read: return ::read(fd, request.buffer, request.size);
        case opcode::write: return ::write(fd, request.buffer, request.size);
        case opcode::accept:
            return ::accept4(fd, static_cast<sockaddr*>(request.buffer),
                             request.buffer != nullptr ? &request.flags : nullptr,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        default: break;
    }
    errno = EINVAL;
    return -1;
}

inline bool try_transfer(operation& request) noexcept {
    while (true) {
        const long count = call(request);
        if (count >= 0) {
            request.result = static_cast<std::int32_t>(count);
            return true;
        }
        if (errno == EAGAIN) return false;
        if (errno == EINTR) continue;
        if (request.code == opcode::accept && concerns_one_connection(errno)) continue;
        request.result = -errno;
        return true;
    }
}

inline bool try_connect(operation& request) noexcept {
    const auto* address = static_cast<const sockaddr*>(request.buffer);
    if (::connect(request.descriptor, address, request.size) == 0) {
        request.result = 0;
        return true;
    }
    // An interrupted connect goes on in the background; calling it again would give EALREADY.
    if (errno == EINPROGRESS || errno == EINTR) return false;
    request.result = -errno;
    return true;
}

inline bool try_poll(operation& request) noexcept {
    pollfd query{request.descriptor, static_cast<short>(request.flags), 0};
    int ready = 0;
    do {
        ready = ::poll(&query, 1, 0);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) return false;
    if (ready < 0) {
        request.result = -errno;
    } else if ((query.revents & POLLNVAL) != 0) {
        request.result = -EBADF;
    } else {
        request.result = static_cast<std::uint16_t>(query.revents);
    }
    return true;
}

// A second connect(2) says how the first one ended, or EALREADY: the event may stem from another
// open file that was registered under the same number.
inline bool finish_connect(operation& request) noexcept {
    const auto* address = static_cast<const sockaddr*>(request.buffer);
    const int error = ::connect(request.descriptor, address, request.size) == 0 ? 0 : errno;
    if (error == EALREADY || error == EINPROGRESS || error == EINTR) return false;
    request.result = error == EISCONN ? 0 : -error;
    return true;
}

/// Tells whoever submitted it that an operation in flight is over, with its result set.
inline void finish(operation& request, std::size_t& in_flight) noexcept {
    request.unlink();
    --in_flight;
    request.state = operation_state::completed;
    request.complete(request);
}

inline void retry_polls(operation_list& polls, std::size_t& in_flight) noexcept {
    operation* request = polls.empty() ? nullptr : &polls.front();
    while (request != nullptr) {
        operation* following = polls.next(*request);
        if (try_poll(*request)) finish(*request, in_flight);
        request = following;
    }
}

/// What is in flight on one descriptor. Readers and writers are served in order, and newcomers join
/// the end untried; polls only look, and are served all at once.
struct operation_lanes {
    operation_list readers;  // receive, read, accept
    operation_list writers;  // send, write, connect
    operation_list polls;

    [[nodiscard]] operation_list& of(opcode code) noexcept {
        if (code == opcode::poll) return polls;
        const bool reads =
            code == opcode::receive || code == opcode::read || code == opcode::accept;
        return reads ? readers : writers;
    }

    [[nodiscard]] bool empty() const noexcept {
        return readers.empty() && writers.empty() && polls.empty();
    }

    /// `visit` may end the operation it is given.
    void for_each(void (*visit)(operation&, void*), void* context) noexcept {
        for (operation_list* list : {&readers, &writers, &polls}) {
            operation* request = list->empty() ? nullptr : &list->front();
            while (request != nullptr) {
                operation* following = list->next(*request);
                visit(*request, context);
                request = following;
            }
        }
    }

    /// Without `complete`: for the end of a backend.
    void end_all() noexcept {
        for (operation_list* list : {&readers, &writers, &polls}) {
            while (operation* request = list->pop_front()) conclude(*request, -ECANCELED);
        }
    }
};

/// What a backend remembers of each descriptor, by its number.
template <class Entry>
class descriptor_table {
public:
    /// nullptr for a number that was never made.
    [[nodiscard]] Entry* find(int descriptor) noexcept {
        const auto index = static_cast<std::size_t>(descriptor);
        return descriptor >= 0 && index < entries_.size() ? &entries_[index] : nullptr;
    }

    /// nullptr for lack of memory.
    [[nodiscard]] Entry* find_or_make(int descriptor) noexcept try {
        const auto index = static_cast<std::size_t>(descriptor);
        while (entries_.size() <= index) entries_.emplace_back();
        return &entries_[index];
    } catch (const std::bad_alloc&) {
        return nullptr;
    }

    [[nodiscard]] auto begin() noexcept { return entries_.begin(); }
    [[nodiscard]] auto end() noexcept { return entries_.end(); }

private:
    std::deque<Entry> entries_;  // a deque, since lists cannot move
};

/// A descriptor that other threads make readable, so that a wait ends. A thousand wakes before it
/// is taken cost one write.
class wake_event {
public:
    /// Errors        std::system_error with the system's code.
    wake_event() : descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        if (!descriptor_) throw std::system_error{errno, std::system_category(), "eventfd"};
    }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

    /// Threads       any.
    void wake() noexcept {
        // acq_rel: releases what the caller published to the exchange in take_edge().
        if (woken_.exchange(true, std::memory_order_acq_rel)) return;
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(descriptor_.get(), &one, sizeof one);
    }

    /// After the descriptor was found readable by somebody who is told of edges: every write is
    /// one, so the counter never has to be read.
    void take_edge() noexcept {
        // Pairs with the exchange in wake(): what a waker that saw `true` published before is
        // visible after this, so its missing write to the eventfd is no loss.
        woken_.exchange(false, std::memory_order_acq_rel);
    }

    /// After the descriptor was found readable by somebody who is told of levels.
    void take_level() noexcept {
        // The counter first. The other way round, a wake in between would be read away while
        // `woken_` stays true, and none would ever be written again.
        std::uint64_t count = 0;
        [[maybe_unused]] const auto read = ::read(descriptor_.get(), &count, sizeof count);
        take_edge();
    }

private:
    unique_fd descriptor_;

    // Any thread. True from the first wake until it is taken.
    std::atomic<bool> woken_{false};
};

/// The form in which system calls take a span of time that is not negative.
inline timespec as_timespec(duration span) noexcept {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
    timespec result{};
    result.tv_sec = seconds.count();
    result.tv_nsec = (span - seconds).count();
    return result;
}

}  // namespace simul::detail
