// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/group_options.hpp: how a task group runs its children.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "simul/base/time.hpp"
#include "simul/concurrency/spawn_options.hpp"

namespace simul {

/// A task that had not ended when the grace period of its group was over.
class slow_task {
public:
    slow_task(std::uint64_t number, std::string name) : number_{number}, name_{std::move(name)} {}

    /// Its this_task::number().
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

    /// What it was called when it was spawned; empty if it was not named.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    std::uint64_t number_;
    std::string name_;
};

/// What can be said of a group when it is made.
///
///     task_group group{group_options{}.limit(100).grace(5s)};
class group_options {
public:
    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

    group_options() noexcept {}

    /// How its children begin, unless their options say otherwise.
    group_options& start(start_policy chosen) noexcept {
        start_ = chosen;
        return *this;
    }

    /// How many children run at once, at most; the others wait, in the order in which they were
    /// spawned. No limit unless told. Not zero; checked.
    group_options& limit(std::size_t children) noexcept {
        limit_ = children;
        return *this;
    }

    /// How long children may take to end once the group was cancelled, whoever did it. Those that
    /// shield their cleanup for longer are then cancelled through their shields, and
    /// task_group::slow_tasks() names them. No limit unless told.
    template <class Rep, class Period>
    group_options& grace(std::chrono::duration<Rep, Period> period) noexcept {
        grace_ = saturating_duration(period);
        return *this;
    }

    [[nodiscard]] start_policy start() const noexcept { return start_; }
    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
    [[nodiscard]] duration grace() const noexcept { return grace_; }

private:
    start_policy start_ = start_policy::of_loop;
    std::size_t limit_ = no_limit;
    duration grace_ = duration::max();
};

}  // namespace simul
