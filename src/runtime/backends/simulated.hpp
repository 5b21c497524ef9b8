// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated.hpp: a small world in memory, with a clock that jumps.
//
// Same inputs, same run: nothing here reads a clock, a socket or an address. A poll that has
// nothing to report moves time to its deadline instead of waiting. What there is to work on is in
// simulated_network.hpp, and how buffers are watched in simulated_operations.hpp.
#pragma once

#include <atomic>
#include <vector>

#include "runtime/backends/backends.hpp"
#include "runtime/backends/simulated_network.hpp"

namespace simul::detail {

/// The simulated backend with what tests and the loop may ask of it beyond the interface.
///
///     auto& world = static_cast<simulated_backend&>(*loop_backend);
///     auto [left, right] = world.open_pair();
///
/// Two shapes exist. In the shape of readiness (the initial one) an operation completes in submit
/// if it can, and a cancel is confirmed at once, as with epoll. In the shape of completions every
/// operation goes through poll, and a cancel of one that a poll has seen is answered by the next
/// poll: with the result, when there is one by then, as io_uring may do.
///
/// For lack of memory an operation or call gives ENOMEM; a cancel in the shape of completions ends
/// the process then.
///
/// Threads       only the loop's thread, except wake().
/// Lifetime      destroying it ends what is in flight and its descriptors.
class simulated_backend final : public backend, public simulated_network {
public:
    simulated_backend();
    ~simulated_backend() override;

    bool submit(operation& request) noexcept override;
    bool cancel(operation& request) noexcept override;
    void poll(time_point deadline) noexcept override;
    void wake() noexcept override;
    [[nodiscard]] time_point now() const noexcept override { return now_; }
    void forget(int descriptor) noexcept override;
    void for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                            void* context) noexcept override;
    [[nodiscard]] std::size_t in_flight() const noexcept override { return operations_.count(); }
    [[nodiscard]] std::string_view name() const noexcept override { return "simulated"; }

    /// When the clock of every simulated backend starts.
    static constexpr time_point start() noexcept { return time_point{std::chrono::hours{1}}; }

    /// True when the last poll was to wait without limit and nothing could ever end the wait. Such
    /// a poll returns at once; a loop reports it as a deadlock.
    [[nodiscard]] bool stuck() const noexcept { return stuck_; }

    /// Says whether threads outside the simulation may call wake(), because they work for the
    /// loop. While they may, a poll without anything to report really blocks until they do: time
    /// stands still and nothing is stuck.
    void expect_external_events(bool expected) noexcept { external_events_ = expected; }

    /// Says whether a poll that has nothing to report moves time to its deadline (it does, unless
    /// told). If not, such a poll returns at once, and stuck() is true.
    void set_autojump(bool jumps) noexcept { jumps_ = jumps; }

    /// Moves time forward.
    void advance(duration by) noexcept { now_ = saturating_add(now_, by); }

    /// Selects the shape of completions (true) or of readiness (false). Nothing may be in flight.
    void set_completion_shape(bool completions) noexcept;

private:
    void deliver(operation& request) noexcept;
    void take_submitted() noexcept;
    void settle() noexcept;
    void retry(endpoint& place) noexcept;

    operation_list submitted_;       // shape of completions: since the last poll
    std::vector<operation*> asked_;  // shape of completions: cancels to be answered
    std::size_t delivered_ = 0;
    time_point now_ = start();
    bool completion_shape_ = false;
    bool jumps_ = true;
    bool external_events_ = false;
    bool stuck_ = false;

    std::atomic<int> woken_{0};  // any thread, also inside a signal handler
};

}  // namespace simul::detail
