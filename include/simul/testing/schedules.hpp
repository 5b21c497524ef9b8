// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/schedules.hpp: runs a program under many schedules, and shrinks the one that fails.
//
//     const schedule_report report = try_random_schedules([] { return transfer_money(); });
//     EXPECT_TRUE(report.ok()) << report.text();
//
// A schedule is written as its choices, "0.0.2.1": at each moment when several tasks are ready, the
// place in the line of the one that is next. What follows the last number is first in, first out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simul/coro/schedule.hpp"
#include "simul/coro/task.hpp"
#include "simul/testing/run_test.hpp"

namespace simul::testing {

/// A choice that a program's run has met: which of how many.
struct choice {
    std::uint8_t chosen;
    std::uint8_t candidates;
};

/// Reads a schedule as a report writes it, such as "0.0.2".
///
/// Errors        std::invalid_argument if it is none.
std::vector<std::uint8_t> parse_schedule(std::string_view text);

/// Follows choices that are given, then first in, first out; writes down what it met.
class replayed_schedule : public schedule {
public:
    explicit replayed_schedule(std::vector<std::uint8_t> choices) : given_{std::move(choices)} {}

    std::size_t choose(std::size_t candidates) noexcept override;

    /// The choices so far.
    [[nodiscard]] const std::vector<choice>& met() const noexcept { return met_; }

private:
    std::vector<std::uint8_t> given_;
    std::vector<choice> met_;
};

/// Chooses at random, from a seed. Odd seeds choose anew each time; even ones mostly keep the order
/// and let somebody pass now and then, which finds other defects.
class random_schedule : public schedule {
public:
    explicit random_schedule(std::uint64_t seed) noexcept;

    std::size_t choose(std::size_t candidates) noexcept override;

    [[nodiscard]] const std::vector<choice>& met() const noexcept { return met_; }

private:
    std::uint64_t next() noexcept;

    std::uint64_t state_;
    bool keeps_order_;
    std::vector<choice> met_;
};

/// How schedules are tried.
class schedule_options {
public:
    schedule_options() = default;

    /// What the search is called in its report and in the command that replays a schedule. Needed
    /// when a program has several searches.
    schedule_options& named(std::string name) {
        name_ = std::move(name);
        return *this;
    }

    /// The most runs: of a random search 200, of an exhaustive one 100,000 unless told.
    schedule_options& runs(std::size_t most) noexcept {
        runs_ = most;
        return *this;
    }

    /// The first seed of a random search; each run takes the next.
    schedule_options& first_seed(std::uint64_t seed) noexcept {
        first_seed_ = seed;
        return *this;
    }

    /// How often, at most, an exhaustive search lets somebody pass in one run; no limit unless
    /// told. Nearly all defects show with two.
    schedule_options& overtakings(std::size_t most) noexcept {
        overtakings_ = most;
        return *this;
    }

    /// The backend of the runs: simulated unless told. Only there is a schedule all that decides.
    schedule_options& on(backend_kind chosen) noexcept {
        backend_ = chosen;
        return *this;
    }

    /// How spawned tasks begin: queued unless told.
    schedule_options& starting(start_policy chosen) noexcept {
        start_ = chosen;
        return *this;
    }

    /// Asked after each run: true if a check has failed that throws nothing, as EXPECT_EQ does.
    schedule_options& failed_if(std::function<bool()> failed) {
        failed_ = std::move(failed);
        return *this;
    }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::size_t most_runs(std::size_t unless_told) const noexcept {
        return runs_ != 0 ? runs_ : unless_told;
    }
    [[nodiscard]] std::uint64_t seed() const noexcept { return first_seed_; }
    [[nodiscard]] std::size_t most_overtakings() const noexcept { return overtakings_; }
    [[nodiscard]] backend_kind backend() const noexcept { return backend_; }
    [[nodiscard]] start_policy start() const noexcept { return start_; }
    [[nodiscard]] const std::function<bool()>& failed() const noexcept { return failed_; }

private:
    std::string name_;
    std::size_t runs_ = 0;
    std::uint64_t first_seed_ = 1;
    std::size_t overtakings_ = static_cast<std::size_t>(-1);
    backend_kind backend_ = backend_kind::simulated;
    start_policy start_ = start_policy::queued;
    std::function<bool()> failed_;
};

/// What a search has found.
class schedule_report {
public:
    /// True if no schedule failed.
    [[nodiscard]] bool ok() const noexcept { return error_.empty(); }

    /// How many runs there were, without those that shrank a failure.
    [[nodiscard]] std::size_t runs() const noexcept { return runs_; }

    /// True if every schedule within the limits was tried.
    [[nodiscard]] bool exhausted() const noexcept { return exhausted_; }

    /// What went wrong: what() of the exception, or that a check failed; empty if ok().
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

    /// The shortest failing schedule that was found, such as "0.0.2".
    [[nodiscard]] const std::string& failing_schedule() const noexcept { return schedule_; }

    /// The command that runs this schedule alone.
    [[nodiscard]] const std::string& replay() const noexcept { return replay_; }

    /// All of it for people.
    [[nodiscard]] std::string text() const;

private:
    friend class schedule_search;

    std::size_t runs_ = 0;
    bool exhausted_ = false;
    std::string error_;
    std::string schedule_;
    std::string replay_;
};

/// Makes the task of one run.
using program = std::function<task<>()>;

/// Runs `made` under as many random schedules as the options say, each in a fresh world as
/// run_test() makes it, until one fails: by an exception, a deadlock, something left behind, or a
/// failed check. The failing schedule is shrunk before it is reported. With SIMUL_SCHEDULE in the
/// environment, as the report's command has it, only that schedule is run.
///
/// Errors        std::invalid_argument if SIMUL_SCHEDULE is no schedule. What the program throws is
///               in the report.
/// Threads       blocks the calling thread, which must have no loop that runs.
/// Source        the idea of shrinking is QuickCheck's.
[[nodiscard]] schedule_report try_random_schedules(const program& made,
                                                   const schedule_options& options = {});

/// Runs `made` under every schedule there is, within the limits of the options: for small programs.
/// Otherwise as try_random_schedules().
///
/// Errors        as try_random_schedules().
/// Threads       blocks the calling thread, which must have no loop that runs.
/// Complexity    exponential in the number of choices; polynomial with a limit of overtakings.
/// Source        bounded exhaustive search is CHESS's.
[[nodiscard]] schedule_report try_all_schedules(const program& made,
                                                const schedule_options& options = {});

}  // namespace simul::testing
