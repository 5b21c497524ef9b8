// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/this_task.hpp: what code can ask about the task it runs in.
#pragma once

#include <cstdint>
#include <string_view>

#include "simul/base/time.hpp"
#include "simul/coro/cancellation.hpp"

/// Named like std::this_thread. Branches of gather, select and the like belong to the task that
/// awaits them. Code that offload() runs on another thread works for the task that waits for it.
namespace simul::this_task {

/// The number of this task: 1 is the main task of run(), spawned ones are counted as they begin.
///
/// Returns       0 outside of tasks.
/// Threads       any.
/// Complexity    O(1).
[[nodiscard]] std::uint64_t number() noexcept;

/// What this task was called when it was spawned; "main" for the main task.
///
/// Returns       an empty text if nobody named it, and outside of tasks.
/// Threads       any.
/// Lifetime      valid as long as the task.
/// Complexity    O(1).
[[nodiscard]] std::string_view name() noexcept;

/// When this code will be cancelled, by the earliest limit of time around it: that of timeout,
/// move_on_after, and the like, in this task and in those that wait for it, up to a shield. For
/// code that divides the time it has, or tells it to another program.
///
/// Returns       time_point::max() if there is no limit, and outside of tasks.
/// Threads       the loop's thread.
/// Complexity    O(scopes around the code).
/// Source        Trio's current_effective_deadline.
[[nodiscard]] time_point deadline() noexcept;

/// True if this code has been asked to end: its next await will be its last. For long computations
/// between awaits.
///
/// Threads       the loop's thread.
[[nodiscard]] bool is_cancelled() noexcept;

/// Why this code has been asked to end, or cancel_reason::none.
///
/// Threads       the loop's thread.
[[nodiscard]] cancel_reason reason() noexcept;

}  // namespace simul::this_task
