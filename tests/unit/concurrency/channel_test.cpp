// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/channel.hpp"

#include <gtest/gtest.h>

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace test;
using numbers = std::vector<int>;

task<> send_all(sender<int> out, int first, int count) {
    for (int item = first; item < first + count; ++item) co_await out.send(item);
}

task<> receive_all(receiver<int> in, numbers& got) {
    while (const std::optional<int> item = co_await in.next()) got.push_back(*item);
}

task<> find_nobody(sender<std::shared_ptr<int>>& out, std::shared_ptr<int> item) {
    const auto sent = co_await as_result(out.send(std::move(item)));
    EXPECT_EQ(sent.has_value() ? std::error_code{} : sent.error(), errc::closed);
}

TEST(channel, carries_items_in_order_and_ends_with_its_senders) {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{7}, unbounded}) {
        run_on_each_backend([capacity]() -> task<> {
            numbers got;
            auto [out, in] = make_channel<int>(capacity);
            task_group group;
            group.spawn(send_all(std::move(out), 0, 20));
            group.spawn(receive_all(std::move(in), got));
            co_await group.run();
            EXPECT_EQ(got.size(), 20U);
            for (int item = 0; item < 20; ++item) {
                EXPECT_EQ(got[static_cast<std::size_t>(item)], item);
            }
        });
    }
}

TEST(channel, without_capacity_is_a_rendezvous) {
    simulate([]() -> task<> {
        auto [out, in] = make_channel<int>();
        EXPECT_FALSE(out.try_send(1));
        bool sent = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                co_await out.send(1);
                sent = true;
            });
            while (out.statistics().waiting_to_send == 0) co_await yield_now();
            EXPECT_FALSE(sent);
            const int item = co_await in.receive();
            EXPECT_EQ(item, 1);
        });
        EXPECT_TRUE(sent);
        EXPECT_EQ(in.statistics().peak_buffered, 0U);
    });
}

TEST(channel, ends_only_when_its_last_sender_has_gone) {
    simulate([]() -> task<> {
        numbers got;
        auto [out, in] = make_channel<int>(2);
        task_group group;
        group.spawn(send_all(out.clone(), 0, 5));
        group.spawn(send_all(std::move(out), 0, 5));
        group.spawn(receive_all(std::move(in), got));
        co_await group.run();
        EXPECT_EQ(got.size(), 10U);
    });
}

TEST(channel, gives_each_item_to_one_receiver) {
    simulate([]() -> task<> {
        numbers got;
        auto [out, in] = make_channel<int>();
        task_group group;
        group.spawn(receive_all(in.clone(), got));
        group.spawn(receive_all(in.clone(), got));
        group.spawn(receive_all(std::move(in), got));
        group.spawn(send_all(std::move(out), 1, 100));
        co_await group.run();
        int sum = 0;
        for (const int item : got) sum += item;
        EXPECT_EQ(got.size(), 100U);
        EXPECT_EQ(sum, 5050);
    });
}

TEST(channel, tells_receivers_the_end_after_what_is_left) {
    simulate([]() -> task<> {
        auto [out, in] = make_channel<int>(2);
        EXPECT_TRUE(out.try_send(1));
        out.close();
        out.close();
        EXPECT_FALSE(out);
        const int item = co_await in.receive();
        EXPECT_EQ(item, 1);
        const auto end = co_await as_result(in.receive());
        EXPECT_EQ(end, std::unexpected{make_error_code(errc::closed)});
        const std::optional<int> none = co_await in.next();
        EXPECT_FALSE(none);
    });
}

TEST(channel, tells_senders_that_nobody_receives_any_more) {
    simulate([]() -> task<> {
        const auto shared = std::make_shared<int>(1);
        auto [out, in] = make_channel<std::shared_ptr<int>>(1);
        co_await out.send(shared);
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(find_nobody(out, shared));
            while (out.statistics().waiting_to_send == 0) co_await yield_now();
            in.close();
        });
        EXPECT_EQ(shared.use_count(), 1) << "what was inside is gone";
        co_await find_nobody(out, shared);
        EXPECT_FALSE(out.try_send(nullptr));
        EXPECT_EQ(out.statistics().receivers, 0U);
    });
}

TEST(channel, counts_what_it_has_seen_and_holds) {
    simulate([]() -> task<> {
        auto [out, in] = make_channel<int>(3);
        const sender<int> other = out.clone();
        for (int item = 0; item < 3; ++item) co_await out.send(item);
        static_cast<void>(in.try_receive());
        const channel_statistics seen = in.statistics();
        EXPECT_EQ(seen.buffered, 2U);
        EXPECT_EQ(seen.peak_buffered, 3U);
        EXPECT_EQ(seen.capacity, 3U);
        EXPECT_EQ(seen.senders, 2U);
        EXPECT_EQ(seen.receivers, 1U);
        EXPECT_EQ(seen.waiting_to_send, 0U);
        EXPECT_EQ(seen.waiting_to_receive, 0U);
    });
}

TEST(channel, an_end_that_is_assigned_leaves_its_old_channel) {
    simulate([]() -> task<> {
        auto [first_out, first_in] = make_channel<int>(1);
        auto [second_out, second_in] = make_channel<int>(1);
        first_out = std::move(second_out);
        const std::optional<int> none = co_await first_in.next();
        EXPECT_FALSE(none) << "the first channel has no sender any more";
        EXPECT_TRUE(first_out.try_send(1));
        EXPECT_EQ(second_in.try_receive(), 1);
        second_in = std::move(first_in);
        EXPECT_FALSE(first_out.try_send(2)) << "nor the second one a receiver";
    });
}

// K8: a value handed to a waiter cannot be taken by a later call that does not wait.
TEST(channel, an_item_on_its_way_to_a_receiver_cannot_be_taken_in_between) {
    simulate([]() -> task<> {
        auto [out, in] = make_channel<int>(1);
        numbers got;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> { got.push_back(co_await in.receive()); });
            while (in.statistics().waiting_to_receive == 0) co_await yield_now();
            EXPECT_TRUE(out.try_send(1));
            EXPECT_EQ(in.try_receive(), std::nullopt);
        });
        EXPECT_EQ(got, numbers{1});
    });
}

TEST(channel, a_select_over_two_channels_takes_from_one) {
    simulate([]() -> task<> {
        auto [left_out, left] = make_channel<int>(1);
        auto [right_out, right] = make_channel<int>(1);
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const auto first = co_await select(left.receive(), right.receive());
                EXPECT_EQ(first.index(), 1U);
                EXPECT_EQ(std::get<1>(first), 2);
            });
            while (right.statistics().waiting_to_receive == 0) co_await yield_now();
            EXPECT_TRUE(right_out.try_send(2));
            EXPECT_TRUE(left_out.try_send(1));
        });
        EXPECT_EQ(left.try_receive(), 1);
        EXPECT_EQ(right.try_receive(), std::nullopt);
    });
}

TEST(channel, checks_that_an_end_is_open) {
    EXPECT_DEATH(
        {
            auto ends = make_channel<int>(1);
            ends.first.close();
            static_cast<void>(ends.first.try_send(1));
        },
        "after it was closed");
}

}  // namespace
}  // namespace simul
