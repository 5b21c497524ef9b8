// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of process_pool. A call runs in a real process until complete(), or stands
// in the queue behind one that does.
#include <variant>
#include <vector>

#include "simul/concurrency/process_pool.hpp"
#include "support/cancellation_harness.hpp"
#include "support/worker_gate.hpp"

namespace simul::test {
namespace {

process_pool_options one_worker(process_cancel on_cancel) {
    process_pool_options options;
    options.workers = 1;
    options.on_cancel = on_cancel;
    return options;
}

class process_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    // Without real processes there is nothing to wait for. Each run forks, which takes its time:
    // what differs little from another scenario runs on one stage.
    static constexpr bool runs_on(stage where) noexcept { return !is_simulated(where); }

    explicit process_world(stage where, process_cancel on_cancel = process_cancel::kill)
        : scenario_world{where}, pool_{(reset_gate(), one_worker(on_cancel))} {}

    void complete() override { gate().open(); }
    [[nodiscard]] bool is_ready() const override { return gate().began() == 1; }
    task<> verify(const run_state& run) override {
        const process_pool_statistics now = pool_.statistics();
        EXPECT_EQ(now.busy, 0U) << run.describe();
        EXPECT_EQ(now.queued, 0U) << run.describe();
        EXPECT_EQ(now.idle, now.workers) << run.describe();
        co_return;
    }

protected:
    process_pool pool_;
};

class calling_a_process : public process_world {
public:
    static constexpr bool runs_on(stage where) noexcept { return is_plain_kernel(where); }
    static constexpr const char* awaitable = "process_pool::run";

    using process_world::process_world;
    auto wait() { return pool_.run(wait_for_permission, 7); }
    static void received(int result) { EXPECT_EQ(result, 7); }
};
const add_scenario<calling_a_process> adds_calling_a_process;

class calling_a_process_that_finishes : public process_world {
public:
    static constexpr const char* awaitable = "process_pool::run";
    static constexpr const char* variant = "to its end";
    static constexpr bool needs_completion = true;
    static constexpr bool runs_on(stage where) noexcept { return where == stage::io_uring; }

    explicit calling_a_process_that_finishes(stage where)
        : process_world{where, process_cancel::finish} {}
    auto wait() { return pool_.run(wait_for_permission, 7); }
    static void received(int result) { EXPECT_EQ(result, 7); }
};
const add_scenario<calling_a_process_that_finishes> adds_calling_a_process_that_finishes;

class mapping_in_processes : public process_world {
public:
    static constexpr const char* awaitable = "process_pool::map";
    static constexpr bool runs_on(stage where) noexcept { return where == stage::epoll; }

    using process_world::process_world;
    auto wait() { return pool_.map(wait_for_permission, items_); }
    static void received(const std::vector<int>& results) {
        const std::vector<int> expected{7};
        EXPECT_EQ(results, expected);
    }

private:
    std::vector<int> items_{7};
};
const add_scenario<mapping_in_processes> adds_mapping_in_processes;

// The worker and the starter take a moment to end; nothing else is to be done.
class closing_a_pool : public process_world {
public:
    static constexpr const char* awaitable = "process_pool::close";
    static constexpr bool runs_on(stage where) noexcept { return where == stage::epoll; }

    explicit closing_a_pool(stage where) : process_world{where} {
        run_options options;
        options.handle_interrupt = false;
        gate().open();
        EXPECT_EQ(run_on(loop::current(), pool_.run(wait_for_permission, 7), options), 7);
    }
    auto wait() { return pool_.close(); }
    static void received(std::monostate) {}
};
const add_scenario<closing_a_pool> adds_closing_a_pool;

}  // namespace
}  // namespace simul::test
