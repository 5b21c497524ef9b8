// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/once.hpp: work that is done by the first who needs it.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "simul/concurrency/mutex.hpp"
#include "simul/coro/task.hpp"

namespace simul {

/// What a once tells of itself.
struct once_statistics {
    once_statistics() noexcept = default;

    bool is_done = false;
    std::size_t waiting = 0;
};

/// Does something once, however many ask for it at the same time.
///
///     co_await connected.run([&] { return client.connect(); });   // the others wait for the first
///
/// If the first one fails or is cancelled, the next of those who wait begins it anew.
///
/// Threads       the loop's thread.
/// Lifetime      nobody may wait for it when it is destroyed.
/// Source        std::call_once; tokio::sync::OnceCell for the failures.
class once {
public:
    /// Does the work of the task that `make` returns, unless it is done.
    ///
    /// Errors        what the task throws, to the one who ran it.
    /// Suspends      while somebody else does it, and where the task does.
    /// Cancellation  clean while it waits; inside the task, what the task says.
    /// Threads       the loop's thread.
    /// Lifetime      the object must outlive the call; `make` is kept in it.
    /// Complexity    O(1) and the task; nothing but the task's frames is allocated.
    template <class Make>
        requires std::is_invocable_v<Make&>
    task<> run(Make make) {
        if (is_done_) co_return;
        const mutex_guard guard = co_await lock_.acquire();
        if (is_done_) co_return;
        co_await make();
        is_done_ = true;
    }

    [[nodiscard]] bool is_done() const noexcept { return is_done_; }

    /// The number of tasks that wait while another does the work.
    [[nodiscard]] std::size_t waiting() const noexcept { return lock_.waiting(); }

    /// All of it at once, for reports.
    [[nodiscard]] once_statistics statistics() const noexcept {
        once_statistics answer;
        answer.is_done = is_done_;
        answer.waiting = waiting();
        return answer;
    }

private:
    mutex lock_;
    bool is_done_ = false;
};

}  // namespace simul
