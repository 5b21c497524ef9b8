// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/process_pool.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "simul/base/error.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/blocking.hpp"
#include "support/run_on_backends.hpp"
#include "support/worker_gate.hpp"

namespace point_cloud {

struct labelled {
    std::string label;
    std::map<int, double> points;
    bool operator==(const labelled&) const = default;
};

struct forgetful {
    int value = 0;
};

}  // namespace point_cloud

template <>
struct simul::process_codec<point_cloud::forgetful> {
    static void write(process_writer&, const point_cloud::forgetful&) {}
    static point_cloud::forgetful read(process_reader& from) {
        return {process_codec<int>::read(from)};
    }
};

template <>
struct simul::process_codec<point_cloud::labelled> {
    using entries = std::vector<std::pair<int, double>>;

    static void write(process_writer& to, const point_cloud::labelled& value) {
        process_codec<std::string>::write(to, value.label);
        process_codec<entries>::write(to, entries(value.points.begin(), value.points.end()));
    }
    static point_cloud::labelled read(process_reader& from) {
        point_cloud::labelled value;
        value.label = process_codec<std::string>::read(from);
        for (const auto& each : process_codec<entries>::read(from)) value.points.insert(each);
        return value;
    }
};

namespace simul::test {
namespace {

using namespace std::chrono_literals;
using point_cloud::forgetful;

// --- what the workers do ------------------------------------------------------------------------

int add(int left, int right) {
    return left + right;
}

int process_of_this_call() {
    return static_cast<int>(::getpid());
}

int abort_now() {
    std::abort();
}

int exit_with(int code) {
    std::_Exit(code);
}

int kill_itself() {
    ::raise(SIGKILL);
    return 0;
}

// Passes the gate, and SIGTERM is no reason to end.
int ignore_requests(int result) {
    ::signal(SIGTERM, SIG_IGN);
    return wait_for_permission(result);
}

task<> until_began(int calls) {
    for (; calls != 0; --calls) {
        const bool has_arrived = co_await offload([] { return gate().wait_for_arrival(); });
        EXPECT_TRUE(has_arrived) << "a call has not begun in time";
    }
}

// --- what must not be left ----------------------------------------------------------------------

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool has_children() {
    ::siginfo_t status{};
    return ::waitid(P_ALL, 0, &status, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

bool exists(int process) {
    return ::kill(process, 0) == 0;
}

/// Where processes are killed that have children: these come to the test, which reaps them.
class orphanage {
public:
    orphanage() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
    orphanage(const orphanage&) = delete;
    orphanage& operator=(const orphanage&) = delete;
    ~orphanage() {
        EXPECT_TRUE(all_have_ended()) << "workers end with their program";
        ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    }

private:
    static bool all_have_ended() {
        for (int left = 5000; left != 0; --left) {
            const ::pid_t ended = ::waitpid(-1, nullptr, WNOHANG);
            if (ended < 0 && errno == ECHILD) return true;
            if (ended == 0) ::usleep(1000);
        }
        return false;
    }
};

/// Runs `body` on both real backends: checks that no descriptor, process or zombie is left.
template <class Body>
void run_with_processes(Body body) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;
        SCOPED_TRACE(name_of(kind));
        reset_gate();
        const std::size_t descriptors = open_descriptors();
        run(body(), options_for(kind));
        EXPECT_EQ(open_descriptors(), descriptors);
        EXPECT_FALSE(has_children());
    }
}

/// The same, and on the simulated backend, where nothing is forked.
template <class Body>
void run_everywhere(Body body) {
    run(body(), options_for(backend_kind::simulated));
    run_with_processes(body);
}

process_pool_options so_many(std::size_t workers) {
    process_pool_options options;
    options.workers = workers;
    return options;
}

// --- calls --------------------------------------------------------------------------------------

TEST(process_pool, calls_a_function_in_another_process) {
    run_with_processes([]() -> task<> {
        process_pool pool{2};
        const int sum = co_await pool.run(add, 2, 3);
        EXPECT_EQ(sum, 5);
        const int there = co_await pool.run(process_of_this_call);
        EXPECT_NE(there, ::getpid());
        EXPECT_TRUE(exists(there));
    });
}

TEST(process_pool, calls_lambdas_without_captures_and_members) {
    run_everywhere([]() -> task<> {
        process_pool pool{1};
        const int square = co_await pool.run([](int x) { return x * x; }, 7);
        EXPECT_EQ(square, 49);
        const std::string text = "four";
        const std::size_t size = co_await pool.run(&std::string::size, text);
        EXPECT_EQ(size, 4U);
        co_await pool.run([](int) {}, 1);
    });
}

TEST(process_pool, carries_every_kind_of_value) {
    run_everywhere([]() -> task<> {
        process_pool pool{1};
        using everything = std::tuple<std::string, std::vector<std::string>, std::vector<int>,
                                      std::vector<bool>, std::optional<std::pair<int, std::string>>,
                                      std::array<std::string, 2>, double, std::optional<int>>;
        const std::pair<int, std::string> pair{4, "four"};
        const std::array<std::string, 2> array{"a", ""};
        const std::vector<std::string> strings{"x", "", "yz"};
        const std::vector<int> numbers{1, -2, 3};
        const std::vector<bool> bits{true, false, true};
        const everything sent{"text", strings, numbers, bits, pair, array, 2.5, std::nullopt};
        const everything back = co_await pool.run([](everything value) { return value; }, sent);
        EXPECT_EQ(back, sent);

        const std::string text = co_await pool.run(
            [](const std::string& a, std::string_view b) { return a + std::string{b}; }, "literal",
            std::string_view{" and view"});
        EXPECT_EQ(text, "literal and view");

        point_cloud::labelled cloud;
        cloud.label = "own codec";
        cloud.points = {{1, 1.5}, {2, 2.5}};
        const auto same =
            co_await pool.run([](const point_cloud::labelled& value) { return value; }, cloud);
        EXPECT_EQ(same, cloud);
    });
}

TEST(process_pool, carries_a_mebibyte_both_ways) {
    run_everywhere([]() -> task<> {
        process_pool pool{1};
        std::vector<std::uint32_t> numbers(std::size_t{1} << 18);
        std::iota(numbers.begin(), numbers.end(), 0U);
        const auto reversed = co_await pool.run(
            [](std::vector<std::uint32_t> values) {
                return std::vector<std::uint32_t>(values.rbegin(), values.rend());
            },
            numbers);
        EXPECT_TRUE(std::ranges::equal(reversed, numbers | std::views::reverse));
        const std::string text(std::size_t{1} << 20, 'x');
        const std::string longer =
            co_await pool.run([](const std::string& t) { return t + "y"; }, text);
        EXPECT_EQ(longer, text + "y");
    });
}

TEST(process_pool, makes_200_calls_with_four_workers) {
    run_with_processes([]() -> task<> {
        process_pool pool{4};
        std::set<int> processes;
        int sum = 0;
        task_group group;
        for (int each = 0; each != 200; ++each) {
            group.spawn([&, each]() -> task<> {
                sum += co_await pool.run(add, each, 1);
                processes.insert(co_await pool.run(process_of_this_call));
            });
        }
        co_await group.run();
        EXPECT_EQ(sum, 200 * 199 / 2 + 200);
        const process_pool_statistics now = pool.statistics();
        EXPECT_LE(now.workers, 4U);
        EXPECT_LE(processes.size(), now.workers);  // a slow one may have had other calls only
        EXPECT_EQ(now.idle, now.workers);
        EXPECT_EQ(now.busy, 0U);
        EXPECT_EQ(now.queued, 0U);
        EXPECT_EQ(now.restarts, 0U);
    });
}

TEST(process_pool, begins_calls_in_order_when_all_are_busy) {
    run_everywhere([]() -> task<> {
        process_pool pool{1};
        std::vector<int> order;
        task_group group;
        for (int each = 0; each != 5; ++each) {
            group.spawn(
                [&, each]() -> task<> { order.push_back(co_await pool.run(add, each, 0)); });
        }
        co_await group.run();
        const std::vector<int> expected{0, 1, 2, 3, 4};
        EXPECT_EQ(order, expected);
    });
}

TEST(process_pool, says_how_many_are_busy_and_queued) {
    run_with_processes([]() -> task<> {
        process_pool pool{2};
        task_group group;
        for (int each = 0; each != 5; ++each) {
            group.spawn([&]() -> task<> { co_await pool.run(wait_for_permission, 1); });
        }
        group.spawn([&]() -> task<> {
            co_await until_began(2);
            const process_pool_statistics now = pool.statistics();
            EXPECT_EQ(now.workers, 2U);
            EXPECT_EQ(now.idle, 0U);
            EXPECT_EQ(now.busy, 2U);
            EXPECT_EQ(now.queued, 3U);
            gate().open();
        });
        co_await group.run();
        EXPECT_EQ(gate().ended(), 5);
    });
}

TEST(process_pool, works_when_it_was_made_before_the_loop) {
    const std::size_t descriptors = open_descriptors();
    {
        process_pool pool{2};
        for (const backend_kind kind : test_backends()) {
            const int sum = run(pool.run(add, 20, 3), options_for(kind));
            EXPECT_EQ(sum, 23) << name_of(kind);
        }
        // Such a pool's workers may have loops of their own.
        const int slept = run(pool.run([] {
            return run([]() -> task<int> {
                co_await sleep_for(1us);
                co_return 5;
            }());
        }));
        EXPECT_EQ(slept, 5);
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_FALSE(has_children());
}

TEST(process_pool, keeps_its_descriptors_and_signals_from_workers) {
    run_with_processes([]() -> task<> {
        process_pool first{1};
        co_await first.run(add, 1, 1);
        process_pool second{1};
        const std::size_t descriptors = co_await second.run([] {
            const std::filesystem::directory_iterator all{"/proc/self/fd"};
            return static_cast<std::size_t>(std::distance(begin(all), end(all)));
        });
        EXPECT_LE(descriptors, 5U) << "standard ones, its socket, and that of this listing";
        const bool at_defaults = co_await second.run([] {
            struct sigaction handler{};
            ::sigaction(SIGINT, nullptr, &handler);
            ::sigset_t blocked;
            ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
            return handler.sa_handler == SIG_DFL && ::sigismember(&blocked, SIGINT) == 0;
        });
        EXPECT_TRUE(at_defaults);
    });
}

// --- errors -------------------------------------------------------------------------------------

TEST(process_pool, tells_what_a_function_threw) {
    run_everywhere([]() -> task<> {
        process_pool pool{1};
        try {
            co_await pool.run(
                [](int x) { throw std::invalid_argument{"x is " + std::to_string(x)}; }, 3);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const remote_error& error) {
            EXPECT_STREQ(error.what(), "x is 3");
            EXPECT_EQ(error.type_name(), "std::invalid_argument");
        }
        try {
            co_await pool.run([] { throw 42; });
            ADD_FAILURE() << "nothing was thrown";
        } catch (const remote_error& error) {
            EXPECT_EQ(error.type_name(), "int");
        }
        const int sum = co_await pool.run(add, 1, 1);
        EXPECT_EQ(sum, 2) << "the worker lives on";
        EXPECT_EQ(pool.statistics().restarts, 0U);
    });
}

TEST(process_pool, keeps_the_code_of_a_system_error) {
    run_everywhere([]() -> task<> {
        process_pool pool{1};
        try {
            co_await pool.run([] {
                throw std::system_error{ENOSPC, std::system_category(), "writing the grid"};
            });
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::no_space_on_device);
            const std::system_error same{ENOSPC, std::system_category(), "writing the grid"};
            EXPECT_STREQ(error.what(), same.what());
        }
        try {
            co_await pool.run([] { throw std::system_error{make_error_code(errc::busy)}; });
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), errc::busy);
        }
    });
}

TEST(process_pool, reports_a_codec_that_reads_too_much) {
    run_everywhere([]() -> task<> {
        process_pool pool{1};
        try {
            const forgetful sent;
            co_await pool.run([](forgetful) {}, sent);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const remote_error& error) {
            EXPECT_EQ(error.type_name(), "std::out_of_range");
        }
    });
}

template <class Function, class... Arguments>
task<> expect_death(process_pool& pool, int signal, int code, Function function,
                    Arguments... arguments) {
    try {
        co_await pool.run(function, arguments...);
        ADD_FAILURE() << "the call ended";
    } catch (const worker_died& death) {
        EXPECT_EQ(death.signal(), signal) << death.what();
        EXPECT_EQ(death.exit_code(), code) << death.what();
        EXPECT_GT(death.process_id(), 0);
    }
}

TEST(process_pool, survives_workers_that_abort_exit_or_are_killed) {
    run_with_processes([]() -> task<> {
        process_pool_options options = so_many(1);
        options.grace = 20ms;  // for the one that lives on without its socket
        process_pool pool{options};
        co_await expect_death(pool, SIGABRT, 0, abort_now);
        co_await expect_death(pool, 0, 3, exit_with, 3);
        co_await expect_death(pool, 0, 0, exit_with, 0);
        co_await expect_death(pool, SIGKILL, 0, kill_itself);
        co_await expect_death(pool, SIGKILL, 0, [] {
            ::close(3);  // the worker's end of the socket: no way back from there
            while (true) ::pause();
        });
        const int sum = co_await pool.run(add, 1, 1);
        EXPECT_EQ(sum, 2);
        EXPECT_EQ(pool.statistics().restarts, 5U);
    });
}

TEST(process_pool, tells_how_a_worker_died_without_any_grace) {
    run_with_processes([]() -> task<> {
        process_pool_options options = so_many(1);
        options.grace = duration::zero();
        process_pool pool{options};
        for (int each = 0; each != 4; ++each) {
            co_await expect_death(pool, SIGABRT, 0, abort_now);
            co_await expect_death(pool, 0, 3, exit_with, 3);
        }
    });
}

TEST(process_pool, fails_only_the_call_that_crashed) {
    run_with_processes([]() -> task<> {
        process_pool pool{3};
        int failed = 0;
        int ended = 0;
        task_group group;
        for (int each = 0; each != 30; ++each) {
            group.spawn([&, each]() -> task<> {
                try {
                    if (each % 10 == 5) {
                        co_await pool.run(abort_now);
                    } else {
                        co_await pool.run(add, each, 0);
                    }
                    ++ended;
                } catch (const worker_died&) {
                    ++failed;
                }
            });
        }
        co_await group.run();
        EXPECT_EQ(failed, 3);
        EXPECT_EQ(ended, 27);
    });
}

TEST(process_pool, replaces_a_worker_that_died_while_idle) {
    run_with_processes([]() -> task<> {
        process_pool pool{1};
        const int first = co_await pool.run(process_of_this_call);
        ::kill(first, SIGKILL);
        while (exists(first)) co_await sleep_for(1ms);  // until the starter has reaped it
        const int second = co_await pool.run(process_of_this_call);
        EXPECT_NE(second, first);
        EXPECT_EQ(pool.statistics().restarts, 1U);
    });
}

TEST(process_pool, gives_up_when_worker_after_worker_dies) {
    run_with_processes([]() -> task<> {
        process_pool_options options = so_many(1);
        options.deaths_in_a_row = 3;
        process_pool pool{options};
        co_await expect_death(pool, SIGABRT, 0, abort_now);
        co_await expect_death(pool, SIGABRT, 0, abort_now);
        co_await pool.run(add, 1, 1);
        co_await expect_death(pool, SIGABRT, 0, abort_now);
        co_await expect_death(pool, SIGABRT, 0, abort_now);
        for (int each = 0; each != 2; ++each) {
            try {
                co_await pool.run(abort_now);
                ADD_FAILURE() << "the call ended";
            } catch (const process_pool_broken& error) {
                EXPECT_NE(std::string{error.what()}.find("SIGABRT"), std::string::npos)
                    << error.what();
            }
        }
    });
}

TEST(process_pool, is_broken_when_its_starter_is_gone) {
    run_with_processes([]() -> task<> {
        const orphanage takes_the_workers;
        process_pool pool{2};
        const int starter = co_await pool.run([] { return static_cast<int>(::getppid()); });
        task_group group;
        group.spawn([&]() -> task<> {
            try {
                co_await pool.run(wait_for_permission, 1);
                ADD_FAILURE() << "the call ended";
            } catch (const process_pool_broken&) {
            }
        });
        group.spawn([&]() -> task<> {
            co_await until_began(1);
            ::kill(starter, SIGKILL);
        });
        co_await group.run();
        try {
            co_await pool.run(add, 1, 1);
            ADD_FAILURE() << "the call ended";
        } catch (const process_pool_broken&) {
        }
        co_await pool.close();
    });
}

// --- cancellation -------------------------------------------------------------------------------

TEST(process_pool, withdraws_a_queued_call_that_is_cancelled) {
    run_with_processes([]() -> task<> {
        process_pool pool{1};
        task_group group;
        group.spawn([&]() -> task<> { co_await pool.run(wait_for_permission, 1); });
        group.spawn([&]() -> task<> {
            co_await until_began(1);
            const auto result = co_await move_on_after(5ms, pool.run(wait_for_permission, 2));
            EXPECT_FALSE(result.has_value());
            EXPECT_EQ(pool.statistics().queued, 0U);
            gate().open();
        });
        co_await group.run();
        EXPECT_EQ(gate().began(), 1);
        EXPECT_EQ(pool.statistics().restarts, 0U);
    });
}

TEST(process_pool, ends_the_worker_of_a_call_that_is_cancelled) {
    run_with_processes([]() -> task<> {
        process_pool_options options = so_many(1);
        options.grace = 1h;  // SIGTERM alone ends it
        process_pool pool{options};
        const int first = co_await pool.run(process_of_this_call);
        const auto result = co_await move_on_after(5ms, pool.run(wait_for_permission, 1));
        EXPECT_FALSE(result.has_value());
        EXPECT_FALSE(exists(first)) << "it has ended when the await has";
        EXPECT_EQ(pool.statistics().workers, 0U);
        const int second = co_await pool.run(process_of_this_call);
        EXPECT_NE(second, first);
        EXPECT_EQ(pool.statistics().restarts, 1U);
        EXPECT_EQ(gate().ended(), 0);
    });
}

TEST(process_pool, kills_after_the_grace_who_does_not_listen) {
    run_with_processes([]() -> task<> {
        for (const duration grace : {duration{20ms}, duration::zero()}) {
            reset_gate();
            process_pool_options options = so_many(1);
            options.grace = grace;
            process_pool pool{options};
            const int worker = co_await pool.run(process_of_this_call);
            task_group group;
            auto call = group.spawn([&]() -> task<> { co_await pool.run(ignore_requests, 1); });
            group.spawn([&]() -> task<> {
                co_await until_began(1);
                call.cancel();
            });
            const time_point before = now();
            co_await group.run();
            EXPECT_TRUE(call.was_cancelled());
            EXPECT_GE(now() - before, grace);
            EXPECT_FALSE(exists(worker));
            EXPECT_EQ(gate().ended(), 0);
        }
    });
}

TEST(process_pool, lets_a_cancelled_call_finish_if_told_so) {
    run_with_processes([]() -> task<> {
        process_pool_options options = so_many(1);
        options.on_cancel = process_cancel::finish;
        process_pool pool{options};
        const int first = co_await pool.run(process_of_this_call);
        task_group group;
        auto call = group.spawn([&]() -> task<> {
            co_await pool.run(wait_for_permission, 1);
            co_await yield_now();
            ADD_FAILURE() << "it was to be stopped after the call";
        });
        group.spawn([&]() -> task<> {
            co_await until_began(1);
            call.cancel();
            for (int pass = 0; pass != 3; ++pass) co_await sleep_for(1ms);
            EXPECT_FALSE(call.done());
            gate().open();
        });
        co_await group.run();
        EXPECT_TRUE(call.was_cancelled());
        EXPECT_EQ(gate().ended(), 1);
        const int second = co_await pool.run(process_of_this_call);
        EXPECT_EQ(second, first);
    });
}

// --- map ----------------------------------------------------------------------------------------

TEST(process_pool, maps_a_range_and_keeps_its_order) {
    run_everywhere([]() -> task<> {
        process_pool pool{3};
        for (const std::size_t chunk : {0U, 1U, 7U, 1000U}) {
            const auto squares =
                co_await pool.map([](int x) { return x * x; }, std::views::iota(0, 100), chunk);
            EXPECT_EQ(squares.size(), 100U);
            for (int each = 0; each != 100; ++each) {
                EXPECT_EQ(squares.at(static_cast<std::size_t>(each)), each * each);
            }
        }
        const std::vector<std::string> words{"one", "", "three"};
        const std::vector<std::size_t> sizes = co_await pool.map(&std::string::size, words);
        const std::vector<std::size_t> expected{3, 0, 5};
        EXPECT_EQ(sizes, expected);
        const std::vector<int> none;
        const auto nothing = co_await pool.map([](int x) { return x; }, none);
        EXPECT_TRUE(nothing.empty());
    });
}

TEST(process_pool, maps_a_range_of_a_single_pass) {
    run_everywhere([]() -> task<> {
        process_pool pool{2};
        std::istringstream text{"1 2 3 4 5"};
        const auto odd =
            co_await pool.map([](int x) { return x % 2 == 1; }, std::views::istream<int>(text));
        const std::vector<bool> expected{true, false, true, false, true};
        EXPECT_EQ(odd, expected);
    });
}

TEST(process_pool, ends_a_map_with_the_first_error) {
    run_everywhere([]() -> task<> {
        process_pool pool{2};
        try {
            static_cast<void>(co_await pool.map(
                [](int x) {
                    if (x == 17) throw std::domain_error{"seventeen"};
                    return x;
                },
                std::views::iota(0, 40), 3));
            ADD_FAILURE() << "nothing was thrown";
        } catch (const remote_error& error) {
            EXPECT_STREQ(error.what(), "seventeen");
        }
        const int sum = co_await pool.run(add, 1, 1);
        EXPECT_EQ(sum, 2);
    });
}

// --- the end ------------------------------------------------------------------------------------

TEST(process_pool, closes_after_the_calls_there_are) {
    run_everywhere([]() -> task<> {
        process_pool pool{1};
        int ended = 0;
        task_group group;
        for (int each = 0; each != 3; ++each) {
            group.spawn([&]() -> task<> {
                co_await pool.run(add, 1, 1);
                ++ended;
            });
        }
        for (int closer = 0; closer != 2; ++closer) {
            group.spawn([&]() -> task<> {
                co_await pool.close();
                EXPECT_EQ(ended, 3);
                EXPECT_EQ(pool.statistics().workers, 0U);
            });
        }
        group.spawn([&]() -> task<> {
            const auto late = co_await as_outcome(pool.run(add, 1, 1));
            EXPECT_TRUE(late.has_error());
        });
        co_await group.run();
        EXPECT_FALSE(has_children());
        try {
            co_await pool.run(add, 1, 1);
            ADD_FAILURE() << "a closed pool took a call";
        } catch (const closed&) {
        }
        co_await pool.close();
    });
}

TEST(process_pool, may_be_closed_again_after_a_close_that_was_cancelled) {
    run_with_processes([]() -> task<> {
        process_pool pool{1};
        task_group group;
        group.spawn([&]() -> task<> { co_await pool.run(wait_for_permission, 1); });
        group.spawn([&]() -> task<> {
            co_await until_began(1);
            const auto closed_in_time = co_await move_on_after(2ms, pool.close());
            EXPECT_FALSE(closed_in_time.has_value());
            gate().open();
            co_await pool.close();
        });
        co_await group.run();
        EXPECT_EQ(gate().ended(), 1);
        EXPECT_FALSE(has_children());
    });
}

TEST(process_pool, fails_what_waits_and_runs_when_it_is_cancelled) {
    run_with_processes([]() -> task<> {
        process_pool pool{2};
        int failed = 0;
        task_group group;
        for (int each = 0; each != 6; ++each) {
            group.spawn([&]() -> task<> {
                try {
                    co_await pool.run(ignore_requests, 1);
                } catch (const closed&) {
                    ++failed;
                }
            });
        }
        group.spawn([&]() -> task<> {
            co_await until_began(2);
            pool.cancel();
        });
        co_await group.run();
        EXPECT_EQ(failed, 6);
        EXPECT_EQ(gate().began(), 2);
        co_await pool.close();
        EXPECT_FALSE(has_children());
    });
}

TEST(process_pool, dies_with_the_program) {
    reset_gate();
    const orphanage takes_starter_and_workers;
    const ::pid_t program = ::fork();
    if (program == 0) {  // a program that is killed while its workers are idle and busy
        run([]() -> task<> {
            process_pool pool{2};
            co_await pool.run(add, 1, 1);
            co_await pool.run(wait_for_permission, 1);
        }());
        std::_Exit(0);
    }
    EXPECT_TRUE(gate().wait_for_arrival());
    ::kill(program, SIGKILL);
    ::waitpid(program, nullptr, 0);
}

}  // namespace
}  // namespace simul::test
