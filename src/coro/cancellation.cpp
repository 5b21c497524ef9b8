// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/cancellation.hpp"

#include <algorithm>

#include "simul/coro/scheduler.hpp"

namespace simul {

const char* describe(cancel_reason reason) noexcept {
    switch (reason) {
        case cancel_reason::none: return "not cancelled";
        case cancel_reason::requested: return "cancel was called";
        case cancel_reason::deadline: return "its limit of time passed";
        case cancel_reason::sibling_failed: return "another task of the group failed";
        case cancel_reason::loser: return "another branch was first";
        case cancel_reason::shutdown: return "the main task ended";
        case cancel_reason::interrupted: return "interrupted by the user";
        case cancel_reason::deadlock: return "nothing in the program could run any more";
    }
    return "unknown reason";
}

void cancel_scope::enter(cancel_scope& parent, bool shielded) noexcept {
    SIMUL_DEBUG_ASSERT(parent_ == nullptr, "a cancel scope was entered twice");
    link_below(parent);
    context_ = parent.context_;
    shielded_ = shielded;
    if (parent.is_cancelled() && !shielded && !is_cancelled()) {
        mark(parent.reason(), parent.requested_at_);
    }
}

void cancel_scope::leave() noexcept {
    if (parent_ == nullptr) return;
    SIMUL_DEBUG_ASSERT(first_child_ == nullptr && waiting_.empty(),
                       "a cancel scope was left while something ran inside it");
    unlink_from_parent();
    parent_ = nullptr;
}

void cancel_scope::move_to(cancel_scope& parent) noexcept {
    SIMUL_DEBUG_ASSERT(parent_ != nullptr, "a cancel scope was moved before it was entered");
    unlink_from_parent();
    link_below(parent);
    if (parent.is_cancelled() && !shielded_) cancel(parent.reason(), parent.requested_at_);
}

void cancel_scope::link_below(cancel_scope& parent) noexcept {
    parent_ = &parent;
    next_sibling_ = parent.first_child_;
    previous_sibling_ = nullptr;
    if (next_sibling_ != nullptr) next_sibling_->previous_sibling_ = this;
    parent.first_child_ = this;
}

void cancel_scope::unlink_from_parent() noexcept {
    if (previous_sibling_ != nullptr) {
        previous_sibling_->next_sibling_ = next_sibling_;
    } else {
        parent_->first_child_ = next_sibling_;
    }
    if (next_sibling_ != nullptr) next_sibling_->previous_sibling_ = previous_sibling_;
}

// In pre-order over all scopes below, also those that are cancelled: a shield may lie below one.
void cancel_scope::cancel_through_shields(cancel_reason reason,
                                          std::source_location where) noexcept {
    cancel_scope* each = this;
    while (each != nullptr) {
        each->cancel(reason, where);
        cancel_scope* following = each->first_child_;
        while (following == nullptr && each != this) {
            following = each->next_sibling_;
            if (following == nullptr) each = each->parent_;
        }
        each = following;
    }
}

// What waits in the scopes that become cancelled is put on the scheduler's list. A scope that was
// cancelled before has no unmarked ones below it, so the walk does not enter it: limits that expire
// one inside the other cost a step each.
bool cancel_scope::cancel(cancel_reason reason, std::source_location where) noexcept {
    if (is_cancelled()) return false;
    for (cancel_scope* marked = this; marked != nullptr; marked = next_unmarked(marked)) {
        marked->mark(reason, where);
        if (!marked->waiting_.empty()) scheduler::current().ask_to_end(marked->waiting_);
    }
    return true;
}

time_point earliest_deadline(const cancel_scope& scope) noexcept {
    time_point earliest = time_point::max();
    for (const cancel_scope* each = &scope; each != nullptr; each = each->parent()) {
        if (each->is_limited()) {
            earliest = std::min(earliest, static_cast<const limited_scope*>(each)->deadline);
        }
        if (each->is_shielded()) break;
    }
    return earliest;
}

void cancel_scope::mark(cancel_reason reason, std::source_location where) noexcept {
    __atomic_store(&reason_, &reason, __ATOMIC_RELAXED);
    requested_at_ = where;
}

// The next scope in pre-order below this one that a request has to reach.
cancel_scope* cancel_scope::next_unmarked(cancel_scope* position) const noexcept {
    cancel_scope* candidate = position->first_child_;
    for (;;) {
        while (candidate != nullptr && (candidate->shielded_ || candidate->is_cancelled())) {
            candidate = candidate->next_sibling_;
        }
        if (candidate != nullptr) return candidate;
        if (position == this) return nullptr;
        candidate = position->next_sibling_;
        position = position->parent_;
    }
}

}  // namespace simul
