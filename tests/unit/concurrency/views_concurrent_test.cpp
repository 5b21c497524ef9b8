// SPDX-License-Identifier: Apache-2.0
//
// Streams that run several things at once: combination, concurrent_map, streams of streams, timing.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/concurrency/views.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using numbers = std::vector<int>;

template <class Stream>
auto items_of(Stream stream) {
    return simulate([&] { return std::move(stream) | views::to_vector(); });
}

async_generator<int> every(duration interval, int first, int count) {
    for (int index = 0; index != count; ++index) {
        co_await sleep_for(interval);
        co_yield first + index;
    }
}

async_generator<int> fail_at(duration when) {
    co_await sleep_for(when);
    throw std::runtime_error{"broken"};
    co_yield 0;
}

// Ends with its log when it is destroyed.
async_generator<int> noted_forever(std::vector<std::string>& log, std::string name) {
    const noted note{log, std::move(name)};
    for (int number = 0;; ++number) {
        co_await sleep_for(1s);
        co_yield number;
    }
}

int unhandled = 0;

// Counts the errors that nobody receives.
class unhandled_errors {
public:
    unhandled_errors() : before_{set_unhandled_error_handler(&count)} { unhandled = 0; }
    ~unhandled_errors() { set_unhandled_error_handler(before_); }

private:
    static void count(std::exception_ptr, const char*) noexcept { ++unhandled; }
    unhandled_error_handler before_;
};

TEST(chain, streams_one_after_the_other) {
    EXPECT_EQ(items_of(views::chain(views::range(2), numbers{7, 8}, every(1s, 20, 2))),
              (numbers{0, 1, 7, 8, 20, 21}));
    const auto mixed = items_of(views::chain(numbers{1}, std::vector<long>{2}));
    EXPECT_EQ(mixed, (std::vector<long>{1, 2}));
    EXPECT_EQ(
        items_of(views::chain(views::range(2), views::range(1)) | views::cycle() | views::take(5)),
        (numbers{0, 1, 0, 0, 1}));
}

TEST(zip, asks_all_at_once_and_ends_with_the_shortest) {
    simulate([]() -> task<> {
        const auto start = now();
        const auto rows = co_await (views::zip(every(1s, 1, 2), every(2s, 10, 9), views::count()) |
                                    views::to_vector());
        EXPECT_EQ(rows, (std::vector<std::tuple<int, int, int>>{{1, 10, 0}, {2, 11, 1}}));
        EXPECT_EQ(now() - start, 6s);  // the row that ends it was asked for, too
    });
}

TEST(zip, fails_when_one_does) {
    EXPECT_THROW(items_of(views::zip(views::never<int>(), fail_at(1s))), std::runtime_error);
}

TEST(zip_transform, calls_with_one_item_of_each) {
    EXPECT_EQ(items_of(views::zip_transform(std::plus<>{}, views::range(3), views::count(10))),
              (numbers{10, 12, 14}));
}

TEST(merge, gives_items_as_they_come) {
    EXPECT_EQ(items_of(views::merge(every(2s, 10, 2), every(3s, 20, 2))),
              (numbers{10, 20, 11, 21}));
    EXPECT_EQ(items_of(views::merge(views::empty<int>(), views::range(2))), (numbers{0, 1}));
}

TEST(merge, gives_an_error_with_its_own_type_behind_the_items) {
    simulate([]() -> task<> {
        std::vector<std::string> log;
        numbers seen;
        auto merged = views::merge(noted_forever(log, "ended"), fail_at(2500ms));
        auto how = co_await as_outcome(std::move(merged) |
                                       views::for_each([&](int item) { seen.push_back(item); }));
        EXPECT_THROW(how.take(), std::runtime_error);
        EXPECT_EQ(seen, (numbers{0, 1}));
        EXPECT_EQ(log, std::vector<std::string>{"ended"});
    });
}

TEST(merge, is_at_most_one_item_ahead) {
    simulate([]() -> task<> {
        int made = 0;
        auto counted = views::count() | views::action([&](int) { ++made; });
        co_await views::with_stream(views::merge(std::move(counted)), [&](auto& reader) -> task<> {
            for (int taken = 1; taken != 5; ++taken) {
                co_await reader.next();
                co_await sleep_for(1s);
                EXPECT_EQ(made, taken + 1);
            }
        });
    });
}

TEST(merge, ends_what_it_runs_before_the_terminal_ends) {
    simulate([]() -> task<> {
        std::vector<std::string> log;
        const auto clean_up = [&]() -> task<> {
            co_await sleep_for(5s);
            log.push_back("cleaned up");
        };
        const auto slow_end = [&]() -> async_generator<int> {
            co_await finally(sleep_for(1h), clean_up());
            co_yield 0;
        };
        const auto start = now();
        const numbers first = co_await (views::merge(noted_forever(log, "first"), slow_end()) |
                                        views::take(1) | views::to_vector());
        EXPECT_EQ(first, numbers{0});
        EXPECT_EQ(now() - start, 6s);
        EXPECT_EQ(log, (std::vector<std::string>{"first", "cleaned up"}));
    });
}

TEST(merge, passes_a_request_on_to_everything) {
    simulate([]() -> task<> {
        std::vector<std::string> log;
        auto merged = views::merge(noted_forever(log, "a"), noted_forever(log, "b"),
                                   views::merge(noted_forever(log, "c"))) |
                      views::to_vector();
        const auto in_time = co_await move_on_after(90s, std::move(merged));
        EXPECT_FALSE(in_time.has_value());
        std::ranges::sort(log);
        EXPECT_EQ(log, (std::vector<std::string>{"a", "b", "c"}));
    });
}

TEST(merge, begins_nothing_before_it_is_asked) {
    simulate([]() -> task<> {
        std::vector<std::string> log;
        const numbers none =
            co_await (views::merge(noted_forever(log, "a")) | views::take(0) | views::to_vector());
        EXPECT_TRUE(none.empty());
        EXPECT_TRUE(log.empty());
    });
}

TEST(zip_latest, gives_the_latest_of_all_whenever_one_comes) {
    const auto rows = items_of(views::zip_latest(every(2s, 1, 3), every(3s, 10, 1)));
    EXPECT_EQ(rows, (std::vector<std::tuple<int, int>>{{1, 10}, {2, 10}, {3, 10}}));
    EXPECT_THROW(items_of(views::zip_latest(views::range(3), fail_at(1s))), std::runtime_error);
}

TEST(zip_latest, gives_partial_rows_if_asked_to) {
    const auto rows = items_of(views::zip_latest_partial(every(2s, 1, 2), every(3s, 10, 1)));
    const std::optional<int> none;
    EXPECT_EQ(rows, (std::vector<std::tuple<std::optional<int>, std::optional<int>>>{
                        {1, none}, {1, 10}, {2, 10}}));
}

// Squares after so many seconds as its item says, and counts who is at work.
struct workshop {
    task<int> square(int item) {
        most = std::max(most, ++at_work);
        ++begun;
        co_await sleep_for(std::chrono::seconds{item});
        --at_work;
        co_return item* item;
    }

    int at_work = 0;
    int most = 0;
    int begun = 0;
};

TEST(concurrent_map_view, keeps_the_order_of_the_items) {
    simulate([]() -> task<> {
        workshop shop;
        const numbers items{5, 1, 3, 1};
        const auto start = now();
        const auto square = [&](int item) { return shop.square(item); };
        const numbers squares =
            co_await (items | views::concurrent_map(2, square) | views::to_vector());
        EXPECT_EQ(squares, (numbers{25, 1, 9, 1}));
        EXPECT_EQ(shop.most, 2);
        EXPECT_EQ(now() - start, 8s);  // the result of the second waits for the first, and counts
    });
}

TEST(concurrent_map_view, gives_results_as_they_become_ready_if_asked_to) {
    simulate([]() -> task<> {
        workshop shop;
        const numbers items{5, 1, 3, 1};
        const auto start = now();
        const auto square = [&](int item) { return shop.square(item); };
        const numbers squares = co_await (
            items | views::concurrent_map(2, square, views::unordered) | views::to_vector());
        EXPECT_EQ(squares, (numbers{1, 9, 25, 1}));
        EXPECT_EQ(shop.most, 2);
        EXPECT_EQ(now() - start, 5s);
    });
}

TEST(concurrent_map_view, is_held_up_by_a_slow_reader) {
    for (const auto order : {views::ordered, views::unordered}) {
        simulate([order]() -> task<> {
            workshop shop;
            const auto square = [&](int) { return shop.square(1); };
            co_await views::with_stream(views::count() | views::concurrent_map(3, square, order),
                                        [&](auto& reader) -> task<> {
                                            for (int taken = 1; taken != 6; ++taken) {
                                                co_await reader.next();
                                                co_await sleep_for(10s);
                                                EXPECT_EQ(shop.begun, taken + 3);
                                                EXPECT_EQ(shop.at_work, 0);
                                            }
                                        });
            EXPECT_EQ(shop.most, 3);
        });
    }
}

task<int> fail_for_three(int item) {
    co_await sleep_for(std::chrono::seconds{10 - item});
    if (item == 3) throw std::out_of_range{"three"};
    co_return item;
}

TEST(concurrent_map_view, gives_an_error_in_the_place_of_its_result) {
    simulate([]() -> task<> {
        numbers seen;
        auto how = co_await as_outcome(views::count() | views::concurrent_map(4, fail_for_three) |
                                       views::for_each([&](int item) { seen.push_back(item); }));
        EXPECT_THROW(how.take(), std::out_of_range);
        EXPECT_EQ(seen, (numbers{0, 1, 2}));
    });
}

TEST(concurrent_map_view, asks_for_no_more_items_after_a_failure) {
    simulate([]() -> task<> {
        int asked = 0;
        auto failed = views::count() | views::action([&](int) { ++asked; }) |
                      views::concurrent_map(4, fail_for_three, views::unordered) |
                      views::to_vector();
        auto how = co_await as_outcome(std::move(failed));
        EXPECT_THROW(how.take(), std::out_of_range);
        EXPECT_EQ(asked, 4);
    });
}

TEST(concurrent_map_view, gives_an_error_of_its_source_behind_all_results) {
    for (const auto order : {views::ordered, views::unordered}) {
        simulate([order]() -> task<> {
            workshop shop;
            numbers seen;
            const auto square = [&](int item) { return shop.square(item); };
            auto source = views::chain(numbers{3, 2}, fail_at(1s));
            auto squares = std::move(source) | views::concurrent_map(9, square, order);
            auto how = co_await as_outcome(
                std::move(squares) | views::for_each([&](int item) { seen.push_back(item); }));
            EXPECT_THROW(how.take(), std::runtime_error);
            std::ranges::sort(seen);
            EXPECT_EQ(seen, (numbers{4, 9}));
        });
    }
}

TEST(concurrent_map_view, cancels_what_is_at_work_when_nobody_wants_more) {
    int alive = 0;
    simulate([&]() -> task<> {
        const auto start = now();
        auto results =
            views::range(1, 9) |
            views::concurrent_map(3, [held = counted_object{alive}](int item) -> task<int> {
                const counted_object local{held};
                co_await sleep_for(std::chrono::seconds{item});
                co_return item;
            });
        const auto first = co_await (std::move(results) | views::first());
        EXPECT_EQ(first, 1);
        EXPECT_EQ(now() - start, 1s);
    });
    EXPECT_EQ(alive, 0);
}

TEST(concurrent_map_view, reports_errors_that_nobody_waited_for) {
    const unhandled_errors counting;
    simulate([]() -> task<> {
        const auto fail_later = [](int item) -> task<int> {
            if (item != 0) throw std::runtime_error{"unwanted"};
            co_await sleep_for(1s);
            co_return item;
        };
        auto first = views::range(2) | views::concurrent_map(2, fail_later) | views::first();
        const auto item = co_await std::move(first);
        EXPECT_EQ(item, 0);
    });
    EXPECT_EQ(unhandled, 1);
}

TEST(concurrent_map_view, takes_items_and_results_that_are_only_movable) {
    std::vector<std::unique_ptr<int>> boxes;
    boxes.push_back(std::make_unique<int>(4));
    const auto pass = [](std::unique_ptr<int> box) -> task<std::unique_ptr<int>> {
        co_await yield_now();
        co_return box;
    };
    const auto passed = items_of(std::move(boxes) | views::concurrent_map(2, pass));
    EXPECT_EQ(*passed[0], 4);
}

TEST(concurrent_map_view, refuses_a_limit_of_zero) {
    EXPECT_DEATH(static_cast<void>(views::concurrent_map(0, fail_for_three)), "limit of zero");
    EXPECT_DEATH(static_cast<void>(views::flatten(0)), "limit of zero");
}

TEST(concat, streams_inner_streams_one_after_the_other) {
    const std::vector<numbers> nested{{1, 2}, {}, {3}};
    EXPECT_EQ(items_of(nested | views::concat()), (numbers{1, 2, 3}));
    const auto three_from = [](int first) { return every(1s, first, 3); };
    EXPECT_EQ(items_of(numbers{10, 20} | views::concat_map(three_from)),
              (numbers{10, 11, 12, 20, 21, 22}));
    const auto repeated = [](int item) { return views::repeat(item, 2); };
    EXPECT_EQ(items_of(views::range(2) | views::concat_map(repeated)), (numbers{0, 0, 1, 1}));
}

TEST(flatten, runs_inner_streams_at_the_same_time) {
    const auto two_of = [](int item) { return every(std::chrono::seconds{item}, 10 * item, 2); };
    EXPECT_EQ(items_of(numbers{3, 2} | views::flat_map(two_of)), (numbers{20, 30, 21, 31}));
    EXPECT_EQ(items_of(numbers{3, 2} | views::flat_map(two_of, 1)), (numbers{30, 31, 20, 21}));
    EXPECT_EQ(items_of(numbers{5, 1, 2} | views::flat_map(two_of, 2)),
              (numbers{10, 11, 20, 50, 21, 51}));
}

TEST(flatten, gives_the_first_error_and_ends_the_others) {
    simulate([]() -> task<> {
        std::vector<std::string> log;
        const auto inner = [&](int item) {
            return item == 2 ? fail_at(1s) : noted_forever(log, std::to_string(item));
        };
        auto all = views::count() | views::flat_map(inner, 3) | views::to_vector();
        auto how = co_await as_outcome(std::move(all));
        EXPECT_THROW(how.take(), std::runtime_error);
        EXPECT_EQ(log.size(), 2U);
    });
}

TEST(flatten, gives_errors_of_the_outer_stream) {
    const auto inner = [](int item) { return views::repeat(item); };
    EXPECT_THROW(items_of(fail_at(1s) | views::flat_map(inner)), std::runtime_error);
    EXPECT_THROW(items_of(fail_at(1s) | views::switch_map(inner)), std::runtime_error);
    EXPECT_THROW(items_of(fail_at(1s) | views::concat_map(inner)), std::runtime_error);
}

TEST(flatten, ends_streams_that_themselves_run_others) {
    simulate([]() -> task<> {
        std::vector<std::string> log;
        const auto inner = [&](int item) {
            return views::merge(noted_forever(log, std::to_string(item)), views::never<int>());
        };
        const numbers items = co_await (views::range(3) | views::flat_map(inner) | views::take(4) |
                                        views::to_vector());
        EXPECT_EQ(items, (numbers{0, 0, 0, 1}));
        EXPECT_EQ(log.size(), 3U);
    });
}

TEST(switch_latest, follows_the_latest_inner_stream) {
    simulate([]() -> task<> {
        const auto inner = [](int first) { return every(2s, first, 3); };
        auto outer = every(3s, 1, 3) | views::map([](int item) { return 10 * item; });
        const auto start = now();
        const numbers items =
            co_await (std::move(outer) | views::switch_map(inner) | views::to_vector());
        EXPECT_EQ(items, (numbers{10, 20, 30, 31, 32}));
        EXPECT_EQ(now() - start, 15s);
    });
}

TEST(switch_latest, ends_one_before_it_begins_the_next) {
    simulate([]() -> task<> {
        std::vector<std::string> log;
        const auto inner = [&](int item) -> async_generator<int> {
            log.push_back("begin " + std::to_string(item));
            const noted note{log, "end " + std::to_string(item)};
            co_await sleep_for(5s);
            co_yield item;
        };
        const numbers items =
            co_await (every(1s, 1, 2) | views::switch_map(inner) | views::to_vector());
        EXPECT_EQ(items, numbers{2});
        EXPECT_EQ(log, (std::vector<std::string>{"begin 1", "end 1", "begin 2", "end 2"}));
    });
}

TEST(timing, spaces_items_out) {
    simulate([]() -> task<> {
        const auto start = now();
        std::vector<duration> times;
        co_await (views::range(3) | views::space_out(2s) |
                  views::for_each([&](int) { times.push_back(now() - start); }));
        EXPECT_EQ(times, (std::vector<duration>{0s, 2s, 4s}));
        times.clear();
        const auto again = now();
        co_await (every(3s, 0, 2) | views::space_out(2s) |
                  views::for_each([&](int) { times.push_back(now() - again); }));
        EXPECT_EQ(times, (std::vector<duration>{3s, 6s}));
    });
}

TEST(timing, fails_when_an_item_takes_too_long) {
    EXPECT_EQ(items_of(every(2s, 1, 3) | views::timeout(3s)), (numbers{1, 2, 3}));
    EXPECT_THROW(items_of(every(4s, 1, 3) | views::timeout(3s)), timed_out);
    EXPECT_THROW(items_of(views::merge(views::never<int>()) | views::timeout(3s)), timed_out);
    simulate([]() -> task<> {
        co_await (views::range(3) | views::timeout(1s) |
                  views::for_each([](int) { return sleep_for(5s); }));  // that is not its time
    });
}

TEST(timing, delays_the_beginning) {
    simulate([]() -> task<> {
        const auto start = now();
        const auto first = co_await (every(1s, 7, 1) | views::delay(5s) | views::first());
        EXPECT_EQ(first, 7);
        EXPECT_EQ(now() - start, 6s);
    });
}

TEST(views, run_on_every_backend) {
    run_on_each_backend([]() -> task<> {
        const auto slow = [](int item) -> task<int> {
            for (int passes = item % 3; passes != 0; --passes) co_await yield_now();
            co_return item;
        };
        const auto repeated = [](int item) { return views::repeat(item, 2); };
        auto stream = views::merge(views::range(100), views::range(100)) |
                      views::concurrent_map(5, slow) | views::flat_map(repeated, 3);
        const auto sum = co_await (std::move(stream) | views::reduce(std::plus<>{}));
        EXPECT_EQ(sum, 4 * 4950);
    });
}

}  // namespace
}  // namespace simul
