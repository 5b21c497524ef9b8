// SPDX-License-Identifier: Apache-2.0
#include "support/cancellation_harness.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "runtime/backends/simulated.hpp"

namespace simul::test {

namespace {

constexpr unsigned passes_before_completion = 12;

const char* name_of(request how) {
    switch (how) {
        case request::nobody: return "nobody";
        case request::handle: return "its handle";
        case request::group: return "its group";
        case request::sibling_fails: return "a sibling's failure";
        case request::outer_task: return "the task around its group";
        case request::main_ends: return "the end of the main task";
        case request::deadline: return "a limit of time";
    }
    return "unknown";
}

const char* name_of(moment when) {
    switch (when) {
        case moment::never: return "never";
        case moment::before_begin: return "before it begins";
        case moment::before_await: return "before the await";
        case moment::while_pending: return "while it is pending";
        case moment::completion_then_request: return "right after the completion";
        case moment::request_then_completion: return "right before the completion";
        case moment::before_resume: return "between completion and resume";
        case moment::before_resume_same_pass: return "in the pass of the completion";
        case moment::time_out_then_completion: return "in the timers before the completion";
        case moment::completion_then_time_out: return "in the timers after the completion";
        case moment::time_out_then_request: return "in the timers after a time-out";
    }
    return "unknown";
}

// Ends the program when a subject does not end: there is no way on, and the plan must be told.
class patience {
public:
    void lose_some(const run_state& run, const char* what) {
        if (++passes_ % 1024 != 0 || std::chrono::steady_clock::now() - start_ < 20s) return;
        std::fprintf(stderr, "%s for 20 seconds: %s\n", what, run.describe().c_str());
        std::abort();
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::uint64_t passes_ = 0;
};

// Completes at the end of the director's turn, also when that ends by an exception.
class completion_at_exit {
public:
    explicit completion_at_exit(run_state& run) noexcept : run_{run} {}
    completion_at_exit(const completion_at_exit&) = delete;
    completion_at_exit& operator=(const completion_at_exit&) = delete;
    ~completion_at_exit() {
        if (is_armed) run_.complete();
    }
    bool is_armed = false;

private:
    run_state& run_;
};

// Completes and requests, in the order of the plan.
task<> director(run_state& run) {
    completion_at_exit completion{run};
    const plan& planned = run.planned;
    while (!run.subject.done() && !run.has_resumed() &&
           !(run.is_awaiting && run.world.is_ready())) {
        co_await yield_now();
    }
    for (unsigned left = planned.passes; left != 0 && !run.subject.done(); --left) {
        co_await yield_now();
    }
    switch (planned.when) {
        case moment::never: run.complete(); co_return;
        case moment::before_begin:
        case moment::before_await: co_return;
        case moment::while_pending: break;
        case moment::completion_then_request: run.complete(); break;
        case moment::request_then_completion: completion.is_armed = true; break;
        case moment::before_resume:
        case moment::before_resume_same_pass:
            run.wants_completion_first = planned.when == moment::before_resume_same_pass;
            run.wants_completion_last = planned.when == moment::before_resume;
            while (!run.subject.done() && !run.traced.has_ended() && !run.has_resumed()) {
                co_await yield_now();
            }
            break;
        case moment::time_out_then_completion:
        case moment::completion_then_time_out: {
            if (run.subject.done()) co_return;
            const bool last = planned.when == moment::time_out_then_completion;
            const time_point since = last ? simul::test::now() : run.limited_since;
            run.acts_in_time.deadline = since + run.limit - duration{last ? 0 : 1};
            loop::current().arm(run.acts_in_time);
            break;
        }
        case moment::time_out_then_request:
            if (run.subject.done()) co_return;
            run.acts_in_time.deadline = simul::test::now() + run.limit;
            loop::current().arm(run.acts_in_time);
            run.pass_time();
            co_return;
    }
    run.ask();
}

// Runs behind director and subject in each pass.
task<> completer(run_state& run) {
    while (!run.subject.done() && !run.is_completed) {
        if (run.wants_completion_last) {
            run.complete();
            co_return;
        }
        co_await yield_now();
    }
}

// Runs before them.
task<> nurse(run_state& run) {
    patience left;
    unsigned passes_since_request = 0;
    while (!run.is_spawned) co_await yield_now();
    while (!run.subject.done()) {
        if (run.wants_completion_first) run.complete();
        if (run.acts_in_time.armed()) run.pass_time();
        if (run.is_requested) {
            if (run.planned.again || run.planned.how == request::deadline) run.ask_again();
            if (++passes_since_request >= passes_before_completion &&
                run.subject_needs_completion) {
                run.complete();
            }
        }
        left.lose_some(run, "the subject does not end");
        co_await yield_now();
    }
    run.world.subject_ended(run);
    run.complete();
    while (!run.world.is_settled(run) || run.acts_in_time.armed()) {
        if (run.acts_in_time.armed()) run.pass_time();
        left.lose_some(run, "the completion has no effect");
        co_await yield_now();
    }
    run.helpers->cancel();
}

task<> shielded_helpers(run_state& run) {
    task_group helpers;
    run.helpers = &helpers;
    helpers.spawn(nurse(run));
    helpers.spawn(run.world.background());
    co_await shield(helpers.run());
}

// The subject under a limit of time of its own.
task<> limited(run_state& run) {
    auto work = run.make_subject(run);
    run.limited_since = simul::test::now();
    const auto in_time = co_await move_on_after(run.limit, std::move(work));
    run.timed_out = !in_time;
}

task<> whole_subject(run_state& run) {
    const bool has_own_limit = run.planned.how == request::deadline && !run.limits_itself;
    return has_own_limit ? limited(run) : run.make_subject(run);
}

task<> with_siblings(run_state& run) {
    task_group group;
    run.group = &group;
    run.subject = group.spawn(whole_subject(run));
    run.is_spawned = true;
    if (run.planned.when == moment::before_begin) run.ask();
    group.spawn(director(run));
    group.spawn(completer(run));
    bool has_failed = false;
    try {
        co_await group.run();
    } catch (const sibling_failure&) {
        has_failed = true;
    }
    const bool should_fail = run.planned.how == request::sibling_fails && run.is_requested;
    EXPECT_EQ(has_failed, should_fail) << run.describe();
}

task<> everything(run_state& run) {
    if (run.planned.ready) run.complete();
    outermost_group().spawn(shielded_helpers(run));
    if (run.planned.how == request::main_ends) {
        run.subject = outermost_group().spawn(whole_subject(run));
        run.is_spawned = true;
        outermost_group().spawn(completer(run));
        co_await director(run);
        co_return;
    }
    task_group group;
    run.outer = group.spawn(with_siblings(run));
    co_await group.run();
}

void expect(bool condition, const char* what, const run_state& run) {
    run.expect(condition, what);
}

// What check_run() needs to know of a scenario.
struct expectations {
    rule obeys;
    wrapping around;
    bool fails;
    bool at_once;
    bool heeds_requests;
    bool can_complete;
};

// The rule of the operation, when it had a result.
void check_rule(const run_state& run, const expectations& expected) {
    const int outcomes = run.values + run.errors;
    const bool is_kept = expected.around == wrapping::shield ||
                         expected.around == wrapping::outcome ||
                         expected.around == wrapping::gather;
    expect(run.traced.takes + run.traced.given_back == 1,
           "a result is taken or given back, one of the two", run);
    if (run.planned.how == request::deadline) {
        expect(outcomes == run.traced.takes, "what was taken reaches the subject", run);
        if (run.limits_itself && run.completed_while_waiting && expected.at_once) {
            // The limit is at least as early as the completion in one plan only.
            const bool too_late = run.planned.when == moment::time_out_then_completion &&
                                  expected.obeys == rule::gives_back;
            expect(run.traced.given_back == (too_late ? 1 : 0),
                   "what comes after the limit is given back", run);
        }
        return;
    }
    const bool too_late = run.was_effective && !run.was_taken_before && !is_kept;
    if (expected.obeys == rule::gives_back && too_late) {
        expect(run.traced.given_back == 1, "the result is given back", run);
        expect(outcomes == 0, "the subject does not see what was given back", run);
        return;
    }
    expect(run.traced.takes == 1, "the result is delivered", run);
    if (expected.around == wrapping::gather && !expected.fails && run.was_effective) {
        expect(outcomes == 0, "gather destroys results when it is stopped", run);
    } else {
        expect(outcomes == 1, "the result reaches the subject", run);
    }
}

void check_trail(const run_state& run, const expectations& expected) {
    const trail& seen = run.traced;
    expect(seen.made == seen.destroyed, "operations are destroyed once", run);
    expect(seen.destroyed_in_flight == 0, "no operation is destroyed before its notice", run);
    expect(seen.made <= 1 && seen.starts <= seen.made, "one operation, started once", run);
    if (seen.starts != 0) {
        expect(seen.notices == (seen.answer == started::pending ? 1 : 0),
               "pending ends with exactly one notice", run);
    }
    if (seen.has_result()) {
        check_rule(run, expected);
    } else {
        expect(seen.takes == 0 && seen.given_back == 0, "no result, none taken", run);
        expect(run.values + run.errors == 0, "no result, none delivered", run);
    }
    if (expected.obeys == rule::completes && seen.starts != 0) {
        expect(seen.has_result(), "it completes whatever is requested", run);
    }
    // A time-out may give back by itself what comes after the request.
    const bool may_be_stopped = (expected.obeys == rule::gives_back || expected.heeds_requests) &&
                                run.planned.when == moment::request_then_completion;
    if (run.completed_while_waiting && expected.at_once && !may_be_stopped &&
        run.planned.how != request::deadline && run.planned.when != moment::while_pending) {
        expect(seen.has_result(), "a completion that was first is not lost", run);
    }
}

// The same without the trail: what can be told from outside.
void check_bare(const run_state& run, const expectations& expected) {
    const int outcomes = run.values + run.errors;
    if (!expected.at_once || !run.was_effective) return;
    const bool same_turn = run.planned.when == moment::completion_then_request ||
                           run.planned.when == moment::request_then_completion;
    if (!same_turn) return;
    // A sibling fails when its turn ends, after the completion.
    const bool heeded = expected.heeds_requests &&
                        run.planned.when == moment::request_then_completion &&
                        run.planned.how != request::sibling_fails;
    const bool is_stopped = expected.obeys == rule::gives_back || heeded;
    expect(outcomes == (is_stopped ? 0 : 1), "the rule of the operation is kept", run);
}

void check_moment(const run_state& run, const expectations& expected) {
    const int outcomes = run.values + run.errors;
    const bool goes_on_regardless =
        expected.obeys == rule::completes || expected.around == wrapping::shield;
    switch (run.planned.when) {
        case moment::never:
            expect(outcomes == 1 && run.went_on == 1, "an undisturbed await has a result", run);
            expect(run.errors == (expected.fails ? 1 : 0), "and the right one", run);
            break;
        case moment::before_begin:
            expect(run.began == 0, "a task that was cancelled first never begins", run);
            break;
        case moment::before_await:
            expect(run.was_effective, "the request came first", run);
            if (!goes_on_regardless) {
                expect(outcomes == 0, "an await in a cancelled scope does nothing", run);
            }
            break;
        case moment::while_pending:
            if (!run.completed_in_time && expected.at_once && run.was_effective &&
                expected.obeys != rule::completes) {
                expect(outcomes == 0, "nothing happened, so there is no result", run);
            }
            break;
        default: break;
    }
}

}  // namespace

const char* name_of(stage where) {
    switch (where) {
        case stage::simulated: return "simulated";
        case stage::simulated_completions: return "simulated_completions";
        case stage::epoll: return "epoll";
        case stage::poll: return "poll";
        case stage::io_uring: return "io_uring";
        case stage::io_uring_delayed: return "io_uring_delayed";
        case stage::io_uring_ahead: return "io_uring_ahead";
        case stage::automatic: return "automatic";
    }
    return "unknown";
}

const char* name_of(wrapping around) {
    switch (around) {
        case wrapping::none: return "nothing";
        case wrapping::traced: return "a trace";
        case wrapping::timeout: return "timeout";
        case wrapping::shield: return "shield";
        case wrapping::gather: return "gather";
        case wrapping::select: return "select";
        case wrapping::outcome: return "as_outcome";
    }
    return "unknown";
}

std::vector<stage> stages() {
    std::vector<stage> all{stage::simulated, stage::simulated_completions};
    for (const backend_kind kind : with_fallback(test_backends())) {
        if (kind == backend_kind::epoll) all.push_back(stage::epoll);
        if (kind == backend_kind::poll) all.push_back(stage::poll);
        if (kind == backend_kind::automatic) all.push_back(stage::automatic);
        if (kind != backend_kind::io_uring) continue;
        all.push_back(stage::io_uring);
        all.push_back(stage::io_uring_delayed);
        all.push_back(stage::io_uring_ahead);
    }
    return all;
}

std::unique_ptr<loop> make_loop(stage where) {
    loop_options options;
    switch (where) {
        case stage::simulated:
        case stage::simulated_completions: options.backend = backend_kind::simulated; break;
        case stage::epoll: options.backend = backend_kind::epoll; break;
        case stage::poll: options.backend = backend_kind::poll; break;
        case stage::automatic: break;
        case stage::io_uring:
        case stage::io_uring_ahead:
        case stage::io_uring_delayed: options.backend = backend_kind::io_uring; break;
    }
    if (where == stage::io_uring_delayed) ::setenv("SIMUL_IO_URING_DELAY", "3", 1);
    if (where == stage::io_uring_ahead) ::setenv("SIMUL_IO_URING_AHEAD", "0", 1);
    auto made = std::make_unique<loop>(options);
    ::unsetenv("SIMUL_IO_URING_DELAY");
    ::unsetenv("SIMUL_IO_URING_AHEAD");
    if (where == stage::simulated_completions) {
        static_cast<simul::detail::simulated_backend&>(made->io()).set_completion_shape(true);
    }
    return made;
}

std::string describe(const plan& planned) {
    return std::string{"cancelled by "} + name_of(planned.how) + " " + name_of(planned.when) +
           ", " + std::to_string(planned.passes) + " passes after the await" +
           (planned.ready ? ", completed before it" : "") +
           (planned.again ? ", again and again" : "");
}

void run_state::expect(bool condition, const char* otherwise) const {
    if (!condition) ADD_FAILURE() << otherwise << ": " << describe();
}

std::string run_state::describe() const {
    return test::describe(planned) + " [values " + std::to_string(values) + ", errors " +
           std::to_string(errors) + ", time-outs " + std::to_string(timeouts) +
           ", cancelled outcomes " + std::to_string(cancelled_outcomes) + ", went on " +
           std::to_string(went_on) + ", effective " + std::to_string(was_effective) + ", result " +
           std::to_string(traced.has_result()) + ", starts " + std::to_string(traced.starts) +
           ", notices " + std::to_string(traced.notices) + ", takes " +
           std::to_string(traced.takes) + ", given back " + std::to_string(traced.given_back) + "]";
}

void run_state::complete() {
    if (std::exchange(is_completed, true)) return;
    completed_in_time = planned.ready || !subject.done();
    completed_while_waiting = is_awaiting && !has_resumed() && traced.starts == 1 &&
                              traced.notices == 0 && traced.answer == started::pending &&
                              world.is_ready();
    world.complete();
}

void run_state::ask() {
    is_requested = true;
    was_taken_before = traced.takes != 0;
    was_resumed_before = has_resumed();
    was_effective = !subject.done();
    switch (planned.how) {
        case request::nobody: was_effective = false; break;
        case request::handle: {
            const bool asked = subject.cancel();
            EXPECT_EQ(asked, was_effective) << describe();
            break;
        }
        case request::group: group->cancel(); break;
        case request::sibling_fails: throw sibling_failure{};
        case request::outer_task: outer.cancel(); break;
        case request::main_ends: break;
        case request::deadline: pass_time(); break;
    }
}

void run_state::ask_again() {
    if (planned.how == request::deadline) return pass_time();
    EXPECT_FALSE(subject.cancel() && was_effective) << describe();
    if (group != nullptr) group->cancel();
}

// Passes the limit of time and what is armed beside it. The time of the simulated world passes when
// its backend waits, and of the real one by itself.
void run_state::pass_time() const {
    time_point until = limited_since + limit;
    if (acts_in_time.armed()) until = std::max(until, acts_in_time.deadline);
    pass_time_until(until);
}

void pass_time_until(time_point until) {
    loop& running = loop::current();
    if (running.now() > until) return;
    if (running.is_simulated()) {
        running.io().poll(until + duration{1});
    } else {
        while (running.now() <= until) continue;
    }
}

std::size_t& runs_so_far() {
    static std::size_t count = 0;
    return count;
}

std::vector<scenario>& scenarios() {
    static std::vector<scenario> all;
    return all;
}

namespace {

std::uint64_t live_frames() {
    const frame_statistics now = read_frame_statistics();
    return now.allocated - now.released;
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::vector<plan> plans_for(wrapping around, bool remembers, bool can_complete) {
    const bool everything = around == wrapping::traced;
    std::vector<plan> plans;
    const auto add = [&](request how, moment when, unsigned passes = 0, bool ready = false,
                         bool again = false) {
        plans.push_back(plan{how, when, passes, ready, again});
    };
    std::vector<unsigned> waits{0, 4};
    std::vector<request> requests{request::handle, request::sibling_fails};
    if (everything) {
        waits = {0, 1, 4};
        requests = {request::handle, request::group, request::sibling_fails, request::outer_task,
                    request::main_ends};
    }
    for (const unsigned passes : waits) {
        if (can_complete) add(request::nobody, moment::never, passes);
        for (const request how : requests) {
            add(how, moment::while_pending, passes);
            if (!can_complete) continue;
            add(how, moment::completion_then_request, passes);
            if (how != request::main_ends) add(how, moment::request_then_completion, passes);
            if (around == wrapping::none) continue;
            add(how, moment::before_resume, passes);
            add(how, moment::before_resume_same_pass, passes);
        }
        if (everything || around == wrapping::timeout) {
            add(request::deadline, moment::while_pending, passes);
            if (can_complete) {
                add(request::deadline, moment::completion_then_request, passes);
                add(request::deadline, moment::time_out_then_completion, passes);
                add(request::deadline, moment::completion_then_time_out, passes);
            }
        }
        if (around == wrapping::timeout) {
            add(request::handle, moment::time_out_then_request, passes);
            add(request::outer_task, moment::time_out_then_request, passes);
        }
        if (!everything) continue;
        add(request::handle, moment::while_pending, passes, false, true);
        add(request::group, moment::while_pending, passes, false, true);
        if (!can_complete) continue;
        add(request::handle, moment::completion_then_request, passes, false, true);
        add(request::handle, moment::request_then_completion, passes, false, true);
        add(request::handle, moment::before_resume, passes, false, true);
    }
    add(request::handle, moment::before_begin);
    add(request::group, moment::before_begin);
    for (const request how : {request::handle, request::group, request::outer_task}) {
        add(how, moment::before_await);
        if (remembers && can_complete) add(how, moment::before_await, 0, true);
    }
    if (remembers && can_complete) add(request::nobody, moment::never, 0, true);
    return plans;
}

void disturb(loop& running, run_state& run) {
    run_options options;
    options.handle_interrupt = false;
    run_on(running, everything(run), options);
    run_on(running, run.world.verify(run), options);
}

void check_run(const run_state& run, const expectations& expected) {
    expect(run.began <= 1 && run.alive == 0, "locals are destroyed once", run);
    const int outcomes = run.values + run.errors + run.cancelled_outcomes + run.timeouts;
    expect(outcomes <= 1, "one outcome of the await", run);
    if (run.planned.how != request::deadline && run.was_effective && !run.was_resumed_before) {
        expect(run.timeouts == 0, "a request from outside is more than a time-out", run);
    }
    const bool was_stopped = run.subject.was_cancelled() || run.timed_out;
    expect(run.subject.done() && run.subject.error() == nullptr, "the subject has ended", run);
    expect((run.went_on == 1) != was_stopped, "one outcome of the task", run);
    expect(run.went_on <= outcomes, "the code behind an await runs if there is a result", run);
    if (run.planned.how != request::deadline) {
        expect(was_stopped == run.was_effective,
               "a request that came in time stops the task, and nothing else does", run);
    }
    if (expected.around == wrapping::none) {
        check_bare(run, expected);
    } else {
        check_trail(run, expected);
    }
    check_moment(run, expected);
}

}  // namespace

void scenario::run(stage where) const {
    for (const wrapping around :
         {wrapping::traced, wrapping::none, wrapping::timeout, wrapping::shield, wrapping::gather,
          wrapping::select, wrapping::outcome}) {
        if (around == wrapping::shield && !can_complete) continue;
        run_wrapped(around, where);
        if (::testing::Test::HasFailure()) return;
    }
}

void scenario::run_wrapped(wrapping around, stage where) const {
    const std::unique_ptr<loop> running = make_loop(where);
    for (const plan& planned : plans_for(around, remembers, can_complete)) {
        const std::uint64_t frames = live_frames();
        const std::size_t descriptors = is_simulated(where) ? 0 : open_descriptors();
        run_once(around, planned, *running, where);
        simul::detail::clear_traces();
        EXPECT_EQ(live_frames(), frames) << "frames leaked: " << test::describe(planned);
        if (!is_simulated(where)) {
            EXPECT_EQ(open_descriptors(), descriptors)
                << "descriptors: " << test::describe(planned);
        }
        ++runs_so_far();
        if (::testing::Test::HasFailure()) {  // the first of hundreds tells it all
            FAIL() << awaitable << " " << variant << " in " << name_of(around) << " on "
                   << name_of(where);
        }
    }
}

void scenario::run_once(wrapping around, const plan& planned, loop& running, stage where) const {
    const expectations expected{obeys, around, fails, at_once, heeds_requests, can_complete};
    const std::unique_ptr<scenario_world> world = make(where);
    run_state run{*world, planned, subjects[static_cast<std::size_t>(around)]};
    run.limit = is_simulated(where) ? duration{1s} : duration{200us};
    run.limits_itself =
        around == wrapping::timeout &&
        (planned.how == request::deadline || planned.when == moment::time_out_then_request);
    run.subject_needs_completion =
        obeys == rule::completes || needs_completion || around == wrapping::shield;
    if (planned.how == request::nobody) run.partner_delay = duration::zero();
    disturb(running, run);
    check_run(run, expected);
    EXPECT_EQ(running.statistics().operations, 0U) << run.describe();
    EXPECT_EQ(running.statistics().timers, 0U) << run.describe();
}

}  // namespace simul::test
