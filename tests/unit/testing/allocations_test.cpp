// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/allocations.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/runtime/sleep.hpp"
#include "simul/testing/failing_allocation.hpp"

// For all of this test program.
SIMUL_TESTING_REPLACE_OPERATOR_NEW();

namespace simul::testing {
namespace {

using namespace std::chrono_literals;

struct alignas(64) wide {
    char bytes[64];
};

// Not to be optimised away.
template <class Type>
void make_and_drop() {
    ::operator delete(::operator new(sizeof(Type)));
}

TEST(allocations, are_seen_once_the_operators_are_replaced) {
    EXPECT_TRUE(sees_operator_new());
}

TEST(allocations, are_counted_in_all_forms_of_new) {
    EXPECT_EQ(allocations_of([] { make_and_drop<int>(); }), 1U);
    EXPECT_EQ(allocations_of([] { ::operator delete[](::operator new[](8)); }), 1U);
    EXPECT_EQ(allocations_of([] { ::operator delete(::operator new(0)); }), 1U);
    EXPECT_EQ(allocations_of([] { ::operator delete(::operator new(8, std::nothrow)); }), 1U);
    EXPECT_EQ(allocations_of([] {
                  constexpr std::align_val_t line{64};
                  void* memory = ::operator new(sizeof(wide), line);
                  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 64, 0U);
                  ::operator delete(memory, sizeof(wide), line);
                  void* several = ::operator new[](100, line, std::nothrow);
                  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(several) % 64, 0U);
                  ::operator delete[](several, line);
              }),
              2U);
}

TEST(allocations, of_the_standard_library_are_counted) {
    EXPECT_EQ(allocations_of([] { std::vector<int> made(10); }), 1U);
    EXPECT_EQ(allocations_of([] { std::string made(100, 'x'); }), 1U);
    EXPECT_EQ(allocations_of([] { std::string made("short"); }), 0U);
}

TEST(allocations, of_coroutine_frames_are_counted_apart) {
    const allocation_counter counter;
    task<> unused = []() -> task<> { co_return; }();
    const auto memory = std::make_unique<int>(1);
    const std::uint64_t frames = counter.frames();
    const std::uint64_t blocks = counter.blocks();
    const std::uint64_t both = counter.count();
    EXPECT_EQ(frames, 1U);
    EXPECT_EQ(blocks, 1U);
    EXPECT_EQ(both, 2U);
    unused.discard();
}

TEST(allocations, that_are_too_large_fail_as_ever) {
    // Asked for in a way that the compiler cannot foresee.
    const std::vector<std::size_t> sizes{static_cast<std::size_t>(-1) - 8};
    EXPECT_EQ(::operator new(sizes[0], std::align_val_t{64}, std::nothrow), nullptr);
}

TEST(forbid_allocations, lets_pass_what_allocates_nothing) {
    const forbid_allocations forbidden;
    std::string kept("short");
    kept += '!';
}

TEST(forbid_allocations_death_test, ends_the_program_at_an_allocation) {
    EXPECT_DEATH(
        {
            const forbid_allocations forbidden;
            make_and_drop<int>();
        },
        "memory was allocated where forbid_allocations does not allow it");
}

TEST(forbid_allocations_death_test, ends_the_program_after_a_coroutine_was_called) {
    EXPECT_DEATH(
        {
            std::optional<task<>> unused;
            {
                const forbid_allocations forbidden;
                unused.emplace([]() -> task<> { co_return; }());
            }
        },
        "a coroutine was called where forbid_allocations does not allow it");
}

task<> grow(std::size_t times) {
    std::vector<std::unique_ptr<int>> kept;
    for (std::size_t index = 0; index != times; ++index) {
        kept.push_back(std::make_unique<int>(1));
        co_await sleep_for(1s);
    }
}

TEST(fail_allocations, fails_each_allocation_once) {
    const allocation_report few = fail_allocations([] { return grow(2); });
    EXPECT_TRUE(few.ok()) << few.text();
    const allocation_report more = fail_allocations([] { return grow(4); });
    EXPECT_TRUE(more.ok()) << more.text();
    EXPECT_EQ(more.runs() - few.runs(), 3U);  // two integers, and a vector that doubles once
    EXPECT_EQ(few.failing_allocation(), 0U);
    EXPECT_EQ(few.text(), std::to_string(few.runs()) + " allocations failed, each as it should");
}

TEST(fail_allocations, fails_coroutine_frames) {
    const auto empty = [] { return []() -> task<> { co_return; }(); };
    const auto calling = [] {
        return []() -> task<> { co_await []() -> task<> { co_return; }(); }();
    };
    const allocation_report none = fail_allocations(empty);
    const allocation_report one = fail_allocations(calling);
    EXPECT_TRUE(one.ok()) << one.text();
    EXPECT_EQ(one.runs() - none.runs(), 1U);
}

TEST(fail_allocations, can_let_all_fail_from_one_on) {
    const allocation_report report =
        fail_allocations([] { return grow(4); }, allocation_options{}.lasting());
    EXPECT_TRUE(report.ok()) << report.text();
    EXPECT_EQ(report.runs(), fail_allocations([] { return grow(4); }).runs());
}

task<> swallow() {
    try {
        const auto memory = std::make_unique<int>(1);
    } catch (const std::bad_alloc&) {
        co_return;
    }
}

TEST(fail_allocations, finds_an_error_that_is_swallowed) {
    const allocation_report report =
        fail_allocations([] { return swallow(); }, allocation_options{}.named("swallow"));
    EXPECT_FALSE(report.ok());
    EXPECT_EQ(report.error(), "the program passes all the same; if it may, say may_recover()");
    EXPECT_GT(report.failing_allocation(), 0U);
    const std::string number = std::to_string(report.failing_allocation());
    EXPECT_TRUE(report.replay().starts_with("SIMUL_FAILING_ALLOCATION='swallow:" + number + "' '"))
        << report.replay();
    EXPECT_EQ(report.text(), "when allocation " + number + " fails: " + report.error() +
                                 "\nreplay it with: " + report.replay());
    EXPECT_TRUE(
        fail_allocations([] { return swallow(); }, allocation_options{}.may_recover()).ok());
}

TEST(fail_allocations, finds_another_error_than_the_expected) {
    const auto translating = [] {
        return []() -> task<> {
            try {
                const auto memory = std::make_unique<int>(1);
            } catch (const std::bad_alloc&) {
                throw std::invalid_argument{"out of luck"};
            }
            co_return;
        }();
    };
    EXPECT_EQ(fail_allocations(translating).error(),
              "it ends not in std::bad_alloc but in: out of luck");
    const auto is_expected = [](const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::invalid_argument&) {
            return true;
        } catch (...) {
            return false;
        }
    };
    const allocation_report report =
        fail_allocations(translating, allocation_options{}.expecting(is_expected));
    EXPECT_TRUE(report.ok()) << report.text();
}

TEST(fail_allocations, finds_memory_that_is_lost) {
    std::vector<int*> lost;
    lost.reserve(100);
    const auto careless = [&] {
        return [](std::vector<int*>& kept) -> task<> {
            int* first = new int{1};
            kept.push_back(first);
            const auto second = std::make_unique<int>(2);
            kept.pop_back();
            delete first;
            co_return;
        }(lost);
    };
    EXPECT_EQ(fail_allocations(careless).error(),
              "it leaves 1 blocks of memory; if it may, say may_leave_memory()");
    EXPECT_TRUE(fail_allocations(careless, allocation_options{}.may_leave_memory()).ok());
    for (int* each : lost) delete each;
}

TEST(fail_allocations, finds_a_coroutine_that_is_lost) {
    std::vector<task<>> kept;
    kept.reserve(4);
    const auto careless = [&] {
        return [](std::vector<task<>>& into) -> task<> {
            into.push_back(grow(1));
            const auto memory = std::make_unique<int>(1);
            into.front().discard();
            into.clear();
            co_return;
        }(kept);
    };
    EXPECT_EQ(fail_allocations(careless).error(), "it leaves 1 coroutine frames");
    EXPECT_EQ(kept.size(), 1U);
    std::exchange(kept, {});
}

TEST(fail_allocations, says_that_a_program_goes_wrong_by_itself) {
    const auto broken = [] {
        return []() -> task<> {
            co_await sleep_for(1s);
            throw std::runtime_error{"broken"};
        }();
    };
    const allocation_report report = fail_allocations(broken);
    EXPECT_EQ(report.runs(), 0U);
    EXPECT_EQ(report.text(), "the program goes wrong without a failing allocation: broken");
}

TEST(fail_allocations, says_that_a_check_has_failed) {
    bool checked = false;
    const auto checking = [&] {
        return [](bool& failed) -> task<> {
            failed = false;
            try {
                const auto memory = std::make_unique<int>(1);
            } catch (const std::bad_alloc&) {
                failed = true;
                throw;
            }
            co_return;
        }(checked);
    };
    const auto asked = [&] { return checked; };
    EXPECT_EQ(fail_allocations(checking, allocation_options{}.failed_if(asked)).error(),
              "a check has failed");
}

TEST(fail_allocations, says_when_the_runs_are_too_few) {
    const allocation_report report =
        fail_allocations([] { return grow(20); }, allocation_options{}.runs(3));
    EXPECT_EQ(report.error(), "runs(3) is too few: more follow");
}

TEST(fail_allocations, replays_the_allocation_that_the_environment_names) {
    const auto with_variable = [](const char* value) {
        setenv("SIMUL_FAILING_ALLOCATION", value, 1);
        const allocation_report report =
            fail_allocations([] { return grow(2); }, allocation_options{}.named("grow"));
        unsetenv("SIMUL_FAILING_ALLOCATION");
        return report.runs();
    };
    EXPECT_EQ(with_variable("grow:2"), 1U);
    EXPECT_EQ(with_variable("grow:9999"), 0U);
    EXPECT_GT(with_variable("other:2"), 1U);
    EXPECT_THROW(with_variable("grow:none"), std::invalid_argument);
    EXPECT_THROW(with_variable("grow:0"), std::invalid_argument);
    unsetenv("SIMUL_FAILING_ALLOCATION");
}

TEST(fail_allocations_death_test, says_which_allocation_ended_the_process) {
    const auto fragile = [] {
        return []() -> task<> {
            []() noexcept { const auto memory = std::make_unique<int>(1); }();
            co_return;
        }();
    };
    EXPECT_DEATH(static_cast<void>(fail_allocations(fragile, allocation_options{}.named("f"))),
                 "simul: while allocation [0-9]+ of 'f' failed");
}

}  // namespace
}  // namespace simul::testing
