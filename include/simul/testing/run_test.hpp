// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/run_test.hpp: runs a task as a test, in a world where nothing happens by chance.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "simul/concurrency/run.hpp"
#include "simul/coro/schedule.hpp"

namespace simul::testing {

/// Thrown when a test has ended and something that it made is still there.
class leak : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// How run_test() is to run.
class test_options {
public:
    test_options() noexcept = default;

    /// The backend: simulated unless told.
    test_options& on(backend_kind chosen) noexcept {
        backend_ = chosen;
        return *this;
    }

    /// The order within a pass: first in, first out unless told. See schedules.hpp.
    test_options& in_order_of(schedule& chosen) noexcept {
        schedule_ = &chosen;
        return *this;
    }

    /// How spawned tasks begin: queued unless told.
    test_options& starting(start_policy chosen) noexcept {
        start_ = chosen;
        return *this;
    }

    [[nodiscard]] backend_kind backend() const noexcept { return backend_; }
    [[nodiscard]] start_policy start() const noexcept { return start_; }
    [[nodiscard]] schedule* order() const noexcept { return schedule_; }

private:
    backend_kind backend_ = backend_kind::simulated;
    start_policy start_ = start_policy::queued;
    schedule* schedule_ = nullptr;
};

namespace detail {

/// The loop of one test. It counts what there is before the test and throws for what is left.
class test_world {
public:
    explicit test_world(const test_options& options);
    test_world(const test_world&) = delete;
    test_world& operator=(const test_world&) = delete;
    ~test_world();

    [[nodiscard]] loop& running() noexcept { return loop_; }

    /// The program has ended without an error: throws leak if it left something behind.
    void check_for_leaks() const;

    [[nodiscard]] run_options options_of_run() const;

private:
    start_policy start_;
    std::uint64_t frames_before_;
    loop loop_;
};

}  // namespace detail

/// Runs the task that `make` returns, as run() does, on a loop of its own in the simulated world:
/// its clock jumps to the next deadline whenever nothing is ready, so that a test of ten hours
/// takes a millisecond, and the same program does the same thing each time.
///
///     TEST(resolver, gives_up_after_ten_seconds) {
///         simul::testing::run_test([]() -> simul::task<> { … });
///     }
///
/// Returns       the task's result.
/// Errors        as run(): the program's own, and errc::deadlock if nothing in it can ever run
///               again. leak if it has ended and coroutine frames, timers or operations remain.
/// Threads       blocks the calling thread, which must have no loop that runs.
/// Lifetime      `make` is kept until the task has ended.
/// Source        Trio's test functions with an autojump clock.
template <class Make>
auto run_test(Make&& make, const test_options& options = {}) {
    detail::test_world world{options};
    using result = typename std::invoke_result_t<Make&>::result_type;
    if constexpr (std::is_void_v<result>) {
        run_on(world.running(), std::invoke(make), world.options_of_run());
        world.check_for_leaks();
    } else {
        result value = run_on(world.running(), std::invoke(make), world.options_of_run());
        world.check_for_leaks();
        return value;
    }
}

}  // namespace simul::testing
