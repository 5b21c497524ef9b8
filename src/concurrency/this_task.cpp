// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/this_task.hpp"

#include "simul/coro/scheduler.hpp"
#include "simul/coro/task_context.hpp"

namespace simul::this_task {

namespace {

const cancel_scope* find_scope() noexcept {
    const scheduler* here = scheduler::find_current();
    const waiter* running = here != nullptr ? here->running() : nullptr;
    return running != nullptr ? running->scope : nullptr;
}

}  // namespace

std::uint64_t number() noexcept {
    return detail::number_of(detail::find_current_context());
}

std::string_view name() noexcept {
    return detail::name_of(detail::find_current_context());
}

time_point deadline() noexcept {
    const cancel_scope* scope = find_scope();
    return scope != nullptr ? earliest_deadline(*scope) : time_point::max();
}

bool is_cancelled() noexcept {
    return reason() != cancel_reason::none;
}

cancel_reason reason() noexcept {
    const cancel_scope* scope = find_scope();
    return scope != nullptr ? scope->reason() : cancel_reason::none;
}

}  // namespace simul::this_task
