// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/spawn_options.hpp: how a task of a group begins, and what it is called.
#pragma once

#include <memory>
#include <string>
#include <utility>

namespace simul {

/// When the first step of a spawned task runs.
enum class start_policy : unsigned char {
    of_loop,  ///< as run_options::start says, which is queued unless told
    queued,   ///< in the next pass of the loop: whoever spawns goes on first
    eager,    ///< inside the call of spawn, until the task first suspends
};

/// What can be said of a task when it is spawned.
///
///     group.spawn(read(socket), spawn_options{}.named("reader").eager());
class spawn_options {
public:
    spawn_options() noexcept {}

    /// What the task is called in reports.
    ///
    /// Errors        std::bad_alloc.
    spawn_options&& named(std::string name) && {
        name_ = std::make_unique<std::string>(std::move(name));
        return std::move(*this);
    }

    /// Runs it at once until it first suspends. It saves a pass of the loop where tasks usually end
    /// without suspending; in exchange the order of things depends on who suspends where.
    spawn_options&& eager() && noexcept {
        start_ = start_policy::eager;
        return std::move(*this);
    }

    /// Has it wait for the next pass, also in a group that starts its tasks eagerly.
    spawn_options&& queued() && noexcept {
        start_ = start_policy::queued;
        return std::move(*this);
    }

    [[nodiscard]] start_policy start() const noexcept { return start_; }
    [[nodiscard]] std::unique_ptr<std::string>&& take_name() noexcept { return std::move(name_); }

private:
    std::unique_ptr<std::string> name_;
    start_policy start_ = start_policy::of_loop;
};

}  // namespace simul
