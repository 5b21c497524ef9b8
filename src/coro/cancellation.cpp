// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/cancellation.hpp"

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

cancel_scope::~cancel_scope() {
    SIMUL_ASSERT(parent_ == nullptr && first_child_ == nullptr,
                 "a cancel scope was destroyed while something ran inside it");
}

void cancel_scope::enter(cancel_scope& parent, bool shielded) noexcept {
    SIMUL_DEBUG_ASSERT(parent_ == nullptr, "a cancel scope was entered twice");
    parent_ = &parent;
    shielded_ = shielded;
    next_sibling_ = parent.first_child_;
    previous_sibling_ = nullptr;
    if (next_sibling_ != nullptr) next_sibling_->previous_sibling_ = this;
    parent.first_child_ = this;
    if (parent.is_cancelled() && !shielded && !is_cancelled()) {
        mark(parent.reason_, parent.requested_at_);
    }
}

void cancel_scope::leave() noexcept {
    if (parent_ == nullptr) return;
    SIMUL_DEBUG_ASSERT(first_child_ == nullptr && waiting_.empty(),
                       "a cancel scope was left while something ran inside it");
    if (delivery_slot_ != nullptr) scheduler::current().forget(*this);
    if (previous_sibling_ != nullptr) {
        previous_sibling_->next_sibling_ = next_sibling_;
    } else {
        parent_->first_child_ = next_sibling_;
    }
    if (next_sibling_ != nullptr) next_sibling_->previous_sibling_ = previous_sibling_;
    parent_ = nullptr;
}

bool cancel_scope::cancel(cancel_reason reason, std::source_location where) noexcept {
    if (is_cancelled()) return false;
    mark(reason, where);
    // Outside of the tree there is nobody to ask yet, and nobody would take it off the list.
    if (parent_ == nullptr && first_child_ == nullptr && waiting_.empty()) return true;
    for (cancel_scope* below = next_below(this, *this); below != nullptr;
         below = next_below(below, *this)) {
        if (!below->is_cancelled()) below->mark(reason, where);
    }
    scheduler::current().deliver(*this);
    return true;
}

void cancel_scope::mark(cancel_reason reason, std::source_location where) noexcept {
    reason_ = reason;
    requested_at_ = where;
}

// The next scope in pre-order below `top`, without entering shielded ones.
cancel_scope* cancel_scope::next_below(cancel_scope* position, cancel_scope& top) noexcept {
    cancel_scope* candidate = position->first_child_;
    for (;;) {
        while (candidate != nullptr && candidate->shielded_) candidate = candidate->next_sibling_;
        if (candidate != nullptr) return candidate;
        if (position == &top) return nullptr;
        candidate = position->next_sibling_;
        position = position->parent_;
    }
}

}  // namespace simul
