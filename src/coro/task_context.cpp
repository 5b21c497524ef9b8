// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/task_context.hpp"

#include "simul/base/config.hpp"
#include "simul/coro/scheduler.hpp"

namespace simul::detail {

namespace {

constinit SIMUL_THREAD_LOCAL const task_context* works_for = nullptr;

}  // namespace

// One after the other: a chain may be long.
void local_binding::reference::release() noexcept {
    local_binding* last = std::exchange(binding_, nullptr);
    while (last != nullptr && --last->count_ == 0) {
        local_binding* outer = std::exchange(last->outer_.binding_, nullptr);
        delete last;
        last = outer;
    }
}

const local_binding* local_binding::find(const local_binding* first, const void* key) noexcept {
    while (first != nullptr && first->key_ != key) first = first->outer_.get();
    return first;
}

const task_context* find_current_context() noexcept {
    if (works_for != nullptr) return works_for;
    const scheduler* here = scheduler::find_current();
    const waiter* running = here != nullptr ? here->running() : nullptr;
    return running != nullptr && running->scope != nullptr ? running->scope->context() : nullptr;
}

entered_context::entered_context(const task_context* entered) noexcept
    : outer_{std::exchange(works_for, entered)} {}

entered_context::~entered_context() {
    works_for = outer_;
}

}  // namespace simul::detail
