// SPDX-License-Identifier: Apache-2.0
//
// support/guestless_worlds.hpp: rules in every world, or in the real ones, but not as a guest.
//
//     GUESTLESS_WORLD_TEST(T45, write_is_refused) { … }      // the body of a task<>
//     GUESTLESS_REAL_TEST(Q11, lookup_needs_no_thread) { … }
//
// As EVERY_WORLD_TEST and REAL_WORLD_TEST of every_world.hpp, for what waits for other threads: a
// guest on io_uring may learn that one has ended a call only when its host's wait is over (seen on
// Linux 6.18).
#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <string>

#include "simul/coro/task.hpp"
#include "simul/testing/run_test.hpp"
#include "simul/testing/schedules.hpp"
#include "support/every_world.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {

inline void run_without_guests(const char* name, task<> (*body)(), worlds where) {
    if (where == worlds::all) run_in_every_world(name, body, worlds::simulated);
    for (const backend_kind backend : test_backends()) {
        if (backend == backend_kind::simulated) continue;
        for (const start_policy start : {start_policy::queued, start_policy::eager}) {
            const std::string world = std::string{name_of(backend)} + ", " +
                                      (start == start_policy::eager ? "eager" : "queued");
            SCOPED_TRACE(world);
            try {
                testing::run_test(body, testing::test_options{}.on(backend).starting(start));
            } catch (const std::exception& error) {
                ADD_FAILURE() << error.what();
            }
            if (::testing::Test::HasFailure()) return;
            const testing::schedule_report report = testing::try_random_schedules(
                body, testing::schedule_options{}
                          .named(std::string{name} + ", " + world)
                          .runs(200)
                          .on(backend)
                          .starting(start)
                          .failed_if([] { return ::testing::Test::HasFailure(); }));
            EXPECT_TRUE(report.ok()) << report.text();
            if (!report.ok()) return;
        }
    }
}

}  // namespace simul::test

#define SIMUL_GUESTLESS_TEST(rule, name, where)                                  \
    static simul::task<> rule##_##name();                                        \
    TEST(rule, name) {                                                           \
        simul::test::run_without_guests(#rule "." #name, &rule##_##name, where); \
    }                                                                            \
    static simul::task<> rule##_##name()

#define GUESTLESS_WORLD_TEST(rule, name) SIMUL_GUESTLESS_TEST(rule, name, simul::test::worlds::all)
#define GUESTLESS_REAL_TEST(rule, name) SIMUL_GUESTLESS_TEST(rule, name, simul::test::worlds::real)
