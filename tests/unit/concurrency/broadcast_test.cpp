// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/broadcast.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
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

task<> hear(broadcast_reader<int> reader, numbers& heard) {
    while (const std::optional<int> item = co_await reader.next()) heard.push_back(*item);
}

task<> send_all(broadcast<int>& news, int first, int count) {
    for (int item = first; item < first + count; ++item) co_await news.send(item);
}

TEST(broadcast, gives_every_item_to_every_reader) {
    run_on_each_backend([]() -> task<> {
        broadcast<int> news{2};
        numbers first;
        numbers second;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(hear(news.subscribe(), first));
            group.spawn(hear(news.subscribe(), second));
            co_await send_all(news, 0, 10);
            EXPECT_LE(news.size(), 2U);
            news.close();
        });
        EXPECT_EQ(first, (numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
        EXPECT_EQ(second, first);
        EXPECT_EQ(news.readers(), 0U);
    });
}

TEST(broadcast, a_reader_hears_what_is_sent_from_its_subscription_on) {
    simulate([]() -> task<> {
        broadcast<int> news{4};
        co_await news.send(1);
        EXPECT_EQ(news.size(), 0U) << "nobody hears it";
        auto early = news.subscribe();
        co_await news.send(2);
        auto late = news.subscribe();
        co_await news.send(3);
        news.close();
        numbers heard_early;
        numbers heard_late;
        co_await hear(std::move(early), heard_early);
        co_await hear(std::move(late), heard_late);
        EXPECT_EQ(heard_early, (numbers{2, 3}));
        EXPECT_EQ(heard_late, numbers{3});
    });
}

TEST(broadcast, lets_the_sender_wait_for_the_slowest_reader) {
    simulate([]() -> task<> {
        broadcast<int> news{1};
        auto quick = news.subscribe();
        auto slow = news.subscribe();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(send_all(news, 1, 2));
            while (news.waiting_senders() == 0) co_await yield_now();
            const auto first = co_await quick.next();
            EXPECT_EQ(first, 1);
            EXPECT_EQ(news.waiting_senders(), 1U);
            const auto second = co_await slow.next();
            EXPECT_EQ(second, 1);
            EXPECT_EQ(news.waiting_senders(), 0U);
        });
        EXPECT_EQ(news.size(), 1U);
    });
}

TEST(broadcast, drops_the_oldest_item_if_told_to_and_the_reader_can_tell) {
    simulate([]() -> task<> {
        broadcast<int> news{2, when_full::drop_oldest};
        auto reader = news.subscribe();
        co_await send_all(news, 1, 5);
        EXPECT_EQ(reader.missed(), 3U);
        const auto first = co_await reader.next();
        EXPECT_EQ(first, 4);
        EXPECT_EQ(reader.missed(), 3U);
        const auto second = co_await reader.next();
        EXPECT_EQ(second, 5);
        news.close();
        const auto end = co_await reader.next();
        EXPECT_EQ(end, std::nullopt);
    });
}

TEST(broadcast, a_reader_who_goes_makes_room) {
    simulate([]() -> task<> {
        broadcast<int> news{1};
        std::optional<broadcast_reader<int>> reader{news.subscribe()};
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(send_all(news, 1, 5));
            while (news.waiting_senders() == 0) co_await yield_now();
            reader.reset();
        });
        EXPECT_EQ(news.size(), 0U);
    });
}

TEST(broadcast, moves_the_item_to_the_last_reader) {
    simulate([]() -> task<> {
        broadcast<std::shared_ptr<int>> news{1};
        auto first = news.subscribe();
        auto second = news.subscribe();
        co_await news.send(std::make_shared<int>(1));
        const auto one = co_await first.next();
        EXPECT_EQ(one->use_count(), 2);
        const auto two = co_await second.next();
        EXPECT_EQ(two->use_count(), 2) << "nothing is left inside";
        EXPECT_EQ(news.size(), 0U);
    });
}

// Cannot be copied while `fails` is set.
struct delicate {
    explicit delicate(bool& its_fails) : fails{&its_fails} {}
    delicate(const delicate& other) : fails{other.fails} {
        if (*fails) throw std::runtime_error{"too delicate"};
    }
    delicate(delicate&&) noexcept = default;
    delicate& operator=(delicate&&) noexcept = default;
    bool* fails;
};

TEST(broadcast, an_item_that_cannot_be_copied_is_still_the_next) {
    simulate([]() -> task<> {
        bool fails = false;
        broadcast<delicate> news{1};
        auto first = news.subscribe();
        auto second = news.subscribe();
        delicate item{fails};
        co_await news.send(std::move(item));
        fails = true;
        const auto failed = co_await as_outcome(first.next());
        EXPECT_TRUE(failed.has_error());
        fails = false;
        const auto one = co_await first.next();
        EXPECT_TRUE(one.has_value());
        const auto two = co_await second.next();
        EXPECT_TRUE(two.has_value());
    });
}

TEST(broadcast, tells_senders_that_it_is_closed) {
    simulate([]() -> task<> {
        broadcast<int> news{1};
        const auto reader = news.subscribe();
        co_await news.send(1);
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const auto sent = co_await as_result(news.send(2));
                EXPECT_EQ(sent.has_value() ? std::error_code{} : sent.error(), errc::closed);
            });
            while (news.waiting_senders() == 0) co_await yield_now();
            news.close();
        });
        EXPECT_FALSE(news.try_send(3));
        EXPECT_EQ(news.size(), 1U);
    });
}

TEST(broadcast, a_send_that_lost_sends_nothing) {
    simulate([]() -> task<> {
        broadcast<int> news{1};
        auto reader = news.subscribe();
        event stop;
        EXPECT_TRUE(news.try_send(1));
        EXPECT_FALSE(news.try_send(2));
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const auto first = co_await select(news.send(2), stop.wait());
                EXPECT_EQ(first.index(), 1U);
            });
            while (news.waiting_senders() == 0) co_await yield_now();
            stop.set();
            const auto item = co_await reader.next();  // makes room in the same turn
            EXPECT_EQ(item, 1);
        });
        EXPECT_EQ(news.size(), 0U);
    });
}

TEST(broadcast, suspends_only_where_it_is_promised) {
    simulate([]() -> task<> {
        broadcast<int> news{1};
        auto reader = news.subscribe();
        const auto passes = loop::current().statistics().passes;
        for (int item = 0; item < 5; ++item) {
            co_await news.send(item);
            const auto heard = co_await reader.next();
            EXPECT_EQ(heard, item);
        }
        EXPECT_EQ(loop::current().statistics().passes, passes);
    });
}

TEST(broadcast, checks_that_its_readers_are_gone_first) {
    EXPECT_DEATH(
        {
            auto news = std::make_unique<broadcast<int>>(1U);
            auto reader = news->subscribe();
            news.reset();
        },
        "before its readers");
}

}  // namespace
}  // namespace simul
