// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/async_generator.hpp: a coroutine that can both wait and hand out values.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "simul/coro/task.hpp"

namespace simul {

template <class Value>
class async_generator;

namespace detail {

struct yield_suspension {
    static constexpr bool await_ready() noexcept { return false; }
    template <class Promise>
    static void await_suspend(std::coroutine_handle<Promise> yielding) noexcept {
        yielding.promise().reached_end(frame_state::yielded);
    }
    static void await_resume() noexcept {}
};

template <class Value>
class async_generator_promise final : public awaiting_promise {
public:
    explicit async_generator_promise(
        std::source_location made = std::source_location::current()) noexcept
        : awaiting_promise{made} {}

    async_generator<Value> get_return_object(
        std::source_location made = std::source_location::current()) noexcept;

    static std::suspend_always initial_suspend() noexcept { return {}; }
    static final_suspension final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { keep_exception(); }
    static void return_void() noexcept {}

    template <class Yielded>
        requires std::constructible_from<Value, Yielded&&>
    yield_suspension yield_value(Yielded&& yielded) {
        value.emplace(std::forward<Yielded>(yielded));
        return {};
    }

    std::optional<Value> value;
};

template <class Value>
class next_operation {
    using promise = async_generator_promise<Value>;

public:
    explicit next_operation(frame*& generator) noexcept : generator_{generator} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        if (generator_ == nullptr) return started::done;
        frame& body = *generator_;
        SIMUL_ASSERT(body.state == frame_state::created || body.state == frame_state::yielded,
                     "an async_generator was asked for a value while it is making one");
        if (has_value()) return started::done;  // given back earlier
        body.up = &self;
        body.scope = self.scope;
        body.slot = &generator_;
        return body.start_nested();
    }

    std::optional<Value> take() {
        if (generator_ == nullptr) return std::nullopt;
        if (generator_->state == frame_state::finished) {
            frame& ended = *std::exchange(generator_, nullptr);
            const std::exception_ptr error = std::move(ended.exception);
            frame::drop(ended);
            if (error) std::rethrow_exception(error);
            return std::nullopt;
        }
        std::optional<Value>& yielded = static_cast<promise*>(generator_)->value;
        std::optional<Value> taken{std::move(yielded)};
        yielded.reset();
        return taken;
    }

    /// A value that came too late for its awaiter is kept for the next call.
    bool give_back() noexcept { return has_value(); }

private:
    [[nodiscard]] bool has_value() const noexcept {
        return generator_ != nullptr && generator_->state == frame_state::yielded &&
               static_cast<promise*>(generator_)->value.has_value();
    }

    frame*& generator_;
};

}  // namespace detail

/// What async_generator::next returns.
template <class Value>
class [[nodiscard("co_await it")]] next_awaitable {
public:
    explicit next_awaitable(detail::frame*& generator) noexcept : generator_{generator} {}
    auto operator co_await() const noexcept { return detail::next_operation<Value>{generator_}; }

private:
    detail::frame*& generator_;
};

/// A sequence whose elements are made by a coroutine that may await between them.
///
///     async_generator<int> powers_of_two(int count) {
///         for (int n = 0; n < count; ++n) {
///             co_await sleep_for(100ms);
///             co_yield 1 << n;
///         }
///     }
///
///     auto powers = powers_of_two(10);
///     while (auto value = co_await powers.next()) use(*value);
///
/// The body runs only while somebody awaits next(), in that task and under its cancel scope:
/// iterating is not concurrent. Destroying a generator that waits at a co_yield destroys its locals
/// there and then, in reverse order; a body cannot await during that.
///
/// Threads       the loop's thread.
/// Lifetime      must not be moved or destroyed while a next() is pending.
/// Complexity    one allocation for its frame; none for each value. Awaiting through any number of
///               generators uses a bounded part of the stack; destroying ones that own one another
///               and wait at a co_yield nests, about 1 KB for each.
/// Source        PEP 525, without the finalisation that PEP had to add to loops.
template <class Value>
class [[nodiscard]] async_generator {
public:
    using promise_type = detail::async_generator_promise<Value>;
    using value_type = Value;

    async_generator(async_generator&& other) noexcept
        : frame_{std::exchange(other.frame_, nullptr)} {}
    async_generator& operator=(async_generator&& other) noexcept {
        if (this != &other) {
            close();
            frame_ = std::exchange(other.frame_, nullptr);
        }
        return *this;
    }
    ~async_generator() { close(); }

    /// Runs the body to its next co_yield.
    ///
    /// Returns       std::optional with the value, empty when the body has ended, now or before.
    /// Errors        what the body lets out; afterwards the generator has ended.
    /// Suspends      when the body awaits something that does.
    /// Cancellation  partial. The body is unwound like a task, and the generator has ended. A value
    ///               that was made while the request was on its way is kept for the next call.
    /// Threads       the loop's thread.
    /// Lifetime      the generator must stay where it is until the await has ended.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] next_awaitable<Value> next() noexcept { return next_awaitable<Value>{frame_}; }

    /// Destroys the body where it waits. Later calls of next() give nothing. May be repeated, but
    /// not while a next() is pending; checked.
    void close() noexcept {
        if (frame_ == nullptr) return;
        SIMUL_ASSERT(frame_->state != detail::frame_state::nested &&
                         frame_->state != detail::frame_state::suspended,
                     "an async_generator was closed or destroyed while it is making a value");
        detail::frame::drop(*std::exchange(frame_, nullptr));
    }

private:
    friend promise_type;
    explicit async_generator(detail::frame& made) noexcept : frame_{&made} {}

    detail::frame* frame_;
};

template <class Value>
async_generator<Value> detail::async_generator_promise<Value>::get_return_object(
    std::source_location made) noexcept {
    static_assert(alignof(async_generator_promise) <= 16,
                  "an async_generator cannot yield an over-aligned type (GCC7)");
    made_at = made;
    return async_generator<Value>{*this};
}

/// Collects every value of a generator: Python's asynchronous comprehension.
///
/// Returns       std::vector of the values, in order.
/// Errors        those of the generator; std::bad_alloc.
/// Suspends      when the generator does.
/// Cancellation  partial. Values collected so far are destroyed.
/// Threads       the loop's thread.
/// Source        PEP 530.
template <class Value>
task<std::vector<Value>> collect(async_generator<Value> generator) {
    std::vector<Value> values;
    while (true) {
        std::optional<Value> value = co_await generator.next();
        if (!value) break;
        values.push_back(*std::move(value));
    }
    co_return values;
}

}  // namespace simul
