// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/failing_allocation.hpp: runs a program with each of its allocations failing in
// turn.
//
//     SIMUL_TESTING_REPLACE_OPERATOR_NEW();  // in one source file of the test program
//
//     const allocation_report report = fail_allocations([] { return transfer_money(); });
//     EXPECT_TRUE(report.ok()) << report.text();
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include "simul/testing/allocations.hpp"
#include "simul/testing/run_test.hpp"
#include "simul/testing/schedules.hpp"

namespace simul::testing {

/// How allocations are made to fail, and what a program may make of it.
class allocation_options {
public:
    allocation_options() = default;

    /// What the program is called in the report and in the command that replays a failure. Needed
    /// when a test program calls fail_allocations() several times.
    allocation_options& named(std::string name) {
        name_ = std::move(name);
        return *this;
    }

    /// The most runs: 10,000 unless told. A program with more allocations has not been tried to the
    /// end, which is an error.
    allocation_options& runs(std::size_t most) noexcept {
        runs_ = most;
        return *this;
    }

    /// Not one allocation fails but that one and all after it, as when memory has run out: what has
    /// to be done then must need none.
    allocation_options& lasting() noexcept {
        lasting_ = true;
        return *this;
    }

    /// Errors other than std::bad_alloc in which a program may end: true for those.
    allocation_options& expecting(std::function<bool(const std::exception_ptr&)> expected) {
        expected_ = std::move(expected);
        return *this;
    }

    /// The program may also pass: it does without, or tries again.
    allocation_options& may_recover() noexcept {
        may_recover_ = true;
        return *this;
    }

    /// Memory that is left is no error. For programs that keep something from run to run, or give
    /// memory to other threads: blocks are counted for each thread.
    allocation_options& may_leave_memory() noexcept {
        may_leave_memory_ = true;
        return *this;
    }

    /// The backend of the runs: simulated unless told.
    allocation_options& on(backend_kind chosen) noexcept {
        backend_ = chosen;
        return *this;
    }

    /// How spawned tasks begin: queued unless told.
    allocation_options& starting(start_policy chosen) noexcept {
        start_ = chosen;
        return *this;
    }

    /// Asked after each run: true if a check has failed that throws nothing, as EXPECT_EQ does.
    allocation_options& failed_if(std::function<bool()> failed) {
        failed_ = std::move(failed);
        return *this;
    }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::size_t most_runs() const noexcept { return runs_; }
    [[nodiscard]] bool is_lasting() const noexcept { return lasting_; }
    [[nodiscard]] bool lets_recover() const noexcept { return may_recover_; }
    [[nodiscard]] bool lets_leave_memory() const noexcept { return may_leave_memory_; }
    [[nodiscard]] backend_kind backend() const noexcept { return backend_; }
    [[nodiscard]] start_policy start() const noexcept { return start_; }
    [[nodiscard]] const std::function<bool()>& failed() const noexcept { return failed_; }
    [[nodiscard]] const std::function<bool(const std::exception_ptr&)>& expected() const noexcept {
        return expected_;
    }

private:
    std::string name_;
    std::size_t runs_ = 10'000;
    bool lasting_ = false;
    bool may_recover_ = false;
    bool may_leave_memory_ = false;
    backend_kind backend_ = backend_kind::simulated;
    start_policy start_ = start_policy::queued;
    std::function<bool()> failed_;
    std::function<bool(const std::exception_ptr&)> expected_;
};

/// What fail_allocations() has found.
class allocation_report {
public:
    /// True if the program ended as it should in every run.
    [[nodiscard]] bool ok() const noexcept { return error_.empty(); }

    /// How many runs there were, without those in which nothing was made to fail.
    [[nodiscard]] std::size_t runs() const noexcept { return runs_; }

    /// What went wrong; empty if ok().
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

    /// The number of the allocation that failed then, from 1; 0 if ok(), and if the program goes
    /// wrong by itself.
    [[nodiscard]] std::uint64_t failing_allocation() const noexcept { return allocation_; }

    /// The command that fails this allocation alone.
    [[nodiscard]] const std::string& replay() const noexcept { return replay_; }

    /// All of it for people.
    [[nodiscard]] std::string text() const;

private:
    friend class allocation_search;

    std::size_t runs_ = 0;
    std::uint64_t allocation_ = 0;
    std::string error_;
    std::string replay_;
};

/// Runs `made` in fresh worlds as run_test() makes them: once as it is, then with its first
/// allocation failing, with its second, and so on until all have had their turn. Each of these runs
/// must end in std::bad_alloc and leave nothing behind: no coroutine frame, timer, operation or
/// block of memory. It stops at the first that does not.
///
/// Coroutine frames are allocations, for the recycler is put aside meanwhile; so are those of the
/// loop itself. With SIMUL_FAILING_ALLOCATION in the environment, as the report's command has it,
/// only that allocation fails. If the process is ended, because an exception meets noexcept or an
/// assertion fails, standard error says by which allocation.
///
/// Errors        std::logic_error if operator new has not been replaced; std::invalid_argument if
///               SIMUL_FAILING_ALLOCATION is not as it should be. What the program throws is in the
///               report.
/// Threads       blocks the calling thread, which must have no loop that runs. Allocations of other
///               threads do not fail.
/// Lifetime      no coroutine frame from before may end in the program.
/// Complexity    as many runs as the program makes allocations.
/// Source        SQLite's tests of running out of memory.
[[nodiscard]] allocation_report fail_allocations(const program& made,
                                                 const allocation_options& options = {});

}  // namespace simul::testing
