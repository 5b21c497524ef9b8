// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/async_cache.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

// A slow function that counts its calls; key 13 fails at its first call.
struct source {
    task<std::string> load(int key) {
        const counted_object local{alive};
        const int call = ++calls[key];
        co_await sleep_for(delay);
        if (key == 13 && call == 1) throw std::runtime_error{"broken"};
        co_return std::to_string(key) + "/" + std::to_string(call);
    }
    auto loader() {
        return [this](int key) { return load(key); };
    }

    std::map<int, int> calls;
    duration delay = 1s;
    int alive = 0;
};

using cache = async_cache<int, std::string>;

async_cache_options keeping(std::size_t max_size, duration time_to_live = duration::max()) {
    async_cache_options options;
    options.max_size = max_size;
    options.time_to_live = time_to_live;
    return options;
}

task<> get_into(cache& pages, int key, std::vector<std::string>& got) {
    std::string value = co_await pages.get(key);
    got.push_back(std::move(value));
}

TEST(async_cache, computes_a_value_once_and_answers_at_once_afterwards) {
    run_on_each_backend([]() -> task<> {
        source slow;
        slow.delay = 1ms;
        cache pages{slow.loader()};
        EXPECT_FALSE(pages.contains(1));
        const std::string first = co_await pages.get(1);
        EXPECT_TRUE(pages.contains(1));
        const auto passes = loop::current().statistics().passes;
        const std::string second = co_await pages.get(1);
        EXPECT_EQ(loop::current().statistics().passes, passes);
        EXPECT_EQ(first, "1/1");
        EXPECT_EQ(second, "1/1");
        const auto seen = pages.statistics();
        EXPECT_EQ(seen.hits, 1U);
        EXPECT_EQ(seen.misses, 1U);
        EXPECT_EQ(seen.joined, 0U);
        EXPECT_EQ(seen.size, 1U);
        EXPECT_EQ(seen.max_size, 128U);
        EXPECT_EQ(seen.in_flight, 0U);
    });
}

TEST(async_cache, callers_at_the_same_time_share_one_computation) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader()};
        std::vector<std::string> got;
        const time_point start = now();
        task_group group;
        for (int i = 0; i < 5; ++i) group.spawn(get_into(pages, 1, got));
        group.spawn(get_into(pages, 2, got));
        group.spawn([&]() -> task<> {
            co_await sleep_for(500ms);
            EXPECT_EQ(pages.statistics().in_flight, 2U);
            EXPECT_EQ(pages.statistics().joined, 4U);
            EXPECT_EQ(pages.statistics().misses, 2U);
            EXPECT_FALSE(pages.contains(1));
        });
        co_await group.run();
        EXPECT_EQ(now() - start, 1s);
        EXPECT_EQ(got.size(), 6U);
        EXPECT_EQ(slow.calls[1], 1);
    });
}

TEST(async_cache, the_first_caller_may_be_cancelled_without_the_others) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader()};
        std::vector<std::string> got;
        task_group group;
        auto first = group.spawn(get_into(pages, 1, got));
        group.spawn(get_into(pages, 1, got));
        group.spawn([&]() -> task<> {
            co_await sleep_for(500ms);
            first.cancel();
        });
        co_await group.run();
        EXPECT_TRUE(first.was_cancelled());
        EXPECT_EQ(got, (std::vector<std::string>{"1/1"}));
        EXPECT_TRUE(pages.contains(1));
    });
}

TEST(async_cache, the_computation_is_cancelled_with_its_last_caller_and_begun_anew_by_the_next) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader()};
        const auto both = co_await move_on_after(500ms, gather(pages.get(1), pages.get(1)));
        EXPECT_FALSE(both);
        co_await yield_now();
        EXPECT_EQ(slow.alive, 0);
        EXPECT_EQ(pages.statistics().in_flight, 0U);
        EXPECT_FALSE(pages.contains(1));
        const std::string value = co_await pages.get(1);
        EXPECT_EQ(value, "1/2");
        EXPECT_EQ(pages.statistics().misses, 2U);
    });
}

TEST(async_cache, a_computation_on_its_way_to_its_end_is_joined_by_nobody) {
    simulate([]() -> task<> {
        int calls = 0;
        int cleaned = 0;
        auto clean = [&]() -> task<> {
            co_await sleep_for(10s);
            ++cleaned;
        };
        auto work = [&]() -> task<int> {
            const int call = ++calls;
            co_await sleep_for(1s);
            co_return call;
        };
        auto load = [&](int) -> task<int> {
            const int value = co_await finally(work(), clean());
            co_return value;
        };
        async_cache<int, int> numbers{load};
        static_cast<void>(co_await move_on_after(500ms, numbers.get(1)));
        EXPECT_EQ(numbers.statistics().in_flight, 1U) << "it cleans up";
        auto second = outermost_group().spawn(numbers.get(1));
        co_await sleep_for(100ms);
        EXPECT_EQ(numbers.statistics().in_flight, 2U);
        const int value = co_await second;
        EXPECT_EQ(value, 2);
        EXPECT_EQ(cleaned, 2);
        EXPECT_TRUE(numbers.contains(1)) << "the end of the first did not take it away";
    });
}

TEST(async_cache, a_failure_reaches_all_callers_and_is_not_kept) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader()};
        int failed = 0;
        auto try_it = [&]() -> task<> {
            try {
                static_cast<void>(co_await pages.get(13));
            } catch (const std::runtime_error&) {
                ++failed;
            }
        };
        co_await gather(try_it(), try_it(), try_it());
        EXPECT_EQ(failed, 3);
        EXPECT_EQ(slow.calls[13], 1);
        EXPECT_FALSE(pages.contains(13));
        const std::string value = co_await pages.get(13);
        EXPECT_EQ(value, "13/2");
    });
}

TEST(async_cache, forgets_the_value_that_was_not_used_longest) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader(), keeping(2)};
        static_cast<void>(co_await pages.get(1));
        static_cast<void>(co_await pages.get(2));
        static_cast<void>(co_await pages.get(1));
        static_cast<void>(pages.contains(2));  // that is no use
        static_cast<void>(co_await pages.get(3));
        EXPECT_TRUE(pages.contains(1));
        EXPECT_FALSE(pages.contains(2));
        EXPECT_TRUE(pages.contains(3));
        EXPECT_EQ(pages.statistics().size, 2U);
    });
}

TEST(async_cache, what_is_under_way_takes_no_place_and_is_kept_when_it_ends) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader(), keeping(1)};
        auto early = outermost_group().spawn(pages.get(1));
        co_await sleep_for(500ms);
        auto late = outermost_group().spawn(pages.get(2));
        co_await sleep_for(100ms);
        EXPECT_EQ(pages.statistics().in_flight, 2U);
        static_cast<void>(co_await early);
        EXPECT_TRUE(pages.contains(1));
        static_cast<void>(co_await late);
        EXPECT_FALSE(pages.contains(1));
        EXPECT_TRUE(pages.contains(2));
    });
}

TEST(async_cache, with_room_for_nothing_it_still_shares) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader(), keeping(0)};
        co_await gather(pages.get(1), pages.get(1));
        EXPECT_EQ(slow.calls[1], 1);
        EXPECT_FALSE(pages.contains(1));
        const std::string value = co_await pages.get(1);
        EXPECT_EQ(value, "1/2");
        EXPECT_EQ(pages.statistics().size, 0U);
    });
}

TEST(async_cache, without_bound_it_keeps_everything) {
    simulate([]() -> task<> {
        source slow;
        slow.delay = 0s;
        cache pages{slow.loader(), keeping(async_cache_options::unbounded)};
        for (int key = 100; key < 1100; ++key) static_cast<void>(co_await pages.get(key));
        EXPECT_EQ(pages.statistics().size, 1000U);
        EXPECT_TRUE(pages.contains(100));
    });
}

TEST(async_cache, a_value_expires_its_time_after_it_was_computed) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader(), keeping(10, 5s)};
        static_cast<void>(co_await pages.get(1));
        co_await sleep_for(3s);
        static_cast<void>(co_await pages.get(1));  // using it does not prolong its life
        static_cast<void>(co_await pages.get(2));
        co_await sleep_for(1s - 1ns);
        EXPECT_TRUE(pages.contains(1));
        co_await sleep_for(1ns);
        EXPECT_FALSE(pages.contains(1));
        EXPECT_TRUE(pages.contains(2));
        EXPECT_EQ(pages.statistics().size, 1U);
        const std::string value = co_await pages.get(1);
        EXPECT_EQ(value, "1/2");
        co_await sleep_for(5s);
        EXPECT_EQ(pages.statistics().size, 0U);
    });
}

TEST(async_cache, a_value_may_take_longer_to_compute_than_it_lives) {
    simulate([]() -> task<> {
        source slow;
        slow.delay = 10s;
        cache pages{slow.loader(), keeping(10, 2s)};
        auto early = outermost_group().spawn(pages.get(1));
        co_await sleep_for(9s);
        const std::string joined = co_await pages.get(1);
        EXPECT_EQ(joined, "1/1");
        static_cast<void>(co_await early);
        EXPECT_TRUE(pages.contains(1));
        co_await sleep_for(2s);
        EXPECT_FALSE(pages.contains(1));
    });
}

TEST(async_cache, without_time_to_live_nothing_is_kept) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader(), keeping(10, 0s)};
        static_cast<void>(co_await pages.get(1));
        EXPECT_FALSE(pages.contains(1));
        EXPECT_EQ(pages.statistics().size, 0U);
    });
}

TEST(async_cache, invalidate_forgets_one_and_clear_all) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader()};
        for (int key = 1; key <= 3; ++key) static_cast<void>(co_await pages.get(key));
        EXPECT_TRUE(pages.invalidate(1));
        EXPECT_FALSE(pages.invalidate(1));
        EXPECT_FALSE(pages.contains(1));
        EXPECT_TRUE(pages.contains(2));
        pages.clear();
        EXPECT_EQ(pages.statistics().size, 0U);
        const std::string value = co_await pages.get(2);
        EXPECT_EQ(value, "2/2");
    });
}

TEST(async_cache, what_was_invalidated_under_way_reaches_its_callers_and_is_not_kept) {
    for (const bool clears : {false, true}) {
        simulate([clears]() -> task<> {
            source slow;
            cache pages{slow.loader()};
            auto early = outermost_group().spawn(pages.get(1));
            co_await sleep_for(500ms);
            if (clears) {
                pages.clear();
            } else {
                EXPECT_TRUE(pages.invalidate(1));
            }
            auto late = outermost_group().spawn(pages.get(1));
            const std::string old_value = co_await early;
            EXPECT_EQ(old_value, "1/1");
            EXPECT_FALSE(pages.contains(1));
            auto last = outermost_group().spawn(pages.get(1));
            const std::string new_value = co_await late;
            EXPECT_EQ(new_value, "1/2");
            EXPECT_TRUE(pages.contains(1));
            const std::string kept = co_await pages.get(1);
            EXPECT_EQ(kept, "1/2");
            const std::string joined = co_await last;
            EXPECT_EQ(joined, "1/2");
            EXPECT_EQ(pages.statistics().in_flight, 0U);
        });
    }
}

TEST(async_cache, close_ends_what_is_under_way_and_refuses_the_rest) {
    simulate([]() -> task<> {
        source slow;
        cache pages{slow.loader()};
        static_cast<void>(co_await pages.get(1));
        int refused = 0;
        auto try_it = [&](int key) -> task<> {
            try {
                static_cast<void>(co_await pages.get(key));
            } catch (const closed&) {
                ++refused;
            }
        };
        task_group group;
        group.spawn(try_it(2));
        group.spawn(try_it(2));
        group.spawn(try_it(3));
        group.spawn([&]() -> task<> {
            co_await sleep_for(500ms);
            pages.invalidate(3);  // still under way, and ended like the others
            co_await pages.shutdown();
            EXPECT_EQ(slow.alive, 0);
            EXPECT_EQ(pages.statistics().in_flight, 0U);
            EXPECT_TRUE(pages.is_closed());
            co_await try_it(1);
        });
        co_await group.run();
        EXPECT_EQ(refused, 4);
        const auto passes = loop::current().statistics().passes;
        co_await pages.shutdown();
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(async_cache, may_go_while_callers_wait) {
    simulate([]() -> task<> {
        source slow;
        std::string got;
        auto pages = std::make_unique<cache>(slow.loader());
        task_group group;
        group.spawn([&]() -> task<> { got = co_await pages->get(1); });
        group.spawn([&]() -> task<> {
            co_await sleep_for(500ms);
            pages.reset();
        });
        co_await group.run();
        EXPECT_EQ(got, "1/1");
    });
}

TEST(async_cache, says_cancelled_to_callers_outside_of_a_cancelled_group) {
    simulate([]() -> task<> {
        source slow;
        task_group owner;
        owner.spawn([]() -> task<> { co_await sleep_for(1h); });
        cache pages{slow.loader(), owner};
        bool caught = false;
        auto outside = outermost_group().spawn([&]() -> task<> {
            try {
                static_cast<void>(co_await pages.get(1));
            } catch (const cancelled&) {
                caught = true;
            }
        });
        static_cast<void>(co_await move_on_after(500ms, owner.run()));
        co_await outside;
        EXPECT_TRUE(caught);
        EXPECT_EQ(pages.statistics().in_flight, 0U);
    });
}

TEST(async_cache, may_serve_several_runs) {
    source slow;
    cache pages{slow.loader()};
    for (int run = 0; run < 2; ++run) {
        simulate([&]() -> task<> {
            const std::string value = co_await pages.get(run);
            EXPECT_EQ(value, std::to_string(run) + "/1");
        });
    }
}

TEST(async_cache, keeps_the_key_alive_for_a_function_that_takes_a_reference) {
    simulate([]() -> task<> {
        auto load = [](const std::string& key) -> task<std::size_t> {
            co_await sleep_for(1s);
            co_return key.size();
        };
        async_cache<std::string, std::size_t> sizes{load};
        auto asked = sizes.get(std::string(100, 'x'));
        const std::size_t size = co_await std::move(asked);
        EXPECT_EQ(size, 100U);
    });
}

// Whatever happens: one computation of a key at a time that may be joined, and no caller waits for
// ever or gets the value of another key.
TEST(async_cache, keeps_its_promises_under_a_storm) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        simulate([seed]() -> task<> {
            std::mt19937 random{seed};
            auto below = [&](unsigned limit) { return static_cast<int>(random() % limit); };
            source slow;
            slow.delay = 5ms;
            cache pages{slow.loader(), keeping(3, 10ms)};
            int answered = 0;
            auto user = [&](int key, int wait) -> task<> {
                co_await sleep_for(std::chrono::milliseconds{wait});
                try {
                    const std::string value = co_await pages.get(key);
                    EXPECT_TRUE(value.starts_with(std::to_string(key) + "/"));
                    ++answered;
                } catch (const std::runtime_error&) {
                    EXPECT_EQ(key, 13);
                }
            };
            task_group group;
            std::vector<task_handle<>> users;
            for (int i = 0; i < 100; ++i) {
                users.push_back(group.spawn(user(9 + below(5), below(60))));
            }
            group.spawn([&]() -> task<> {
                for (int i = 0; i < 40; ++i) {
                    co_await sleep_for(std::chrono::milliseconds{below(3)});
                    users[static_cast<std::size_t>(below(100))].cancel();
                    if (below(4) == 0) pages.invalidate(9 + below(5));
                    if (below(20) == 0) pages.clear();
                    EXPECT_LE(pages.statistics().size, 3U);
                }
            });
            co_await group.run();
            const auto seen = pages.statistics();
            EXPECT_EQ(seen.in_flight, 0U);
            EXPECT_EQ(slow.alive, 0);
            EXPECT_GT(answered, 30);
            EXPECT_GT(seen.joined, 0U);
            EXPECT_GT(seen.hits, 0U);
        });
    }
}

struct transparent_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
        return std::hash<std::string_view>{}(text);
    }
};

TEST(async_cache, looks_up_what_can_be_compared_with_a_key) {
    simulate([]() -> task<> {
        auto load = [](std::string) -> task<int> { co_return 1; };
        async_cache<std::string, int, transparent_hash> values{load};
        static_cast<void>(co_await values.get("key"));
        EXPECT_TRUE(values.contains(std::string_view{"key"}));
        EXPECT_TRUE(values.invalidate(std::string_view{"key"}));
        EXPECT_FALSE(values.contains("key"));
    });
}

}  // namespace
}  // namespace simul
