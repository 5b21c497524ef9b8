// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/select.hpp: wait for whichever of several comes first.
#pragma once

#include <cstddef>
#include <tuple>
#include <utility>
#include <variant>

#include "simul/concurrency/detail/gather_state.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul {

namespace detail {

template <class Awaitable>
struct select_member : member_base {
    explicit select_member(Awaitable&& awaited)
        : operation(make_operation(std::forward<Awaitable>(awaited))) {}

    bool give_back() noexcept {
        if constexpr (requires { operation.give_back(); }) {
            return operation.give_back();
        } else {
            return false;
        }
    }

    // A branch that was too late. What it got goes back to its source if it can; an error has
    // nobody left to reach.
    void lose() noexcept {
        if (give_back()) return;
        const auto ended = take_outcome(operation);
        if (ended.has_error()) {
            report_unhandled_error(ended.error(), "in a branch of select that was not first");
        }
    }

    operation_of<Awaitable> operation;
};

template <class... Branches>
class select_operation : public join_state {
    static constexpr std::size_t none = sizeof...(Branches);

public:
    using result = std::variant<storable_t<await_result_t<Branches>>...>;

    explicit select_operation(Branches&&... branches)
        : join_state{&ended}, members_{std::forward<Branches>(branches)...} {}

    started start(waiter& self) noexcept {
        if (!open(self)) return started::stopped;
        std::apply([this](auto&... member) { (this->start_member(member), ...); }, members_);
        return opened();
    }

    result take() { return take_from<0>(); }

    bool give_back() noexcept { return give_back_from(std::index_sequence_for<Branches...>{}); }

private:
    static void ended(join_state& state, member_base& member) noexcept {
        static_cast<select_operation&>(state).member_ended_first_or_late(
            member, std::index_sequence_for<Branches...>{});
    }

    template <std::size_t... Index>
    void member_ended_first_or_late(member_base& member, std::index_sequence<Index...>) noexcept {
        const auto visit = [&]<std::size_t This>() {
            auto& each = std::get<This>(members_);
            if (static_cast<member_base*>(&each) != &member) return;
            if (winner_ == none) {
                winner_ = This;
                keep_result();
                cancel(cancel_reason::loser);
            } else {
                each.lose();
            }
        };
        (visit.template operator()<Index>(), ...);
    }

    // The branch that has won is Index, or one behind it.
    template <std::size_t Index>
    result take_from() {
        if constexpr (Index + 1 != sizeof...(Branches)) {
            if (winner_ != Index) return take_from<Index + 1>();
        }
        return result{std::in_place_index<Index>,
                      take_storable(std::get<Index>(members_).operation)};
    }

    template <std::size_t... Index>
    bool give_back_from(std::index_sequence<Index...>) noexcept {
        bool given = false;
        ((winner_ == Index ? void(given = std::get<Index>(members_).give_back()) : void()), ...);
        return given;
    }

    std::tuple<select_member<Branches>...> members_;
    std::size_t winner_ = none;
};

}  // namespace detail

/// What select returns.
template <class... Branches>
class [[nodiscard("co_await it")]] select_awaitable {
public:
    explicit select_awaitable(Branches&&... branches)
        : branches_{std::forward<Branches>(branches)...} {}
    auto operator co_await() && {
        return std::apply(
            [](auto&&... branch) {
                return detail::select_operation<Branches...>{static_cast<Branches&&>(branch)...};
            },
            std::move(branches_));
    }

private:
    std::tuple<Branches...> branches_;
};

/// Waits for whichever argument ends first, cancels the others, waits until they have ended, and
/// returns the winner's result.
///
/// Branches are started from left to right, each running until it first suspends; once one has
/// ended, later ones are not started. Exactly one branch takes something: what another one got at
/// the same moment (an item of a queue, a lock) goes back to its source.
///
///     auto first = co_await select(jobs.get(), stop.wait(), sleep_for(1s));
///     if (first.index() == 0) handle(std::get<0>(std::move(first)));
///
/// Returns       a std::variant whose index() names the branch; std::monostate stands for void.
/// Errors        the winner's error. An error of a branch that was not first goes to the
///               unhandled-error handler.
/// Suspends      unless a branch ends without suspending.
/// Cancellation  partial. The request goes to every branch. If one of them has ended all the same,
///               its result is given back if it can be, and otherwise delivered.
/// Threads       the loop's thread.
/// Lifetime      rvalues are moved in, lvalues referenced.
/// Complexity    O(n); allocates nothing.
/// Source        Go's select; unlike asyncio.wait(FIRST_COMPLETED) nothing is left running.
template <awaitable... Branches>
    requires(sizeof...(Branches) > 0)
[[nodiscard]] auto select(Branches&&... branches) {
    return select_awaitable<Branches...>{std::forward<Branches>(branches)...};
}

}  // namespace simul
