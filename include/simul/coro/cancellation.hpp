// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/cancellation.hpp: cancel scopes with what needs more of the standard library: the
// exception, and scopes that end at a certain time. The scopes are in cancel_scope.hpp.
#pragma once

#include "simul/base/error.hpp"
#include "simul/base/time.hpp"
#include "simul/coro/cancel_scope.hpp"

namespace simul {

/// Thrown to who awaits something that was cancelled without being cancelled himself.
class cancelled : public error {
public:
    explicit cancelled(cancel_reason reason = cancel_reason::requested) noexcept
        : error{errc::cancelled}, reason_{reason} {}

    /// Why the awaited work was cancelled.
    [[nodiscard]] cancel_reason reason() const noexcept { return reason_; }

private:
    cancel_reason reason_;
};

/// A scope that somebody cancels at a certain time.
class limited_scope : public cancel_scope {
public:
    limited_scope() noexcept : cancel_scope{limited{}} {}

    time_point deadline = time_point::max();
};

/// The earliest deadline of this scope and those above it, up to a shield; time_point::max() if
/// there is none.
///
/// Complexity    O(depth).
[[nodiscard]] time_point earliest_deadline(const cancel_scope& scope) noexcept;

}  // namespace simul
