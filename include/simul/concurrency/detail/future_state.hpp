// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/future_state.hpp: what a promise and its futures share.
//
// Invariants
//   1. It lives as long as the promise or a reader does. A reader is a future, a wait, or a done
//      callback that is about to be called.
//   2. Those who wait and the done callbacks stand in one queue, in the order in which they came;
//      once there is a result that queue is empty. Only a pending state has something in it, and
//      the promise of a pending state exists: so no callback in it outlives it.
//   3. The stage leaves pending once. Nothing of the user's is called from inside that.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "simul/concurrency/parking_lot.hpp"
#include "simul/runtime/callback.hpp"

namespace simul::detail {

/// The part that does not know the type of the result.
class future_state {
public:
    using function = std::move_only_function<void(future_state&)>;

    [[nodiscard]] bool is_done() const noexcept { return stage_ != stage::pending; }
    [[nodiscard]] bool is_cancelled() const noexcept { return stage_ == stage::cancelled; }

    /// Throws what the result is if it is not a value, or invalid_state if there is none yet.
    void throw_unless_value() const;
    [[nodiscard]] std::exception_ptr error() const;

    // How it ends. The caller has seen that it is pending.

    void settle_value() noexcept { settle(stage::value); }
    void settle_error(std::exception_ptr error) noexcept;
    bool cancel(cancel_reason reason) noexcept;

    callback_handle add_done_callback(function called);
    callback_handle add_cancel_callback(function called);

    /// A moved-out value, which only one who shares it with nobody may make.
    void note_taken() noexcept { is_taken_ = true; }
    [[nodiscard]] bool is_taken() const noexcept { return is_taken_; }

    [[nodiscard]] parking_lot& readers() noexcept { return done_; }
    [[nodiscard]] std::size_t reader_count() const noexcept { return readers_; }
    [[nodiscard]] bool has_promise() const noexcept { return has_promise_; }

    void add_reader() noexcept { ++readers_; }
    void remove_reader() noexcept {
        if (--readers_ == 0 && !has_promise_) delete this;
    }
    /// The promise goes; without a result it was broken.
    void remove_promise() noexcept;

protected:
    future_state() noexcept = default;
    virtual ~future_state() = default;

private:
    enum class stage : unsigned char { pending, value, error, cancelled, broken };

    void settle(stage reached) noexcept;

    parking_lot done_;       // readers and done callbacks
    parking_lot on_cancel_;  // what the producer wants to be told
    std::exception_ptr error_;
    std::size_t readers_ = 0;
    stage stage_ = stage::pending;
    cancel_reason reason_ = cancel_reason::none;
    bool has_promise_ = true;
    bool is_taken_ = false;
};

/// With a place for the value. A reference is kept as one.
template <class Value>
class typed_future_state final : public future_state {
public:
    template <class Source>
    void emplace(Source&& source) {
        value_.emplace(std::forward<Source>(source));
    }
    [[nodiscard]] Value& value() noexcept { return *value_; }

private:
    std::optional<Value> value_;
};

template <class Value>
class typed_future_state<Value&> final : public future_state {
public:
    void emplace(Value& referenced) noexcept { value_ = std::addressof(referenced); }
    [[nodiscard]] Value& value() const noexcept { return *value_; }

private:
    Value* value_ = nullptr;
};

template <>
class typed_future_state<void> final : public future_state {};

/// Owns a reader's share in a state, or none.
template <class Value>
class future_reference {
public:
    using state = typed_future_state<Value>;

    future_reference() noexcept = default;
    explicit future_reference(state& shared) noexcept : state_{&shared} { shared.add_reader(); }
    future_reference(const future_reference& other) noexcept : state_{other.state_} {
        if (state_ != nullptr) state_->add_reader();
    }
    future_reference(future_reference&& other) noexcept
        : state_{std::exchange(other.state_, nullptr)} {}
    future_reference& operator=(future_reference other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~future_reference() {
        if (state_ != nullptr) state_->remove_reader();
    }

    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }
    [[nodiscard]] state& operator*() const noexcept {
        SIMUL_ASSERT(state_ != nullptr, "an empty future was used: get one from a promise");
        return *state_;
    }
    [[nodiscard]] state* operator->() const noexcept { return &**this; }

private:
    state* state_ = nullptr;
};

/// What a reader sees of a result without taking it: const Value&, Value& of a reference, or void.
template <class Value>
using future_view = std::conditional_t<std::is_void_v<Value> || std::is_reference_v<Value>, Value,
                                       std::add_lvalue_reference_t<std::add_const_t<Value>>>;

template <class Value>
future_view<Value> view_result(typed_future_state<Value>& shared) {
    shared.throw_unless_value();
    if constexpr (!std::is_void_v<Value>) return shared.value();
}

/// The result of the last one who wants it: moved if nobody else can see it any more, else copied.
template <class Value>
Value take_result(typed_future_state<Value>& shared) {
    shared.throw_unless_value();
    if constexpr (std::is_void_v<Value>) {
        return;
    } else if constexpr (std::is_reference_v<Value>) {
        return shared.value();
    } else if constexpr (std::is_copy_constructible_v<Value>) {
        if (shared.reader_count() == 1 && !shared.has_promise()) return std::move(shared.value());
        return shared.value();
    } else {
        SIMUL_ASSERT(shared.reader_count() == 1 && !shared.is_taken(),
                     "a result that cannot be copied was taken while others share it: await the "
                     "future as an lvalue");
        shared.note_taken();
        return std::move(shared.value());
    }
}

/// The wait for a result, which is taken or only looked at.
template <class Value, bool Takes>
class future_operation : public parked_leaf {
public:
    explicit future_operation(future_reference<Value> shared) noexcept
        : parked_leaf{shared->readers(), kind}, state_{std::move(shared)} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        return state_->is_done() ? started::done : park(self);
    }
    std::conditional_t<Takes, Value, future_view<Value>> take() {
        if constexpr (Takes) {
            return take_result(*state_);
        } else {
            return view_result(*state_);
        }
    }
    static bool give_back() noexcept { return true; }  // the future keeps it

private:
    static constexpr wait_kind kind{&parked_leaf::interrupt, "a future"};

    future_reference<Value> state_;
};

}  // namespace simul::detail
