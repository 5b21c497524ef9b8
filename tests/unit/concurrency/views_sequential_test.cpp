// SPDX-License-Identifier: Apache-2.0
//
// Streams that run nothing of their own: creation, transformation, selection, terminals.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/concurrency/views.hpp"
#include "simul/coro/generator.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using numbers = std::vector<int>;

// Runs a stream in the simulated world and gives its items.
template <class Stream>
auto items_of(Stream stream) {
    return simulate([&] { return std::move(stream) | views::to_vector(); });
}

bool is_odd(int number) {
    return number % 2 != 0;
}

task<bool> is_odd_after_a_while(int number) {
    co_await yield_now();
    co_return number % 2 != 0;
}

int square(int number) {
    return number * number;
}

task<int> slow_square(int number) {
    co_await sleep_for(1s);
    co_return number* number;
}

async_generator<int> count_to(int last) {
    for (int number = 1; number <= last; ++number) {
        co_await yield_now();
        co_yield number;
    }
}

async_generator<int> fail_after(int last) {
    for (int number = 1; number <= last; ++number) co_yield number;
    throw std::runtime_error{"no more"};
}

TEST(views, read_like_std_views) {
    simulate([]() -> task<> {
        auto squares =
            views::count(1) | views::filter(is_odd) | views::map(square) | views::take(3);
        const numbers all = co_await (std::move(squares) | views::to_vector());
        EXPECT_EQ(all, (numbers{1, 9, 25}));
    });
}

TEST(views, call_nothing_before_they_run) {
    simulate([]() -> task<> {
        int calls = 0;
        auto stream = views::count() | views::map([&](int item) { return calls += item; });
        EXPECT_EQ(calls, 0);
        auto first = std::move(stream) | views::take(0) | views::to_vector();
        EXPECT_EQ(calls, 0);
        const numbers none = co_await std::move(first);
        EXPECT_TRUE(none.empty());
        EXPECT_EQ(calls, 0);
    });
}

TEST(views, do_not_suspend_where_nothing_waits) {
    simulate([]() -> task<> {
        const auto passes = loop::current().statistics().passes;
        const numbers items = co_await (views::range(3) | views::to_vector());
        EXPECT_EQ(items.size(), 3U);
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(views, without_end_let_others_have_their_turn) {
    simulate([]() -> task<> {
        bool ran = false;
        auto other = [&]() -> task<> {
            co_await yield_now();
            ran = true;
        };
        task_group group;
        group.spawn(other);
        group.spawn([&]() -> task<> {
            co_await (views::count() | views::until([&](int) { return ran; }) |
                      views::for_each([](int) {}));
        });
        co_await group.run();
        EXPECT_TRUE(ran);
    });
}

TEST(views, copied_run_each_on_its_own) {
    auto stream = views::range(3) | views::map(square);
    EXPECT_EQ(items_of(stream), (numbers{0, 1, 4}));
    EXPECT_EQ(items_of(stream), (numbers{0, 1, 4}));
}

TEST(views, combine_operators_without_a_stream) {
    const auto squares_of_odd = views::filter(is_odd) | views::map(square);
    EXPECT_EQ(items_of(views::range(6) | squares_of_odd), (numbers{1, 9, 25}));
    const auto three = views::take(3) | views::to_vector();
    const numbers first = simulate([&] { return views::count() | squares_of_odd | three; });
    EXPECT_EQ(first, (numbers{1, 9, 25}));
}

TEST(iterate, copies_the_items_of_a_container_that_it_refers_to) {
    numbers items{1, 2, 3};
    auto stream = items | views::map(square);
    items[0] = 10;
    EXPECT_EQ(items_of(std::move(stream)), (numbers{100, 4, 9}));
    EXPECT_EQ(items, (numbers{10, 2, 3}));
    const std::list<int> fixed{4, 5};
    EXPECT_EQ(items_of(fixed | views::take(9)), (numbers{4, 5}));
}

TEST(iterate, moves_the_items_out_of_a_container_that_it_owns) {
    std::vector<std::unique_ptr<int>> boxes;
    boxes.push_back(std::make_unique<int>(1));
    boxes.push_back(std::make_unique<int>(2));
    const auto unwrap = [](std::unique_ptr<int> box) { return *box; };
    EXPECT_EQ(items_of(std::move(boxes) | views::map(unwrap)), (numbers{1, 2}));
}

TEST(iterate, takes_lazy_views_of_the_standard_library) {
    numbers items{1, 2, 3, 4};
    auto stream = items | std::views::reverse | std::views::filter(is_odd) | views::map(square);
    EXPECT_EQ(items_of(std::move(stream)), (numbers{9, 1}));
    EXPECT_EQ(items_of(std::views::iota(0, 3) | views::take(2)), (numbers{0, 1}));
    std::istringstream words{"4 5 6"};
    EXPECT_EQ(items_of(std::ranges::istream_view<int>(words) | views::drop(1)), (numbers{5, 6}));
}

TEST(iterate, takes_a_generator_or_leaves_it_where_it_stopped) {
    EXPECT_EQ(items_of(count_to(3) | views::map(square)), (numbers{1, 4, 9}));
    simulate([]() -> task<> {
        auto generator = count_to(5);
        const numbers two = co_await (generator | views::take(2) | views::to_vector());
        const numbers rest = co_await (views::iterate(generator) | views::to_vector());
        EXPECT_EQ(two, (numbers{1, 2}));
        EXPECT_EQ(rest, (numbers{3, 4, 5}));
    });
}

TEST(iterate, takes_a_generator_that_does_not_wait) {
    const auto numbers_up_to = [](int last) -> generator<int> {
        for (int number = 1; number <= last; ++number) co_yield number;
    };
    EXPECT_EQ(items_of(numbers_up_to(3) | views::map(square)), (numbers{1, 4, 9}));
}

TEST(iterate, takes_the_receiver_of_a_channel) {
    simulate([]() -> task<> {
        auto [send, receive] = make_channel<int>(3);
        EXPECT_TRUE(send.try_send(1));
        EXPECT_TRUE(send.try_send(2));
        send.close();
        const numbers items = co_await (std::move(receive) | views::to_vector());
        EXPECT_EQ(items, (numbers{1, 2}));
    });
}

TEST(create, makes_streams_from_nothing) {
    EXPECT_EQ(items_of(views::just(7)), numbers{7});
    EXPECT_EQ(items_of(views::empty<int>()), numbers{});
    EXPECT_EQ(items_of(views::repeat(7, 2)), (numbers{7, 7}));
    EXPECT_EQ(items_of(views::repeat(7) | views::take(3)), (numbers{7, 7, 7}));
    EXPECT_EQ(items_of(views::count(5, -2) | views::take(3)), (numbers{5, 3, 1}));
    EXPECT_EQ(items_of(views::range(3)), (numbers{0, 1, 2}));
    EXPECT_EQ(items_of(views::range(3, 9, 3)), (numbers{3, 6}));
    EXPECT_EQ(items_of(views::range(3, 0, -2)), (numbers{3, 1}));
    EXPECT_EQ(items_of(views::range(3, 0)), numbers{});
}

TEST(create, ends_numbers_where_their_type_does) {
    constexpr int max = std::numeric_limits<int>::max();
    EXPECT_EQ(items_of(views::count(max - 3, 2)), (numbers{max - 3, max - 1}));
    EXPECT_EQ(items_of(views::range(max - 1, max, 5)), numbers{max - 1});
    constexpr int min = std::numeric_limits<int>::min();
    EXPECT_EQ(items_of(views::range(min + 1, min, -5)), numbers{min + 1});
    const auto bytes = items_of(views::count<unsigned char>(254));
    EXPECT_EQ(bytes.size(), 2U);
}

TEST(create, calls_a_function_when_the_stream_runs) {
    int calls = 0;
    auto stream = views::call([&](int item) { return item + ++calls; }, 10);
    EXPECT_EQ(calls, 0);
    EXPECT_EQ(items_of(std::move(stream)), numbers{11});
    EXPECT_EQ(items_of(views::call(slow_square, 3)), numbers{9});
}

TEST(create, throws_what_it_was_given) {
    EXPECT_THROW(items_of(views::throw_error<int>(std::out_of_range{"far"})), std::out_of_range);
    const auto error = std::make_exception_ptr(3);
    EXPECT_THROW(items_of(views::throw_error<int>(error)), int);
}

TEST(create, never_waits_until_it_is_cancelled) {
    simulate([]() -> task<> {
        auto waiting = views::never<int>() | views::to_vector();
        const auto in_time = co_await move_on_after(1h, std::move(waiting));
        EXPECT_FALSE(in_time.has_value());
    });
}

TEST(map, awaits_tasks_one_after_the_other) {
    simulate([]() -> task<> {
        const auto start = now();
        const numbers squares =
            co_await (views::range(3) | views::map(slow_square) | views::to_vector());
        EXPECT_EQ(squares, (numbers{0, 1, 4}));
        EXPECT_EQ(now() - start, 3s);
    });
}

TEST(map, takes_functions_with_state_and_items_that_are_only_movable) {
    auto boxes = views::range(3) | views::map([factor = std::make_unique<int>(2)](int item) {
                     return std::make_unique<int>(item * *factor);
                 });
    const auto made = items_of(std::move(boxes));
    EXPECT_EQ(*made[2], 4);
}

TEST(starmap, calls_with_the_elements) {
    const auto sum = [](std::ptrdiff_t index, int item) { return static_cast<int>(index) + item; };
    EXPECT_EQ(
        items_of(views::count(5) | views::enumerate(10) | views::starmap(sum) | views::take(2)),
        (numbers{15, 17}));
}

TEST(chunk, makes_vectors_of_which_the_last_may_be_shorter) {
    const auto chunks = items_of(views::range(5) | views::chunk(2));
    EXPECT_EQ(chunks, (std::vector<numbers>{{0, 1}, {2, 3}, {4}}));
    EXPECT_EQ(items_of(views::range(4) | views::chunk(2)).size(), 2U);
    EXPECT_TRUE(items_of(views::empty<int>() | views::chunk(2)).empty());
}

TEST(starmap, takes_pairs_and_functions_that_wait) {
    const auto sum = [](int left, int right) -> task<int> {
        co_await yield_now();
        co_return left + right;
    };
    const std::vector<std::pair<int, int>> pairs{{1, 2}, {3, 4}};
    EXPECT_EQ(items_of(pairs | views::starmap(sum)), (numbers{3, 7}));
}

TEST(views, refuse_sizes_and_steps_of_zero) {
    EXPECT_DEATH(static_cast<void>(views::chunk(0)), "room for at least one item");
    EXPECT_DEATH(static_cast<void>(views::stride(0)), "never advance");
    EXPECT_DEATH(static_cast<void>(views::range(0, 3, 0)), "never end");
}

TEST(cycle, runs_its_stream_again_and_again) {
    EXPECT_EQ(items_of(views::range(2) | views::cycle() | views::take(5)),
              (numbers{0, 1, 0, 1, 0}));
    EXPECT_TRUE(items_of(views::empty<int>() | views::cycle()).empty());
}

TEST(accumulate, streams_running_totals) {
    EXPECT_EQ(items_of(views::range(1, 5) | views::accumulate(std::plus<>{})),
              (numbers{1, 3, 6, 10}));
    const auto append = [](const std::string& total, int item) {
        return total + std::to_string(item);
    };
    EXPECT_EQ(items_of(views::range(2) | views::accumulate(append, std::string{">"})),
              (std::vector<std::string>{">", ">0", ">01"}));
    EXPECT_TRUE(items_of(views::empty<int>() | views::accumulate(std::plus<>{})).empty());
}

TEST(action, sees_each_item_and_passes_it_on) {
    numbers seen;
    const auto note = [&](int item) -> task<> {
        co_await yield_now();
        seen.push_back(item);
    };
    EXPECT_EQ(items_of(views::range(2) | views::action(note)), (numbers{0, 1}));
    EXPECT_EQ(seen, (numbers{0, 1}));
}

TEST(print, writes_each_item) {
    std::ostringstream out;
    EXPECT_EQ(items_of(views::range(3) | views::print(out, ";")), (numbers{0, 1, 2}));
    EXPECT_EQ(out.str(), "0;1;2;");
}

TEST(selection, takes_and_drops_at_both_ends) {
    const auto five = views::range(5);
    EXPECT_EQ(items_of(five | views::take(2)), (numbers{0, 1}));
    EXPECT_EQ(items_of(five | views::take(9)).size(), 5U);
    EXPECT_EQ(items_of(five | views::take_last(2)), (numbers{3, 4}));
    EXPECT_EQ(items_of(five | views::take_last(9)).size(), 5U);
    EXPECT_EQ(items_of(views::never<int>() | views::take_last(0)), numbers{});
    EXPECT_EQ(items_of(five | views::drop(3)), (numbers{3, 4}));
    EXPECT_EQ(items_of(five | views::drop(9)), numbers{});
    EXPECT_EQ(items_of(five | views::drop_last(3)), (numbers{0, 1}));
    EXPECT_EQ(items_of(five | views::drop_last(0)).size(), 5U);
    EXPECT_EQ(items_of(five | views::drop_last(9)), numbers{});
    EXPECT_EQ(items_of(five | views::stride(2)), (numbers{0, 2, 4}));
}

TEST(selection, asks_for_no_more_than_it_takes) {
    EXPECT_EQ(items_of(fail_after(2) | views::take(2)), (numbers{1, 2}));
    EXPECT_EQ(items_of(fail_after(2) | views::until([](int item) { return item == 2; })),
              (numbers{1, 2}));
    EXPECT_EQ(items_of(fail_after(2) | views::get_item(1)), numbers{2});
    EXPECT_THROW(items_of(fail_after(2) | views::take(3)), std::runtime_error);
}

TEST(get_item, counts_from_either_end) {
    const auto five = views::range(5);
    EXPECT_EQ(items_of(five | views::get_item(0)), numbers{0});
    EXPECT_EQ(items_of(five | views::get_item(4)), numbers{4});
    EXPECT_EQ(items_of(five | views::get_item(-1)), numbers{4});
    EXPECT_EQ(items_of(five | views::get_item(-5)), numbers{0});
    EXPECT_THROW(items_of(five | views::get_item(5)), std::out_of_range);
    EXPECT_THROW(items_of(five | views::get_item(-6)), std::out_of_range);
}

TEST(slice, is_what_python_gives) {
    const auto six = views::range(6);
    EXPECT_EQ(items_of(six | views::slice(1, 4)), (numbers{1, 2, 3}));
    EXPECT_EQ(items_of(six | views::slice(4)), (numbers{4, 5}));
    EXPECT_EQ(items_of(six | views::slice(4, 2)), numbers{});
    EXPECT_EQ(items_of(six | views::slice(1, views::to_end, 2)), (numbers{1, 3, 5}));
    EXPECT_EQ(items_of(six | views::slice(1, -1, 3)), (numbers{1, 4}));
    EXPECT_EQ(items_of(six | views::slice(-2)), (numbers{4, 5}));
    EXPECT_EQ(items_of(six | views::slice(-3, -1)), (numbers{3, 4}));
}

TEST(slice, refuses_what_a_stream_cannot_do) {
    EXPECT_DEATH(static_cast<void>(views::slice(-2, 3)), "cannot stop at its beginning");
    EXPECT_DEATH(static_cast<void>(views::slice(0, 3, 0)), "must be positive");
}

TEST(selection, asks_predicates_also_asynchronous_ones) {
    const auto below_three = [](int item) { return item < 3; };
    EXPECT_EQ(items_of(views::range(6) | views::filter(is_odd)), (numbers{1, 3, 5}));
    EXPECT_EQ(items_of(views::range(6) | views::filter(is_odd_after_a_while)), (numbers{1, 3, 5}));
    EXPECT_EQ(items_of(views::count() | views::take_while(below_three)), (numbers{0, 1, 2}));
    EXPECT_EQ(items_of(views::range(6) | views::drop_while(below_three)), (numbers{3, 4, 5}));
    EXPECT_EQ(items_of(views::count(2) | views::until(is_odd_after_a_while)), (numbers{2, 3}));
}

TEST(terminals, make_one_thing_of_a_stream) {
    simulate([]() -> task<> {
        const auto sum = co_await (views::range(5) | views::reduce(std::plus<>{}));
        EXPECT_EQ(sum, 10);
        const auto none = co_await (views::empty<int>() | views::reduce(std::plus<>{}));
        EXPECT_FALSE(none.has_value());
        const long total = co_await (views::range(5) | views::reduce(std::plus<>{}, 100L));
        EXPECT_EQ(total, 110);
        const auto first = co_await (views::count(3) | views::first());
        EXPECT_EQ(first, 3);
        const auto last = co_await (views::range(5) | views::last());
        EXPECT_EQ(last, 4);
        const auto no_last = co_await (views::empty<int>() | views::last());
        EXPECT_FALSE(no_last.has_value());
    });
}

TEST(for_each, awaits_what_its_function_returns) {
    simulate([]() -> task<> {
        const auto start = now();
        int sum = 0;
        co_await (views::range(4) | views::for_each([&](int item) -> task<> {
                      co_await sleep_for(1s);
                      sum += item;
                  }));
        EXPECT_EQ(sum, 6);
        EXPECT_EQ(now() - start, 4s);
    });
}

TEST(for_each, gets_errors_of_the_stream_with_their_own_type) {
    simulate([]() -> task<> {
        numbers seen;
        const auto note = [&](int item) { seen.push_back(item); };
        auto how = co_await as_outcome(fail_after(2) | views::for_each(note));
        EXPECT_THROW(how.take(), std::runtime_error);
        EXPECT_EQ(seen, (numbers{1, 2}));
    });
}

TEST(with_stream, gives_its_body_a_reader_and_returns_its_result) {
    simulate([]() -> task<> {
        const int sum = co_await views::with_stream(views::count(1), [](auto& reader) -> task<int> {
            const std::optional<int> first = co_await reader.next();
            const std::optional<int> second = co_await reader.next();
            co_return *first + *second;
        });
        EXPECT_EQ(sum, 3);
    });
}

// Longer than what a std::string keeps inside: a pipeline that was copied bit by bit would show.
TEST(views, may_be_written_whole_into_an_awaited_expression) {
    simulate([]() -> task<> {
        const std::string text = "a text that is too long to be kept inside of a string";
        std::ostringstream out;
        const auto all = co_await (views::repeat(text) | views::print(out, text) | views::take(2) |
                                   views::accumulate(std::plus<>{}, text) | views::last());
        EXPECT_EQ(all->size(), 3 * text.size());
        EXPECT_EQ(out.str().size(), 4 * text.size());
    });
}

TEST(views, destroy_everything_when_they_are_cancelled_or_dropped) {
    int alive = 0;
    simulate([&]() -> task<> {
        auto held =
            views::repeat(counted_object{alive}) |
            views::map([mine = counted_object{alive}](counted_object item) { return item; }) |
            views::delay(1h) | views::drop(1);
        {
            auto dropped = held | views::to_vector();
            dropped.discard();
        }
        auto waiting = std::move(held) | views::to_vector();
        const auto in_time = co_await move_on_after(1s, std::move(waiting));
        EXPECT_FALSE(in_time.has_value());
    });
    EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace simul
