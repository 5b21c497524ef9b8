// SPDX-License-Identifier: Apache-2.0
//
// support/cancellation_harness.hpp: awaits something once and cancels it at every moment there is.
//
// A scenario is a class derived from scenario_world. The harness makes one for each run and spawns
// a *subject*, a task that awaits what wait() gives. Around it stand
//
//      nurse       in the outermost group, shielded; ends what cannot end by itself
//      director    the subject's sibling, or the main task; completes and requests
//      completer   the sibling behind the director in the ready list
//
// so that completion and request fall into the order that a plan asks for. A `traced` awaitable,
// directly around the one under test, writes down what the protocol of coro/awaitable.hpp said. All
// order comes from tasks and yields, none from time.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/frame_allocator.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {

using namespace std::chrono_literals;

/// Where a scenario runs. The simulated world has two shapes, and io_uring is run once more with
/// every completion held back for three polls. Where io_uring cannot run, `automatic` is what a
/// program gets instead.
enum class stage {
    simulated,
    simulated_completions,
    epoll,
    poll,
    io_uring,
    io_uring_delayed,
    io_uring_ahead,
    automatic
};

const char* name_of(stage where);
std::vector<stage> stages();
std::unique_ptr<loop> make_loop(stage where);

constexpr bool is_simulated(stage where) {
    return where == stage::simulated || where == stage::simulated_completions;
}

/// A kernel that completes nothing late: for scenarios that wait for it in earnest, and are dear.
constexpr bool is_plain_kernel(stage where) {
    return !is_simulated(where) && where != stage::io_uring_delayed;
}

/// What becomes of a result when the request is there already; see coro/awaitable.hpp. `completes`
/// is for what ends with a result whatever is requested.
enum class rule { delivers, gives_back, completes };

/// Who asks the subject to end.
enum class request { nobody, handle, group, sibling_fails, outer_task, main_ends, deadline };

/// When.
enum class moment {
    never,
    before_begin,              // the subject has not run yet
    before_await,              // its scope is cancelled when the await begins
    while_pending,             // suspended, and nothing completes it
    completion_then_request,   // both in one turn
    request_then_completion,   // the same, the other way round
    before_resume,             // the result is there, and the subject queued behind the director
    before_resume_same_pass,   // the result came earlier in the director's pass
    time_out_then_completion,  // in one pass of the timers
    completion_then_time_out,
    time_out_then_request,  // in one pass of the timers; the time-out is the wrapping
};

/// One way to disturb a subject.
struct plan {
    request how = request::nobody;
    moment when = moment::never;
    unsigned passes = 0;  ///< how many passes after the await began
    bool ready = false;   ///< completed before the await
    bool again = false;   ///< requested once more in every pass
};

std::string describe(const plan& disturbance);

/// What the operation under test was told and asked.
struct trail {
    int made = 0;
    int destroyed = 0;
    int starts = 0;
    int notices = 0;
    int takes = 0;
    int given_back = 0;
    int destroyed_in_flight = 0;
    started answer = started::stopped;
    notice how = notice::stopped;

    [[nodiscard]] bool has_ended() const noexcept {
        return starts != 0 && (answer != started::pending || notices != 0);
    }
    [[nodiscard]] bool has_result() const noexcept {
        return starts != 0 && (answer == started::done || (notices != 0 && how != notice::stopped));
    }
};

/// What the awaitable under test is wrapped in.
enum class wrapping { none, traced, timeout, shield, gather, select, outcome };
inline constexpr std::size_t wrapping_count = 7;

const char* name_of(wrapping around);

struct run_state;

/// The world of one run, made on the loop's thread before anything runs.
class scenario_world {
public:
    explicit scenario_world(stage where) noexcept : where_{where} {}
    scenario_world(const scenario_world&) = delete;
    scenario_world& operator=(const scenario_world&) = delete;
    virtual ~scenario_world() = default;

    // What a scenario says of itself; hidden by declarations of its own.
    static constexpr const char* variant = "";
    static constexpr bool fails = false;             ///< it completes with an error
    static constexpr bool at_once = false;           ///< complete() ends the wait before it returns
    static constexpr bool heeds_requests = false;    ///< nothing completes it after a request
    static constexpr bool remembers = true;          ///< complete() works before the await, too
    static constexpr bool can_complete = true;       ///< complete() has an effect
    static constexpr bool needs_completion = false;  ///< a request alone does not end it
    static constexpr bool receives_ahead = false;    ///< receives over TCP: see io_uring_ahead.hpp
    static constexpr bool runs_on(stage) noexcept { return true; }

    /// Makes the awaitable complete. Called once in each run, also when nobody waits any more.
    virtual void complete() = 0;

    /// True when a subject that waits waits for complete().
    [[nodiscard]] virtual bool is_ready() const { return true; }

    /// Runs beside the subject and is cancelled after it.
    virtual task<> background() { co_return; }

    /// The subject has ended.
    virtual void subject_ended(const run_state&) {}

    /// True when what complete() does has happened. Asked in every pass after the subject's end.
    [[nodiscard]] virtual bool is_settled(const run_state&) { return true; }

    /// Checks that nothing was lost or doubled, and cleans up.
    virtual task<> verify(const run_state&) { co_return; }

protected:
    [[nodiscard]] stage where() const noexcept { return where_; }

private:
    stage where_;
};

/// What one run did.
struct run_state {
    /// Completes, or requests, from within the loop's timers.
    struct acting_timer : timer {
        explicit acting_timer(run_state& owner) noexcept
            : timer{[](timer& self) noexcept { static_cast<acting_timer&>(self).act(); }},
              run{owner} {}
        void act() const noexcept {
            if (run.planned.when == moment::time_out_then_request) {
                run.ask();
            } else {
                run.complete();
            }
        }
        run_state& run;
    };

    run_state(scenario_world& inside, const plan& disturbance, task<> (*make)(run_state&)) noexcept
        : world{inside}, planned{disturbance}, make_subject{make} {}

    scenario_world& world;
    plan planned;
    task<> (*make_subject)(run_state&);
    bool subject_needs_completion = false;
    bool limits_itself = false;   ///< the time-out of request::deadline is the wrapping
    duration partner_delay = 1h;  ///< of the sleeper beside the awaitable in gather

    // What the subject did.
    trail traced;
    int began = 0;
    int alive = 0;
    int values = 0;              ///< results that reached its code
    int errors = 0;              ///< exceptions that did
    int cancelled_outcomes = 0;  ///< as_outcome only
    int timeouts = 0;            ///< of the wrapping
    int went_on = 0;             ///< it passed the await after that
    bool is_awaiting = false;
    bool timed_out = false;

    // What the others did.
    bool is_spawned = false;
    task_handle<> subject;
    task_handle<> outer;
    task_group* group = nullptr;
    task_group* helpers = nullptr;
    bool is_completed = false;
    bool completed_in_time = false;  ///< while the subject lived
    bool is_requested = false;
    bool was_effective = false;       ///< the subject lived when it was requested
    bool was_resumed_before = false;  ///< its code after the await had begun by then
    bool was_taken_before = false;    ///< its result had been taken by then
    bool completed_while_waiting = false;
    bool wants_completion_first = false;
    bool wants_completion_last = false;
    time_point limited_since;
    duration limit{};
    acting_timer acts_in_time{*this};

    [[nodiscard]] bool has_resumed() const noexcept {
        return values + errors + cancelled_outcomes + timeouts != 0;
    }
    /// A result was taken and did not reach the subject: gather destroys it.
    [[nodiscard]] int lost() const noexcept {
        return traced.takes == 1 && values + errors == 0 ? 1 : 0;
    }
    /// Results that have left their source.
    [[nodiscard]] int consumed() const noexcept { return values + errors + lost(); }

    void complete();
    void ask();
    void ask_again();
    void pass_time() const;
    void expect(bool condition, const char* otherwise) const;
    [[nodiscard]] std::string describe() const;
};

/// The failure of a sibling.
struct sibling_failure {};

/// Returns when the loop's clock has passed `until`; its timers fire later in this pass.
void pass_time_until(time_point until);

namespace detail {

template <class Awaitable>
class traced_operation : public waiter {
    using inner = operation_of<Awaitable>;

public:
    traced_operation(trail& written, Awaitable&& awaited)
        : waiter{&respond},
          trail_{written},
          inner_(simul::detail::make_operation(std::forward<Awaitable>(awaited))) {
        ++trail_.made;
    }
    ~traced_operation() {
        ++trail_.destroyed;
        if (trail_.answer == started::pending && trail_.notices == 0) ++trail_.destroyed_in_flight;
    }

    started start(waiter& self) noexcept {
        up = &self;
        scope = self.scope;
        ++trail_.starts;
        trail_.answer = inner_.start(*this);
        return trail_.answer;
    }

    decltype(auto) take() {
        ++trail_.takes;
        return inner_.take();
    }

    bool give_back() noexcept
        requires requires(inner& operation) { operation.give_back(); }
    {
        const bool given = inner_.give_back();
        if (given) ++trail_.given_back;
        return given;
    }

private:
    static void respond(waiter& self, notice what) noexcept {
        auto& operation = static_cast<traced_operation&>(self);
        ++operation.trail_.notices;
        operation.trail_.how = what;
        operation.up->notify(what);
    }

    trail& trail_;
    inner inner_;
};

template <class Awaitable>
class traced_awaitable {
public:
    traced_awaitable(trail& written, Awaitable&& awaited)
        : trail_{written}, awaited_{std::forward<Awaitable>(awaited)} {}
    auto operator co_await() && {
        return traced_operation<Awaitable>{trail_, std::forward<Awaitable>(awaited_)};
    }

private:
    trail& trail_;
    Awaitable awaited_;
};

}  // namespace detail

/// Awaits `awaited` and writes down what its operation was told and asked.
template <awaitable Awaitable>
auto traced(trail& written, Awaitable&& awaited) {
    return detail::traced_awaitable<Awaitable>{written, std::forward<Awaitable>(awaited)};
}

/// Puts the wrapping around an awaitable.
template <wrapping Around, awaitable Awaitable>
decltype(auto) wrap(run_state& run, Awaitable&& awaited) {
    if constexpr (Around == wrapping::none) {
        return std::forward<Awaitable>(awaited);
    } else {
        auto inner = traced(run.traced, std::forward<Awaitable>(awaited));
        if constexpr (Around == wrapping::traced) {
            return inner;
        } else if constexpr (Around == wrapping::timeout) {
            return timeout(run.limits_itself ? run.limit : duration{1h}, std::move(inner));
        } else if constexpr (Around == wrapping::shield) {
            return shield(std::move(inner));
        } else if constexpr (Around == wrapping::gather) {
            return gather(std::move(inner), sleep_for(run.partner_delay));
        } else if constexpr (Around == wrapping::select) {
            return select(std::move(inner), sleep_for(1h));
        } else {
            return as_outcome(std::move(inner));
        }
    }
}

/// Gives the world the result that came out of the wrapping.
template <wrapping Around, class World, class Result>
void hand_over(World& world, run_state& run, Result& result) {
    if constexpr (Around == wrapping::gather) {
        ++run.values;
        world.received(std::move(std::get<0>(result)));
    } else if constexpr (Around == wrapping::select) {
        ++run.values;
        run.expect(result.index() == 0, "the sleeper beside it won");
        if (result.index() == 0) world.received(std::get<0>(std::move(result)));
    } else if constexpr (Around == wrapping::outcome) {
        if (result.is_cancelled()) {
            ++run.cancelled_outcomes;
            return;
        }
        auto value = simul::detail::take_storable(result);  // throws its error
        ++run.values;
        world.received(std::move(value));
    } else {
        ++run.values;
        world.received(std::move(result));
    }
}

/// The task that awaits.
template <class World, wrapping Around>
task<> subject(run_state& run) {
    auto& world = static_cast<World&>(run.world);
    using awaited = decltype(wrap<Around>(run, world.wait()));
    const counted_object local{run.alive};
    ++run.began;
    if (run.planned.when == moment::before_await) run.ask();
    run.is_awaiting = true;
    if (run.limits_itself) run.limited_since = simul::test::now();
    try {
        const counted_object inner_local{run.alive};
        if constexpr (std::is_void_v<await_result_t<awaited>>) {
            co_await wrap<Around>(run, world.wait());
            std::monostate nothing;
            hand_over<Around>(world, run, nothing);
        } else {
            auto result = co_await wrap<Around>(run, world.wait());
            hand_over<Around>(world, run, result);
        }
    } catch (const simul::timed_out&) {
        ++run.timeouts;
        run.expect(run.limits_itself, "a time-out that nobody had set");
    } catch (...) {
        ++run.errors;
    }
    const counted_object late_local{run.alive};
    co_await yield_now();
    ++run.went_on;
}

/// One scenario of the suite, without its type: what is done for hundreds of them is compiled once.
struct scenario {
    const char* awaitable;
    const char* variant;
    rule obeys;
    bool fails;
    bool at_once;
    bool heeds_requests;
    bool remembers;
    bool can_complete;
    bool needs_completion;
    bool (*runs_on)(stage);
    std::unique_ptr<scenario_world> (*make)(stage);
    std::array<task<> (*)(run_state&), wrapping_count> subjects;  ///< for each wrapping

    /// Every plan for every wrapping.
    void run(stage where) const;

private:
    void run_wrapped(wrapping around, stage where) const;
    void run_once(wrapping around, const plan& planned, loop& running, stage where) const;
};

std::vector<scenario>& scenarios();

/// Counts all runs of the program.
std::size_t& runs_so_far();

/// Adds World to the suite: make a static object of it.
template <class World>
struct add_scenario {
    add_scenario() {
        scenarios().push_back(
            scenario{World::awaitable,
                     World::variant,
                     World::obeys,
                     World::fails,
                     World::at_once,
                     World::heeds_requests,
                     World::remembers,
                     World::can_complete,
                     World::needs_completion,
                     [](stage where) {
                         return where == stage::io_uring_ahead ? World::receives_ahead
                                                               : World::runs_on(where);
                     },
                     [](stage where) -> std::unique_ptr<scenario_world> {
                         return std::make_unique<World>(where);
                     },
                     {&subject<World, wrapping::none>, &subject<World, wrapping::traced>,
                      &subject<World, wrapping::timeout>, &subject<World, wrapping::shield>,
                      &subject<World, wrapping::gather>, &subject<World, wrapping::select>,
                      &subject<World, wrapping::outcome>}});
    }
};

}  // namespace simul::test
