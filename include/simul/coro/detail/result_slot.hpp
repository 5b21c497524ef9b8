// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/detail/result_slot.hpp: room for a result that may be a value, a reference or nothing.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace simul::detail {

template <class Result>
class result_slot {
public:
    using stored = Result;

    template <class... Arguments>
    void emplace(Arguments&&... arguments) {
        value_.emplace(std::forward<Arguments>(arguments)...);
    }
    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    Result take() { return std::move(*value_); }

private:
    std::optional<Result> value_;
};

template <class Result>
class result_slot<Result&> {
public:
    using stored = Result&;

    // As std::addressof, which would need <memory> for every task.
    void emplace(Result& referenced) noexcept { value_ = __builtin_addressof(referenced); }
    [[nodiscard]] bool has_value() const noexcept { return value_ != nullptr; }
    Result& take() noexcept { return *value_; }

private:
    Result* value_ = nullptr;
};

template <>
class result_slot<void> {
public:
    using stored = std::monostate;

    static constexpr void emplace() noexcept {}
    [[nodiscard]] static constexpr bool has_value() noexcept { return true; }
    static constexpr void take() noexcept {}
};

/// void stored as std::monostate, so that tuples and optionals can hold it; a reference as a
/// reference_wrapper's pointer would be, hence kept as it is and stored by result_slot.
template <class Result>
using storable_t = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;

/// Calls take() of an operation and returns its result, std::monostate for void.
template <class Operation>
decltype(auto) take_storable(Operation& operation) {
    if constexpr (std::is_void_v<decltype(operation.take())>) {
        operation.take();
        return std::monostate{};
    } else {
        return operation.take();
    }
}

}  // namespace simul::detail
