// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/blocking.hpp: calls that block, made on another thread.
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include "simul/coro/detail/result_slot.hpp"
#include "simul/coro/task_context.hpp"
#include "simul/runtime/detail/blocking_job.hpp"
#include "simul/runtime/leaf.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

namespace detail {

/// The wait for a blocking call, without the types of the call.
class offload_base : public leaf, public blocking_job, public posted_work {
public:
    started start(waiter& self) noexcept;

protected:
    offload_base(callback run, bool can_stop);

    void throw_if_failed() const {
        if (failure_) std::rethrow_exception(failure_);
    }

    std::exception_ptr failure_;
    const task_context* context_ = nullptr;

private:
    static void finished_on_worker(blocking_job& self) noexcept;
    static void finished_on_loop(posted_work& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a blocking call"};

    loop* loop_ = nullptr;
    bool withdrawn_ = false;
};

template <class Function, class... Arguments>
class offload_operation : public offload_base {
    static constexpr bool takes_token = std::invocable<Function&, std::stop_token, Arguments&&...>;

    using result =
        typename std::conditional_t<takes_token,
                                    std::invoke_result<Function&, std::stop_token, Arguments&&...>,
                                    std::invoke_result<Function&, Arguments&&...>>::type;

public:
    offload_operation(Function&& function, std::tuple<Arguments...>&& arguments)
        : offload_base{&call, takes_token},
          function_{std::move(function)},
          arguments_{std::move(arguments)} {}

    result take() {
        throw_if_failed();
        return result_.take();
    }

private:
    static void call(blocking_job& job) noexcept {
        auto& self = static_cast<offload_operation&>(job);
        const entered_context works_for_the_task{self.context_};
        try {
            const auto invoke = [&](auto&... arguments) -> result {
                if constexpr (takes_token) {
                    return std::invoke(self.function_, self.stop.get_token(),
                                       std::move(arguments)...);
                } else {
                    return std::invoke(self.function_, std::move(arguments)...);
                }
            };
            if constexpr (std::is_void_v<result>) {
                std::apply(invoke, self.arguments_);
            } else {
                self.result_.emplace(std::apply(invoke, self.arguments_));
            }
        } catch (...) {
            self.failure_ = std::current_exception();
        }
    }

    Function function_;
    std::tuple<Arguments...> arguments_;
    result_slot<result> result_;
};

}  // namespace detail

/// What offload returns.
template <class Function, class... Arguments>
class [[nodiscard("co_await it")]] offload_awaitable {
public:
    offload_awaitable(Function&& function, std::tuple<Arguments...>&& arguments)
        : function_{std::move(function)}, arguments_{std::move(arguments)} {}
    auto operator co_await() && {
        return detail::offload_operation<Function, Arguments...>{std::move(function_),
                                                                 std::move(arguments_)};
    }

private:
    Function function_;
    std::tuple<Arguments...> arguments_;
};

/// Calls a function that blocks on a thread of the loop's pool, and waits for its result while
/// other tasks go on.
///
///     std::string text = co_await offload(read_whole_file, path);
///
/// If the function takes a std::stop_token as its first parameter it is told when it should end.
/// Arguments are given beside the function rather than captured: a lambda with captures by value
/// inside an awaited expression is destroyed twice by g++ 12 (GCC3).
///
/// Returns       what the function returns.
/// Errors        what the function throws; resource_unavailable_try_again as std::system_error if
///               the queue of the pool is full (10,000 calls) or no thread can be made.
/// Suspends      always.
/// Cancellation  completes. A call that no thread has begun is withdrawn and nothing happened. One
///               that runs is asked to stop through its token, and the wait goes on until it
///               returns: threads cannot be interrupted. Its result is then delivered.
/// Threads       the function runs on another thread, on the simulated backend on the loop's own.
/// Lifetime      function and arguments are copied or moved in, like std::thread's; pass
///               std::ref for a reference, which must stay valid until the await has ended.
/// Complexity    no allocation, except one if the function takes a stop token.
/// Source        asyncio.to_thread, trio.to_thread.run_sync.
template <class Function, class... Arguments>
[[nodiscard]] auto offload(Function function, Arguments... arguments) {
    return offload_awaitable<Function, Arguments...>{
        std::move(function), std::tuple<Arguments...>{std::move(arguments)...}};
}

}  // namespace simul
