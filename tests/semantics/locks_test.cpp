// SPDX-License-Identifier: Apache-2.0
//
// The rules of SEMANTICS.md about locks.
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"

namespace simul {
namespace {

// A waiter that was woken, and is cancelled before its turn, hands the lock on.
EVERY_WORLD_TEST(T32, woken_waiter_that_is_cancelled_passes_the_lock_on) {
    mutex lock;
    std::optional<mutex_guard> held = lock.try_acquire();
    int entered = 0;
    task_group group;
    const auto enter = [&]() -> task<> {
        const mutex_guard guard = co_await lock.acquire();
        ++entered;
    };
    auto first = group.spawn(enter);
    group.spawn(enter);
    group.spawn([&]() -> task<> {
        co_await testing::wait_until_all_blocked();
        held.reset();
        first.cancel();
    });
    co_await group.run();
    EXPECT_FALSE(lock.is_held());
    EXPECT_GE(entered, 1);
    EXPECT_EQ(entered, first.was_cancelled() ? 1 : 2);
}

}  // namespace
}  // namespace simul
