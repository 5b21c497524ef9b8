// SPDX-License-Identifier: Apache-2.0
//
// io/signal_table.hpp: which signals of the process are caught, for whom, and what has come.
//
// Handlers belong to the process, so this is the one thing here that all loops share.
//
// Invariants
//   1. A number has at most one catcher. From catch_signal() to let_go() only the catcher's thread
//      changes its entry, except `turn`, which the handler sets when it is 0.
//   2. The handler touches a catcher only between counting itself in and out. let_go() takes the
//      catcher away first and then waits for the count, both sequentially consistent with the
//      handler's two steps: one of the two sees the other.
//   3. A signal that came is in `turn` before the catcher is told.
//   4. A handler that comes too late, or too early for the next catcher, passes its signal on to
//      whoever handles it then; `claims` tells it that this is somebody.
#pragma once

#include <cstdint>

#include "simul/io/signal.hpp"

namespace simul::detail {

/// Who is told that one of its signals has come.
struct signal_catcher {
    /// Called inside a signal handler, on any thread.
    void (*told)(signal_catcher&) noexcept = nullptr;
};

/// Numbers run from 1 to this; number n is bit n - 1 of a set.
inline constexpr int highest_signal = 64;

constexpr std::uint64_t bit_of(int number) noexcept {
    return std::uint64_t{1} << (number - 1);
}

/// Begins to catch a valid number. Throws std::system_error if another catcher has it, or the
/// system refuses.
void catch_signal(int number, signal_catcher& to);

/// Gives a number back to the handler that it had before. The catcher is not touched any more.
/// Returns what has come and was not taken.
caught_signal let_go(int number) noexcept;

/// Takes the one of a set that has come first.
caught_signal take_oldest(std::uint64_t numbers) noexcept;

/// Returns one to where it was taken from.
void put_back(const caught_signal& untaken) noexcept;

/// Waits until no handler of a set is running any more, on any thread.
void wait_for_handlers(std::uint64_t numbers) noexcept;

[[nodiscard]] bool has_come(std::uint64_t numbers) noexcept;

}  // namespace simul::detail
