// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/programs.hpp: programs for code that starts some, without starting any.
//
// In the simulated world there are no programs but those that a test brings. They are coroutines,
// so what they do takes virtual time only, and it goes the same way in each run.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/concurrency/task_group.hpp"
#include "simul/coro/task.hpp"
#include "simul/testing/simulated_process.hpp"

namespace simul::testing {

class program_set;

namespace detail {

class programs_in_scope;

/// The programs of one with_programs. They can be started while this is open.
class program_scope {
public:
    explicit program_scope(program_set& programs);
    program_scope(const program_scope&) = delete;
    program_scope& operator=(const program_scope&) = delete;
    ~program_scope();

    void open(task_group& group);

    /// Ends what runs.
    void close() noexcept;

private:
    std::shared_ptr<programs_in_scope> running_;  // none on a real backend
};

class open_scope {
public:
    open_scope(program_scope& scope, task_group& group) : scope_{scope} { scope_.open(group); }
    open_scope(const open_scope&) = delete;
    open_scope& operator=(const open_scope&) = delete;
    ~open_scope() { scope_.close(); }

private:
    program_scope& scope_;
};

}  // namespace detail

/// The programs that exist, and what was seen of them.
///
/// Threads       the loop's thread.
/// Lifetime      must outlive the with_programs it is used in.
class program_set {
public:
    program_set() {}

    /// Adds a program, or puts it into the place of another. It is found by this name, and by paths
    /// that end in it: "sh" is "/bin/sh" as well, which process_options::shell runs.
    program_set& add(std::string name, simulated_program main) {
        programs_[std::move(name)] = std::move(main);
        return *this;
    }

    /// What was written to standard outputs and standard errors that nobody had connected: on a
    /// kernel they would be those of the test.
    [[nodiscard]] const std::string& output() const noexcept { return output_; }
    [[nodiscard]] const std::string& error_output() const noexcept { return error_output_; }

    /// The commands that were started, in their order.
    [[nodiscard]] const std::vector<std::vector<std::string>>& started() const noexcept {
        return started_;
    }

    /// How many processes run now.
    [[nodiscard]] std::size_t running() const noexcept { return running_; }

private:
    friend class detail::programs_in_scope;

    std::map<std::string, simulated_program, std::less<>> programs_;
    std::string output_;
    std::string error_output_;
    std::vector<std::vector<std::string>> started_;
    std::size_t running_ = 0;
};

/// Awaits what `body` returns; in there process::start and run_process find these programs.
///
///     testing::program_set programs;
///     programs.add("cat", &cat);
///     run_test([&]() -> task<> { return with_programs(programs, &code_that_starts_cat); });
///
/// Every task of the loop finds them, until the body has ended; of two calls at once the inner or
/// later one counts. A name that is in none of them is no_such_file_or_directory, as on a kernel.
/// Whatever still runs when the body ends is ended as by SIGKILL, and its task is waited for.
///
/// On a real backend only `body` is awaited, and what it starts are the programs of the system: so
/// a test may run in both worlds.
///
/// Returns       what `body` returns.
/// Errors        those of `body`, and what a program throws, which cancels the body.
///               std::bad_alloc.
/// Suspends      when `body` does, and while programs end.
/// Cancellation  partial: that of `body`; programs are ended.
/// Threads       the loop's thread.
/// Lifetime      `programs` must outlive the call; `body` is kept.
/// Source        trio.testing has streams without a network; this is the same for processes.
template <class Body>
    requires std::invocable<Body&>
auto with_programs(program_set& programs, Body body) -> std::invoke_result_t<Body&> {
    detail::program_scope scope{programs};
    co_return co_await with_task_group([&](task_group& group) -> std::invoke_result_t<Body&> {
        const detail::open_scope opened{scope, group};
        co_return co_await std::invoke(body);
    });
}

}  // namespace simul::testing
