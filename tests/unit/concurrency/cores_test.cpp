// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/cores.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <latch>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <sched.h>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/mt/queue.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/coro/trace.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

task<> wait_for_ever() {
    co_await sleep_for(1000h);
}

task<int> doubled(int number) {
    co_await yield_now();
    co_return 2 * number;
}

task<> fail(std::string text) {
    co_await yield_now();
    throw std::runtime_error{text};
}

task<std::thread::id> this_thread_id() {
    co_return std::this_thread::get_id();
}

task<> do_nothing() {
    co_return;
}

cores_options cores_on(backend_kind kind, std::size_t cores) {
    cores_options options;
    options.count = cores;
    options.run = options_for(kind);
    return options;
}

/// The program of the first core; the second one does what it is asked to, until the first has
/// ended.
template <class Main>
void with_a_second_core(const Main& main) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        event is_over;
        const auto end_it = [&]() -> task<> {
            is_over.set();
            co_return;
        };
        const auto program = [&](core& here) -> task<> {
            if (here.index() == 1) {
                co_await is_over.wait();
            } else {
                co_await main(here);
                co_await here.call(1, end_it);
            }
        };
        const cores_options options = cores_on(kind, 2);
        run_on_cores(program, options);
    }
}

/// Waits until both cores have come here, so that neither is left alone by the other.
task<> meet(core& here, mt::queue<int> (&places)[2]) {
    places[1 - here.index()].put(1);
    static_cast<void>(co_await places[here.index()].async_get());
}

/// Notes that it has been destroyed.
class noted_end {
public:
    explicit noted_end(std::atomic<int>& count) noexcept : count_{count} {}
    noted_end(const noted_end&) = delete;
    noted_end& operator=(const noted_end&) = delete;
    ~noted_end() { ++count_; }

private:
    std::atomic<int>& count_;
};

/// Counts those that exist.
class being_inside {
public:
    explicit being_inside(std::atomic<int>& count) noexcept : count_{count} { ++count_; }
    being_inside(const being_inside&) = delete;
    being_inside& operator=(const being_inside&) = delete;
    ~being_inside() { --count_; }

private:
    std::atomic<int>& count_;
};

TEST(run_on_cores, runs_a_program_on_each_core_on_a_thread_and_a_loop_of_its_own) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        std::mutex mutex;
        std::set<std::thread::id> threads;
        std::set<loop*> loops;
        std::set<std::size_t> numbers;
        std::latch all_there{3};
        const auto program = [&](core& here) -> task<> {
            {
                const std::lock_guard held{mutex};
                threads.insert(std::this_thread::get_id());
                loops.insert(&loop::current());
                numbers.insert(here.index());
                EXPECT_EQ(here.count(), 3U);
            }
            all_there.arrive_and_wait();  // so that no loop takes the place of one that has ended
            co_return;
        };
        const cores_options options = cores_on(kind, 3);
        run_on_cores(program, options);
        EXPECT_EQ(threads.size(), 3U);
        EXPECT_TRUE(threads.contains(std::this_thread::get_id()));
        EXPECT_EQ(loops.size(), 3U);
        EXPECT_EQ(numbers, (std::set<std::size_t>{0, 1, 2}));
    }
}

std::atomic<int> functions_called{0};

task<> count_the_call(core&) {
    ++functions_called;
    co_return;
}

TEST(run_on_cores, takes_a_plain_function) {
    functions_called = 0;
    cores_options options;
    options.count = 2;
    run_on_cores(count_the_call, options);
    EXPECT_EQ(functions_called.load(), 2);
}

TEST(run_on_cores, takes_as_many_threads_as_there_are_processors_for_it) {
    std::atomic<std::size_t> count{0};
    const auto program = [&](core&) -> task<> {
        ++count;
        co_return;
    };
    cores_options options;
    options.pin_threads = true;
    run_on_cores(program, options);
    cpu_set_t allowed;
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    EXPECT_EQ(count.load(), static_cast<std::size_t>(CPU_COUNT(&allowed)));
}

TEST(run_on_cores, pins_each_thread_to_a_processor_if_asked_and_lets_the_caller_go_after_it) {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    std::atomic<int> pinned{0};
    const auto program = [&](core&) -> task<> {
        cpu_set_t allowed;
        if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) == 1) {
            ++pinned;
        }
        co_return;
    };
    cores_options options;
    options.count = 2;
    options.pin_threads = true;
    run_on_cores(program, options);
    EXPECT_EQ(pinned.load(), 2);
    cpu_set_t after;
    ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(run_on_cores, gives_the_result_of_a_task_on_another_core_to_who_called_it) {
    with_a_second_core([](core& here) -> task<> {
        const std::thread::id on_this = co_await here.call(0, this_thread_id);
        const std::thread::id on_other = co_await here.call(1, this_thread_id);
        EXPECT_EQ(on_this, std::this_thread::get_id());
        EXPECT_NE(on_other, on_this);
        const int answer = co_await here.call(1, doubled, 21);
        EXPECT_EQ(answer, 42);
        co_await here.call(1, do_nothing);
    });
}

TEST(run_on_cores, hands_on_the_error_of_a_task_on_another_core_with_its_type) {
    with_a_second_core([](core& here) -> task<> {
        const std::string sent = "over there";
        std::string text;
        try {
            co_await here.call(1, fail, sent);
        } catch (const std::runtime_error& error) {
            text = error.what();
        }
        EXPECT_EQ(text, "over there");
    });
}

TEST(run_on_cores, carries_calls_in_both_directions_at_once) {
    mt::queue<int> places[2];
    const auto program = [&](core& here) -> task<> {
        task_group group;
        std::atomic<int> sum{0};
        const std::size_t other = 1 - here.index();
        const auto ask_often = [&]() -> task<> {
            for (int i = 0; i != 50; ++i) {
                const int answer = co_await here.call(other, doubled, i);
                sum += answer;
            }
        };
        for (int i = 0; i != 20; ++i) group.spawn(ask_often());
        co_await group.run();
        EXPECT_EQ(sum.load(), 20 * 49 * 50);
        co_await meet(here, places);
    };
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        run_on_cores(program, cores_on(kind, 2));
    }
}

TEST(run_on_cores, stops_a_task_on_another_core_when_its_caller_is_cancelled_and_waits_for_it) {
    with_a_second_core([](core& here) -> task<> {
        std::atomic<int> begun{0};
        std::atomic<int> ended{0};
        mt::queue<int> has_begun;
        const auto wait_there = [&]() -> task<> {
            const noted_end at_end{ended};
            ++begun;
            has_begun.put(1);
            co_await wait_for_ever();
        };
        task_group group;
        auto waiting = group.spawn([&]() -> task<> { co_await here.call(1, wait_there); });
        group.spawn([&]() -> task<> {
            static_cast<void>(co_await has_begun.async_get());
            waiting.cancel();
        });
        co_await group.run();
        EXPECT_EQ(begun.load(), 1);
        EXPECT_EQ(ended.load(), 1);
        EXPECT_TRUE(waiting.was_cancelled());
    });
}

TEST(run_on_cores, delivers_the_result_of_a_task_that_does_not_let_itself_be_stopped) {
    with_a_second_core([](core& here) -> task<> {
        int answer = 0;
        mt::queue<int> has_begun;
        mt::queue<int> may_go_on;
        const auto insist = [&]() -> task<int> {
            has_begun.put(1);
            co_return co_await shield(may_go_on.async_get());
        };
        task_group group;
        auto waiting = group.spawn([&]() -> task<> { answer = co_await here.call(1, insist); });
        group.spawn([&]() -> task<> {
            static_cast<void>(co_await has_begun.async_get());
            waiting.cancel();
            co_await yield_now();
            may_go_on.put(7);
        });
        co_await group.run();
        EXPECT_EQ(answer, 7);
    });
}

TEST(run_on_cores, ends_calls_that_are_cancelled_at_any_moment) {
    with_a_second_core([](core& here) -> task<> {
        std::atomic<int> inside{0};
        const auto work = [&]() -> task<> {
            const being_inside here_now{inside};
            for (int i = 0; i != 4; ++i) co_await yield_now();
        };
        for (int round = 0; round != 400; ++round) {
            task_group group;
            auto waiting = group.spawn([&]() -> task<> { co_await here.call(1, work); });
            group.spawn([&]() -> task<> {
                for (int i = 0; i != round % 16; ++i) co_await yield_now();
                waiting.cancel();
            });
            co_await group.run();
            EXPECT_EQ(inside.load(), 0) << "the call ended before its task";
        }
    });
}

TEST(run_on_cores, refuses_a_call_to_a_core_whose_program_has_ended) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        bool was_closed = false;
        const auto program = [&](core& here) -> task<> {
            if (here.index() == 1) co_return;
            while (!was_closed) {  // it ends at some moment
                try {
                    co_await here.call(1, do_nothing);
                } catch (const closed&) {
                    was_closed = true;
                } catch (const cancelled& error) {
                    EXPECT_EQ(error.reason(), cancel_reason::shutdown);
                }
            }
        };
        const cores_options options = cores_on(kind, 2);
        run_on_cores(program, options);
        EXPECT_TRUE(was_closed);
    }
}

TEST(run_on_cores, tells_the_caller_of_a_task_that_ended_with_the_program_of_its_core) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        mt::queue<int> may_end;
        cancel_reason reason = cancel_reason::none;
        const auto last_there = [&]() -> task<> {
            may_end.put(1);
            co_await wait_for_ever();
        };
        const auto program = [&](core& here) -> task<> {
            if (here.index() == 1) {
                static_cast<void>(co_await may_end.async_get());
                co_return;
            }
            try {
                co_await here.call(1, last_there);
            } catch (const cancelled& error) {
                reason = error.reason();
            }
        };
        const cores_options options = cores_on(kind, 2);
        run_on_cores(program, options);
        EXPECT_EQ(reason, cancel_reason::shutdown);
    }
}

TEST(run_on_cores, stops_all_programs_when_one_fails_and_rethrows_its_error) {
    for (const backend_kind kind : real_backends()) {
        for (std::size_t failing = 0; failing != 3; ++failing) {
            SCOPED_TRACE(std::string{name_of(kind)} + ", core " + std::to_string(failing));
            std::atomic<int> ended{0};
            std::latch all_there{3};
            const auto program = [&](core& here) -> task<> {
                const noted_end at_end{ended};
                all_there.arrive_and_wait();
                if (here.index() == failing) throw std::runtime_error{"broken"};
                co_await wait_for_ever();
            };
            const cores_options options = cores_on(kind, 3);
            std::string text;
            try {
                run_on_cores(program, options);
            } catch (const std::runtime_error& error) {
                text = error.what();
            }
            EXPECT_EQ(text, "broken");
            EXPECT_EQ(ended.load(), 3);
        }
    }
}

TEST(run_on_cores, keeps_the_errors_that_follow_beside_the_first) {
    std::latch all_there{2};
    const auto program = [&](core& here) -> task<> {
        all_there.arrive_and_wait();
        throw std::runtime_error{"core " + std::to_string(here.index())};
        co_return;
    };
    cores_options options;
    options.count = 2;
    std::size_t later = 0;
    try {
        run_on_cores(program, options);
    } catch (...) {
        later = suppressed(std::current_exception()).size();
    }
    EXPECT_EQ(later, 1U);
}

TEST(run_on_cores, stops_all_programs_at_an_interrupt) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        std::atomic<int> ended{0};
        const auto interrupt_the_process = []() -> task<> {
            ::kill(::getpid(), SIGINT);
            co_return;
        };
        const auto program = [&](core& here) -> task<> {
            const noted_end at_end{ended};
            if (here.index() == 1) co_await here.call(0, interrupt_the_process);
            co_await wait_for_ever();
        };
        const cores_options options = cores_on(kind, 2);
        cancel_reason reason = cancel_reason::none;
        try {
            run_on_cores(program, options);
        } catch (const cancelled& error) {
            reason = error.reason();
        }
        EXPECT_EQ(reason, cancel_reason::interrupted);
        EXPECT_EQ(ended.load(), 2);
    }
}

TEST(run_on_cores, cannot_run_in_the_simulated_world) {
    cores_options options;
    options.run = options_for(backend_kind::simulated);
    std::error_code code;
    try {
        run_on_cores([](core&) { return do_nothing(); }, options);
    } catch (const std::system_error& error) {
        code = error.code();
        EXPECT_NE(std::string{error.what()}.find("ask for a real one"), std::string::npos);
    }
    EXPECT_EQ(code, errc::unavailable);
}

TEST(run_on_cores, begins_no_program_when_a_loop_cannot_be_made) {
    ::setenv("SIMUL_IO_URING_REFUSE", "EPERM", 1);
    std::atomic<int> begun{0};
    const auto program = [&](core&) -> task<> {
        ++begun;
        co_return;
    };
    const cores_options options = cores_on(backend_kind::io_uring, 2);
    std::error_code code;
    try {
        run_on_cores(program, options);
    } catch (const std::system_error& error) {
        code = error.code();
    }
    ::unsetenv("SIMUL_IO_URING_REFUSE");
    EXPECT_EQ(code, errc::unavailable);
    EXPECT_EQ(begun.load(), 0);
}

}  // namespace
}  // namespace simul
