// SPDX-License-Identifier: Apache-2.0
//
// support/worker_gate.hpp: where calls in other processes wait until the test lets them go on.
#pragma once

#include <semaphore.h>
#include <sys/mman.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <new>

namespace simul::test {

/// Lies in memory that the program shares with all processes that it starts after the first use.
class worker_gate {
public:
    worker_gate() noexcept {
        ::sem_init(&arrivals_, 1, 0);
        ::sem_init(&open_, 1, 0);
    }
    worker_gate(const worker_gate&) = delete;
    worker_gate& operator=(const worker_gate&) = delete;
    ~worker_gate() = delete;

    /// For the call: tells that it has begun, and waits until the gate is open.
    void pass() noexcept {
        ++began_;
        ::sem_post(&arrivals_);
        while (::sem_wait(&open_) != 0) {
        }
        ::sem_post(&open_);  // for who stands behind
        ++ended_;
    }

    void open() noexcept { ::sem_post(&open_); }

    /// Blocks until a call has begun, each time for another one; returns false after 20 seconds.
    bool wait_for_arrival() noexcept {
        ::timespec limit{};
        ::clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_sec += 20;
        while (::sem_timedwait(&arrivals_, &limit) != 0) {
            if (errno != EINTR) return false;
        }
        return true;
    }

    [[nodiscard]] int began() const noexcept { return began_; }
    [[nodiscard]] int ended() const noexcept { return ended_; }

private:
    ::sem_t arrivals_{};
    ::sem_t open_{};
    std::atomic<int> began_{0};
    std::atomic<int> ended_{0};
};

/// The one gate of this program.
inline worker_gate& gate() {
    static worker_gate* const shared = [] {
        void* const memory = ::mmap(nullptr, sizeof(worker_gate), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc{};
        return ::new (memory) worker_gate;
    }();
    return *shared;
}

/// Nobody has begun, and the gate is closed. Calls that still wait in it would wait for ever.
inline void reset_gate() {
    ::new (&gate()) worker_gate;
}

/// The usual call: passes the gate.
inline int wait_for_permission(int result) {
    gate().pass();
    return result;
}

}  // namespace simul::test
