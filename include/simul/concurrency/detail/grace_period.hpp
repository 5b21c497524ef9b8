// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/grace_period.hpp: what makes a cancelled group end in time.
#pragma once

#include <vector>

#include "simul/concurrency/group_options.hpp"
#include "simul/coro/cancellation.hpp"
#include "simul/coro/task_context.hpp"
#include "simul/runtime/timer.hpp"

namespace simul::detail {

class group;

/// Hangs on the group's scope like something that waits. When it is asked to end, time begins to
/// run; when the time is over, shields do not help any more.
class grace_period : public cancellable, public timer {
public:
    grace_period(group& owner, duration period) noexcept
        : cancellable{kind}, timer{&is_over}, owner_{owner}, period_{period} {}

    /// Time begins to run, unless it does already.
    void begin() noexcept;

    /// The group has ended.
    void end() noexcept;

    std::vector<slow_task> slow;

private:
    static void asked(cancellable& self) noexcept;
    static constexpr wait_kind kind{&asked};
    static void is_over(timer& self) noexcept;
    void note_tasks_in(const cancel_scope& group_scope) noexcept;

    group& owner_;
    duration period_;
};

}  // namespace simul::detail
