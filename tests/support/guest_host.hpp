// SPDX-License-Identifier: Apache-2.0
//
// support/guest_host.hpp: runs a coroutine as the guest of a loop around poll(2).
//
// It cannot hang: a guest that does not end in time fails the test and is cancelled.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <vector>

#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/guest.hpp"
#include "simul/runtime/descriptor.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {

inline guest_options on(backend_kind kind) {
    guest_options options;
    options.loop.backend = kind;
    return options;
}

/// A loop around poll(2) with one guest, and what else is to be done between its waits.
class poll_host {
public:
    /// Returns false, and fails the test, when the guest does not end in time.
    template <class Result>
    bool drive(guest_run<Result>& guest) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (guest.step()) {
            ++steps;
            if (between) between();
            wait(guest);
            if (std::chrono::steady_clock::now() > limit) {
                ADD_FAILURE() << "the guest has not ended in time";
                return false;
            }
        }
        return true;
    }

    /// One wait of at most five seconds.
    template <class Result>
    bool wait(guest_run<Result>& guest) {
        pollfd watched{guest.descriptor(), POLLIN, 0};
        int limit = guest.timeout_in_milliseconds();
        if (limit != 0) ++waits;
        if (limit < 0 || limit > 5000) limit = 5000;
        return ::poll(&watched, 1, limit) > 0;
    }

    int steps = 0;
    int waits = 0;  // those that were allowed to block
    std::function<void()> between;
};

template <class Body>
decltype(auto) run_on_guest(Body body, const guest_options& options) {
    guest_run guest{body(), options};
    poll_host host;
    if (!host.drive(guest)) throw std::runtime_error{"the guest hangs"};
    return guest.result();
}

/// Runs `body()` as a guest on each backend that can have one.
template <class Body>
void run_on_each_guest(Body body) {
    for (const backend_kind kind : guest_backends()) {
        SCOPED_TRACE(name_of(kind));
        run_on_guest(body, on(kind));
    }
}

/// A counter that wakes whoever reads it.
inline unique_fd make_eventfd() {
    return unique_fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
}

inline void signal_eventfd(int descriptor) {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(descriptor, &one, sizeof one), 8);
}

inline task<std::uint64_t> read_counter(int descriptor) {
    std::array<std::byte, 8> bytes{};
    const std::size_t count = co_await read_descriptor(descriptor, bytes);
    EXPECT_EQ(count, 8U);
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    co_return value;
}

}  // namespace simul::test
