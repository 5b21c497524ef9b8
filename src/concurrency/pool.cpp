// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/pool.hpp"

#include "simul/base/assert.hpp"

namespace simul::detail {

void pool_slot::release(bool is_reusable) noexcept {
    if (core_ == nullptr) return;
    pool_core& core = *std::exchange(core_, nullptr);
    if (resource_ == nullptr) {
        --core.empty_slots_;
        core.give_back(*line_, nullptr);
        return;
    }
    std::unique_ptr<pooled> broken;
    if (!is_reusable) broken = std::move(resource_);
    core.give_back(*line_, std::move(resource_));
}

void pool_slot::fill(std::unique_ptr<pooled> made) noexcept {
    resource_ = std::move(made);
    --core_->empty_slots_;
    ++core_->made_;
}

slot_operation::slot_operation(pool_core& core, pool_line& line) noexcept
    : leaf{kind}, parked{&woken}, core_{core}, line_{line} {
    ++line_.users;
    ++core_.users_;
    core_.note_use();
}

slot_operation::~slot_operation() {
    slot_.release(true);
    --line_.users;
    --core_.users_;
    core_.forget_if_unused(line_);
    core_.note_use();
}

started slot_operation::start(waiter& self) noexcept {
    if (self.scope->is_cancelled()) return started::stopped;
    if (core_.is_closed_) return started::done;
    pool_core::idle_list condemned;
    const bool has_taken = core_.try_take(line_, slot_, condemned);
    core_.destroy(condemned);
    if (has_taken) return started::done;
    static_cast<void>(begin(self));  // the scope was asked above
    core_.park(*this);
    return started::pending;
}

pool_slot slot_operation::take() {
    if (!slot_) throw closed{};
    return std::move(slot_);
}

void slot_operation::woken(parked& self) noexcept {
    auto& served = static_cast<slot_operation&>(self);
    --served.core_.waiting_;
    served.finish(notice::queue);
}

void slot_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<slot_operation&>(self);
    waiting.line_.waiting.leave_if_parked(waiting);
    if (waiting.line_.waiting.empty()) waiting.line_.unlink();
    --waiting.core_.waiting_;
    waiting.finish(notice::stopped);
}

pool_core::pool_core(const pool_options& options) noexcept
    : max_total_{options.max_total},
      max_per_key_{options.max_per_key},
      max_idle_{options.max_idle},
      idle_timeout_{options.idle_timeout},
      sweep_{*this} {
    SIMUL_ASSERT(max_total_ != 0 && max_per_key_ != 0,
                 "a pool with a limit of zero can hand out nothing");
    unused.set();
}

pool_core::~pool_core() = default;

void pool_core::note_use() noexcept {
    if (is_used() != unused.is_set()) return;
    if (is_used()) {
        unused.clear();
    } else {
        unused.set();
    }
}

bool pool_core::try_take(pool_line& line, pool_slot& into, idle_list& condemned) noexcept {
    if (slots_ >= max_total_ || line.slots >= max_per_key_) return false;
    ++slots_;
    ++line.slots;
    into.core_ = this;
    into.line_ = &line;
    into.resource_ = take_idle(line, condemned);
    if (into.resource_ != nullptr) {
        ++reused_;
    } else {
        ++empty_slots_;
        while (slots_ + idle_count_ > max_total_) condemn(idle_.front(), condemned);
    }
    note_use();
    return true;
}

void pool_core::give_back(pool_line& line, std::unique_ptr<pooled> resource) noexcept {
    idle_list condemned;
    ++line.users;  // not to be forgotten on the way
    --slots_;
    --line.slots;
    if (!is_closed_ && resource != nullptr) put_idle(line, std::move(resource));
    serve(condemned);
    while (idle_count_ > max_idle_) condemn(idle_.front(), condemned);
    --line.users;
    forget_if_unused(line);
    note_use();
    destroy(condemned);
}

void pool_core::park(slot_operation& newcomer) noexcept {
    newcomer.arrival_ = ++arrivals_;
    ++waiting_;
    newcomer.line_.waiting.park(newcomer);
    if (!newcomer.line_.list_hook<pool_line>::linked()) lines_.push_back(newcomer.line_);
}

// The one who came first of those whose lines are not full.
slot_operation* pool_core::first_who_may() noexcept {
    slot_operation* chosen = nullptr;
    pool_line* following = nullptr;
    for (pool_line* line = lines_.empty() ? nullptr : &lines_.front(); line != nullptr;
         line = following) {
        following = lines_.next(*line);
        if (line->slots >= max_per_key_) continue;
        slot_operation* first = first_live<slot_operation>(line->waiting);
        if (first == nullptr) {
            line->unlink();
        } else if (chosen == nullptr || first->arrival_ < chosen->arrival_) {
            chosen = first;
        }
    }
    return chosen;
}

void pool_core::serve(idle_list& condemned) noexcept {
    while (slots_ < max_total_) {
        slot_operation* served = first_who_may();
        if (served == nullptr) return;
        pool_line& line = served->line_;
        static_cast<void>(try_take(line, served->slot_, condemned));
        line.waiting.wake(*served);
        if (line.waiting.empty()) line.unlink();
    }
}

void pool_core::put_idle(pool_line& line, std::unique_ptr<pooled> resource) noexcept {
    pooled& idle = *resource.release();
    idle.line = &line;
    idle.idle_since = loop::current().now();
    idle_.push_back(idle);
    line.idle.push_back(idle);
    ++idle_count_;
    if (sweep_.armed()) return;
    sweep_.deadline = saturating_add(idle.idle_since, idle_timeout_);
    loop::current().arm(sweep_);
}

std::unique_ptr<pooled> pool_core::take_idle(pool_line& line, idle_list& condemned) noexcept {
    if (line.idle.empty()) return nullptr;
    const time_point now = loop::current().now();
    while (!line.idle.empty()) {
        pooled& last = line.idle.back();
        if (saturating_add(last.idle_since, idle_timeout_) <= now) {
            condemn(last, condemned);
            continue;
        }
        last.list_hook<idle_in_pool>::unlink();
        last.list_hook<idle_in_line>::unlink();
        --idle_count_;
        return std::unique_ptr<pooled>{&last};
    }
    return nullptr;
}

void pool_core::condemn(pooled& idle, idle_list& condemned) noexcept {
    idle.list_hook<idle_in_pool>::unlink();
    idle.list_hook<idle_in_line>::unlink();
    --idle_count_;
    condemned.push_back(idle);
    forget_if_unused(*idle.line);
}

void pool_core::destroy(idle_list& condemned) noexcept {
    while (pooled* each = condemned.pop_front()) delete each;
}

void pool_core::destroy_idle() noexcept {
    idle_list condemned;
    while (!idle_.empty()) condemn(idle_.front(), condemned);
    if (sweep_.armed()) loop::current().disarm(sweep_);
    destroy(condemned);
}

void pool_core::sweep() noexcept {
    idle_list condemned;
    const time_point now = loop::current().now();
    while (!idle_.empty()) {
        const time_point end = saturating_add(idle_.front().idle_since, idle_timeout_);
        if (end > now) {
            sweep_.deadline = end;
            loop::current().arm(sweep_);
            break;
        }
        condemn(idle_.front(), condemned);
    }
    destroy(condemned);
}

void pool_core::close() noexcept {
    is_closed_ = true;
    while (!lines_.empty()) {
        pool_line& line = lines_.front();
        while (auto* waiting = first_live<slot_operation>(line.waiting)) {
            line.waiting.wake(*waiting);
        }
        line.unlink();
    }
    destroy_idle();
}

void pool_core::count(pool_statistics& into) const noexcept {
    into.leased = slots_ - empty_slots_;
    into.making = empty_slots_;
    into.idle = idle_count_;
    into.waiting = waiting_;
    into.made = made_;
    into.reused = reused_;
}

void pool_core::forget_if_unused(pool_line& line) noexcept {
    if (line.slots == 0 && line.users == 0 && line.idle.empty()) forget(line);
}

}  // namespace simul::detail
