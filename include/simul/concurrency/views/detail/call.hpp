// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/detail/call.hpp: functions of items, plain or asynchronous.
//
// The operators take both kinds and treat them alike: what a plain function returned is wrapped
// into something that can be awaited and never suspends.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include "simul/coro/awaitable.hpp"
#include "simul/coro/detail/result_slot.hpp"

namespace simul::views::detail {

/// The result of a call that has returned.
template <class Result>
class returned_operation {
public:
    explicit returned_operation(Result&& result) noexcept(
        std::is_nothrow_move_constructible_v<Result>)
        : result_(std::move(result)) {}

    static started start(waiter& self) noexcept {
        return self.scope->is_cancelled() ? started::stopped : started::done;
    }
    Result take() { return std::move(result_); }

private:
    Result result_;
};

template <>
class returned_operation<void> {
public:
    static started start(waiter& self) noexcept {
        return self.scope->is_cancelled() ? started::stopped : started::done;
    }
    static void take() noexcept {}
};

template <class Result>
class [[nodiscard]] returned {
public:
    explicit returned(Result&& result) : result_(std::move(result)) {}
    auto operator co_await() && { return returned_operation<Result>{std::move(result_)}; }

private:
    Result result_;
};

template <>
class [[nodiscard]] returned<void> {
public:
    returned() noexcept = default;
    auto operator co_await() const noexcept { return returned_operation<void>{}; }
};

/// True if calling a Function makes something that is to be awaited.
template <class Function, class... Arguments>
concept asynchronous = awaitable<std::invoke_result_t<Function&, Arguments...>>;

/// Calls a function and answers with something that gives its result when it is awaited.
template <class Function, class... Arguments>
auto call(Function& function, Arguments&&... arguments) {
    if constexpr (asynchronous<Function, Arguments&&...>) {
        return std::invoke(function, std::forward<Arguments>(arguments)...);
    } else {
        using result = std::remove_cvref_t<std::invoke_result_t<Function&, Arguments&&...>>;
        if constexpr (std::is_void_v<result>) {
            std::invoke(function, std::forward<Arguments>(arguments)...);
            return returned<void>{};
        } else {
            return returned<result>{std::invoke(function, std::forward<Arguments>(arguments)...)};
        }
    }
}

template <class Function, class... Arguments>
struct call_result {
    using type = std::invoke_result_t<Function&, Arguments...>;
};
template <class Function, class... Arguments>
    requires asynchronous<Function, Arguments...>
struct call_result<Function, Arguments...> {
    using type = await_result_t<std::invoke_result_t<Function&, Arguments...>>;
};

/// What a function gives in the end: what it returns, or what awaiting that gives.
template <class Function, class... Arguments>
using call_result_t = std::remove_cvref_t<typename call_result<Function, Arguments...>::type>;

/// A question about an item, asked at once or asynchronously.
template <class Function, class Item>
concept predicate = std::invocable<Function&, const Item&> &&
                    std::convertible_to<call_result_t<Function, const Item&>, bool>;

}  // namespace simul::views::detail
