// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about name lookups, with a name server on the loopback device or in the
// simulated world: lookups need no thread, have limits of their own, and are shared without harm.
// What is shared in general is in tests/semantics/races_test.cpp.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <system_error>
#include <vector>

#include "runtime/blocking_pool.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/dns.hpp"
#include "simul/runtime/blocking.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/dns_server.hpp"
#include "support/every_world.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using test::code_of;
using test::dns_server;
using addresses = std::vector<ip_address>;

const ip_address the_address{std::array<std::uint8_t, 4>{10, 0, 0, 1}};

resolver_options asking(const dns_server& server) {
    resolver_options options;
    options.servers.push_back(server.where());
    options.use_hosts_file = false;
    options.use_search_domains = false;
    options.attempt_timeout = 20s;
    return options;
}

// Every thread of the pool is busy and more calls stand in the queue: a lookup does not notice.
// The simulated world has no threads.
REAL_WORLD_TEST(Q11, full_pool_of_threads_does_not_hold_a_lookup_up) {
    dns_server server;
    server.host("a.test").addresses = addresses{the_address};
    resolver names{asking(server)};
    const std::size_t threads = detail::blocking_pool::default_threads();
    std::atomic<bool> may_end{false};
    std::atomic<std::size_t> ended{0};
    const auto call = [&] {
        may_end.wait(false);
        ++ended;
    };
    co_await with_task_group([&](task_group& group) -> task<> {
        auto serving = group.spawn(server.serve());
        for (std::size_t each = 0; each != threads + 2; ++each) {
            group.spawn([&]() -> task<> { co_await offload(call); });
        }
        co_await testing::wait_until_all_blocked();
        const auto found = co_await as_outcome(names.resolve("a.test"));
        EXPECT_TRUE(found.has_value());
        EXPECT_EQ(ended, 0U) << "the calls were still running";
        may_end = true;
        may_end.notify_all();
        serving.cancel();
    });
    EXPECT_EQ(ended, threads + 2);
    EXPECT_EQ(server.questions().size(), 2U) << "IPv4 and IPv6";
}

// The resolver's own limit ends a lookup that nobody answers, and no other one.
EVERY_WORLD_TEST(Q11, lookup_that_nobody_answers_ends_by_its_own_limit) {
    dns_server server;
    server.host("silent.test").silent = true;
    server.host("a.test").addresses = addresses{the_address};
    resolver_options hasty = asking(server);
    hasty.attempt_timeout = 1ms;
    hasty.attempts = 1;
    resolver impatient{hasty};
    resolver patient{asking(server)};
    addresses found;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto waiting = group.spawn([&]() -> task<> { found = co_await patient.resolve("a.test"); });
        const std::error_code code = co_await code_of(impatient.resolve("silent.test"));
        EXPECT_EQ(code, dns_errc::timed_out);
        EXPECT_FALSE(waiting.done());
        group.spawn([&]() -> task<> {
            co_await waiting;
            group.cancel();
        });
        co_await server.serve();
    });
    EXPECT_EQ(found, addresses{the_address});
}

// So does the limit of a caller, who may share the lookup with others: they get their answer.
EVERY_WORLD_TEST(Q11, limit_of_one_lookup_is_not_that_of_the_others_who_share_it) {
    dns_server server;
    server.host("a.test").addresses = addresses{the_address};
    resolver names{asking(server)};
    int answers = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        const auto ask = [&]() -> task<> {
            const addresses found = co_await names.resolve("a.test");
            EXPECT_EQ(found, addresses{the_address});
            ++answers;
        };
        auto hasty = group.spawn([&]() -> task<> {
            const auto nothing = co_await move_on_after(1ms, names.resolve("a.test"));
            EXPECT_FALSE(nothing.has_value());
        });
        for (int each = 0; each != 3; ++each) group.spawn(ask);
        co_await hasty;
        EXPECT_EQ(answers, 0);
        auto serving = group.spawn(server.serve());
        co_await ask();
        while (answers != 4) co_await yield_now();
        serving.cancel();
    });
    EXPECT_EQ(names.statistics().entries, 1U);
}

// Many ask, and who asked first is cancelled: the others lose nothing but the time.
EVERY_WORLD_TEST(Q11, cancel_of_the_first_waiter_does_not_fail_the_others) {
    dns_server server;
    server.host("a.test").addresses = addresses{the_address};
    resolver names{asking(server)};
    int answers = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        const auto ask = [&]() -> task<> {
            const addresses found = co_await names.resolve("a.test");
            EXPECT_EQ(found, addresses{the_address});
            ++answers;
        };
        auto first = group.spawn(ask);
        co_await testing::wait_until_all_blocked();
        for (int each = 0; each != 3; ++each) group.spawn(ask);
        co_await testing::wait_until_all_blocked();
        EXPECT_EQ(names.statistics().asked, 1U);
        EXPECT_EQ(names.statistics().joined, 3U);
        first.cancel();
        static_cast<void>(co_await as_outcome(first));
        EXPECT_TRUE(first.was_cancelled());
        auto serving = group.spawn(server.serve());
        while (answers != 3) co_await yield_now();
        serving.cancel();
    });
    EXPECT_EQ(names.statistics().asked, 2U) << "one of them took over";
}

}  // namespace
}  // namespace simul
