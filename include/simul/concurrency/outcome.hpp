// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/outcome.hpp: how something ended, as a value.
#pragma once

#include <exception>
#include <expected>
#include <system_error>
#include <type_traits>
#include <utility>

#include "simul/coro/cancellation.hpp"
#include "simul/coro/detail/result_slot.hpp"
#include "simul/coro/task.hpp"

namespace simul {

/// How an awaitable ended: with a value, with an error, or cancelled.
///
/// Threads       none of its own: one thread at a time.
template <class Result>
class outcome {
public:
    outcome() noexcept = default;

    /// An outcome that holds an error.
    static outcome failed(std::exception_ptr error) noexcept {
        outcome made;
        made.error_ = std::move(error);
        return made;
    }

    /// An outcome that holds a value; for void, call it without arguments.
    template <class... Arguments>
    static outcome succeeded(Arguments&&... arguments) {
        outcome made;
        made.value_.emplace(std::forward<Arguments>(arguments)...);
        made.has_value_ = true;
        return made;
    }

    [[nodiscard]] bool has_value() const noexcept { return has_value_; }
    [[nodiscard]] bool has_error() const noexcept { return error_ != nullptr; }
    [[nodiscard]] bool is_cancelled() const noexcept { return !has_value_ && error_ == nullptr; }

    /// The error, or nullptr.
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }

    /// The value, moved out: once.
    ///
    /// Errors        the error it holds; cancelled if it was cancelled.
    Result take() {
        if (error_) std::rethrow_exception(error_);
        if (!has_value_) throw cancelled{};
        return value_.take();
    }

private:
    detail::result_slot<Result> value_;
    std::exception_ptr error_;
    bool has_value_ = false;
};

namespace detail {

template <class Operation>
using taken_t = decltype(std::declval<Operation&>().take());

/// Takes an operation's result into an outcome.
template <class Operation>
auto take_outcome(Operation& operation) noexcept -> outcome<taken_t<Operation>> {
    using result = taken_t<Operation>;
    try {
        if constexpr (std::is_void_v<result>) {
            operation.take();
            return outcome<result>::succeeded();
        } else {
            return outcome<result>::succeeded(operation.take());
        }
    } catch (...) {
        return outcome<result>::failed(std::current_exception());
    }
}

/// What a code-based result makes of the exception in flight; rethrows what has no code.
std::error_code current_error_code();

template <class Awaitable>
class outcome_operation : public waiter {
public:
    explicit outcome_operation(Awaitable&& awaited)
        : waiter{&respond}, inner_(make_operation(std::forward<Awaitable>(awaited))) {}

    started start(waiter& self) noexcept {
        up = &self;
        scope = self.scope;
        const started answer = inner_.start(*this);
        if (answer != started::stopped) return answer;
        stopped_ = true;
        return started::done;
    }

    auto take() noexcept -> outcome<await_result_t<Awaitable>> {
        if (stopped_) return {};
        return take_outcome(inner_);
    }

private:
    static void respond(waiter& self, notice what) noexcept {
        auto& operation = static_cast<outcome_operation&>(self);
        if (what == notice::stopped) {
            operation.stopped_ = true;
            what = notice::now;
        }
        operation.up->notify(what);
    }

    operation_of<Awaitable> inner_;
    bool stopped_ = false;
};

template <class Awaitable>
class result_operation {
    using inner = operation_of<Awaitable>;
    using result = await_result_t<Awaitable>;

public:
    explicit result_operation(Awaitable&& awaited)
        : inner_(make_operation(std::forward<Awaitable>(awaited))) {}

    started start(waiter& self) noexcept { return inner_.start(self); }

    auto take() -> std::expected<result, std::error_code> {
        try {
            if constexpr (std::is_void_v<result>) {
                inner_.take();
                return {};
            } else {
                return inner_.take();
            }
        } catch (...) {
            return std::unexpected{current_error_code()};
        }
    }

    bool give_back() noexcept
        requires requires(inner& operation) { operation.give_back(); }
    {
        return inner_.give_back();
    }

private:
    inner inner_;
};

}  // namespace detail

/// What as_outcome returns.
template <class Awaitable>
class [[nodiscard("co_await it")]] outcome_awaitable {
public:
    explicit outcome_awaitable(Awaitable&& awaited) : awaited_{std::forward<Awaitable>(awaited)} {}
    auto operator co_await() && {
        return detail::outcome_operation<Awaitable>{std::forward<Awaitable>(awaited_)};
    }

private:
    Awaitable awaited_;
};

/// What as_result returns.
template <class Awaitable>
class [[nodiscard("co_await it")]] result_awaitable {
public:
    explicit result_awaitable(Awaitable&& awaited) : awaited_{std::forward<Awaitable>(awaited)} {}
    auto operator co_await() && {
        return detail::result_operation<Awaitable>{std::forward<Awaitable>(awaited_)};
    }

private:
    Awaitable awaited_;
};

/// Awaits `awaited` and returns how it ended, cancellation included.
///
/// This is the one place where a cancelled task sees its own cancellation as a value: the code
/// after it runs until its next await, which stops. Use it for cleanup that does not wait; use
/// finally for cleanup that does.
///
/// Returns       outcome<T>.
/// Errors        none: an error is in the outcome.
/// Suspends      when `awaited` does.
/// Cancellation  completes. The request goes to `awaited`; the call returns when that has ended,
///               with a cancelled outcome if it was stopped.
/// Threads       the loop's thread.
/// Lifetime      an rvalue is moved in, an lvalue referenced.
/// Source        the outcome library used by Trio.
template <awaitable Awaitable>
[[nodiscard]] auto as_outcome(Awaitable&& awaited) {
    return outcome_awaitable<Awaitable>{std::forward<Awaitable>(awaited)};
}

/// Awaits `awaited` and returns its value, or its error as an error_code instead of an exception.
///
/// std::system_error and simul::error become their codes. Other exceptions are let through: they
/// have no code, and a mistake should not be mistaken for a result.
///
/// Returns       std::expected<T, std::error_code>.
/// Errors        exceptions that carry no code.
/// Suspends      when `awaited` does.
/// Cancellation  clean if that of `awaited` is: the request goes there, nothing is added.
/// Threads       the loop's thread.
/// Lifetime      an rvalue is moved in, an lvalue referenced.
/// Source        Cobalt's as_result.
template <awaitable Awaitable>
[[nodiscard]] auto as_result(Awaitable&& awaited) {
    return result_awaitable<Awaitable>{std::forward<Awaitable>(awaited)};
}

}  // namespace simul
