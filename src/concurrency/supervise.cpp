// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/supervise.hpp"

#include <algorithm>

#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul {

const char* restarted_too_often::what() const noexcept {
    return "a supervised task that always has to run ended too often";
}

namespace detail {

namespace {

// The error that ends a supervision; after a normal end there is none to throw.
[[noreturn]] void throw_last(error_history& errors, bool ended_normally) {
    if (ended_normally) errors.add(std::make_exception_ptr(restarted_too_often{}));
    errors.rethrow_last();
}

}  // namespace

bool restart_counter::admit(time_point now) {
    if (limit_ != restart_options::unlimited) {
        while (!recent_.empty() && now - recent_.front() > period_) recent_.pop_front();
        if (recent_.size() >= limit_) return false;
        recent_.push_back(now);
    }
    ++total_;
    return true;
}

bool wants_restart(restart_policy policy, const std::exception_ptr& error) {
    if (error == nullptr) return policy == restart_policy::always;
    return policy != restart_policy::never && !is_cancellation(error);
}

supervision::supervision(restart_options options)
    : options_{std::move(options)}, counter_{options_}, delays_{options_.delays_} {}

void supervision::begin() noexcept {
    began_ = loop::current().now();
}

duration supervision::ended(std::exception_ptr error) {
    if (error) errors_.add(error);
    const time_point now = loop::current().now();
    if (!wants_restart(options_.policy_, error) || !counter_.admit(now)) {
        throw_last(errors_, error == nullptr);
    }
    if (now - began_ >= options_.period_) delays_.reset();
    const duration delay = delays_.next();
    if (options_.on_restart_) {
        options_.on_restart_(restart_report{{}, counter_.total(), error, delay});
    }
    return delay;
}

// --- supervisor ---------------------------------------------------------------------------------

// One run at a time, and manage() inside it.
class supervisor_core::running_mark {
public:
    explicit running_mark(bool& mark) noexcept : mark_{mark} { mark_ = true; }
    running_mark(const running_mark&) = delete;
    running_mark& operator=(const running_mark&) = delete;
    ~running_mark() { mark_ = false; }

private:
    bool& mark_;
};

// However a child's task ends, its state says so; one that was stopped has finished.
class supervisor_core::child_duty {
public:
    child_duty(supervisor_core& owner, supervised_task& child) noexcept
        : owner_{owner}, child_{child} {}
    child_duty(const child_duty&) = delete;
    child_duty& operator=(const child_duty&) = delete;
    ~child_duty() {
        if (child_.now == state::running) child_.now = state::finished;
        owner_.changed_.set();
    }

private:
    supervisor_core& owner_;
    supervised_task& child_;
};

supervisor_core::supervisor_core(restart_strategy strategy, restart_options options)
    : strategy_{strategy}, options_{std::move(options)}, counter_{options_} {}

supervisor_core::~supervisor_core() {
    SIMUL_ASSERT(!is_running_, "a supervisor was destroyed while it runs: await its run() first");
}

void supervisor_core::add(std::string name, supervised_task::factory make, restart_policy policy) {
    SIMUL_ASSERT(!is_running_, "a child was added to a supervisor that runs: add it before run()");
    children_.emplace_back(std::move(name), std::move(make), policy, options_);
}

task<> supervisor_core::run() {
    SIMUL_ASSERT(!is_running_, "a supervisor was run twice at the same time");
    const running_mark running{is_running_};
    reset();
    co_await with_task_group([this](task_group& group) { return manage(group); });
}

void supervisor_core::reset() {
    counter_ = restart_counter{options_};
    errors_ = error_history{};
    for (supervised_task& child : children_) {
        child.now = state::waiting;
        child.is_being_stopped = false;
        child.error = nullptr;
        child.delays.reset();
    }
}

// The body of the group. The children are its services: when this has ended, in whichever way, they
// are stopped the newest first, and requests from outside reach them through this only.
task<> supervisor_core::manage(task_group& group) {
    const running_mark managed{is_managed_};
    while (!all_finished()) {
        const std::size_t failed = first_failed();
        if (failed != children_.size()) {
            co_await restart(failed);
            continue;
        }
        changed_.clear();
        start_due(group);  // one that begins eagerly may end in here
        co_await move_on_after(time_to_next_start(), changed_.wait());
    }
}

void supervisor_core::start_due(task_group& group) {
    const time_point now = loop::current().now();
    for (supervised_task& child : children_) {
        const bool rested = child.now == state::resting && child.due <= now;
        if (child.now != state::waiting && !rested) continue;
        child.error = nullptr;
        child.began = now;
        child.now = state::running;
        child.running = group.spawn_service(run_child(child), spawn_options{}.named(child.name));
    }
}

task<> supervisor_core::run_child(supervised_task& child) {
    const child_duty duty{*this, child};
    std::exception_ptr error;
    try {
        co_await child.make();
    } catch (...) {
        error = std::current_exception();
    }
    child_ended(child, std::move(error));
}

// Throws what the group is to take: when nobody manages, it is about to end.
void supervisor_core::child_ended(supervised_task& child, std::exception_ptr error) {
    if (!is_managed_) {
        if (error) std::rethrow_exception(error);
        return;
    }
    if (child.is_being_stopped) {
        child.now = state::finished;
        if (error) report_unhandled_error(error, "of a supervised task that was being stopped");
        return;
    }
    const bool has_finished = error == nullptr && !wants_restart(child.policy, error);
    child.now = has_finished ? state::finished : state::failed;
    child.error = std::move(error);
}

// One restart, with all that the strategy says. While the siblings end, others may fail; those that
// this restart concerns are a part of it, the others come next.
task<> supervisor_core::restart(std::size_t failed) {
    supervised_task& cause = children_[failed];
    const time_point now = loop::current().now();
    if (cause.error) errors_.add(cause.error);
    if (!wants_restart(cause.policy, cause.error) || !counter_.admit(now)) {
        throw_last(errors_, cause.error == nullptr);
    }
    if (now - cause.began >= options_.period_) cause.delays.reset();
    const duration delay = cause.delays.next();
    report(cause, delay);
    cause.now = state::resting;
    cause.due = saturating_add(now, delay);

    if (strategy_ == restart_strategy::one_for_one) co_return;
    const std::size_t first = strategy_ == restart_strategy::one_for_all ? 0 : failed;
    for (std::size_t each = children_.size(); each-- != first;) {
        supervised_task& sibling = children_[each];
        if (sibling.now != state::running) continue;
        sibling.is_being_stopped = true;
        sibling.running.cancel(cancel_reason::sibling_failed);
        try {
            co_await sibling.running;
        } catch (const cancelled&) {
        }
        sibling.is_being_stopped = false;
        sibling.now = state::finished;
    }
    rest(first, delay);
}

// All of them start at the same time, so in their order, and not before any delay is over.
void supervisor_core::rest(std::size_t first, duration delay) {
    time_point due = saturating_add(loop::current().now(), delay);
    for (std::size_t each = first; each != children_.size(); ++each) {
        supervised_task& sibling = children_[each];
        if (sibling.now == state::resting) due = std::max(due, sibling.due);
    }
    for (std::size_t each = first; each != children_.size(); ++each) {
        supervised_task& sibling = children_[each];
        if (sibling.now == state::failed) {
            // It failed meanwhile. If that is for good, manage() finds it next.
            if (!wants_restart(sibling.policy, sibling.error)) continue;
            if (sibling.error) errors_.add(sibling.error);
            report(sibling, delay);
        }
        const bool is_over = sibling.policy == restart_policy::never;
        sibling.now = is_over ? state::finished : state::resting;
        sibling.due = due;
    }
}

void supervisor_core::report(const supervised_task& child, duration delay) const {
    if (!options_.on_restart_) return;
    options_.on_restart_(restart_report{child.name, counter_.total(), child.error, delay});
}

std::size_t supervisor_core::running() const noexcept {
    if (!is_running_) return 0;
    const auto runs = [](const supervised_task& child) { return child.now == state::running; };
    return static_cast<std::size_t>(std::ranges::count_if(children_, runs));
}

std::size_t supervisor_core::first_failed() const noexcept {
    const auto has_failed = [](const supervised_task& child) { return child.now == state::failed; };
    return static_cast<std::size_t>(std::ranges::find_if(children_, has_failed) -
                                    children_.begin());
}

bool supervisor_core::all_finished() const noexcept {
    return std::ranges::all_of(
        children_, [](const supervised_task& child) { return child.now == state::finished; });
}

duration supervisor_core::time_to_next_start() const noexcept {
    time_point next = time_point::max();
    for (const supervised_task& child : children_) {
        if (child.now == state::resting) next = std::min(next, child.due);
    }
    return next == time_point::max() ? duration::max() : next - loop::current().now();
}

}  // namespace detail

}  // namespace simul
