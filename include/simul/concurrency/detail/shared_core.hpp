// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/shared_core.hpp: the part of a shared task that knows no types.
//
// Life of the computation
//      unstarted    kept until the first awaiter comes
//      running      a child of the owning group
//      value, error, cancelled
//                   ended; whoever awaits it from now on does not suspend
//
// Invariants
//   1. `awaiters_` counts those who began to await and have neither taken the result nor left. Only
//      when it falls to zero is a running computation given up.
//   2. An error is seen when somebody took it. If nobody did by the time when the computation has
//      ended and nobody awaits it, it is reported, once.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "simul/concurrency/parking_lot.hpp"
#include "simul/concurrency/task_group.hpp"

namespace simul::detail {

class shared_core {
public:
    /// Without an owner the computation is a child of the outermost group of its time.
    shared_core(task_group* owner, bool keep_running) noexcept
        : owner_{owner}, keeps_running_{keep_running} {}
    shared_core(const shared_core&) = delete;
    shared_core& operator=(const shared_core&) = delete;
    virtual ~shared_core() = default;

    [[nodiscard]] bool has_ended() const noexcept { return phase_ > phase::running; }
    [[nodiscard]] bool was_cancelled() const noexcept { return phase_ == phase::cancelled; }
    [[nodiscard]] bool was_asked_to_end() const noexcept { return was_asked_; }
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
    [[nodiscard]] std::size_t awaiters() const noexcept { return awaiters_; }

    /// Starts the computation if nobody has.
    void begin(const std::shared_ptr<shared_core>& self) noexcept;

    bool cancel(cancel_reason reason, std::source_location where) noexcept;

    /// One more who awaits it, and one less.
    void join() noexcept { ++awaiters_; }
    void part() noexcept;

    // For the computation.

    void succeed() noexcept { settle(phase::value); }
    void fail(std::exception_ptr error) noexcept;
    void stop() noexcept;

    /// For awaiters: throws unless there is a value.
    void throw_if_failed();

    parking_lot lot;

private:
    enum class phase : unsigned char { unstarted, running, value, error, cancelled };

    virtual task<> make_run(const std::shared_ptr<shared_core>& self) = 0;
    virtual void discard_work() noexcept = 0;

    /// Where an error goes that nobody took.
    virtual void report(const std::exception_ptr& error) noexcept;

    void settle(phase reached) noexcept;
    void report_if_unseen() noexcept;

    task_group* owner_;
    task_handle<> running_;
    std::exception_ptr error_;
    std::size_t awaiters_ = 0;
    cancel_reason reason_ = cancel_reason::requested;
    phase phase_ = phase::unstarted;
    bool keeps_running_;
    bool was_asked_ = false;
    bool is_seen_ = false;
};

/// Awaits a shared task.
class shared_operation_base : public leaf, public parked {
public:
    explicit shared_operation_base(std::shared_ptr<shared_core> awaited) noexcept;
    ~shared_operation_base() { part(); }

    started start(waiter& self) noexcept;
    bool give_back() noexcept {  // it stays there for the others, and for who asks again
        part();
        return true;
    }

protected:
    void take_or_throw();
    [[nodiscard]] shared_core& core() const noexcept { return *core_; }

private:
    static void woken(parked& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a shared task"};
    void part() noexcept;

    std::shared_ptr<shared_core> core_;
    bool is_counted_ = false;
};

/// A result that several may look at.
template <class Result>
struct shared_value {
    using seen = const Result&;
    using given = Result;
    std::optional<Result> value;

    template <class Value>
    void set(Value&& made) {
        value.emplace(std::forward<Value>(made));
    }
    [[nodiscard]] seen get() const noexcept { return *value; }
};

template <class Result>
struct shared_value<Result&> {
    using seen = Result&;
    using given = Result&;
    Result* value = nullptr;

    void set(Result& made) noexcept { value = std::addressof(made); }
    [[nodiscard]] seen get() const noexcept { return *value; }
};

template <>
struct shared_value<void> {
    using seen = void;
    using given = void;
    static void get() noexcept {}
};

/// The duty to end a shared task, whichever way its computation ends.
template <class State>
class shared_duty {
public:
    explicit shared_duty(std::shared_ptr<State> state) noexcept : state_{std::move(state)} {}
    shared_duty(shared_duty&&) noexcept = default;
    shared_duty& operator=(shared_duty&&) = delete;
    ~shared_duty() {
        if (state_ != nullptr) state_->stop();
    }

    [[nodiscard]] State& state() const noexcept { return *state_; }

private:
    std::shared_ptr<State> state_;
};

template <class Result>
class shared_state : public shared_core {
public:
    shared_state(task<Result> work, task_group* owner, bool keep_running) noexcept
        : shared_core{owner, keep_running}, work_{std::move(work)} {}

    shared_value<Result> result;

private:
    // Errors end here: the group that runs this is not to be cancelled by them.
    static task<> run(shared_duty<shared_state> duty, task<Result> work) {
        std::exception_ptr error;
        try {
            if constexpr (std::is_void_v<Result>) {
                co_await std::move(work);
            } else {
                duty.state().result.set(co_await std::move(work));
            }
        } catch (...) {
            error = std::current_exception();
        }
        if (error) {
            duty.state().fail(std::move(error));
        } else {
            duty.state().succeed();
        }
    }

    task<> make_run(const std::shared_ptr<shared_core>& self) override {
        return run(shared_duty<shared_state>{std::static_pointer_cast<shared_state>(self)},
                   std::move(work_));
    }
    void discard_work() noexcept override { work_.discard(); }

    task<Result> work_;
};

/// Gives the result as Given: a reference into the state, or a copy.
template <class Result, class Given>
class shared_operation : public shared_operation_base {
public:
    using shared_operation_base::shared_operation_base;

    Given take() {
        take_or_throw();
        return static_cast<shared_state<Result>&>(core()).result.get();
    }
};

}  // namespace simul::detail
