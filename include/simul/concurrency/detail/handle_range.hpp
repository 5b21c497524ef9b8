// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/handle_range.hpp: handles of children, for those who watch several.
#pragma once

#include <ranges>
#include <type_traits>

#include "simul/concurrency/task_handle.hpp"

namespace simul::detail {

/// What task_handle keeps to itself.
struct handle_access {
    template <class Result>
    static handle_base& base(task_handle<Result>& handle) noexcept {
        return handle;
    }
};

template <class Type>
struct handle_result {};
template <class Result>
struct handle_result<task_handle<Result>> {
    using type = Result;
};

/// A range whose elements are handles that stay where they are: not a container that is given away.
template <class Range>
concept handle_range =
    std::ranges::forward_range<Range> && std::ranges::viewable_range<Range> &&
    std::is_lvalue_reference_v<std::ranges::range_reference_t<Range>> &&
    (std::is_lvalue_reference_v<Range> || std::ranges::view<std::remove_cvref_t<Range>>) &&
    requires {
        typename handle_result<
            std::remove_reference_t<std::ranges::range_reference_t<Range>>>::type;
    };

}  // namespace simul::detail
