// SPDX-License-Identifier: Apache-2.0
#include "memory/idle_memory.hpp"

#include <gtest/gtest.h>

#include "memory/budgets.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {
namespace {

void expect_within(double bytes, double budget) {
    EXPECT_LE(bytes, budget * (1 + budget_tolerance))
        << "it has grown; tests/memory/budgets.hpp says what it may take";
    EXPECT_GE(bytes, budget * (1 - budget_tolerance))
        << "it has shrunk: write the new figure into tests/memory/budgets.hpp";
}

TEST(idle_memory, of_a_sleeping_task_keeps_to_its_budget) {
    expect_within(bytes_of_sleeping_task(), budget_of_sleeping_task);
}

TEST(idle_memory, of_a_tcp_connection_keeps_to_its_budget) {
    for (const backend_kind backend : real_backends()) {
        SCOPED_TRACE(name_of(backend));
        expect_within(bytes_of_idle_tcp_connection(backend), budget_of_idle_tcp_connection);
    }
}

TEST(idle_memory, of_a_tls_connection_keeps_to_its_budget) {
    for (const backend_kind backend : real_backends()) {
        SCOPED_TRACE(name_of(backend));
        expect_within(bytes_of_idle_tls_connection(backend), budget_of_idle_tls_connection);
    }
}

}  // namespace
}  // namespace simul::test
