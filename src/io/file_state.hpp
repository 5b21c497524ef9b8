// SPDX-License-Identifier: Apache-2.0
//
// io/file_state.hpp: what an open file is made of, and who may use it.
//
// Invariants
//   1. The state of a file is touched on the loop's thread only; other threads get the number of
//      the descriptor, never the state.
//   2. While `running` is not zero the descriptor stays open, whatever is closed, moved or
//      destroyed: each call that runs has the state in its frame, in a file_use.
//   3. A descriptor is taken out of the state by close (running is zero then) or by the last
//      file_use after it.
#pragma once

#include <memory>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/io/file.hpp"

namespace simul::detail {

struct file_state {
    file_state(unique_fd opened, open_mode wanted, bool regular) noexcept
        : descriptor{std::move(opened)}, mode{wanted}, is_regular{regular} {}

    unique_fd descriptor;
    open_mode mode;
    bool is_regular;  ///< and not a device; it is open without O_NONBLOCK then
    bool is_closed = false;
    unsigned running = 0;
    unsigned claimed = 0;  ///< what the calls that run have for themselves
};

using shared_state = std::shared_ptr<file_state>;

struct file_access {
    static const shared_state& state(const file& of) noexcept { return of.state_; }
};

/// What only one call at a time may have.
namespace file_claims {
inline constexpr unsigned nothing = 0;
inline constexpr unsigned position = 1;    ///< reads or moves the current position
inline constexpr unsigned content = 2;     ///< changes the file
inline constexpr unsigned everything = 4;  ///< runs alone
}  // namespace file_claims

/// One call that runs, from its begin to its end.
class file_use {
public:
    file_use(const shared_state& state, unsigned claims) {
        if (state == nullptr || state->is_closed) throw closed{};
        const bool wants_all = claims == file_claims::everything && state->running != 0;
        if (wants_all || (state->claimed & claims) != 0) throw error{errc::busy};
        state->claimed |= claims;
        ++state->running;
        state_ = state.get();
        claims_ = claims;
    }
    file_use(const file_use&) = delete;
    file_use& operator=(const file_use&) = delete;
    ~file_use() {
        state_->claimed &= ~claims_;
        if (--state_->running == 0 && state_->is_closed) state_->descriptor.reset();
    }

    [[nodiscard]] int descriptor() const noexcept { return state_->descriptor.get(); }
    [[nodiscard]] file_state& state() const noexcept { return *state_; }

private:
    file_state* state_ = nullptr;
    unsigned claims_ = 0;
};

}  // namespace simul::detail
