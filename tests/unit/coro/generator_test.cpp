// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/generator.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/base/error.hpp"
#include "simul/coro/frame_allocator.hpp"

namespace {

using simul::elements_of;
using simul::errc;
using simul::generator;

using numbers = std::vector<int>;

struct injected : std::exception {};
struct escaped : std::exception {};

template <class Generator>
numbers collect(Generator&& source) {
    numbers result;
    for (int item : source) result.push_back(item);
    return result;
}

/// Writes its name into a log when it is destroyed.
class logged {
public:
    logged(std::vector<std::string>& log, std::string name) : log_{log}, name_{std::move(name)} {}
    logged(const logged&) = delete;
    logged& operator=(const logged&) = delete;
    ~logged() { log_.push_back(name_); }

private:
    std::vector<std::string>& log_;
    std::string name_;
};

/// Counts the frames of this thread while it lives.
class frame_counter {
public:
    frame_counter() {
        made = alive = peak_bytes = bytes = 0;
        previous_ = simul::set_frame_allocator(&allocator);
    }
    frame_counter(const frame_counter&) = delete;
    frame_counter& operator=(const frame_counter&) = delete;
    ~frame_counter() { simul::set_frame_allocator(previous_); }

    static inline thread_local std::size_t made = 0;
    static inline thread_local std::size_t alive = 0;
    static inline thread_local std::size_t bytes = 0;
    static inline thread_local std::size_t peak_bytes = 0;

private:
    static void* take(std::size_t size) {
        void* memory = std::malloc(size);
        if (memory == nullptr) throw std::bad_alloc{};
        ++made;
        ++alive;
        bytes += size;
        peak_bytes = std::max(peak_bytes, bytes);
        return memory;
    }
    static void give_back(void* memory, std::size_t size) noexcept {
        --alive;
        bytes -= size;
        std::free(memory);
    }
    static constexpr simul::frame_allocator allocator{&take, &give_back};
    const simul::frame_allocator* previous_;
};

generator<int> lazy_range(int up_to) {
    for (int index = 0; index < up_to; ++index) co_yield index;
}

generator<int, int> jumping_range(int up_to) {
    int index = 0;
    while (index < up_to) {
        auto jump = co_yield index;
        index += jump.value_or(1);
    }
}

generator<int> endless() {
    while (true) {
        for (int number = 9; number >= 6; --number) co_yield number;
    }
}

// What it is.

static_assert(std::ranges::input_range<generator<int>>);
static_assert(std::ranges::view<generator<int>>);
static_assert(std::ranges::view<generator<std::unique_ptr<int>, std::string, int>>);
static_assert(std::ranges::input_range<generator<int&>>);
static_assert(std::ranges::input_range<generator<const std::string&>>);
static_assert(!std::ranges::forward_range<generator<int>>);
static_assert(!std::copyable<generator<int>>);
static_assert(std::is_nothrow_move_constructible_v<generator<int>>);
static_assert(std::same_as<generator<int>::item_type, std::optional<int>>);
static_assert(std::same_as<generator<int&>::item_type, int*>);
static_assert(std::same_as<generator<const int&>::item_type, const int*>);

template <class Generator>
concept sendable = requires(Generator source) { source.send(1); };
static_assert(sendable<generator<int, int>>);
static_assert(!sendable<generator<int>>);

template <class Generator>
concept has_result = requires(Generator source) { source.result(); };
static_assert(has_result<generator<int, void, int>>);
static_assert(!has_result<generator<int>>);

template <class Promise>
concept can_await = requires(Promise promise) { promise.await_transform(std::suspend_never{}); };
static_assert(!can_await<generator<int>::promise_type>);

template <class Outer, class Inner>
concept can_delegate = requires(typename Outer::promise_type promise, Inner inner) {
    promise.yield_value(elements_of(std::move(inner)));
};
static_assert(can_delegate<generator<int, int>, generator<int, int, std::string>>);
static_assert(can_delegate<generator<int, int>, generator<int>>);
static_assert(!can_delegate<generator<int>, generator<int, int>>);
static_assert(!can_delegate<generator<int, int>, generator<int, std::string>>);
static_assert(can_delegate<generator<int>, numbers>);
static_assert(can_delegate<generator<int>, generator<int&>>);
static_assert(!can_delegate<generator<int>, generator<int&, void, int>>);
static_assert(!can_delegate<generator<int>, std::vector<std::string>>);
static_assert(!can_delegate<generator<int&>, std::ranges::iota_view<int, int>>);

// S001: delegation is a loop that yields each item again.

generator<int> gen_one() {
    co_yield elements_of(lazy_range(10));
}

generator<int> gen_two() {
    for (int item : lazy_range(10)) co_yield item;
}

TEST(generator, s001_delegation_gives_the_same_numbers_as_a_loop) {
    const numbers expected{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    EXPECT_EQ(collect(gen_one()), expected);
    EXPECT_EQ(collect(gen_two()), expected);
}

generator<int> from_a_vector(const numbers& source) {
    co_yield elements_of(source);
}

generator<int> from_a_temporary_vector(int count) {
    co_yield elements_of(numbers(static_cast<std::size_t>(count), 7));
}

generator<int> from_a_view(int up_to) {
    co_yield elements_of(std::views::iota(0, up_to));
    co_yield elements_of(std::views::iota(0, 0));
}

TEST(generator, s001_delegates_to_vectors_and_views) {
    const numbers expected{0, 1, 2};
    EXPECT_EQ(collect(from_a_vector(expected)), expected);
    EXPECT_EQ(collect(from_a_temporary_vector(3)), numbers({7, 7, 7}));
    EXPECT_EQ(collect(from_a_view(3)), expected);
}

generator<int&> elements(numbers& source) {
    co_yield elements_of(source);
}

generator<int> copies(numbers& source) {
    co_yield elements_of(elements(source));
}

TEST(generator, s001_delegates_to_a_generator_of_another_item_type_as_to_a_range) {
    numbers source{1, 2, 3};
    for (int& item : copies(source)) item = 0;
    EXPECT_EQ(source, numbers({1, 2, 3}));
    EXPECT_EQ(collect(copies(source)), source);
}

// S002 and S003: a list has room for every item, a generator for one.

numbers eager_range(int up_to) {
    numbers sequence;
    for (int index = 0; index < up_to; ++index) sequence.push_back(index);
    return sequence;
}

TEST(generator, s002_gives_the_same_numbers_as_a_list) {
    EXPECT_EQ(collect(lazy_range(100)), eager_range(100));
}

std::size_t peak_bytes_for(int count, long long& sum) {
    const frame_counter counter;
    for (int item : lazy_range(count)) sum += item;
    EXPECT_EQ(frame_counter::made, 1U);
    EXPECT_EQ(frame_counter::alive, 0U);
    return frame_counter::peak_bytes;
}

TEST(generator, s003_a_million_items_need_the_memory_of_ten) {
    long long small = 0;
    long long large = 0;
    EXPECT_EQ(peak_bytes_for(10, small), peak_bytes_for(1'000'000, large));
    EXPECT_EQ(small, 45);
    EXPECT_EQ(large, 499'999'500'000);
}

// S004: infinite sequences.

generator<int> count_up(int& next, bool& cleaned) {
    struct cleanup {
        explicit cleanup(bool& done) : flag{done} {}
        ~cleanup() { flag = true; }
        bool& flag;
    } const guard{cleaned};
    while (true) co_yield next++;
}

TEST(generator, s004_an_infinite_generator_works_with_take_and_is_cleaned_up) {
    int next = 0;
    bool cleaned = false;
    {
        auto first = count_up(next, cleaned) | std::views::take(3);
        EXPECT_EQ(collect(first), numbers({0, 1, 2}));
        EXPECT_FALSE(cleaned);
    }
    EXPECT_TRUE(cleaned);
    EXPECT_EQ(next, 3) << "take(3) asked for another item than the three";
}

TEST(generator, s004_take_of_nothing_runs_nothing) {
    int next = 0;
    bool cleaned = false;
    EXPECT_EQ(collect(count_up(next, cleaned) | std::views::take(0)), numbers{});
    EXPECT_EQ(next, 0);
    EXPECT_FALSE(cleaned);
}

// S005: sending.

TEST(generator, s005_jumping_range_can_be_told_how_far_to_jump) {
    auto range = jumping_range(5);
    EXPECT_EQ(range.next(), 0);
    EXPECT_EQ(range.send(2), 2);
    EXPECT_EQ(range.next(), 3);
    EXPECT_EQ(range.send(-1), 2);
    EXPECT_EQ(collect(range), numbers({3, 4}));
    EXPECT_TRUE(range.done());
    EXPECT_EQ(range.send(1), std::nullopt);
}

generator<int, std::unique_ptr<int>> unpack() {
    int last = 0;
    while (true) {
        auto received = co_yield last;
        if (!received) co_return;
        last = **received;
    }
}

TEST(generator, s005_move_only_values_can_be_sent) {
    auto sink = unpack();
    sink.next();
    EXPECT_EQ(sink.send(std::make_unique<int>(5)), 5);
    EXPECT_EQ(sink.send(std::make_unique<int>(6)), 6);
    EXPECT_EQ(sink.next(), std::nullopt);
}

// S006: part of a generator moved into another, working on its variables.

generator<int> inner_loop(int& index, int up_to) {
    while (index < up_to) {
        co_yield index;
        ++index;
    }
}

generator<int> refactored_range(int up_to, int& final_index) {
    int index = 0;
    co_yield elements_of(inner_loop(index, up_to));
    final_index = index;
}

TEST(generator, s006_an_inner_generator_changes_the_index_of_the_outer_one) {
    int final_index = -1;
    EXPECT_EQ(collect(refactored_range(5, final_index)), eager_range(5));
    EXPECT_EQ(final_index, 5);
}

// S007: three levels.

generator<int, int, int> bottom() {
    auto answer = co_yield 42;
    co_return answer.value();
}

generator<int, int, int> middle() {
    int result = co_yield elements_of(bottom());
    co_return result;
}

generator<int, int, int> top() {
    int result = co_yield elements_of(middle());
    co_return result;
}

TEST(generator, s007_values_go_down_and_results_come_up_through_three_levels) {
    auto talk = top();
    EXPECT_EQ(talk.next(), 42);
    EXPECT_EQ(talk.result(), std::nullopt);
    EXPECT_EQ(talk.send(84), std::nullopt);
    EXPECT_TRUE(talk.done());
    EXPECT_EQ(talk.result(), 84);
}

// S008: the alternative is a class with the functions of an iterator.

class iterator_class {
public:
    explicit iterator_class(int up_to) : up_to_{up_to} {}
    std::optional<int> next() { return index_ < up_to_ ? std::optional{index_++} : std::nullopt; }

private:
    int index_ = 0;
    int up_to_;
};

TEST(generator, s008_does_what_a_class_with_the_functions_of_an_iterator_does) {
    iterator_class by_hand{3};
    auto generated = lazy_range(3);
    for (int asked = 0; asked < 5; ++asked) EXPECT_EQ(by_hand.next(), generated.next());
    EXPECT_TRUE(generated.done());
}

TEST(generator, s008_works_with_the_algorithms_of_ranges) {
    EXPECT_EQ(std::ranges::count_if(lazy_range(10), [](int item) { return item % 3 == 0; }), 4);
    auto squares = lazy_range(10) | std::views::drop(2) |
                   std::views::transform([](int item) { return item * item; }) |
                   std::views::take_while([](int square) { return square < 30; });
    EXPECT_EQ(collect(squares), numbers({4, 9, 16, 25}));
}

// S009: sending too early.

TEST(generator, s009_sending_before_the_first_item_is_an_error_that_changes_nothing) {
    auto range = jumping_range(5);
    try {
        range.send(2);
        FAIL() << "the value was accepted";
    } catch (const simul::error& error) {
        EXPECT_EQ(error.code(), errc::not_started);
    }
    EXPECT_FALSE(range.done());
    EXPECT_EQ(range.next(), 0);
    EXPECT_EQ(range.send(2), 2);
}

// S010: throwing in.

generator<int> catching(int& caught) {
    int item = 0;
    while (item < 3) {
        try {
            co_yield item;
        } catch (const injected&) {
            ++caught;
        }
        ++item;
    }
}

TEST(generator, s010_the_body_catches_what_is_thrown_in_and_yields_again) {
    int caught = 0;
    auto source = catching(caught);
    EXPECT_EQ(source.next(), 0);
    EXPECT_EQ(source.throw_in(std::make_exception_ptr(injected{})), 1);
    EXPECT_EQ(caught, 1);
    EXPECT_EQ(source.next(), 2);
    EXPECT_EQ(source.throw_in(std::make_exception_ptr(injected{})), std::nullopt);
    EXPECT_EQ(caught, 2);
    EXPECT_TRUE(source.done());
}

TEST(generator, s010_what_the_body_does_not_catch_comes_back_and_ends_it) {
    std::vector<std::string> log;
    auto source = [](std::vector<std::string>& names) -> generator<int> {
        const logged local{names, "local"};
        co_yield 1;
        co_yield 2;
    }(log);
    source.next();
    EXPECT_THROW(source.throw_in(std::make_exception_ptr(injected{})), injected);
    EXPECT_EQ(log, std::vector<std::string>{"local"});
    EXPECT_TRUE(source.done());
    EXPECT_EQ(source.next(), std::nullopt);
    EXPECT_THROW(source.throw_in(std::make_exception_ptr(escaped{})), escaped);
}

TEST(generator, s010_throwing_in_before_the_start_ends_it_without_running_it) {
    const frame_counter counter;
    int caught = 0;
    auto source = catching(caught);
    EXPECT_THROW(source.throw_in(std::make_exception_ptr(injected{})), injected);
    EXPECT_EQ(caught, 0);
    EXPECT_TRUE(source.done());
    EXPECT_EQ(source.next(), std::nullopt);
    EXPECT_EQ(frame_counter::alive, 0U);
}

// S011: a two-way pipe.

generator<int, int> subgen(std::vector<std::string>& log, bool catches) {
    int answer = 0;
    while (true) {
        std::optional<int> number;
        try {
            number = co_yield answer;
        } catch (const injected&) {
            log.push_back("subgen");
            if (!catches) throw;
        }
        answer = number.value_or(0) + 1;
    }
}

generator<int, int> gen(std::vector<std::string>& log, bool catches) {
    try {
        co_yield elements_of(subgen(log, catches));
    } catch (const injected&) {
        log.push_back("gen");
    }
    auto number = co_yield -1;
    co_yield number.value_or(0) * 100;
}

TEST(generator, s011_an_exception_reaches_the_innermost_generator_first) {
    std::vector<std::string> log;
    auto pipe = gen(log, false);
    pipe.next();
    EXPECT_EQ(pipe.send(1), 2);
    EXPECT_EQ(pipe.throw_in(std::make_exception_ptr(injected{})), -1);
    EXPECT_EQ(log, (std::vector<std::string>{"subgen", "gen"}));
    EXPECT_EQ(pipe.send(3), 300) << "after the inner one has ended the outer one receives";
}

TEST(generator, s011_an_exception_that_the_inner_one_catches_does_not_reach_the_outer_one) {
    std::vector<std::string> log;
    auto pipe = gen(log, true);
    pipe.next();
    EXPECT_EQ(pipe.throw_in(std::make_exception_ptr(injected{})), 1);
    EXPECT_EQ(log, std::vector<std::string>{"subgen"});
    EXPECT_EQ(pipe.send(1), 2);
}

// S012: results.

generator<int, void, std::string> spelled(int count) {
    for (int index = 0; index < count; ++index) co_yield index;
    co_return std::string(40, 'x');
}

TEST(generator, s012_the_result_is_there_when_the_body_has_returned) {
    auto source = spelled(2);
    EXPECT_EQ(source.result(), std::nullopt);
    EXPECT_EQ(collect(source), numbers({0, 1}));
    EXPECT_EQ(source.result(), std::string(40, 'x'));
    source.close();
    EXPECT_EQ(source.result(), std::string(40, 'x')) << "closing a finished generator does nothing";
    EXPECT_EQ(std::move(source).result(), std::string(40, 'x'));
}

TEST(generator, s012_there_is_no_result_after_an_exception_or_close) {
    auto failing = []() -> generator<int, void, int> {
        co_yield 1;
        throw escaped{};
    }();
    failing.next();
    EXPECT_THROW(failing.next(), escaped);
    EXPECT_EQ(failing.result(), std::nullopt);

    auto closed = spelled(2);
    closed.next();
    closed.close();
    EXPECT_EQ(closed.result(), std::nullopt);
}

generator<int, void, std::unique_ptr<int>> boxed(int value) {
    co_yield value;
    co_return std::make_unique<int>(value * 2);
}

generator<int> unboxing() {
    auto box = co_yield elements_of(boxed(1));
    co_yield *box;
    auto none_yielded = boxed(10);
    none_yielded.next();
    none_yielded.next();
    box = co_yield elements_of(std::move(none_yielded));
    co_yield *box;
}

TEST(generator, s012_a_result_is_moved_to_the_delegating_generator_even_when_it_was_there_before) {
    EXPECT_EQ(collect(unboxing()), numbers({1, 2, 20}));
}

// S013: laziness.

TEST(generator, s013_calling_a_generator_function_runs_nothing) {
    bool ran = false;
    auto source = [](bool& flag) -> generator<std::tuple<int, int, int>> {
        flag = true;
        co_yield {16, 32, 48};
    }(ran);
    auto position = source.begin();
    EXPECT_FALSE(ran);
    EXPECT_FALSE(source.done());
    EXPECT_EQ(*position, std::tuple(16, 32, 48));
    EXPECT_TRUE(ran);
}

TEST(generator, s013_next_gives_a_tuple) {
    auto source = []() -> generator<std::tuple<int, int, int>> { co_yield {16, 32, 48}; }();
    EXPECT_EQ(source.next(), std::tuple(16, 32, 48));
    EXPECT_FALSE(source.done());
    EXPECT_EQ(source.next(), std::nullopt);
    EXPECT_TRUE(source.done());
}

// S014: one generator, two loops.

numbers up_to(generator<int>& source, int limit) {
    numbers printed;
    int total = 0;
    for (int item : source) {
        if (total >= limit) break;
        printed.push_back(item);
        total += item;
    }
    return printed;
}

TEST(generator, s014_a_loop_goes_on_after_the_item_at_which_the_last_one_was_left) {
    auto small = endless();
    EXPECT_EQ(up_to(small, 30), numbers({9, 8, 7, 6}));
    EXPECT_EQ(up_to(small, 17), numbers({8, 7, 6}));

    auto large = endless();
    EXPECT_EQ(up_to(large, 100), numbers({9, 8, 7, 6, 9, 8, 7, 6, 9, 8, 7, 6, 9, 8}));
    EXPECT_EQ(large.next(), 6);
    EXPECT_EQ(large.next(), 9);
    EXPECT_EQ(large.next(), 8);
}

TEST(generator, s014_an_iterator_takes_each_item_once_however_often_it_is_looked_at) {
    auto source = lazy_range(5);
    auto position = source.begin();
    EXPECT_EQ(*position, 0);
    EXPECT_EQ(*position, 0);
    EXPECT_FALSE(position == source.end());
    ++position;
    ++position;
    EXPECT_EQ(*position, 2) << "moving past an item that was not looked at still takes it";
    EXPECT_EQ(source.next(), 3);
    EXPECT_EQ(*source.begin(), 4);
    EXPECT_TRUE(source.begin() == source.end());
    EXPECT_TRUE(source.begin() == source.end());
}

// S015: locals live across pauses and die in reverse order.

generator<int> with_locals(std::vector<std::string>& log) {
    const logged first{log, "first"};
    const logged second{log, "second"};
    co_yield 1;
    const logged third{log, "third"};
    co_yield 2;
}

TEST(generator, s015_a_paused_generator_destroys_its_locals_in_reverse_order) {
    std::vector<std::string> log;
    {
        auto source = with_locals(log);
        source.next();
        source.next();
        EXPECT_TRUE(log.empty());
    }
    EXPECT_EQ(log, (std::vector<std::string>{"third", "second", "first"}));

    log.clear();
    {
        auto source = with_locals(log);
        source.next();
    }
    EXPECT_EQ(log, (std::vector<std::string>{"second", "first"}));
}

generator<int> level(std::vector<std::string>& log, int depth) {
    const logged outer{log, "outer " + std::to_string(depth)};
    const logged inner{log, "inner " + std::to_string(depth)};
    if (depth > 0) {
        co_yield elements_of(level(log, depth - 1));
    }
    co_yield depth;
}

TEST(generator, s015_closing_destroys_the_innermost_generator_first) {
    std::vector<std::string> log;
    const std::vector<std::string> expected{"inner 0", "outer 0", "inner 1",
                                            "outer 1", "inner 2", "outer 2"};
    const frame_counter counter;
    auto source = level(log, 2);
    EXPECT_EQ(source.next(), 0);
    EXPECT_EQ(frame_counter::alive, 3U);
    source.close();
    EXPECT_EQ(log, expected);
    EXPECT_EQ(frame_counter::alive, 0U);
    EXPECT_TRUE(source.done());
    source.close();
    EXPECT_EQ(log, expected);
    EXPECT_EQ(source.next(), std::nullopt);
}

TEST(generator, close_before_the_start_destroys_the_arguments) {
    auto shared = std::make_shared<int>(1);
    auto source = [](std::shared_ptr<int> argument) -> generator<int> {
        co_yield *argument;
    }(shared);
    EXPECT_EQ(shared.use_count(), 2);
    source.close();
    EXPECT_EQ(shared.use_count(), 1);
}

// Items.

generator<std::string> strings(const std::string& local) {
    co_yield "converted from a literal, and too long for the small buffer";
    co_yield local;
    co_yield local;
    co_yield std::string(50, 'y');
}

TEST(generator, an_item_yielded_from_a_variable_is_a_copy) {
    const std::string local(50, 'x');
    std::vector<std::string> taken;
    for (auto& item : strings(local)) {
        taken.push_back(std::move(item));
        item = "changed";
    }
    EXPECT_EQ(local, std::string(50, 'x'));
    const std::vector<std::string> expected{
        "converted from a literal, and too long for the small buffer", local, local,
        std::string(50, 'y')};
    EXPECT_EQ(taken, expected);
}

TEST(generator, move_only_items_can_be_yielded) {
    auto source = []() -> generator<std::unique_ptr<int>> {
        co_yield std::make_unique<int>(1);
        auto second = std::make_unique<int>(2);
        co_yield std::move(second);
        EXPECT_EQ(second, nullptr);
    }();
    EXPECT_EQ(**source.next(), 1);
    EXPECT_EQ(**source.next(), 2);
    EXPECT_EQ(source.next(), std::nullopt);
}

TEST(generator, references_let_the_consumer_change_the_items_where_they_are) {
    numbers source{1, 2, 3};
    for (int& item : elements(source)) item *= 10;
    EXPECT_EQ(source, numbers({10, 20, 30}));
    auto pointers = elements(source);
    EXPECT_EQ(pointers.next(), &source[0]);
    EXPECT_EQ(pointers.next(), &source[1]);
    EXPECT_EQ(pointers.next(), &source[2]);
    EXPECT_EQ(pointers.next(), nullptr);
}

TEST(generator, references_to_const_also_bind_to_temporaries) {
    const std::string long_lived(50, 'x');
    auto source = [](const std::string& text) -> generator<const std::string&> {
        co_yield text;
        co_yield text + "z";
    }(long_lived);
    EXPECT_EQ(source.next(), &long_lived);
    EXPECT_EQ(*source.next(), std::string(50, 'x') + "z");
    EXPECT_EQ(source.next(), nullptr);
}

// Ownership.

TEST(generator, a_moved_generator_goes_on_where_it_was_and_leaves_a_finished_one) {
    auto source = lazy_range(5);
    source.next();
    auto position = source.begin();
    auto target = std::move(source);
    EXPECT_TRUE(source.done());  // NOLINT(bugprone-use-after-move): what it promises
    EXPECT_EQ(source.next(), std::nullopt);
    EXPECT_TRUE(source.begin() == source.end());
    EXPECT_EQ(*position, 1);
    EXPECT_EQ(target.next(), 2);
}

TEST(generator, assignment_destroys_what_was_there) {
    std::vector<std::string> log;
    auto source = with_locals(log);
    source.next();
    source = lazy_range(1);
    EXPECT_EQ(log, (std::vector<std::string>{"second", "first"}));
    EXPECT_EQ(source.next(), 0);
}

// Delegation.

TEST(generator, a_generator_that_has_begun_is_delegated_to_from_where_it_is) {
    auto source = []() -> generator<int, int> {
        auto started = jumping_range(10);
        started.next();
        started.send(3);
        co_yield elements_of(std::move(started));
        EXPECT_TRUE(started.done());
    }();
    EXPECT_EQ(source.next(), 4);
    EXPECT_EQ(source.send(4), 8);
}

TEST(generator, a_sent_value_is_received_once_even_when_the_receiver_delegates_next) {
    auto source = []() -> generator<int, int> {
        auto started = jumping_range(10);
        started.next();
        auto received = co_yield 100;
        EXPECT_EQ(received, 5);
        co_yield elements_of(std::move(started));
    }();
    source.next();
    EXPECT_EQ(source.send(5), 1) << "the inner generator received the value of the outer one";
}

generator<int, int> nested_jumping(int depth) {
    if (depth == 0) {
        co_yield elements_of(jumping_range(1000));
    } else {
        co_yield elements_of(nested_jumping(depth - 1));
    }
}

TEST(generator, chains_that_have_begun_are_joined) {
    auto source = [](int depth) -> generator<int, int> {
        auto chain = nested_jumping(depth);
        chain.next();
        chain.send(9);
        co_yield elements_of(std::move(chain));
    }(5);
    EXPECT_EQ(source.next(), 10);
    EXPECT_EQ(source.send(5), 15);
    EXPECT_EQ(source.send(984), 999);
    EXPECT_EQ(source.next(), std::nullopt);
    EXPECT_TRUE(source.done());
}

TEST(generator, delegating_to_an_empty_or_finished_generator_does_not_pause) {
    auto source = []() -> generator<int> {
        auto finished = lazy_range(0);
        finished.next();
        co_yield elements_of(std::move(finished));
        co_yield elements_of(std::move(finished));
        co_yield elements_of(lazy_range(0));
        co_yield 1;
    }();
    EXPECT_EQ(collect(source), numbers{1});
}

TEST(generator, values_sent_while_a_range_is_delegated_to_are_dropped) {
    auto source = [](numbers range) -> generator<int, int> {
        co_yield elements_of(range);
        auto received = co_yield 100;
        co_yield received.value_or(-1);
    }({1, 2});
    source.next();
    EXPECT_EQ(source.send(50), 2);
    EXPECT_EQ(source.send(51), 100);
    EXPECT_EQ(source.next(), -1) << "a value was kept for a later co_yield";
}

generator<int> failing(int items) {
    for (int item = 0; item < items; ++item) co_yield item;
    throw escaped{};
}

generator<int> through(int items) {
    co_yield elements_of(failing(items));
    ADD_FAILURE() << "the exception was lost";
}

TEST(generator, an_exception_passes_through_delegations_and_the_outer_one_goes_on) {
    const frame_counter counter;
    auto source = [](int items) -> generator<int> {
        for (int attempt = 0; attempt < 2; ++attempt) {
            bool caught = false;
            try {
                co_yield elements_of(through(items));
            } catch (const escaped&) {
                caught = true;
            }
            if (caught) co_yield 100 + attempt;
        }
    };
    EXPECT_EQ(collect(source(2)), numbers({0, 1, 100, 0, 1, 101}));
    EXPECT_EQ(collect(source(0)), numbers({100, 101}));
    EXPECT_EQ(frame_counter::alive, 0U);
}

TEST(generator, an_exception_that_nobody_catches_reaches_the_caller_once) {
    auto source = through(1);
    EXPECT_EQ(source.next(), 0);
    EXPECT_THROW(source.next(), escaped);
    EXPECT_TRUE(source.done());
    EXPECT_EQ(source.next(), std::nullopt);

    numbers seen;
    EXPECT_THROW(
        {
            for (int item : through(2)) seen.push_back(item);
        },
        escaped);
    EXPECT_EQ(seen, numbers({0, 1}));
}

TEST(generator, an_inner_generator_is_destroyed_when_it_has_finished) {
    const frame_counter counter;
    auto source = []() -> generator<int> {
        for (int round = 0; round < 100; ++round) co_yield elements_of(lazy_range(2));
    }();
    int items = 0;
    while (source.next()) {
        ++items;
        EXPECT_EQ(frame_counter::alive, 2U);
    }
    EXPECT_EQ(items, 200);
    EXPECT_EQ(frame_counter::made, 101U);
}

// Misuse.

TEST(generator_death_test, resuming_a_generator_from_its_own_body_is_reported) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            generator<int>* self = nullptr;
            auto source = [](generator<int>*& running) -> generator<int> {
                running->next();
                co_yield 1;
            }(self);
            self = &source;
            source.next();
        },
        "resumed by its own body");
}

TEST(generator_death_test, taking_over_a_generator_from_its_own_body_is_reported) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            generator<int>* self = nullptr;
            auto source = [](generator<int>*& running) -> generator<int> {
                co_yield elements_of(std::move(*running));
            }(self);
            self = &source;
            source.next();
        },
        "taken over by its own body");
}

TEST(generator_death_test, delegating_for_a_result_that_is_not_there_is_reported) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto source = []() -> generator<int> {
                auto closed = spelled(1);
                closed.close();
                auto result = co_yield elements_of(std::move(closed));
                static_cast<void>(result);
            }();
            source.next();
        },
        "has no result");
}

// Cost and depth.

/// Selects a promise that counts how often delegating frames are resumed.
struct counted {
    int& delegations_resumed;
};

class counting_promise : public generator<int>::promise_type {
    using base = generator<int>::promise_type;

public:
    counting_promise(counted& counter, int) noexcept : count_{counter.delegations_resumed} {}

    using base::yield_value;
    auto yield_value(elements_of<generator<int>>&& source) {
        using delegation = decltype(base::yield_value(std::move(source)));
        class counting : public delegation {
        public:
            counting(delegation inner, int& count) : delegation{inner}, count_{count} {}
            void await_resume() const {
                ++count_;
                delegation::await_resume();
            }

        private:
            int& count_;
        };
        return counting{base::yield_value(std::move(source)), count_};
    }

private:
    int& count_;
};

}  // namespace

template <>
struct std::coroutine_traits<simul::generator<int>, counted, int> {
    using promise_type = counting_promise;
};

namespace {

generator<int> counted_level(counted counter, int depth) {
    if (depth == 0) {
        for (int item = 0; item < 50; ++item) co_yield item;
    } else {
        co_yield elements_of(counted_level(counter, depth - 1));
    }
}

TEST(generator, an_item_resumes_the_innermost_generator_only) {
    int delegations_resumed = 0;
    auto source = counted_level(counted{delegations_resumed}, 1000);
    for (int item = 0; item < 50; ++item) {
        EXPECT_EQ(source.next(), item);
        EXPECT_EQ(delegations_resumed, 0);
    }
    EXPECT_EQ(source.next(), std::nullopt);
    EXPECT_EQ(delegations_resumed, 1000);
}

constexpr int great_depth = 100'000;

/// Runs `body` on a thread with a stack of 256 KiB.
void with_small_stack(void (*body)()) {
    pthread_attr_t attributes;
    ASSERT_EQ(pthread_attr_init(&attributes), 0);
    ASSERT_EQ(pthread_attr_setstacksize(&attributes, std::size_t{256} << 10), 0);
    pthread_t thread{};
    const auto start = [](void* argument) -> void* {
        reinterpret_cast<void (*)()>(argument)();
        return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, start, reinterpret_cast<void*>(body)), 0);
    ASSERT_EQ(pthread_join(thread, nullptr), 0);
    pthread_attr_destroy(&attributes);
}

/// At the bottom: yields what it is sent, and returns when nothing is.
generator<int, int, int> deep(int depth) {
    if (depth > 0) {
        int levels = co_yield elements_of(deep(depth - 1));
        co_return levels + 1;
    }
    int item = 0;
    while (true) {
        auto received = co_yield item;
        if (!received) co_return 0;
        item = *received;
    }
}

TEST(generator, a_great_depth_of_delegation_is_iterated_and_finished_on_a_small_stack) {
    with_small_stack([] {
        auto source = deep(great_depth);
        EXPECT_EQ(source.next(), 0);
        for (int item = 1; item < 1000; ++item) EXPECT_EQ(source.send(item), item);
        EXPECT_EQ(source.next(), std::nullopt);
        EXPECT_EQ(source.result(), great_depth);
    });
}

TEST(generator, an_exception_passes_through_a_great_depth_of_delegation_on_a_small_stack) {
    with_small_stack([] {
        auto source = deep(great_depth);
        source.next();
        EXPECT_THROW(source.throw_in(std::make_exception_ptr(injected{})), injected);
        EXPECT_TRUE(source.done());
    });
}

TEST(generator, a_great_depth_of_delegation_is_destroyed_half_way_on_a_small_stack) {
    with_small_stack([] {
        const frame_counter counter;
        {
            auto source = deep(great_depth);
            source.next();
            EXPECT_EQ(frame_counter::alive, std::size_t{great_depth} + 1);
        }
        EXPECT_EQ(frame_counter::alive, 0U);
    });
}

generator<int> wrap(generator<int> inner) {
    co_yield elements_of(std::move(inner));
}

TEST(generator, a_great_depth_of_generators_passed_as_arguments_is_run_on_a_small_stack) {
    with_small_stack([] {
        auto source = lazy_range(3);
        for (int depth = 0; depth < great_depth; ++depth) source = wrap(std::move(source));
        EXPECT_EQ(source.next(), 0);
        EXPECT_EQ(source.next(), 1);
        source.close();
        EXPECT_TRUE(source.done());
    });
}

TEST(generator, a_great_number_of_delegations_one_after_the_other_fits_a_small_stack) {
    with_small_stack([] {
        auto source = []() -> generator<int> {
            for (int round = 0; round < great_depth; ++round) co_yield elements_of(lazy_range(0));
            co_yield 1;
        }();
        EXPECT_EQ(source.next(), 1);
    });
}

}  // namespace
