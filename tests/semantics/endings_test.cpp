// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about programs that end otherwise than by returning: because nobody in
// them can go on, or because somebody pressed Ctrl-C.
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/this_task.hpp"
#include "simul/runtime/blocking.hpp"
#include "simul/runtime/callback.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;

// Notes, when it goes, why its task is being stopped.
class last_words {
public:
    explicit last_words(std::vector<cancel_reason>& reasons) : reasons_{reasons} {}
    last_words(const last_words&) = delete;
    last_words& operator=(const last_words&) = delete;
    ~last_words() { reasons_.push_back(this_task::reason()); }

private:
    std::vector<cancel_reason>& reasons_;
};

// Two tasks who each hold what the other wants, and one who waits for the first of them.
task<> embrace(std::vector<cancel_reason>& reasons, int& cleaned) {
    std::array<mutex, 2> locks;
    task_group group;
    std::vector<task_handle<>> handles;
    for (std::size_t mine = 0; mine != 2; ++mine) {
        handles.push_back(group.spawn([&, mine]() -> task<> {
            const last_words said{reasons};
            const mutex_guard own = co_await locks[mine].acquire();
            co_await testing::wait_until_all_blocked();
            const auto clean = [&]() -> task<> {
                co_await sleep_for(1s);
                ++cleaned;
            };
            auto cleanup = clean();
            const mutex_guard both =
                co_await finally(locks[1 - mine].acquire(), std::move(cleanup));
            ADD_FAILURE() << "it cannot get both";
        }));
    }
    group.spawn([&]() -> task<> {
        const last_words said{reasons};
        co_await handles[0];
        ADD_FAILURE() << "it cannot end";
    });
    co_await group.run();
}

// A program in which nobody can ever go on ends, with an error that says so; everything in it is
// stopped and cleans up as with any cancel.
TEST(K10, program_in_which_nobody_can_go_on_ends_with_an_error) {
    for (const start_policy start : {start_policy::queued, start_policy::eager}) {
        for (std::uint64_t seed = 1; seed != 201; ++seed) {
            testing::random_schedule order{seed};
            std::vector<cancel_reason> reasons;
            int cleaned = 0;
            try {
                testing::run_test([&] { return embrace(reasons, cleaned); },
                                  testing::test_options{}.in_order_of(order).starting(start));
                ADD_FAILURE() << "the program has ended";
            } catch (const error& found) {
                EXPECT_EQ(found.code(), errc::deadlock);
                EXPECT_NE(std::string{found.what()}.find(" waits for "), std::string::npos);
            }
            EXPECT_EQ(reasons, std::vector<cancel_reason>(3, cancel_reason::deadlock));
            EXPECT_EQ(cleaned, 2);
            if (HasFailure()) return;
        }
    }
}

// Whom a timer, a thread, or a callback can help is not deadlocked.
VIRTUAL_WORLD_TEST(K10, who_waits_for_time_or_for_a_thread_is_not_deadlocked) {
    for (int way = 0; way != 3; ++way) {
        event helped;
        task_group group;
        group.spawn([&]() -> task<> { co_await helped.wait(); });
        group.spawn([&]() -> task<> {
            co_await testing::wait_until_all_blocked();
            if (way == 0) call_later(1000h, [&] { helped.set(); });
            if (way == 1) loop::current().post_from_any_thread([&] { helped.set(); });
            if (way == 2) {
                co_await sleep_for(1000h);
                co_await offload([] { std::this_thread::yield(); });
                helped.set();
            }
        });
        co_await group.run();
        EXPECT_TRUE(helped.is_set());
    }
}

// Ctrl-C while the main task waits for another one: both end, the main task cleans up, and run()
// says why there is no result.
task<> wait_with_cleanup(std::vector<std::string>& log) {
    const test::noted main{log, "main"};
    event never;
    task_group group;
    auto awaited = group.spawn([&]() -> task<> {
        const test::noted child{log, "awaited"};
        co_await never.wait();
    });
    group.spawn([&]() -> task<> {
        co_await awaited;
        ADD_FAILURE() << "nobody sets the event";
    });
    group.spawn([]() -> task<> {
        co_await testing::wait_until_all_blocked();
        std::raise(SIGINT);
    });
    const auto clean = [&]() -> task<> {
        co_await yield_now();
        log.push_back("cleaned");
    };
    auto cleanup = clean();
    co_await finally(group.run(), std::move(cleanup));
    ADD_FAILURE() << "it was interrupted";
}

TEST(T29, interrupt_of_a_waiting_program_cancels_what_it_waits_for_and_cleans_up) {
    // A process in the background of a shell ignores it, and run() would leave it so.
    const auto previous = std::signal(SIGINT, SIG_DFL);
    for (const backend_kind backend : test::test_backends()) {
        SCOPED_TRACE(test::name_of(backend));
        for (const start_policy start : {start_policy::queued, start_policy::eager}) {
            for (std::uint64_t seed = 1; seed != 201 && !HasFailure(); ++seed) {
                run_options options = test::options_for(backend);
                options.start = start;
                testing::random_schedule order{seed};
                loop running{options.loop};
                running.scheduler().follow(&order);
                std::vector<std::string> log;
                try {
                    run_on(running, wait_with_cleanup(log), options);
                    ADD_FAILURE() << "an interrupted program has no result";
                } catch (const cancelled& error) {
                    EXPECT_EQ(error.reason(), cancel_reason::interrupted);
                }
                EXPECT_EQ(log, (std::vector<std::string>{"awaited", "cleaned", "main"}))
                    << "seed " << seed;
            }
        }
    }
    std::signal(SIGINT, previous);
}

}  // namespace
}  // namespace simul
