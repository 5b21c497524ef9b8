// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>

#include "simul/concurrency/cores.hpp"
#include "simul/concurrency/mt/queue.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

/// A thread with a loop, and the way into it.
class second_core {
public:
    second_core() {
        std::atomic<bool> is_there{false};
        thread_ = std::thread{[this, &is_there] {
            loop running{options_for(backend_kind::epoll).loop};
            door.open(running);
            is_there = true;
            is_there.notify_one();
            run_options quiet;
            quiet.handle_interrupt = false;
            run_on(running, until_told(), quiet);
            door.close();
        }};
        is_there.wait(false);
    }
    second_core(const second_core&) = delete;
    second_core& operator=(const second_core&) = delete;
    ~second_core() {
        may_end_.put(0);
        thread_.join();
    }

    simul::detail::loop_door door;

private:
    task<> until_told() { static_cast<void>(co_await may_end_.async_get()); }

    mt::queue<int> may_end_;
    std::thread thread_;
};

class core_call_world : public scenario_world {
public:
    static constexpr const char* awaitable = "core::call";
    static constexpr rule obeys = rule::delivers;
    // A clock that jumps when nothing is ready does not wait for other threads.
    static constexpr bool runs_on(stage where) noexcept { return !is_simulated(where); }

    explicit core_call_world(stage where) : scenario_world{where} { here_.open(loop::current()); }
    ~core_call_world() override { here_.close(); }

    static void received(int value) { EXPECT_EQ(value, 7); }
    void complete() override { gate_.put(7); }
    [[nodiscard]] bool is_ready() const override { return has_begun_; }

    auto wait() {
        using call = simul::detail::bound_call<make_task, core_call_world*>;
        core_call_world* self = this;
        call made{&wait_there, std::move(self)};
        return core_call_awaitable<call>{here_, other_.door, std::move(made)};
    }

    task<> verify(const run_state& run) override {
        const int left = static_cast<int>(gate_.statistics().size);
        const int came = run.is_completed ? 1 : 0;
        if (run.traced.made != 0) {
            EXPECT_EQ(came - left, run.consumed())
                << "what the task took reaches its caller: " << run.describe();
        }
        EXPECT_FALSE(is_inside_) << "the call ends after its task: " << run.describe();
        co_return;
    }

private:
    using make_task = task<int> (*)(core_call_world*);

    class inside {
    public:
        explicit inside(std::atomic<bool>& flag) noexcept : flag_{flag} { flag_ = true; }
        inside(const inside&) = delete;
        inside& operator=(const inside&) = delete;
        ~inside() { flag_ = false; }

    private:
        std::atomic<bool>& flag_;
    };

    static task<int> wait_there(core_call_world* world) {
        const inside for_now{world->is_inside_};
        world->has_begun_ = true;
        co_return co_await world->gate_.async_get();
    }

    simul::detail::loop_door here_;
    mt::queue<int> gate_;
    std::atomic<bool> has_begun_{false};
    std::atomic<bool> is_inside_{false};
    second_core other_;
};
const add_scenario<core_call_world> adds_core_call;

}  // namespace
}  // namespace simul::test
