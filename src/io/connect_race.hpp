// SPDX-License-Identifier: Apache-2.0
//
// io/connect_race.hpp: several attempts to connect, of which one wins.
//
// What an attempt does is a function, so that the race runs in the simulated world, too.
//
//      starter   first ──250 ms──▶ second ──failure──▶ third
//                  │                 │                   │
//      attempts    ?                 fails               succeeds: keeps the connection and
//                  └── cancelled ◀───────────────────────┘         cancels the group
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/base/error.hpp"
#include "simul/base/time.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/address.hpp"

namespace simul::detail {

/// The candidates without repetitions, alternating between the families.
std::vector<endpoint> connection_order(const std::vector<endpoint>& candidates);

/// An address and why it could not be connected to.
struct failed_attempt {
    endpoint where;
    std::error_code code;
};

/// Throws the most telling of the failures, with all of them in its text.
[[noreturn]] void throw_connect_failure(const std::vector<failed_attempt>& failures);

/// Connection closes itself when it is destroyed: that is what becomes of whatever does not win.
///
/// Lifetime      must outlive run().
template <class Connection>
class connect_race {
public:
    using attempt = std::function<task<Connection>(endpoint)>;

    connect_race(const std::vector<endpoint>& candidates, duration delay, attempt try_one)
        : candidates_{connection_order(candidates)}, delay_{delay}, attempt_{std::move(try_one)} {
        failures_.reserve(candidates_.size());
    }

    /// Once for each race.
    ///
    /// Errors        that of throw_connect_failure(); whatever an attempt throws that is neither
    ///               std::system_error nor simul::error.
    /// Cancellation  partial. Every attempt ends, and a connection that was made is destroyed.
    task<Connection> run() {
        group_.spawn(start_attempts());
        co_await group_.run();
        if (!winner_) throw_connect_failure(failures_);
        co_return *std::move(winner_);
    }

private:
    task<> start_attempts() {
        for (std::size_t index = 0; index != candidates_.size(); ++index) {
            failed_.clear();
            group_.spawn(try_one(candidates_[index]));
            if (index + 1 == candidates_.size()) break;
            [[maybe_unused]] const auto one_failed = co_await move_on_after(delay_, failed_.wait());
        }
    }

    task<> try_one(endpoint where) {
        try {
            Connection made = co_await attempt_(where);
            if (winner_) co_return;
            winner_.emplace(std::move(made));
            group_.cancel();
            co_return;
        } catch (const std::system_error& failure) {
            failures_.push_back({where, failure.code()});
        } catch (const error& failure) {
            failures_.push_back({where, failure.code()});
        }
        failed_.set();
    }

    std::vector<endpoint> candidates_;
    duration delay_;
    attempt attempt_;
    std::optional<Connection> winner_;
    std::vector<failed_attempt> failures_;
    event failed_;
    task_group group_;
};

}  // namespace simul::detail
