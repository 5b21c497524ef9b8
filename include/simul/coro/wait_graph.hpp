// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/wait_graph.hpp: who waits for what, now.
//
// Every suspended operation hangs on a cancel scope, and knows who waits for it; so the tree of
// scopes tells where each task of a program stands, at no cost while nobody asks.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "simul/base/error.hpp"
#include "simul/coro/trace.hpp"

namespace simul {

/// One wait of a task. A task that awaits several things at once has several.
struct waiting_task {
    waiting_task() noexcept = default;

    std::uint64_t number = 0;           ///< this_task::number() of the task; 0 outside of tasks
    std::string name;                   ///< empty if nobody named it
    std::string event;                  ///< what it waits for, such as "a mutex"
    std::vector<std::uint64_t> awaits;  ///< the tasks that have to go on first, if known
    std::vector<trace_entry> chain;     ///< who awaits whom in the task, innermost first
};

/// The waits of all tasks of this thread's loop, in the order of the numbers of the tasks. Who is
/// ready to run, or running, does not wait and is not in it.
///
/// Errors        std::bad_alloc.
/// Threads       the loop's thread.
/// Complexity    O(scopes and frames), and memory for each.
std::vector<waiting_task> wait_graph();

/// The same as text: each wait with its chain of awaits, then who waits for whom in a circle.
///
///     task 2 "left" waits for a mutex: task 3
///       in lock_both  dinner.cpp:14
///       awaited by diner  dinner.cpp:20
///     …
///     in a circle: task 2 waits for task 3 waits for task 2
std::string format_wait_graph(const std::vector<waiting_task>& waits);

/// Nothing in the program could ever run again. Its what() holds the wait graph of the moment in
/// which it was made.
class deadlock : public error {
public:
    /// Takes the wait graph of now; without memory for it, the text does without.
    deadlock() noexcept;

    [[nodiscard]] const char* what() const noexcept override;

private:
    std::shared_ptr<const std::string> text_;  // copies of an exception must not throw
};

}  // namespace simul
