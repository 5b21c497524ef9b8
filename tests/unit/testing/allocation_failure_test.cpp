// SPDX-License-Identifier: Apache-2.0
//
// Small programs, each run with every allocation failing in turn.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/as_completed.hpp"
#include "simul/concurrency/async_cache.hpp"
#include "simul/concurrency/barrier.hpp"
#include "simul/concurrency/broadcast.hpp"
#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/concurrent.hpp"
#include "simul/concurrency/condition.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/future.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/once.hpp"
#include "simul/concurrency/pool.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/rate_limiter.hpp"
#include "simul/concurrency/retry.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/shared_mutex.hpp"
#include "simul/concurrency/shared_task.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/staggered_race.hpp"
#include "simul/concurrency/task_local.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/concurrency/views.hpp"
#include "simul/concurrency/wait.hpp"
#include "simul/concurrency/watch.hpp"
#include "simul/concurrency/with.hpp"
#include "simul/coro/async_generator.hpp"
#include "simul/coro/generator.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/runtime/unhandled.hpp"
#include "simul/testing/failing_allocation.hpp"

namespace simul::testing {
namespace {

using namespace std::chrono_literals;

// Errors that reach nobody are not what these tests are about: many a run has some.
class quiet_reports {
public:
    quiet_reports()
        : previous_{set_unhandled_error_handler([](std::exception_ptr, const char*) noexcept {})} {}
    quiet_reports(const quiet_reports&) = delete;
    quiet_reports& operator=(const quiet_reports&) = delete;
    ~quiet_reports() { set_unhandled_error_handler(previous_); }

private:
    unhandled_error_handler previous_;
};

// One failure, no memory from then on, and one failure where children start at once.
void survives(const std::string& name, const program& made,
              const allocation_options& options = {}) {
    const quiet_reports quiet;
    for (const bool lasting : {false, true}) {
        for (const start_policy start : {start_policy::queued, start_policy::eager}) {
            allocation_options each = options;
            each.named(name + (lasting ? " lasting" : " once") +
                       (start == start_policy::eager ? " eager" : ""));
            each.starting(start).failed_if([] { return ::testing::Test::HasFailure(); });
            if (lasting) each.lasting();
            const allocation_report report = fail_allocations(made, each);
            EXPECT_TRUE(report.ok()) << report.text();
            EXPECT_GT(report.runs(), 0U);
        }
    }
}

// Longer than what a string keeps in itself.
std::string long_text(int number) {
    return "a text that needs a block of its own, number " + std::to_string(number);
}

task<std::string> make_text(int number, duration delay = 1s) {
    co_await sleep_for(delay);
    co_return long_text(number);
}

task<> children_with_results() {
    task_group group;
    auto first = group.spawn(make_text(1));
    auto second = group.spawn(make_text(2, 2s), spawn_options{}.named(long_text(2)));
    co_await group.run();
    const std::string joined = co_await first + co_await second;
    EXPECT_GT(joined.size(), 80U);
}

TEST(allocation_failure, in_a_group_with_results) {
    survives("group", &children_with_results);
}

task<> body_that_spawns() {
    co_await with_task_group([](task_group& group) -> task<> {
        for (int number = 0; number != 3; ++number) {
            group.spawn([number]() -> task<> { co_await make_text(number); });
            co_await yield_now();
        }
    });
}

TEST(allocation_failure, in_a_body_that_spawns) {
    survives("body", &body_that_spawns);
}

task<> rest() {
    co_await sleep_for(1s);
}

task<> group_with_everything() {
    const auto options = group_options{}.limit(1).grace(5s);
    co_await with_task_group(options, [](task_group& group) -> task<> {
        group.spawn_service([]() -> task<> { co_await sleep_for(1h); });
        group.spawn(rest());
        group.spawn(rest());
        const int ready = co_await group.start([](readiness<int>& told) -> task<> {
            co_await sleep_for(1s);
            told.set(3);
            co_await sleep_for(1s);
        });
        EXPECT_EQ(ready, 3);
    });
}

TEST(allocation_failure, in_a_group_with_a_limit_a_grace_period_and_a_service) {
    survives("services", &group_with_everything);
}

task<> gathered() {
    const auto [first, second] = co_await gather(make_text(1), make_text(2));
    EXPECT_NE(first, second);
    std::vector<task<std::string>> several;
    for (int number = 0; number != 4; ++number) several.push_back(make_text(number));
    const std::vector<std::string> texts = co_await gather(std::move(several));
    EXPECT_EQ(texts.size(), 4U);
}

TEST(allocation_failure, in_gather) {
    survives("gather", &gathered);
}

task<> settled() {
    const auto ended = co_await gather_settled(make_text(1), make_text(2));
    EXPECT_TRUE(std::get<0>(ended).has_value() || std::get<0>(ended).has_error());
}

TEST(allocation_failure, in_gather_settled) {
    survives("settled", &settled, allocation_options{}.may_recover());
}

task<> put_texts(queue<std::string>& into, int count) {
    for (int number = 0; number != count; ++number) co_await into.put(long_text(number));
    into.close();
}

task<> take_texts(queue<std::string>& from) {
    while (const std::optional<std::string> text = co_await from.next()) {
        EXPECT_GT(text->size(), 40U);
        from.task_done();
    }
}

task<> through_a_queue(std::size_t capacity) {
    queue<std::string> texts{capacity};
    task_group group;
    group.spawn(put_texts(texts, 20));
    group.spawn(take_texts(texts));
    co_await group.run();
}

TEST(allocation_failure, in_a_queue) {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{2}, std::size_t{100}}) {
        survives("queue of " + std::to_string(capacity), [=] { return through_a_queue(capacity); });
    }
}

task<> through_a_priority_queue() {
    priority_queue<std::string> texts;
    for (int number = 0; number != 10; ++number) co_await texts.put(long_text(number));
    for (int number = 0; number != 10; ++number) {
        const std::string text = co_await texts.get();
        EXPECT_GT(text.size(), 40U);
    }
}

TEST(allocation_failure, in_a_priority_queue) {
    survives("priority_queue", &through_a_priority_queue);
}

task<> send_texts(sender<std::string> out) {
    for (int number = 0; number != 5; ++number) co_await out.send(long_text(number));
}

task<> receive_texts(receiver<std::string> in) {
    while (const std::optional<std::string> text = co_await in.next()) {
        EXPECT_GT(text->size(), 40U);
    }
}

task<> through_a_channel() {
    auto [out, in] = make_channel<std::string>(2);
    task_group group;
    group.spawn(send_texts(out.clone()));
    group.spawn(send_texts(std::move(out)));
    group.spawn(receive_texts(std::move(in)));
    co_await group.run();
}

TEST(allocation_failure, in_a_channel) {
    survives("channel", &through_a_channel);
}

task<> hear(broadcast_reader<std::string> reader) {
    while (const std::optional<std::string> text = co_await reader.next()) {
        EXPECT_GT(text->size(), 40U);
    }
}

task<> broadcast_texts() {
    broadcast<std::string> news{2};
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn(hear(news.subscribe()));
        group.spawn(hear(news.subscribe()));
        for (int number = 0; number != 4; ++number) co_await news.send(long_text(number));
        news.close();
    });
}

TEST(allocation_failure, in_a_broadcast) {
    survives("broadcast", &broadcast_texts);
}

task<> follow(watch_reader<std::string> reader) {
    co_await reader.changed();
    EXPECT_GT(reader.value().size(), 40U);
}

task<> watched_text() {
    watch<std::string> watched;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn(follow(watched.subscribe()));
        co_await sleep_for(1s);
        watched.set(long_text(1));
    });
}

TEST(allocation_failure, in_a_watch) {
    survives("watch", &watched_text);
}

task<> work_with(semaphore& permits, mutex& lock, event& ready) {
    const auto permit = co_await permits.acquire();
    co_await ready.wait();
    const auto guard = co_await lock.acquire();
    co_await make_text(1);
}

task<> locked() {
    semaphore permits{2};
    mutex lock;
    event ready;
    {
        task_group group;
        for (int number = 0; number != 4; ++number) group.spawn(work_with(permits, lock, ready));
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            ready.set();
        });
        co_await group.run();
    }
    EXPECT_FALSE(lock.is_held());
    EXPECT_EQ(permits.held(), 0U);
}

TEST(allocation_failure, in_a_semaphore_a_mutex_and_an_event) {
    survives("locks", &locked);
}

task<> share(shared_mutex& lock, bool alone) {
    if (alone) {
        const auto guard = co_await lock.acquire();
        co_await make_text(1);
    } else {
        const auto guard = co_await lock.acquire_shared();
        co_await make_text(2);
    }
}

task<> shared_locks() {
    shared_mutex lock;
    task_group group;
    for (const bool alone : {false, true, false}) group.spawn(share(lock, alone));
    co_await group.run();
}

TEST(allocation_failure, in_a_shared_mutex) {
    survives("shared_mutex", &shared_locks);
}

task<> condition_and_barrier() {
    mutex lock;
    condition changed;
    barrier line{2};
    bool is_ready = false;
    task_group group;
    group.spawn([&]() -> task<> {
        auto guard = co_await lock.acquire();
        co_await changed.wait(guard, [&] { return is_ready; });
        guard.release();
        co_await line.wait();
    });
    group.spawn([&]() -> task<> {
        co_await make_text(1);
        is_ready = true;
        changed.notify();
        co_await line.wait();
    });
    co_await group.run();
}

TEST(allocation_failure, in_a_condition_and_a_barrier) {
    survives("condition", &condition_and_barrier);
}

generator<std::string> texts_up_to(int last) {
    for (int number = 1; number <= last; ++number) co_yield long_text(number);
}

async_generator<std::string> later_texts(int count) {
    for (int number = 0; number != count; ++number) {
        std::string text = co_await make_text(number);
        co_yield std::move(text);
    }
}

task<> generated() {
    std::size_t size = 0;
    for (const std::string& text : texts_up_to(3)) size += text.size();
    auto later = later_texts(3);
    while (const auto text = co_await later.next()) size += text->size();
    EXPECT_GT(size, 240U);
}

TEST(allocation_failure, in_generators) {
    survives("generators", &generated);
}

task<> left_generator() {
    auto later = later_texts(3);
    const auto text = co_await later.next();
    EXPECT_TRUE(text.has_value());
}

TEST(allocation_failure, in_a_generator_that_is_left) {
    survives("left generator", &left_generator);
}

task<> limited() {
    const std::string text = co_await timeout(5s, make_text(1));
    EXPECT_GT(text.size(), 40U);
    const std::optional<std::string> late = co_await move_on_after(1s, make_text(2, 5s));
    EXPECT_FALSE(late.has_value());
    bool expired = false;
    try {
        co_await timeout(1s, make_text(3, 5s));
    } catch (const timed_out&) {
        expired = true;
    }
    EXPECT_TRUE(expired);
}

TEST(allocation_failure, in_timeouts) {
    survives("timeouts", &limited);
}

task<> selected() {
    queue<std::string> texts;
    const auto first = co_await select(texts.get(), make_text(1), make_text(2, 2s));
    EXPECT_EQ(first.index(), 1U);
}

TEST(allocation_failure, in_select) {
    survives("select", &selected);
}

task<> protected_work() {
    co_await finally(shield(make_text(1)), [](std::string name) -> task<> {
        co_await sleep_for(1s);
        EXPECT_GT(name.size(), 40U);
    }(long_text(2)));
}

TEST(allocation_failure, in_shield_and_finally) {
    survives("finally", &protected_work);
}

// The frame of its on_exit is there before it is entered: with() has no memory to leave what it
// has entered if that of the call itself runs out.
struct door {
    task<> on_enter() {
        co_await sleep_for(1s);
        is_open = true;
    }
    task<> on_exit() { return std::move(leaving); }
    static task<> leave(door& left) {
        co_await sleep_for(1s);
        left.is_open = false;
    }

    bool is_open = false;
    task<> leaving = leave(*this);
};

task<> through_a_door() {
    door entered;
    std::exception_ptr error;
    try {
        co_await with(entered, [](door&) -> task<> { co_await make_text(1); });
    } catch (const std::bad_alloc&) {
        error = std::current_exception();
    }
    EXPECT_FALSE(entered.is_open);
    entered.leaving.discard();
    if (error != nullptr) std::rethrow_exception(error);
}

TEST(allocation_failure, in_with) {
    survives("with", &through_a_door);
}

const task_local<std::string> request;

task<> bound() {
    co_await with_value(request, long_text(1), []() -> task<> {
        task_group group;
        group.spawn([]() -> task<> {
            co_await yield_now();
            EXPECT_EQ(request.get(), long_text(1));
        });
        co_await group.run();
    }());
}

TEST(allocation_failure, in_with_value) {
    survives("with_value", &bound);
}

task<> waited_for() {
    co_await with_task_group([](task_group& group) -> task<> {
        std::vector<task_handle<std::string>> handles;
        for (int number = 1; number != 4; ++number) {
            handles.push_back(group.spawn(make_text(number, number * 1s)));
        }
        const auto [done, pending] = co_await wait(handles, wait_until::first_completed);
        EXPECT_EQ(done.size() + pending.size(), 3U);
    });
}

TEST(allocation_failure, in_wait) {
    survives("wait", &waited_for);
}

task<> completed() {
    co_await with_task_group([](task_group& group) -> task<> {
        std::vector<task<std::string>> tasks;
        for (int number = 1; number != 4; ++number) tasks.push_back(make_text(number));
        auto stream = as_completed(group, std::move(tasks));
        while (auto ended = co_await stream.next()) {
            const std::string text = ended->ended().take();
            EXPECT_GT(text.size(), 40U);
        }
    });
}

TEST(allocation_failure, in_as_completed) {
    survives("as_completed", &completed);
}

task<> retried(int failures) {
    int left = failures;
    const std::string text = co_await retry(
        [&]() -> task<std::string> {
            co_await yield_now();
            if (left-- > 0) throw std::runtime_error{"again"};
            co_return long_text(1);
        },
        retry_options{}.jitter(retry_jitter::none).when_error_is<std::runtime_error>());
    EXPECT_GT(text.size(), 40U);
}

TEST(allocation_failure, in_retry) {
    survives("retry", [] { return retried(2); });
}

task<> shared_work() {
    const shared_task<std::string> shared{make_text(1)};
    task_group group;
    for (int number = 0; number != 2; ++number) {
        group.spawn([&]() -> task<> {
            const std::string& text = co_await shared;
            EXPECT_GT(text.size(), 40U);
        });
    }
    co_await group.run();
}

TEST(allocation_failure, in_a_shared_task) {
    survives("shared_task", &shared_work);
}

task<> promised() {
    promise<std::string> given;
    future<std::string> taken = given.get_future();
    task_group group;
    group.spawn([&]() -> task<> {
        const std::string& text = co_await taken;
        EXPECT_GT(text.size(), 40U);
    });
    group.spawn([&]() -> task<> {
        co_await sleep_for(1s);
        given.set_value(long_text(1));
    });
    co_await group.run();
}

TEST(allocation_failure, in_a_future) {
    survives("future", &promised);
}

task<> borrow(pool<std::string, std::string>& lender, int key) {
    auto lease = co_await lender.acquire(long_text(key));
    co_await sleep_for(1s);
    EXPECT_GT(lease->size(), 40U);
}

task<> pooled() {
    pool_options limits;
    limits.max_total = 2;
    limits.max_per_key = 1;
    pool<std::string, std::string> lender{[](const std::string&) { return make_text(1); }, limits};
    task_group group;
    for (int number = 0; number != 5; ++number) group.spawn(borrow(lender, number % 3));
    co_await group.run();
}

TEST(allocation_failure, in_a_pool) {
    survives("pool", &pooled);
}

task<> cached() {
    async_cache_options options;
    options.max_size = 2;
    async_cache<std::string, std::string> texts{[](const std::string&) { return make_text(1); },
                                                options};
    task_group group;
    for (int number = 0; number != 5; ++number) {
        group.spawn([&, number]() -> task<> {
            const std::string text = co_await texts.get(long_text(number % 3));
            EXPECT_GT(text.size(), 40U);
        });
    }
    co_await group.run();
}

TEST(allocation_failure, in_an_async_cache) {
    survives("async_cache", &cached);
}

task<> only_once() {
    once ready;
    task_group group;
    for (int number = 0; number != 3; ++number) {
        group.spawn(
            [&]() -> task<> { co_await ready.run([]() -> task<> { co_await make_text(1); }); });
    }
    co_await group.run();
    EXPECT_TRUE(ready.is_done());
}

TEST(allocation_failure, in_once) {
    survives("once", &only_once);
}

task<> mapped() {
    const std::vector<int> numbers{1, 2, 3, 4, 5};
    const auto texts =
        co_await concurrent_map(numbers, 2, [](int number) { return make_text(number); });
    EXPECT_EQ(texts.size(), 5U);
    co_await concurrent_for_each(numbers, 2,
                                 [](int number) -> task<> { co_await make_text(number); });
}

TEST(allocation_failure, in_concurrent_map) {
    survives("concurrent_map", &mapped);
}

task<> raced() {
    std::vector<std::function<task<std::string>()>> attempts;
    for (int number = 1; number != 4; ++number) {
        attempts.emplace_back([number] { return make_text(number, 3s); });
    }
    const std::string text = co_await staggered_race(1s, attempts);
    EXPECT_GT(text.size(), 40U);
}

TEST(allocation_failure, in_a_staggered_race) {
    survives("staggered_race", &raced, allocation_options{}.may_recover());
}

task<> rated() {
    rate_limiter limit{1, 1s};
    task_group group;
    for (int number = 0; number != 3; ++number) {
        group.spawn([&]() -> task<> { co_await limit.acquire(); });
    }
    co_await group.run();
}

TEST(allocation_failure, in_a_rate_limiter) {
    survives("rate_limiter", &rated);
}

task<> viewed() {
    const auto texts =
        co_await (later_texts(5) | views::map([](std::string text) { return text + "!"; }) |
                  views::filter([](const std::string& text) { return text.size() > 1; }) |
                  views::take(3) | views::to_vector());
    EXPECT_EQ(texts.size(), 3U);
}

TEST(allocation_failure, in_views) {
    survives("views", &viewed);
}

task<> merged() {
    const auto texts = co_await (views::merge(later_texts(2), later_texts(3)) | views::to_vector());
    EXPECT_EQ(texts.size(), 5U);
}

TEST(allocation_failure, in_merged_views) {
    survives("merge", &merged);
}

task<> streamed() {
    auto [left, right] = memory_stream_pair(16);
    task_group group;
    group.spawn([&]() -> task<> {
        const std::string text = long_text(1);
        co_await write_all(left, std::as_bytes(std::span{text}));
        co_await left.shutdown();
    });
    group.spawn([&]() -> task<> {
        std::array<std::byte, 8> buffer{};
        std::string text;
        while (true) {
            const std::size_t count = co_await right.read_some(buffer);
            if (count == 0) break;
            text.append(reinterpret_cast<const char*>(buffer.data()), count);
        }
        EXPECT_EQ(text, long_text(1));
    });
    co_await group.run();
}

TEST(allocation_failure, in_memory_streams) {
    survives("memory_stream", &streamed);
}

task<> fail_below() {
    co_await sleep_for(1s);
    throw std::invalid_argument{"out of range"};
}

task<> reporting() {
    std::exception_ptr error;
    try {
        co_await fail_below();
    } catch (const std::invalid_argument&) {
        error = std::current_exception();
    }
    if (error != nullptr) report_unhandled_error(error, "in a test");
    const auto behind = std::make_unique<int>(1);
    const volatile auto seen = reinterpret_cast<std::uintptr_t>(behind.get());
    EXPECT_NE(seen, 0U);  // or the compiler leaves the allocation out
}

// The chain of awaits is left out when there is no memory for its text.
TEST(allocation_failure, in_the_report_of_an_unhandled_error) {
    ::testing::internal::CaptureStderr();
    const allocation_report report =
        fail_allocations(&reporting, allocation_options{}.named("report").lasting());
    const std::string printed = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(report.ok()) << report.text();
    EXPECT_NE(printed.find("simul: unhandled error in a test: out of range\nsimul:"),
              std::string::npos);
    EXPECT_NE(printed.find("fail_below"), std::string::npos);
}

}  // namespace
}  // namespace simul::testing
