// SPDX-License-Identifier: Apache-2.0
//
// support/every_world.hpp: a test that must hold however the program is run.
//
//     EVERY_WORLD_TEST(C9, cancelled_waiter_of_a_mutex_passes_its_turn_on) {
//         mutex lock;
//         …                                 // the body of a task<>
//     }
//
// The body runs on each backend, with tasks that start queued and eagerly, first in, first out (on
// real backends as a guest as well) and then in two hundred random orders. What it expects must
// therefore not depend on the order of tasks that are ready at once. VIRTUAL_WORLD_TEST is for what
// sleeps and waits for nothing but time and other tasks: on real backends, too, its clock jumps
// when nothing is ready. SIMULATED_WORLD_TEST is for what moves that clock by hand, REAL_WORLD_TEST
// for what only a kernel has, such as what a child inherits.
#pragma once

#include <gtest/gtest.h>

#include "simul/coro/task.hpp"
#include "simul/testing/run_test.hpp"
#include "simul/testing/schedules.hpp"

namespace simul::test {

/// Which worlds are meant; in those of virtual time clocks jump.
enum class worlds { all, virtual_time, simulated, real };

/// Runs `body` everywhere. A failure tells where, and the command that runs it again.
void run_in_every_world(const char* name, task<> (*body)(), worlds where);

}  // namespace simul::test

#define SIMUL_WORLD_TEST(rule, name, where)                                      \
    static simul::task<> rule##_##name();                                        \
    TEST(rule, name) {                                                           \
        simul::test::run_in_every_world(#rule "." #name, &rule##_##name, where); \
    }                                                                            \
    static simul::task<> rule##_##name()

#define EVERY_WORLD_TEST(rule, name) SIMUL_WORLD_TEST(rule, name, simul::test::worlds::all)
#define VIRTUAL_WORLD_TEST(rule, name) \
    SIMUL_WORLD_TEST(rule, name, simul::test::worlds::virtual_time)
#define SIMULATED_WORLD_TEST(rule, name) \
    SIMUL_WORLD_TEST(rule, name, simul::test::worlds::simulated)
#define REAL_WORLD_TEST(rule, name) SIMUL_WORLD_TEST(rule, name, simul::test::worlds::real)
