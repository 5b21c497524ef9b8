// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/store_result.hpp: how a handle takes the result of a finished task.
#pragma once

#include "simul/concurrency/task_handle.hpp"
#include "simul/coro/task.hpp"

namespace simul {

template <class Result>
void task_handle<Result>::store_result(handle_base& self, detail::frame& ended) {
    if constexpr (!std::is_void_v<Result>) {
        auto& finished = static_cast<detail::task_promise<Result>&>(ended);
        static_cast<task_handle&>(self).value_.emplace(finished.result.take());
    }
}

}  // namespace simul
