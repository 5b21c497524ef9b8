// SPDX-License-Identifier: Apache-2.0
//
// examples/support/selector.hpp: one thread that waits for many descriptors.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "simul/base/unique_fd.hpp"
#include "sockets.hpp"

namespace examples {

/// What to wait for at a descriptor.
constexpr std::uint32_t readable = EPOLLIN;
constexpr std::uint32_t writable = EPOLLOUT;

/// Keeps a callback for each registered descriptor, and tells which are due. It calls none: that
/// is the business of the program's loop.
template <class Callback>
class selector {
public:
    struct event {
        int descriptor;
        std::uint32_t mask;
        Callback callback;  // a copy: it may unregister itself
    };

    void register_callback(int descriptor, std::uint32_t mask, Callback callback) {
        ::epoll_event wanted{};
        wanted.events = mask;
        wanted.data.fd = descriptor;
        checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &wanted), "epoll_ctl");
        callbacks_.insert_or_assign(descriptor, std::move(callback));
    }

    void unregister(int descriptor) {
        checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr), "epoll_ctl");
        callbacks_.erase(descriptor);
    }

    /// Waits until something has happened. A callback may unregister its own descriptor, not that
    /// of another event in the same list.
    std::vector<event> select() {
        std::array<::epoll_event, 64> found;
        const int count = ::epoll_wait(epoll_.get(), found.data(), found.size(), -1);
        if (count < 0 && errno == EINTR) return {};
        checked(count, "epoll_wait");

        std::vector<event> events;
        for (const ::epoll_event& each : std::span{found}.first(static_cast<std::size_t>(count))) {
            events.push_back({each.data.fd, each.events, callbacks_.at(each.data.fd)});
        }
        return events;
    }

private:
    simul::unique_fd epoll_{
        static_cast<int>(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"))};
    std::map<int, Callback> callbacks_;
};

}  // namespace examples
