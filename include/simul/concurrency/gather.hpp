// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/gather.hpp: run several awaitables at once and wait for all of them.
//
// Reading order: gather and gather_settled, each for arguments and for a range, are the whole
// contract. How children are started, counted and cancelled is in detail/gather_state.hpp.
#pragma once

#include <memory>
#include <ranges>
#include <tuple>
#include <utility>
#include <vector>

#include "simul/concurrency/detail/gather_state.hpp"

namespace simul {

namespace detail {

/// What gather does with a member that has ended: keep its value, or fail.
template <class Member>
void gather_ended(join_state& state, Member& member, bool settles) noexcept {
    // Made anew in place, because a result need not be assignable.
    std::destroy_at(&member.ended);
    ::new (static_cast<void*>(&member.ended)) auto(take_outcome(member.operation));
    if (!settles && member.ended.has_error()) state.fail(member.ended.error());
}

template <bool Settles, class... Children>
class gather_operation : public join_state {
    template <class Child>
    using kept = std::conditional_t<Settles, outcome<await_result_t<Child>>,
                                    storable_t<await_result_t<Child>>>;

public:
    explicit gather_operation(Children&&... children)
        : join_state{&ended}, members_{std::forward<Children>(children)...} {}

    started start(waiter& self) noexcept {
        if (!open(self)) return started::stopped;
        std::apply([this](auto&... member) { (this->start_member(member), ...); }, members_);
        return opened();
    }

    auto take() -> std::tuple<kept<Children>...> {
        throw_if_failed();
        return std::apply(
            [](auto&... member) {
                if constexpr (Settles) {
                    return std::tuple<kept<Children>...>{std::move(member.ended)...};
                } else {
                    return std::tuple<kept<Children>...>{take_storable(member.ended)...};
                }
            },
            members_);
    }

private:
    static void ended(join_state& state, member_base& member) noexcept {
        auto& self = static_cast<gather_operation&>(state);
        std::apply(
            [&](auto&... each) {
                ((static_cast<member_base*>(&each) == &member ? gather_ended(state, each, Settles)
                                                              : void()),
                 ...);
            },
            self.members_);
    }

    std::tuple<gather_member<Children>...> members_;
};

/// The members of a range: one allocation for all.
template <class Awaitable>
class member_array {
    using member = gather_member<Awaitable>;

public:
    template <class Range>
    explicit member_array(Range& children)
        : capacity_{static_cast<std::size_t>(std::ranges::distance(children))},
          members_{std::allocator<member>{}.allocate(capacity_)} {
        try {
            for (auto& child : children) {
                std::construct_at(members_ + size_, static_cast<Awaitable&&>(child));
                ++size_;
            }
        } catch (...) {
            clear();
            throw;
        }
    }
    member_array(const member_array&) = delete;
    member_array& operator=(const member_array&) = delete;
    ~member_array() { clear(); }

    [[nodiscard]] member* begin() noexcept { return members_; }
    [[nodiscard]] member* end() noexcept { return members_ + size_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    void clear() noexcept {
        while (size_ != 0) std::destroy_at(members_ + --size_);
        std::allocator<member>{}.deallocate(members_, capacity_);
    }

    std::size_t capacity_;
    std::size_t size_ = 0;
    member* members_;
};

template <bool Settles, class Awaitable>
class gather_range_operation : public join_state {
    using result = await_result_t<Awaitable>;
    using kept = std::conditional_t<Settles, outcome<result>, storable_t<result>>;

public:
    template <class Range>
    explicit gather_range_operation(Range& children) : join_state{&ended}, members_{children} {}

    started start(waiter& self) noexcept {
        if (!open(self)) return started::stopped;
        for (auto& member : members_) start_member(member);
        return opened();
    }

    auto take() -> std::vector<kept> {
        throw_if_failed();
        std::vector<kept> results;
        results.reserve(members_.size());
        for (auto& member : members_) {
            if constexpr (Settles) {
                results.push_back(std::move(member.ended));
            } else {
                results.push_back(take_storable(member.ended));
            }
        }
        return results;
    }

private:
    static void ended(join_state& state, member_base& member) noexcept {
        gather_ended(state, static_cast<gather_member<Awaitable>&>(member), Settles);
    }

    member_array<Awaitable> members_;
};

template <class Range>
concept awaitable_range =
    std::ranges::forward_range<Range> && awaitable<std::ranges::range_value_t<Range>&&>;

}  // namespace detail

/// What gather and gather_settled return.
template <bool Settles, class... Children>
class [[nodiscard("co_await it")]] gather_awaitable {
public:
    explicit gather_awaitable(Children&&... children)
        : children_{std::forward<Children>(children)...} {}
    auto operator co_await() && {
        return std::apply(
            [](auto&&... child) {
                return detail::gather_operation<Settles, Children...>{
                    static_cast<Children&&>(child)...};
            },
            std::move(children_));
    }

private:
    std::tuple<Children...> children_;
};

/// What the range overloads return.
template <bool Settles, class Range>
class [[nodiscard("co_await it")]] gather_range_awaitable {
public:
    explicit gather_range_awaitable(Range children) : children_{std::move(children)} {}
    auto operator co_await() && {
        return detail::gather_range_operation<Settles, std::ranges::range_value_t<Range>>{
            children_};
    }

private:
    Range children_;
};

/// Runs every argument concurrently and returns their results in argument order.
///
/// The children form a group that lives exactly as long as this expression: once it has returned or
/// thrown, none of them is still running. They are started from left to right, each running until
/// it first suspends. A child of type void contributes std::monostate.
///
///     auto [user, orders] = co_await gather(load_user(id), load_orders(id));
///
/// One failure cancels the rest, which is where this differs from asyncio.gather: there the
/// siblings keep running unobserved. To keep every outcome use gather_settled; to handle results as
/// they arrive use as_completed; for children that spawn others use task_group.
///
/// Returns       a std::tuple of the results.
/// Errors        the first child's error, rethrown after all siblings have finished. Errors that
///               follow while unwinding are kept and readable with suppressed(error).
/// Suspends      unless every child finishes without suspending. gather() of nothing never does.
/// Cancellation  partial. The request goes to every child, and the call ends when the last one has
///               ended. Results of children that had already finished are destroyed; if such a
///               result must not be lost, send it through a queue instead.
/// Threads       the loop's thread; the children share it and interleave only where they suspend.
/// Lifetime      rvalues are moved in and destroyed before the call ends; lvalues are referenced.
/// Complexity    O(n) time. State for n children lies in the caller's frame; nothing is allocated
///               besides the children's own frames.
/// Source        shape of asyncio.gather; failure rule of asyncio.TaskGroup and Trio's nurseries.
template <awaitable... Children>
[[nodiscard]] auto gather(Children&&... children) {
    return gather_awaitable<false, Children...>{std::forward<Children>(children)...};
}

/// gather for a number of children known only while running.
///
/// Returns       a std::vector of the results, in the order of the range.
/// Errors        as for gather of arguments; std::bad_alloc.
/// Suspends      unless every child finishes without suspending.
/// Cancellation  partial, as for gather of arguments.
/// Threads       the loop's thread.
/// Lifetime      the range is moved in.
/// Complexity    O(n); one allocation for the state of all children.
template <detail::awaitable_range Range>
    requires(!awaitable<Range>)
[[nodiscard]] auto gather(Range children) {
    return gather_range_awaitable<false, Range>{std::move(children)};
}

/// Runs every argument concurrently and returns how each ended. Failures cancel nobody.
///
/// Returns       a std::tuple of outcomes, in argument order.
/// Errors        none: they are in the outcomes.
/// Suspends      unless every child finishes without suspending.
/// Cancellation  partial. The request goes to every child, and the call is stopped when the last
///               one has ended, unless all had finished.
/// Threads       the loop's thread.
/// Lifetime      rvalues are moved in, lvalues referenced.
/// Complexity    as for gather.
/// Source        asyncio.gather(return_exceptions=True); JavaScript's Promise.allSettled.
template <awaitable... Children>
[[nodiscard]] auto gather_settled(Children&&... children) {
    return gather_awaitable<true, Children...>{std::forward<Children>(children)...};
}

/// gather_settled for a number of children known only while running.
///
/// Returns       a std::vector of outcomes, in the order of the range.
/// Errors        std::bad_alloc; errors of children are in the outcomes.
/// Suspends      unless every child finishes without suspending.
/// Cancellation  partial, as for gather_settled of arguments.
/// Threads       the loop's thread.
/// Lifetime      the range is moved in.
/// Complexity    O(n); one allocation for the state of all children.
template <detail::awaitable_range Range>
    requires(!awaitable<Range>)
[[nodiscard]] auto gather_settled(Range children) {
    return gather_range_awaitable<true, Range>{std::move(children)};
}

}  // namespace simul
