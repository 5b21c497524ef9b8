// SPDX-License-Identifier: Apache-2.0
#include "simul/io/serve.hpp"

#include <algorithm>
#include <new>

#include "simul/base/assert.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul::detail {

bool is_shortage(const std::error_code& code) noexcept {
    return code == std::errc::too_many_files_open ||
           code == std::errc::too_many_files_open_in_system || code == std::errc::no_buffer_space ||
           code == std::errc::not_enough_memory;
}

serve_slot::~serve_slot() {
    if (state_ != nullptr) state_->release(peer_);
}

void serve_slot::handler_failed(const std::exception_ptr& failure) {
    state_->handler_failed(failure, peer_);
}

task<> rethrow(std::exception_ptr error) {
    std::rethrow_exception(std::move(error));
    co_return;
}

serve_state::serve_state(const serve_options& options)
    : options_{options}, pause_{options.shortage_pause} {
    SIMUL_ASSERT(options.max_connections > 0, "serve: max_connections is zero");
    SIMUL_ASSERT(options.max_per_address > 0, "serve: max_per_address is zero");
    SIMUL_ASSERT(options.shortage_pause > duration::zero(), "serve: shortage_pause is zero");
}

bool serve_state::is_full() noexcept {
    const bool full = active_ >= options_.max_connections;
    if (full && !was_full_) ++counters().full;
    was_full_ = full;
    return full;
}

std::optional<serve_slot> serve_state::admit(const endpoint& peer) noexcept {
    pause_ = options_.shortage_pause;
    if (!peer.address().is_loopback()) {
        try {
            std::size_t& count = of_address_[peer.address().unmapped()];
            if (count >= options_.max_per_address) {
                ++counters().refused;
                return std::nullopt;
            }
            ++count;
        } catch (const std::bad_alloc&) {
            ++counters().refused;
            return std::nullopt;
        }
    }
    ++active_;
    ++counters().accepted;
    counters().active = active_;
    return std::optional<serve_slot>{std::in_place, *this, peer};
}

duration serve_state::next_pause() noexcept {
    ++counters().shortages;
    const duration now = std::min(pause_, options_.longest_shortage_pause);
    pause_ = std::min(now * 2, options_.longest_shortage_pause);
    return now;
}

void serve_state::handler_failed(const std::exception_ptr& failure, const endpoint& peer) {
    ++counters().failed;
    if (options_.on_error) {
        options_.on_error(failure, peer);
    } else {
        report_unhandled_error(failure, "a connection of serve()");
    }
}

void serve_state::release(const endpoint& peer) noexcept {
    --active_;
    counters().active = active_;
    if (!peer.address().is_loopback()) {
        const auto found = of_address_.find(peer.address().unmapped());
        if (--found->second == 0) of_address_.erase(found);
    }
    freed.set();
}

}  // namespace simul::detail
