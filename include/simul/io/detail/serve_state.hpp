// SPDX-License-Identifier: Apache-2.0
//
// simul/io/detail/serve_state.hpp: what serve() counts, admits and waits for.
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "simul/base/time.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/io/address.hpp"
#include "simul/io/serve_options.hpp"

namespace simul::detail {

class serve_state;

/// The place of one connection; gives it back when destroyed.
class serve_slot {
public:
    serve_slot(serve_state& owner, const endpoint& peer) noexcept : state_{&owner}, peer_{peer} {}
    serve_slot(serve_slot&& other) noexcept
        : state_{std::exchange(other.state_, nullptr)}, peer_{other.peer_} {}
    serve_slot& operator=(serve_slot&&) = delete;
    ~serve_slot();

    [[nodiscard]] const endpoint& peer() const noexcept { return peer_; }

    /// The connection's handler has thrown: tells who serves.
    void handler_failed(const std::exception_ptr& failure);

private:
    serve_state* state_;
    endpoint peer_;
};

/// Lies in the frame of serve(), which ends after every task that refers to it.
class serve_state {
public:
    explicit serve_state(const serve_options& options);
    serve_state(const serve_state&) = delete;
    serve_state& operator=(const serve_state&) = delete;

    /// True when no more may be accepted now; counts the times it becomes true.
    [[nodiscard]] bool is_full() noexcept;

    /// A place for a connection that was accepted, or nothing if it is one too many.
    ///
    /// Errors        none: a shortage of memory refuses the connection.
    [[nodiscard]] std::optional<serve_slot> admit(const endpoint& peer) noexcept;

    /// How long to pause after a shortage.
    [[nodiscard]] duration next_pause() noexcept;

    [[nodiscard]] bool is_time_to_yield() noexcept { return ++accepted_in_a_row_ % 16 == 0; }

    void handler_failed(const std::exception_ptr& failure, const endpoint& peer);

    /// Set when a connection has ended.
    event freed;

private:
    friend class serve_slot;

    void release(const endpoint& peer) noexcept;
    [[nodiscard]] serve_counters& counters() noexcept {
        return options_.counters != nullptr ? *options_.counters : own_counters_;
    }

    const serve_options& options_;
    serve_counters own_counters_;
    std::unordered_map<ip_address, std::size_t> of_address_;
    std::size_t active_ = 0;
    bool was_full_ = false;
    duration pause_;
    unsigned accepted_in_a_row_ = 0;
};

/// True for what goes away when others release something.
[[nodiscard]] bool is_shortage(const std::error_code& code) noexcept;

}  // namespace simul::detail
