// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/detail/blocking_job.hpp: the record of one call to be made on another thread.
#pragma once

#include <cstdint>
#include <stop_token>
#include <utility>

#include "simul/base/intrusive_list.hpp"

namespace simul::detail {

/// One call to be made on a worker; to be embedded, like an operation, in whatever waits for it.
///
/// Lifetime      belongs to the pool from a submit that returned true until `finished` is called or
///               withdraw returned true, and must not be moved or destroyed in between; checked.
///               `finished` may destroy it or submit it again: the pool does not touch it any more.
struct blocking_job : list_hook<blocking_job> {
    using callback = void (*)(blocking_job&) noexcept;

    /// Without a stop source, which takes an allocation to make, nobody can ask the job to stop.
    blocking_job(callback what_to_run, callback when_finished,
                 std::stop_source source = std::stop_source{std::nostopstate}) noexcept
        : run{what_to_run}, finished{when_finished}, stop{std::move(source)} {}

    callback run;           ///< makes the call and keeps its outcome, exceptions included
    callback finished;      ///< called on the same worker once run has returned
    std::stop_source stop;  ///< run may listen to it; its owner and the pool's stop() request it

    // Written by the pool, under its mutex.
    enum class state : std::uint8_t { idle, queued, running };
    state progress = state::idle;
};

}  // namespace simul::detail
