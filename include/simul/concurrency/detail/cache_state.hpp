// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/cache_state.hpp: what an async_cache shares with its flights.
//
// A *flight* is one computation of a value, and has a ticket.
//
// Invariants
//   1. `flights` holds every flight from its beginning to its end, whichever way it ends; its
//      cache_flight, which lies in the frame of its computation, sees to that.
//   2. `current` names the flight that callers may join, and whose value will be kept. A key that
//   is
//      invalidated loses it, so the value of an older flight reaches only those who joined before.
//   3. A flight that was asked to end is joined by nobody: the next caller begins another one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

#include "simul/concurrency/detail/cache_store.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/shared_task.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

template <class Key, class Value, class Hash, class Equal>
class cache_state;

/// The duty to strike a flight off the list when it ends.
template <class State, class Key>
class cache_flight {
public:
    cache_flight(std::shared_ptr<State> state, Key key, std::uint64_t ticket)
        : state_{std::move(state)}, key_(std::move(key)), ticket_{ticket} {}
    cache_flight(cache_flight&&) = default;
    cache_flight& operator=(cache_flight&&) = delete;
    ~cache_flight() {
        if (state_ != nullptr) state_->strike(key_, ticket_);
    }

    [[nodiscard]] State& state() const noexcept { return *state_; }
    [[nodiscard]] const Key& key() const noexcept { return key_; }
    [[nodiscard]] std::uint64_t ticket() const noexcept { return ticket_; }

private:
    std::shared_ptr<State> state_;
    Key key_;
    std::uint64_t ticket_;
};

template <class Key, class Value, class Hash, class Equal>
class cache_state {
    using flight = cache_flight<cache_state, Key>;

public:
    using function = std::move_only_function<task<Value>(const Key&)>;

    cache_state(function load, std::size_t max_size, duration time_to_live, task_group* owner)
        : kept{max_size, time_to_live}, load_{std::move(load)}, owner_{owner} {
        landed.set();
    }

    /// The flight of a key: the one under way, or a new one.
    shared_task<Value> join(const std::shared_ptr<cache_state>& self, Key key) {
        if (const auto found = current_.find(key); found != current_.end()) {
            const shared_task<Value>& under_way = flights_.at(found->second);
            if (!under_way.was_asked_to_end()) {
                ++joined;
                return under_way;
            }
        }
        ++misses;
        const std::uint64_t ticket = ++last_ticket_;
        shared_task<Value> begun = share(fly(flight{self, key, ticket}));
        current_.insert_or_assign(std::move(key), ticket);
        flights_.emplace(ticket, begun);
        landed.clear();
        return begun;
    }

    /// The flight under way goes on for those who have joined it, and is not kept.
    template <class Like>
    bool detach(const Like& key) {
        const auto found = current_.find(key);
        if (found == current_.end()) return false;
        current_.erase(found);
        return true;
    }
    void detach_all() noexcept { current_.clear(); }

    void strike(const Key& key, std::uint64_t ticket) noexcept {
        if (is_current(key, ticket)) current_.erase(current_.find(key));
        flights_.erase(ticket);
        if (flights_.empty()) landed.set();
    }

    void close() noexcept {
        is_closed = true;
        kept.clear();
        current_.clear();
        for (auto each = flights_.begin(); each != flights_.end();) {
            const shared_task<Value> under_way = (each++)->second;
            under_way.cancel();
        }
    }

    [[nodiscard]] std::size_t in_flight() const noexcept { return flights_.size(); }

    cache_store<Key, Value, Hash, Equal> kept;
    event landed;  ///< set while no flight is under way
    std::uint64_t hits = 0;
    std::uint64_t joined = 0;
    std::uint64_t misses = 0;
    bool is_closed = false;

private:
    static task<Value> fly(flight duty) {
        cache_state& state = duty.state();
        Value value = co_await state.load_(duty.key());
        if (state.is_current(duty.key(), duty.ticket())) {
            state.kept.keep(duty.key(), value, loop::current().now());
        }
        co_return value;
    }

    shared_task<Value> share(task<Value> work) {
        if (owner_ == nullptr) return shared_task<Value>{std::move(work)};
        return shared_task<Value>{std::move(work), *owner_};
    }

    bool is_current(const Key& key, std::uint64_t ticket) const {
        const auto found = current_.find(key);
        return found != current_.end() && found->second == ticket;
    }

    function load_;
    task_group* owner_;
    std::unordered_map<Key, std::uint64_t, Hash, Equal> current_;
    std::unordered_map<std::uint64_t, shared_task<Value>> flights_;
    std::uint64_t last_ticket_ = 0;
};

}  // namespace simul::detail
