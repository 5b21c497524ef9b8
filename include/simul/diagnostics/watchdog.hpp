// SPDX-License-Identifier: Apache-2.0
//
// simul/diagnostics/watchdog.hpp: finds the tasks that do not let the others run.
//
//     simul::task<> program() {
//         const simul::watchdog watching;
//         …
//     }
//
// prints, while the loop still stands:
//
//     simul: task 7 "import" has held the loop for 100 ms, since it went on here:
//       in read_rows  import.cpp:31
//       awaited by import  import.cpp:12
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/coro/trace.hpp"

namespace simul {

/// What a watchdog has found.
enum class watchdog_verdict : std::uint8_t {
    blocks,  ///< a turn has lasted longer than the limit, and goes on
    held,    ///< a turn has ended that lasted longer than the limit
    spins,   ///< a task has had turn after turn without waiting for anything
};

/// A task that did not let the others run.
struct watchdog_finding {
    watchdog_finding() noexcept = default;

    watchdog_verdict verdict = watchdog_verdict::blocks;
    std::uint64_t task = 0;          ///< its this_task::number(); 0 for code outside of tasks
    std::string name;                ///< empty if nobody named it
    duration length{};               ///< of the turn so far, of the turn, or of all the turns
    std::vector<trace_entry> chain;  ///< where it went on when its turn began, innermost first
};

/// The finding as text, with the chain of awaits; a line for each.
std::string format_finding(const watchdog_finding& finding);

/// How a watchdog is to be made.
class watchdog_options {
public:
    watchdog_options() noexcept {}

    /// How long one turn of a task may last. The default, 100 ms, is asyncio's.
    template <class Rep, class Period>
    watchdog_options&& limit(std::chrono::duration<Rep, Period> longest) && {
        longest_turn = saturating_duration(longest);
        return std::move(*this);
    }

    /// How long a task may have turn after turn without ever waiting; 1 s unless told. Computations
    /// that yield_now() now and then are found as well: give them more.
    template <class Rep, class Period>
    watchdog_options&& spin_limit(std::chrono::duration<Rep, Period> longest) && {
        longest_spin = saturating_duration(longest);
        return std::move(*this);
    }

    /// Who is told, in place of standard error. `blocks` is told on a thread of the watchdog's own,
    /// the others on the loop's. It must not throw.
    watchdog_options&& on_finding(std::function<void(const watchdog_finding&)> told) && {
        handler = std::move(told);
        return std::move(*this);
    }

    duration longest_turn = std::chrono::milliseconds{100};
    duration longest_spin = std::chrono::seconds{1};
    std::function<void(const watchdog_finding&)> handler;
};

/// Watches the loop of this thread as long as it lives. Each turn, and each task that spins, is
/// told once; one that blocks is told while it does, and again when its turn has ended.
///
/// A turn is what runs between two waits. Awaits that need not wait are part of it, so what blocks
/// may stand behind some of them.
///
/// On the simulated backend there is no thread, and time is the virtual one: only turns in which
/// the clock was moved are long, and they are told when they end.
///
/// Errors        std::system_error if there is no thread for it, std::bad_alloc.
/// Threads       the loop's thread. There may be one for a loop; checked.
/// Lifetime      the loop must outlive it.
/// Complexity    two readings of the clock for each turn.
/// Source        asyncio's slow_callback_duration, which tells when it is over.
class watchdog {
public:
    explicit watchdog(watchdog_options options = {});
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog();

private:
    class core;
    std::unique_ptr<core> core_;
};

}  // namespace simul
