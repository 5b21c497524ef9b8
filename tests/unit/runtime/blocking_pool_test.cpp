// SPDX-License-Identifier: Apache-2.0
#include "runtime/blocking_pool.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <latch>
#include <limits>
#include <memory>
#include <random>
#include <semaphore>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace simul::detail {
namespace {

// A job that does what it is given, counts its calls, and can be waited for.
struct job : blocking_job {
    explicit job(std::function<void()> body = {},
                 std::stop_source source = std::stop_source{std::nostopstate})
        : blocking_job{&job::on_run, &job::on_finished, std::move(source)},
          body_{std::move(body)} {}

    void wait() { done_.acquire(); }

    std::atomic<int> runs = 0;
    std::atomic<int> ends = 0;
    std::thread::id run_by, finished_by;

private:
    static void on_run(blocking_job& base) noexcept {
        auto& self = static_cast<job&>(base);
        self.run_by = std::this_thread::get_id();
        self.runs.fetch_add(1);
        if (self.body_) self.body_();
    }

    static void on_finished(blocking_job& base) noexcept {
        auto& self = static_cast<job&>(base);
        self.finished_by = std::this_thread::get_id();
        self.ends.fetch_add(1);
        self.done_.release();
    }

    std::function<void()> body_;
    std::counting_semaphore<> done_{0};
};

// Holds jobs back until it is opened, and tells how many have arrived.
class gate {
public:
    std::function<void()> body() {
        return [this] {
            arrived_.release();
            open_.wait();
        };
    }
    void wait_for_arrivals(int count) {
        for (; count > 0; --count) arrived_.acquire();
    }
    void open() { open_.count_down(); }

private:
    std::counting_semaphore<> arrived_{0};
    std::latch open_{1};
};

// For states that nobody announces, like "the worker sleeps now". The limit only ends a test that
// has failed already.
template <class Condition>
[[nodiscard]] bool becomes_true(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!condition()) {
        if (std::chrono::steady_clock::now() > limit) return false;
        std::this_thread::yield();
    }
    return true;
}

constexpr auto unlimited = blocking_pool::default_queue_limit;

TEST(blocking_pool, runs_a_job_and_then_finishes_it_on_the_same_other_thread) {
    blocking_pool pool;
    job item;
    ASSERT_TRUE(pool.submit(item));
    item.wait();
    EXPECT_EQ(item.runs, 1);
    EXPECT_EQ(item.ends, 1);
    EXPECT_NE(item.run_by, std::this_thread::get_id());
    EXPECT_EQ(item.run_by, item.finished_by);
}

TEST(blocking_pool, has_no_thread_before_the_first_job) {
    const blocking_pool pool;
    const blocking_pool_statistics now = pool.statistics();
    EXPECT_EQ(now.threads, 0U);
    EXPECT_EQ(now.completed, 0U);
}

TEST(blocking_pool, uses_a_few_more_threads_than_processors_but_at_most_32) {
    EXPECT_EQ(blocking_pool::default_threads(),
              std::min<std::size_t>(32, std::thread::hardware_concurrency() + 4U));
}

TEST(blocking_pool, starts_jobs_in_the_order_in_which_they_were_submitted) {
    blocking_pool pool{1};
    gate blocked;
    job first{blocked.body()};
    ASSERT_TRUE(pool.submit(first));
    std::vector<int> order;
    job one{[&] { order.push_back(1); }}, two{[&] { order.push_back(2); }},
        three{[&] { order.push_back(3); }};
    for (job* item : {&one, &two, &three}) ASSERT_TRUE(pool.submit(*item));
    blocked.open();
    for (job* item : {&first, &one, &two, &three}) item->wait();
    EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(blocking_pool, starts_threads_up_to_its_maximum_and_queues_what_is_more) {
    blocking_pool pool{2};
    gate blocked;
    job first{blocked.body()}, second{blocked.body()}, third;
    for (job* item : {&first, &second, &third}) ASSERT_TRUE(pool.submit(*item));
    blocked.wait_for_arrivals(2);
    const blocking_pool_statistics busy = pool.statistics();
    EXPECT_EQ(busy.threads, 2U);
    EXPECT_EQ(busy.running, 2U);
    EXPECT_EQ(busy.queued, 1U);
    EXPECT_EQ(busy.idle, 0U);
    EXPECT_EQ(busy.completed, 0U);
    blocked.open();
    for (job* item : {&first, &second, &third}) item->wait();
    const blocking_pool_statistics after = pool.statistics();
    EXPECT_EQ(after.completed, 3U);
    EXPECT_EQ(after.running, 0U);
    EXPECT_EQ(after.queued, 0U);
    EXPECT_NE(first.run_by, second.run_by);
}

TEST(blocking_pool, gives_a_job_to_an_idle_worker_instead_of_starting_another) {
    blocking_pool pool{8, unlimited, duration::max()};
    std::thread::id worker;
    for (int round = 0; round < 50; ++round) {
        job item;
        ASSERT_TRUE(pool.submit(item));
        item.wait();
        if (round > 0) {
            ASSERT_EQ(item.run_by, worker);
        }
        worker = item.run_by;
        ASSERT_TRUE(becomes_true([&] { return pool.statistics().idle == 1; }));
        ASSERT_EQ(pool.statistics().threads, 1U);
    }
}

TEST(blocking_pool, wakes_the_worker_that_became_idle_last) {
    blocking_pool pool{2, unlimited, duration::max()};
    gate blocked, blocked_longer;
    job first{blocked.body()}, second{blocked_longer.body()};
    ASSERT_TRUE(pool.submit(first));
    ASSERT_TRUE(pool.submit(second));
    blocked.wait_for_arrivals(1);
    blocked_longer.wait_for_arrivals(1);
    blocked.open();
    ASSERT_TRUE(becomes_true([&] { return pool.statistics().idle == 1; }));
    blocked_longer.open();
    ASSERT_TRUE(becomes_true([&] { return pool.statistics().idle == 2; }));
    for (int round = 0; round < 20; ++round) {
        job item;
        ASSERT_TRUE(pool.submit(item));
        item.wait();
        EXPECT_EQ(item.run_by, second.run_by);
        ASSERT_TRUE(becomes_true([&] { return pool.statistics().idle == 2; }));
    }
}

TEST(blocking_pool, refuses_a_job_when_the_queue_is_full_and_takes_it_later) {
    blocking_pool pool{1, 2};
    gate blocked;
    job running{blocked.body()}, second, third, fourth;
    // Whether the worker has begun the first job by now makes no difference to the limit.
    for (job* item : {&running, &second, &third}) ASSERT_TRUE(pool.submit(*item));
    EXPECT_FALSE(pool.submit(fourth));
    blocked.wait_for_arrivals(1);
    EXPECT_FALSE(pool.submit(fourth));
    EXPECT_EQ(pool.statistics().queued, 2U);
    blocked.open();
    for (job* item : {&running, &second, &third}) item->wait();
    EXPECT_EQ(fourth.runs, 0);
    ASSERT_TRUE(pool.submit(fourth));
    fourth.wait();
}

TEST(blocking_pool, takes_only_what_a_free_worker_can_start_when_the_queue_limit_is_zero) {
    blocking_pool pool{2, 0, duration::max()};
    for (int round = 0; round < 20; ++round) {
        gate blocked;
        job first{blocked.body()}, second{blocked.body()}, third;
        ASSERT_TRUE(pool.submit(first));
        ASSERT_TRUE(pool.submit(second));
        ASSERT_FALSE(pool.submit(third));
        blocked.open();
        first.wait();
        second.wait();
        ASSERT_TRUE(becomes_true([&] { return pool.statistics().idle == 2; }));
    }
}

TEST(blocking_pool, takes_any_number_of_jobs_when_the_queue_limit_is_the_largest_number) {
    blocking_pool pool{1, std::numeric_limits<std::size_t>::max()};
    gate blocked;
    std::vector<std::unique_ptr<job>> items;
    for (int count = 0; count < 20; ++count) {
        items.push_back(std::make_unique<job>(count == 0 ? blocked.body() : nullptr));
        ASSERT_TRUE(pool.submit(*items.back()));
    }
    blocked.open();
    for (auto& item : items) item->wait();
}

TEST(blocking_pool, withdraws_a_job_that_has_not_begun) {
    blocking_pool pool{1};
    gate blocked;
    job running{blocked.body()}, withdrawn, kept;
    ASSERT_TRUE(pool.submit(running));
    ASSERT_TRUE(pool.submit(withdrawn));
    ASSERT_TRUE(pool.submit(kept));
    EXPECT_TRUE(pool.withdraw(withdrawn));
    EXPECT_FALSE(pool.withdraw(withdrawn));
    blocked.wait_for_arrivals(1);
    EXPECT_EQ(pool.statistics().queued, 1U);
    blocked.open();
    kept.wait();
    EXPECT_EQ(withdrawn.runs, 0);
    EXPECT_EQ(withdrawn.ends, 0);
    ASSERT_TRUE(pool.submit(withdrawn));  // idle again
    withdrawn.wait();
    EXPECT_EQ(withdrawn.runs, 1);
    running.wait();
}

TEST(blocking_pool, does_not_withdraw_a_job_that_runs_has_run_or_was_never_submitted) {
    blocking_pool pool{1};
    gate blocked;
    job item{blocked.body()}, idle;
    EXPECT_FALSE(pool.withdraw(idle));
    ASSERT_TRUE(pool.submit(item));
    blocked.wait_for_arrivals(1);
    EXPECT_FALSE(pool.withdraw(item));
    blocked.open();
    item.wait();
    EXPECT_FALSE(pool.withdraw(item));
    EXPECT_EQ(item.ends, 1);
}

TEST(blocking_pool, lets_finished_destroy_the_job) {
    struct owned : blocking_job {
        explicit owned(std::latch& latch)
            : blocking_job{[](blocking_job&) noexcept {},
                           [](blocking_job& base) noexcept {
                               auto* self = static_cast<owned*>(&base);
                               std::latch& all = self->gone;
                               delete self;
                               all.count_down();
                           },
                           std::stop_source{}},
              gone{latch} {}
        std::latch& gone;
    };
    std::latch gone{100};
    blocking_pool pool{3};
    for (int count = 0; count < 100; ++count) {
        ASSERT_TRUE(pool.submit(*std::make_unique<owned>(gone).release()));
    }
    gone.wait();
    EXPECT_EQ(pool.statistics().completed, 100U);
}

TEST(blocking_pool, lets_finished_submit_the_job_again) {
    struct repeated : blocking_job {
        explicit repeated(blocking_pool& to)
            : blocking_job{
                  [](blocking_job& base) noexcept { ++static_cast<repeated&>(base).rounds; },
                  [](blocking_job& base) noexcept {
                      auto& self = static_cast<repeated&>(base);
                      if (self.rounds == 100) {
                          self.done.count_down();
                      } else if (!self.pool.submit(self)) {
                          std::abort();
                      }
                  }},
              pool{to} {}
        blocking_pool& pool;
        int rounds = 0;
        std::latch done{1};
    };
    blocking_pool pool{2};
    repeated item{pool};
    ASSERT_TRUE(pool.submit(item));
    item.done.wait();
    EXPECT_EQ(item.rounds, 100);
    EXPECT_EQ(pool.statistics().completed, 100U);
}

TEST(blocking_pool, refuses_jobs_after_stop_and_still_runs_those_it_has) {
    blocking_pool pool{1};
    gate blocked;
    job running{blocked.body()}, queued, refused;
    ASSERT_TRUE(pool.submit(running));
    ASSERT_TRUE(pool.submit(queued));
    pool.stop();
    pool.stop();
    EXPECT_FALSE(pool.submit(refused));
    EXPECT_EQ(queued.runs, 0);
    blocked.open();
    running.wait();
    queued.wait();
    EXPECT_EQ(queued.runs, 1);
    EXPECT_EQ(refused.runs, 0);
    EXPECT_TRUE(becomes_true([&] { return pool.statistics().threads == 0; }));
}

TEST(blocking_pool, can_withdraw_a_queued_job_after_stop) {
    blocking_pool pool{1};
    gate blocked;
    job running{blocked.body()}, queued;
    ASSERT_TRUE(pool.submit(running));
    ASSERT_TRUE(pool.submit(queued));
    pool.stop();
    EXPECT_TRUE(pool.withdraw(queued));
    blocked.open();
    running.wait();
    EXPECT_EQ(queued.runs, 0);
}

TEST(blocking_pool, asks_running_and_queued_jobs_to_stop) {
    blocking_pool pool{2};
    gate blocked;
    std::binary_semaphore asked_first{0}, asked_second{0};
    std::latch begun{2};
    const auto until_asked = [&begun](std::stop_source source, std::binary_semaphore& asked) {
        return [&begun, source, &asked] {
            const std::stop_callback callback{source.get_token(), [&asked] { asked.release(); }};
            begun.count_down();
            asked.acquire();
        };
    };
    std::stop_source first_source, second_source, queued_source;
    job first{until_asked(first_source, asked_first), first_source};
    job second{until_asked(second_source, asked_second), second_source};
    bool was_asked = false;
    job queued{[&] { was_asked = queued_source.stop_requested(); }, queued_source};
    for (job* item : {&first, &second, &queued}) ASSERT_TRUE(pool.submit(*item));
    begun.wait();
    EXPECT_FALSE(first_source.stop_requested());
    pool.stop();
    for (job* item : {&first, &second, &queued}) item->wait();
    EXPECT_TRUE(was_asked);
}

TEST(blocking_pool, makes_no_stop_request_when_jobs_end_before_stop) {
    std::stop_source source;
    {
        blocking_pool pool{1};
        job item{{}, source};
        ASSERT_TRUE(pool.submit(item));
        item.wait();
    }
    EXPECT_FALSE(source.stop_requested());
}

TEST(blocking_pool, lets_a_stop_callback_call_the_pool) {
    blocking_pool pool{1};
    std::stop_source source;
    std::latch begun{1};
    std::binary_semaphore asked{0};
    job refused;
    bool taken = true;
    job item{[&] {
                 const std::stop_callback callback{source.get_token(), [&] {
                                                       taken = pool.submit(refused);
                                                       asked.release();
                                                   }};
                 begun.count_down();
                 asked.acquire();
             },
             source};
    ASSERT_TRUE(pool.submit(item));
    begun.wait();
    pool.stop();
    item.wait();
    EXPECT_FALSE(taken);
}

TEST(blocking_pool, waits_in_its_destructor_for_everything_it_has_taken) {
    std::vector<std::unique_ptr<job>> items;
    for (int count = 0; count < 200; ++count) items.push_back(std::make_unique<job>());
    {
        blocking_pool pool{3};
        for (auto& item : items) ASSERT_TRUE(pool.submit(*item));
    }
    for (auto& item : items) ASSERT_EQ(item->ends, 1);
}

TEST(blocking_pool, wakes_sleeping_workers_to_end_them_in_its_destructor) {
    blocking_pool pool{4, unlimited, duration::max()};
    gate blocked;
    std::vector<std::unique_ptr<job>> items;
    for (int count = 0; count < 4; ++count) {
        items.push_back(std::make_unique<job>(blocked.body()));
        ASSERT_TRUE(pool.submit(*items.back()));
    }
    blocked.open();
    for (auto& item : items) item->wait();
    ASSERT_TRUE(becomes_true([&] { return pool.statistics().idle == 4; }));
}

TEST(blocking_pool, ends_workers_after_their_idle_limit_and_starts_new_ones_when_needed) {
    blocking_pool pool{2, unlimited, duration::zero()};
    for (int round = 0; round < 50; ++round) {
        job first, second;
        ASSERT_TRUE(pool.submit(first));
        ASSERT_TRUE(pool.submit(second));
        first.wait();
        second.wait();
        ASSERT_TRUE(becomes_true([&] { return pool.statistics().threads == 0; }));
    }
    EXPECT_EQ(pool.statistics().idle, 0U);
    EXPECT_EQ(pool.statistics().completed, 100U);
}

TEST(blocking_pool, has_joined_every_thread_when_its_destructor_returns) {
    // The thread that leaves first is the slowest to die, and its handle has passed to the second.
    struct slow_to_die {
        std::atomic<bool>* dead = nullptr;
        ~slow_to_die() {
            if (dead == nullptr) return;
            for (int pause = 0; pause < 20'000; ++pause) std::this_thread::yield();
            *dead = true;
        }
    };
    std::atomic<bool> dead = false;
    {
        gate first_blocked, second_blocked;
        job first{[&] {
            thread_local slow_to_die witness;
            witness.dead = &dead;
            first_blocked.body()();
        }};
        job second{second_blocked.body()};
        blocking_pool pool{2, unlimited, duration::zero()};
        ASSERT_TRUE(pool.submit(first));
        ASSERT_TRUE(pool.submit(second));
        first_blocked.wait_for_arrivals(1);
        second_blocked.wait_for_arrivals(1);
        first_blocked.open();
        ASSERT_TRUE(becomes_true([&] { return pool.statistics().threads == 1; }));
        second_blocked.open();
    }
    EXPECT_TRUE(dead);
}

TEST(blocking_pool, blocks_signals_in_workers_except_those_of_faults_and_profilers) {
    sigset_t before, none, after, inside;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, &before);
    blocking_pool pool{1};
    job item{[&] { pthread_sigmask(SIG_SETMASK, nullptr, &inside); }};
    ASSERT_TRUE(pool.submit(item));
    item.wait();
    pthread_sigmask(SIG_SETMASK, &before, &after);
    for (const int blocked : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE, SIGALRM, SIGUSR1}) {
        EXPECT_EQ(sigismember(&inside, blocked), 1) << blocked;
        EXPECT_EQ(sigismember(&after, blocked), 0) << blocked;
    }
    for (const int open : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF}) {
        EXPECT_EQ(sigismember(&inside, open), 0) << open;
    }
}

TEST(blocking_pool, refuses_a_job_when_the_system_gives_no_thread_and_takes_it_when_it_does) {
    // A default stack as large as the address space makes every new thread fail.
    pthread_attr_t usual, impossible;
    ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
    ASSERT_EQ(pthread_getattr_default_np(&impossible), 0);
    ASSERT_EQ(pthread_attr_setstacksize(&impossible, std::size_t{1} << 47), 0);
    blocking_pool pool{2};
    gate blocked;
    job first{blocked.body()}, second;

    ASSERT_EQ(pthread_setattr_default_np(&impossible), 0);
    const bool taken_without_a_thread = pool.submit(first);
    ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
    ASSERT_FALSE(taken_without_a_thread);
    EXPECT_EQ(pool.statistics().threads, 0U);
    EXPECT_EQ(pool.statistics().queued, 0U);

    ASSERT_TRUE(pool.submit(first));
    blocked.wait_for_arrivals(1);
    ASSERT_EQ(pthread_setattr_default_np(&impossible), 0);
    const bool taken_with_one_thread = pool.submit(second);  // waits for the one there is
    ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
    ASSERT_TRUE(taken_with_one_thread);
    EXPECT_EQ(pool.statistics().threads, 1U);
    blocked.open();
    second.wait();
    first.wait();
    EXPECT_EQ(second.run_by, first.run_by);
    pthread_attr_destroy(&usual);
    pthread_attr_destroy(&impossible);
}

TEST(blocking_pool_death, refuses_to_take_a_job_twice) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            blocking_pool pool{1};
            gate blocked;
            job item{blocked.body()};
            const bool first = pool.submit(item);
            const bool second = first && pool.submit(item);
            static_cast<void>(second);
        },
        "a job was submitted twice");
}

// Many threads submit and withdraw at once; every accepted job must end exactly once, by its run or
// by its withdrawal.
void hammer(blocking_pool& pool, int jobs_per_thread) {
    constexpr int submitters = 4;
    std::atomic<std::uint64_t> accepted = 0, withdrawn = 0;
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < submitters; ++seed) {
        threads.emplace_back([&, seed] {
            std::minstd_rand random{seed + 1};
            std::array<job, 16> items;
            std::array<bool, 16> pending{};
            for (int count = 0; count < jobs_per_thread; ++count) {
                const std::size_t index = random() / 7 % items.size();
                job& item = items[index];
                if (pending[index]) {
                    if (random() / 7 % 2 == 0 && pool.withdraw(item)) {
                        withdrawn.fetch_add(1);
                        EXPECT_EQ(item.runs, 0);
                    } else {
                        item.wait();
                        EXPECT_EQ(item.runs.exchange(0), 1);
                        EXPECT_EQ(item.ends.exchange(0), 1);
                    }
                    pending[index] = false;
                } else if (pool.submit(item)) {
                    accepted.fetch_add(1);
                    pending[index] = true;
                }
            }
            for (std::size_t index = 0; index < items.size(); ++index) {
                if (pending[index]) items[index].wait();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    const blocking_pool_statistics after = pool.statistics();
    EXPECT_EQ(after.completed + withdrawn, accepted);
    EXPECT_GT(after.completed, 0U);
    EXPECT_EQ(after.queued, 0U);
    EXPECT_EQ(after.running, 0U);
}

TEST(blocking_pool, loses_no_job_and_runs_none_twice_under_contention) {
    blocking_pool pool{3, 20};
    hammer(pool, 5'000);
}

TEST(blocking_pool, loses_no_job_while_workers_come_and_go) {
    blocking_pool pool{3, 20, duration::zero()};
    hammer(pool, 2'000);
}

TEST(blocking_pool, finishes_what_it_accepted_when_stop_races_with_submit) {
    for (int round = 0; round < 50; ++round) {
        std::vector<std::unique_ptr<job>> items;
        for (int count = 0; count < 64; ++count) {
            items.push_back(std::make_unique<job>(nullptr, std::stop_source{}));
        }
        std::array<bool, 64> accepted{};
        {
            blocking_pool pool{2, unlimited, duration::zero()};
            std::latch begin{2};
            std::thread submitter{[&] {
                begin.arrive_and_wait();
                for (std::size_t index = 0; index < 64; ++index) {
                    accepted[index] = pool.submit(*items[index]);
                }
            }};
            begin.arrive_and_wait();
            for (int pause = 0; pause < round; ++pause) std::this_thread::yield();
            pool.stop();
            submitter.join();
        }
        for (std::size_t index = 0; index < 64; ++index) {
            ASSERT_EQ(items[index]->ends, accepted[index] ? 1 : 0);
        }
    }
}

}  // namespace
}  // namespace simul::detail
