// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of streams that hold no bytes. What one end has given is what the other
// has got, whenever the request comes.
#include <array>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/testing/lockstep_stream.hpp"
#include "simul/testing/stream_checks.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

using testing::lockstep_stream;

// The other end acts without a task.
class lockstep_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;
    static constexpr bool at_once = true;
    static constexpr bool heeds_requests = true;

    explicit lockstep_world(stage where) : scenario_world{where} {
        std::tie(mine_, other_) = testing::lockstep_stream_pair();
    }

    // The scenarios of what needs no backend run on one of each kind.
    static constexpr bool runs_on(stage where) noexcept {
        return where == stage::simulated || where == stage::io_uring;
    }

protected:
    // What the other end does; it may wait for the subject, until one of the ends is closed.
    void act(testing::lockstep_transfer_awaitable awaited) {
        acting_.scope = &scope_of_other_;
        by_other_.emplace(awaited);
        acting_.has_ended = by_other_->operation.start(acting_) == started::done;
    }

    /// How many bytes the other end has given or got.
    std::size_t moved_by_other() {
        return by_other_ && acting_.has_ended ? by_other_->operation.take() : 0;
    }

    void close_both() {
        mine_.close();
        other_.close();
    }

    lockstep_stream mine_;
    lockstep_stream other_;

private:
    struct acting_waiter : waiter {
        acting_waiter() noexcept
            : waiter{[](waiter& self, notice) noexcept {
                  static_cast<acting_waiter&>(self).has_ended = true;
              }} {}
        bool has_ended = false;
    };
    struct action {
        explicit action(testing::lockstep_transfer_awaitable awaited) noexcept
            : operation(awaited.operator co_await()) {}
        testing::detail::lockstep_operation operation;
    };

    cancel_scope scope_of_other_;
    acting_waiter acting_;
    std::optional<action> by_other_;
};

class reading_in_lockstep : public lockstep_world {
public:
    static constexpr const char* awaitable = "testing::lockstep_stream::read_some";

    using lockstep_world::lockstep_world;

    auto wait() { return mine_.read_some(buffer_); }
    void received(std::size_t count) { received_ += count; }
    void complete() override { act(other_.write_some(bytes_of("x"))); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(moved_by_other(), received_ + static_cast<std::size_t>(run.lost()))
            << run.describe();
        close_both();
        co_return;
    }

private:
    std::array<std::byte, 8> buffer_{};
    std::size_t received_ = 0;
};
const add_scenario<reading_in_lockstep> adds_reading_in_lockstep;

class writing_in_lockstep : public lockstep_world {
public:
    static constexpr const char* awaitable = "testing::lockstep_stream::write_some";

    using lockstep_world::lockstep_world;

    auto wait() { return mine_.write_some(text_); }
    void received(std::size_t count) {
        EXPECT_EQ(count, text_.size());
        reported_ += count;
    }
    void complete() override { act(other_.read_some(buffer_)); }
    task<> verify(const run_state& run) override {
        const std::size_t unseen = run.lost() == 0 ? 0 : text_.size();
        EXPECT_EQ(moved_by_other(), reported_ + unseen) << run.describe();
        close_both();
        co_return;
    }

private:
    std::array<std::byte, 4> text_{};
    std::array<std::byte, 8> buffer_{};
    std::size_t reported_ = 0;
};
const add_scenario<writing_in_lockstep> adds_writing_in_lockstep;

// Never waits: either it happened, or the scope was cancelled before.
class shutting_down_in_lockstep : public lockstep_world {
public:
    static constexpr const char* awaitable = "testing::lockstep_stream::shutdown";
    static constexpr bool at_once = false;
    static constexpr bool heeds_requests = false;

    using lockstep_world::lockstep_world;

    auto wait() { return mine_.shutdown(); }
    static void received(std::monostate) {}
    void complete() override {}
    task<> verify(const run_state& run) override {
        if (run.values != 0) {
            EXPECT_TRUE(other_.has_input()) << run.describe();
        }
        co_return;
    }
};
const add_scenario<shutting_down_in_lockstep> adds_shutting_down_in_lockstep;

// The pair never comes, so it ends by a request only.
class checking_a_stream : public scenario_world {
public:
    static constexpr const char* awaitable = "testing::check_stream";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool can_complete = false;

    using scenario_world::scenario_world;

    auto wait() {
        return testing::check_stream([this] { return connect(); });
    }
    void received(std::monostate) {}
    void complete() override {}

private:
    task<std::pair<lockstep_stream, lockstep_stream>> connect() {
        co_await connected_.wait();
        co_return testing::lockstep_stream_pair();
    }

    event connected_;
};
const add_scenario<checking_a_stream> adds_checking_a_stream;

}  // namespace
}  // namespace simul::test
