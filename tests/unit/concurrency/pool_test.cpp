// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/select.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using log = std::vector<std::string>;

// Counts what exists. Resources are numbered in the order in which they were made.
struct world {
    std::map<std::string, int> of_key;
    int alive = 0;
    int most = 0;
    int made = 0;
    int begun = 0;
    int failures = 0;  ///< so many attempts fail
    duration delay = 0s;
};

class resource {
public:
    resource(world& in, std::string key) : in_{&in}, key_{std::move(key)}, number{++in.made} {
        ++in.alive;
        ++in.of_key[key_];
        in.most = std::max(in.most, in.alive);
    }
    resource(resource&& other) noexcept
        : in_{std::exchange(other.in_, nullptr)}, key_{other.key_}, number{other.number} {}
    resource& operator=(resource&&) = delete;
    ~resource() {
        if (in_ == nullptr) return;
        --in_->alive;
        --in_->of_key[key_];
    }

private:
    world* in_;
    std::string key_;

public:
    int number;
};

task<resource> make(world& in, std::string key) {
    ++in.begun;
    if (in.delay > 0s) co_await sleep_for(in.delay);
    if (in.failures > 0) {
        --in.failures;
        throw std::runtime_error{"cannot make it"};
    }
    co_return resource{in, std::move(key)};
}

using resources = pool<std::string, resource>;

auto maker(world& in) {
    return [&in](std::string key) { return make(in, std::move(key)); };
}

pool_options limits(std::size_t total, std::size_t per_key) {
    pool_options options;
    options.max_total = total;
    options.max_per_key = per_key;
    return options;
}

task<> borrow(resources& lender, std::string key, log& lines, std::string name,
              duration time = 1s) {
    auto lease = co_await lender.acquire(key);
    lines.push_back(name);
    co_await sleep_for(time);
}

TEST(pool, makes_a_resource_and_lends_it_again_without_suspending) {
    run_on_each_backend([]() -> task<> {
        world in;
        resources lender{maker(in)};
        {
            auto lease = co_await lender.acquire("a");
            EXPECT_EQ(lease->number, 1);
            EXPECT_EQ((*lease).number, 1);
            EXPECT_EQ(lease.key(), "a");
            EXPECT_EQ(lender.statistics().leased, 1U);
        }
        EXPECT_EQ(lender.statistics().idle, 1U);
        const auto passes = loop::current().statistics().passes;
        auto again = co_await lender.acquire("a");
        EXPECT_EQ(loop::current().statistics().passes, passes);
        EXPECT_EQ(again->number, 1);
        auto other = co_await lender.acquire("b");
        EXPECT_EQ(other->number, 2);
        const auto seen = lender.statistics();
        EXPECT_EQ(seen.leased, 2U);
        EXPECT_EQ(seen.idle, 0U);
        EXPECT_EQ(seen.made, 2U);
        EXPECT_EQ(seen.reused, 1U);
    });
}

TEST(pool, lends_the_one_that_was_used_last) {
    simulate([]() -> task<> {
        world in;
        resources lender{maker(in)};
        auto first = co_await lender.acquire("a");
        auto second = co_await lender.acquire("a");
        second.release();
        EXPECT_FALSE(second);
        first.release();
        auto again = co_await lender.acquire("a");
        EXPECT_EQ(again->number, 1);
    });
}

TEST(pool, keeps_the_limit_of_each_key_and_serves_in_the_order_of_arrival) {
    simulate([]() -> task<> {
        world in;
        resources lender{maker(in), limits(10, 2)};
        log lines;
        task_group group;
        for (const char* name : {"1", "2", "3", "4", "5"}) {
            group.spawn(borrow(lender, "a", lines, name));
        }
        group.spawn([&]() -> task<> {
            co_await yield_now();
            co_await yield_now();
            EXPECT_EQ(lender.statistics().waiting, 3U);
            co_await borrow(lender, "b", lines, "b");
        });
        const time_point start = now();
        co_await group.run();
        EXPECT_EQ(now() - start, 3s);
        EXPECT_EQ(lines, (log{"1", "2", "b", "3", "4", "5"}));
        EXPECT_EQ(in.of_key["a"], 2);
        EXPECT_EQ(in.made, 3);
    });
}

TEST(pool, serves_keys_in_the_order_of_arrival_where_the_limit_of_all_binds) {
    simulate([]() -> task<> {
        world in;
        resources lender{maker(in), limits(2, 2)};
        log lines;
        task_group group;
        for (const char* key : {"a", "a", "b", "a", "c", "b"}) {
            group.spawn(borrow(lender, key, lines, key));
        }
        co_await group.run();
        EXPECT_EQ(lines, (log{"a", "a", "b", "a", "c", "b"}));
        EXPECT_EQ(in.most, 2);
    });
}

TEST(pool, who_waits_for_an_exhausted_key_does_not_hold_up_the_others) {
    simulate([]() -> task<> {
        world in;
        resources lender{maker(in), limits(2, 1)};
        log lines;
        task_group group;
        group.spawn(borrow(lender, "a", lines, "a1", 10s));
        group.spawn(borrow(lender, "b", lines, "b1", 1s));
        group.spawn(borrow(lender, "a", lines, "a2"));
        group.spawn(borrow(lender, "c", lines, "c1"));
        co_await group.run();
        EXPECT_EQ(lines, (log{"a1", "b1", "c1", "a2"}));
    });
}

TEST(pool, destroys_an_idle_one_of_another_key_to_make_room) {
    simulate([]() -> task<> {
        world in;
        resources lender{maker(in), limits(2, 2)};
        static_cast<void>(co_await lender.acquire("a"));
        static_cast<void>(co_await lender.acquire("b"));
        EXPECT_EQ(in.alive, 2);
        auto third = co_await lender.acquire("c");
        EXPECT_EQ(in.most, 2);
        EXPECT_EQ(in.of_key["a"], 0) << "the one used longest ago";
        EXPECT_EQ(in.of_key["b"], 1);
    });
}

// RELIABILITY: aiohttp#4936.
TEST(pool, a_newcomer_cannot_take_what_was_handed_over) {
    simulate([]() -> task<> {
        world in;
        resources lender{maker(in), limits(1, 1)};
        log lines;
        std::optional<resources::lease> held = co_await lender.acquire("a");
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(borrow(lender, "a", lines, "waiter"));
            while (lender.statistics().waiting != 1) co_await yield_now();
            held.reset();
            EXPECT_EQ(lender.statistics().waiting, 0U);
            EXPECT_EQ(lender.statistics().leased, 1U);
            co_await borrow(lender, "a", lines, "newcomer");
        });
        EXPECT_EQ(lines, (log{"waiter", "newcomer"}));
        EXPECT_EQ(in.most, 1);
        EXPECT_EQ(in.made, 1);
    });
}

TEST(pool, discards_a_broken_one_and_lets_another_be_made) {
    simulate([]() -> task<> {
        world in;
        resources lender{maker(in), limits(1, 1)};
        log lines;
        auto broken = co_await lender.acquire("a");
        task_group group;
        group.spawn(borrow(lender, "a", lines, "waiter"));
        group.spawn([&]() -> task<> {
            co_await yield_now();
            broken.discard();
            EXPECT_FALSE(broken);
            EXPECT_EQ(in.alive, 0);
            co_return;
        });
        co_await group.run();
        EXPECT_EQ(lines, (log{"waiter"}));
        EXPECT_EQ(in.made, 2);
        EXPECT_EQ(in.most, 1);
        EXPECT_EQ(lender.statistics().idle, 1U);
    });
}

TEST(pool, may_keep_only_what_was_said_to_be_clean) {
    simulate([]() -> task<> {
        world in;
        pool_options options;
        options.discard_unless_kept = true;
        resources lender{maker(in), options};
        static_cast<void>(co_await lender.acquire("a"));
        EXPECT_EQ(in.alive, 0);
        auto lease = co_await lender.acquire("a");
        lease.keep();
        lease.release();
        EXPECT_EQ(lender.statistics().idle, 1U);
        auto again = co_await lender.acquire("a");
        EXPECT_EQ(again->number, 2);
        again = co_await lender.acquire("b");  // the one it held goes, not kept
        EXPECT_EQ(in.of_key["a"], 0);
    });
}

TEST(pool, a_failed_making_frees_its_place) {
    simulate([]() -> task<> {
        world in;
        in.delay = 1s;
        in.failures = 1;
        resources lender{maker(in), limits(1, 1)};
        log lines;
        task_group group;
        bool failed = false;
        group.spawn([&]() -> task<> {
            try {
                auto lease = co_await lender.acquire("a");
            } catch (const std::runtime_error&) {
                failed = true;
            }
        });
        group.spawn(borrow(lender, "a", lines, "next"));
        co_await group.run();
        EXPECT_TRUE(failed);
        EXPECT_EQ(lines, (log{"next"}));
        EXPECT_EQ(in.begun, 2);
        EXPECT_EQ(lender.statistics().making, 0U);
    });
}

TEST(pool, a_cancelled_making_gives_its_place_on) {
    simulate([]() -> task<> {
        world in;
        in.delay = 1s;
        resources lender{maker(in), limits(1, 1)};
        log lines;
        task_group group;
        auto first = group.spawn(borrow(lender, "a", lines, "first"));
        group.spawn(borrow(lender, "b", lines, "next"));
        group.spawn([&]() -> task<> {
            co_await sleep_for(500ms);
            EXPECT_EQ(lender.statistics().making, 1U);
            EXPECT_EQ(lender.statistics().waiting, 1U);
            first.cancel();
        });
        co_await group.run();
        EXPECT_TRUE(first.was_cancelled());
        EXPECT_EQ(lines, (log{"next"}));
        EXPECT_EQ(in.made, 1);
    });
}

TEST(pool, a_cancelled_waiter_passes_on_what_it_was_given) {
    for (const bool releases_first : {true, false}) {
        for (const bool has_next : {true, false}) {
            simulate([&]() -> task<> {
                world in;
                resources lender{maker(in), limits(1, 1)};
                log lines;
                auto held = co_await lender.acquire("a");
                co_await with_task_group([&](task_group& group) -> task<> {
                    auto first = group.spawn(borrow(lender, "a", lines, "first"));
                    if (has_next) group.spawn(borrow(lender, "a", lines, "second"));
                    while (lender.statistics().waiting != (has_next ? 2U : 1U)) {
                        co_await yield_now();
                    }
                    if (releases_first) held.release();
                    first.cancel();
                    if (!releases_first) held.release();
                    co_await sleep_for(1s);
                    EXPECT_TRUE(first.was_cancelled());
                });
                EXPECT_EQ(lines, has_next ? log{"second"} : log{});
                EXPECT_EQ(lender.statistics().idle, 1U);
                EXPECT_EQ(lender.statistics().leased, 0U);
                EXPECT_EQ(in.made, 1);
            });
        }
    }
}

TEST(pool, a_branch_that_has_lost_is_passed_over) {
    simulate([]() -> task<> {
        world in;
        resources lender{maker(in), limits(1, 1)};
        log lines;
        event other;
        auto held = co_await lender.acquire("a");
        task_group group;
        group.spawn([&]() -> task<> {
            auto won = co_await select(other.wait(), lender.acquire("a"));
            EXPECT_EQ(won.index(), 0U);
        });
        group.spawn(borrow(lender, "a", lines, "second"));
        group.spawn([&]() -> task<> {
            while (lender.statistics().waiting != 2) co_await yield_now();
            other.set();
            held.release();
        });
        co_await group.run();
        EXPECT_EQ(lines, (log{"second"}));
        EXPECT_EQ(in.made, 1);
    });
}

TEST(pool, destroys_what_was_idle_too_long) {
    simulate([]() -> task<> {
        world in;
        pool_options options;
        options.idle_timeout = 10s;
        resources lender{maker(in), options};
        auto first = co_await lender.acquire("a");
        auto second = co_await lender.acquire("b");
        first.release();
        co_await sleep_for(4s);
        second.release();
        co_await sleep_for(6s - 1ns);
        EXPECT_EQ(in.alive, 2);
        co_await sleep_for(1ns);
        co_await yield_now();
        EXPECT_EQ(in.of_key["a"], 0);
        EXPECT_EQ(in.of_key["b"], 1);
        co_await sleep_for(5s);
        EXPECT_EQ(lender.statistics().idle, 0U);
        EXPECT_EQ(loop::current().statistics().timers, 0U);
        auto third = co_await lender.acquire("b");
        EXPECT_EQ(third->number, 3);
    });
}

TEST(pool, never_lends_what_was_idle_too_long) {
    simulate([]() -> task<> {
        world in;
        pool_options options;
        options.idle_timeout = 0s;
        resources lender{maker(in), options};
        static_cast<void>(co_await lender.acquire("a"));
        auto next = co_await lender.acquire("a");
        EXPECT_EQ(next->number, 2);
        EXPECT_EQ(in.alive, 1);
    });
}

TEST(pool, keeps_the_limit_of_idle_ones) {
    simulate([]() -> task<> {
        world in;
        pool_options options;
        options.max_idle = 1;
        resources lender{maker(in), options};
        auto first = co_await lender.acquire("a");
        auto second = co_await lender.acquire("b");
        first.release();
        second.release();
        EXPECT_EQ(lender.statistics().idle, 1U);
        EXPECT_EQ(in.of_key["a"], 0);
        lender.clear();
        EXPECT_EQ(in.alive, 0);
    });
}

TEST(pool, without_idle_ones_it_still_hands_over_to_who_waits) {
    simulate([]() -> task<> {
        world in;
        pool_options options = limits(1, 1);
        options.max_idle = 0;
        resources lender{maker(in), options};
        log lines;
        co_await gather(borrow(lender, "a", lines, "1"), borrow(lender, "a", lines, "2"));
        EXPECT_EQ(lines, (log{"1", "2"}));
        EXPECT_EQ(in.made, 1);
        EXPECT_EQ(in.alive, 0);
    });
}

TEST(pool, close_sends_away_who_waits_and_destroys_what_comes_back) {
    simulate([]() -> task<> {
        world in;
        in.delay = 1s;
        resources lender{maker(in), limits(2, 1)};
        int refused = 0;
        auto try_it = [&](std::string key) -> task<> {
            try {
                auto lease = co_await lender.acquire(key);
            } catch (const closed&) {
                ++refused;
            }
        };
        auto held = co_await lender.acquire("a");
        const time_point start = now();
        task_group group;
        group.spawn(try_it("a"));  // waits
        group.spawn(try_it("b"));  // makes
        group.spawn([&]() -> task<> {
            co_await sleep_for(500ms);
            lender.close();
            EXPECT_TRUE(lender.is_closed());
            co_await try_it("c");
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(600ms);
            co_await lender.shutdown();
            EXPECT_EQ(now() - start, 3s);
            EXPECT_EQ(in.alive, 0);
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(3s);
            EXPECT_EQ(in.alive, 1);
            held.release();
        });
        co_await group.run();
        EXPECT_EQ(refused, 3);
        const auto passes = loop::current().statistics().passes;
        co_await lender.shutdown();
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(pool, shutdown_waits_for_those_it_sends_away) {
    simulate([]() -> task<> {
        world in;
        log lines;
        auto lender = std::make_unique<resources>(maker(in), limits(1, 1));
        auto held = std::make_unique<resources::lease>(co_await lender->acquire("a"));
        auto waiter = outermost_group().spawn([&]() -> task<> {
            try {
                co_await borrow(*lender, "a", lines, "never");
            } catch (const closed&) {
                lines.emplace_back("closed");
            }
        });
        while (lender->statistics().waiting == 0) co_await yield_now();
        held.reset();
        lender->close();
        co_await lender->shutdown();
        lender.reset();
        co_await waiter;
        EXPECT_EQ(in.alive, 0);
        EXPECT_EQ(lines.size(), 1U);
    });
}

class counting_down {
public:
    explicit counting_down(int& count) noexcept : count_{count} {}
    counting_down(const counting_down&) = delete;
    counting_down& operator=(const counting_down&) = delete;
    ~counting_down() { --count_; }

private:
    int& count_;
};

// Whatever happens: the limits hold, everything comes back, and everybody is served.
TEST(pool, keeps_its_promises_under_a_storm) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        simulate([seed]() -> task<> {
            std::mt19937 random{seed};
            auto below = [&](int limit) {
                return static_cast<int>(random() % static_cast<unsigned>(limit));
            };
            world in;
            in.delay = 3ms;
            pool_options options = limits(4, 2);
            options.max_idle = 3;
            options.idle_timeout = 20ms;
            resources lender{maker(in), options};
            std::map<std::string, int> lent;
            int lent_in_all = 0;
            int failed = 0;
            auto user = [&](std::string key, int wait, int hold, bool breaks) -> task<> {
                co_await sleep_for(std::chrono::milliseconds{wait});
                try {
                    auto lease = co_await lender.acquire(key);
                    EXPECT_LE(++lent_in_all, 4);
                    EXPECT_LE(++lent[key], 2);
                    const counting_down in_all{lent_in_all};
                    const counting_down of_key{lent[key]};
                    co_await sleep_for(std::chrono::milliseconds{hold});
                    if (breaks) lease.discard();
                } catch (const std::runtime_error&) {
                    ++failed;
                }
            };
            task_group group;
            std::vector<task_handle<>> users;
            for (int i = 0; i < 60; ++i) {
                const std::string key(1, static_cast<char>('a' + below(4)));
                users.push_back(group.spawn(user(key, below(30), below(10), below(5) == 0)));
            }
            group.spawn([&]() -> task<> {
                for (int i = 0; i < 20; ++i) {
                    co_await sleep_for(std::chrono::milliseconds{below(4)});
                    if (below(3) == 0) in.failures = 1;
                    users[static_cast<std::size_t>(below(60))].cancel();
                    EXPECT_LE(in.alive, 4);
                    const auto seen = lender.statistics();
                    EXPECT_LE(seen.leased + seen.making + seen.idle, 4U);
                }
            });
            co_await group.run();
            EXPECT_EQ(lent_in_all, 0);
            EXPECT_NE(failed, 0);
            EXPECT_LE(in.most, 4);
            EXPECT_EQ(lender.statistics().leased, 0U);
            EXPECT_EQ(lender.statistics().making, 0U);
            EXPECT_EQ(lender.statistics().waiting, 0U);
            EXPECT_LE(lender.statistics().idle, 3U);
            lender.clear();
            EXPECT_EQ(in.alive, 0);
        });
    }
}

TEST(pool, serves_those_who_waited_for_a_key_in_order_whoever_is_cancelled) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        simulate([seed]() -> task<> {
            std::mt19937 random{seed};
            auto below = [&](unsigned limit) { return static_cast<int>(random() % limit); };
            world in;
            resources lender{maker(in), limits(3, 2)};
            std::map<std::string, int> last_served;
            int arrivals = 0;
            int served = 0;
            auto user = [&](std::string key, int wait, int hold) -> task<> {
                co_await sleep_for(std::chrono::milliseconds{wait});
                const int arrival = ++arrivals;
                const auto passes = loop::current().statistics().passes;
                auto lease = co_await lender.acquire(key);
                if (loop::current().statistics().passes != passes) {
                    EXPECT_GT(arrival, std::exchange(last_served[key], arrival));
                    ++served;
                }
                co_await sleep_for(std::chrono::milliseconds{hold});
            };
            task_group group;
            std::vector<task_handle<>> users;
            for (int i = 0; i < 80; ++i) {
                const std::string key(1, static_cast<char>('a' + below(3)));
                users.push_back(group.spawn(user(key, below(40), below(6))));
            }
            group.spawn([&]() -> task<> {
                for (int i = 0; i < 20; ++i) {
                    co_await sleep_for(std::chrono::milliseconds{below(4)});
                    users[static_cast<std::size_t>(below(80))].cancel();
                }
            });
            co_await group.run();
            EXPECT_GT(served, 10);
        });
    }
}

TEST(pool, cannot_have_a_limit_of_zero) {
    world in;
    const pool_options options = limits(0, 1);
    EXPECT_DEATH((resources{maker(in), options}), "limit of zero");
}

task<> destroy_before_its_lease() {
    world in;
    auto lender = std::make_unique<resources>(maker(in));
    auto lease = co_await lender->acquire("a");
    lender.reset();
}

task<> use_after_release() {
    world in;
    resources lender{maker(in)};
    auto lease = co_await lender.acquire("a");
    lease.release();
    lease->number = 3;
}

TEST(pool, checks_how_leases_are_used) {
    EXPECT_DEATH(simulate(&destroy_before_its_lease), "a lease of it was left");
    EXPECT_DEATH(simulate(&use_after_release), "after it had ended");
}

}  // namespace
}  // namespace simul
