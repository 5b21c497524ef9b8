// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/task_local.hpp: values that go with a task and with everything it starts.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "simul/coro/detail/frame.hpp"
#include "simul/coro/task_context.hpp"

namespace simul {

template <class Value>
class task_local;

namespace detail {

template <class Value>
class value_binding final : public local_binding {
public:
    value_binding(const void* key, reference outer, Value bound)
        : local_binding{key, std::move(outer)}, value{std::move(bound)} {}

    const Value value;
};

template <class Value, class Awaitable>
class with_value_operation : public waiter {
public:
    with_value_operation(const void* key, Value&& bound, Awaitable&& awaited)
        : waiter{&respond},
          key_{key},
          bound_{std::move(bound)},
          inner_(make_operation(std::forward<Awaitable>(awaited))) {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        try {
            bind(self.scope->context());
        } catch (...) {
            failure_ = std::current_exception();
            return started::done;
        }
        up = &self;
        scope = &own_scope_;
        own_scope_.enter(*self.scope);
        own_scope_.set_context(&context_);
        const started answer = inner_.start(*this);
        if (answer != started::pending) own_scope_.leave();
        return answer;
    }

    decltype(auto) take() {
        if (failure_) std::rethrow_exception(std::move(failure_));
        return inner_.take();
    }

    bool give_back() noexcept
        requires requires(operation_of<Awaitable>& operation) { operation.give_back(); }
    {
        return !failure_ && inner_.give_back();
    }

private:
    void bind(const task_context* outer) {
        local_binding::reference before;
        if (outer != nullptr) {
            context_.number = outer->number;
            context_.name = outer->name;
            before = outer->locals;
        }
        context_.locals = local_binding::reference{
            new value_binding<Value>{key_, std::move(before), *std::move(bound_)}};
        bound_.reset();
    }

    static void respond(waiter& self, notice what) noexcept {
        auto& operation = static_cast<with_value_operation&>(self);
        operation.own_scope_.leave();
        operation.up->notify(what);
    }

    const void* key_;
    std::optional<Value> bound_;
    task_context context_;
    cancel_scope own_scope_;
    std::exception_ptr failure_;
    operation_of<Awaitable> inner_;
};

}  // namespace detail

/// What with_value returns.
template <class Value, class Awaitable>
class [[nodiscard("co_await it")]] with_value_awaitable {
public:
    with_value_awaitable(const void* key, Value&& bound, Awaitable&& awaited)
        : key_{key}, bound_{std::move(bound)}, awaited_{std::forward<Awaitable>(awaited)} {}
    auto operator co_await() && {
        return detail::with_value_operation<Value, Awaitable>{key_, std::move(bound_),
                                                              std::forward<Awaitable>(awaited_)};
    }

private:
    const void* key_;
    Value bound_;
    Awaitable awaited_;
};

/// A variable whose value belongs to a task: the number of the request that is being served, the
/// user, the language. Usually at namespace scope. It has a value for the length of an await:
///
///     const task_local<std::string> request{"none"};
///
///     co_await with_value(request, "GET /", serve(connection));   // in there, and in every task
///                                                                 // spawned there, request.get()
///                                                                 // is "GET /"
///
/// A spawned task keeps the values that its spawner had at that moment, also in a group that lives
/// longer. Functions that offload() runs on another thread see those of the task that waits for
/// them. Nothing leaks: values cannot be set, only bound around something.
///
/// Threads       get() from any thread that runs a task, or that works for one.
/// Lifetime      must outlive the tasks that use it. A value lives as long as tasks that have it.
/// Source        Python's ContextVar, without set(); Scala's and Java's scoped values.
template <class Value>
class task_local {
public:
    /// The value where none is bound.
    explicit task_local(Value unless_bound = Value{}) : default_{std::move(unless_bound)} {}
    task_local(const task_local&) = delete;
    task_local& operator=(const task_local&) = delete;

    /// The value that the running task has.
    ///
    /// Lifetime      the reference is valid in the task, within the with_value it comes from.
    /// Complexity    O(values bound around the code).
    [[nodiscard]] const Value& get() const noexcept {
        const detail::task_context* context = detail::find_current_context();
        const detail::local_binding* bound =
            context != nullptr ? detail::local_binding::find(context->locals.get(), this) : nullptr;
        return bound != nullptr ? static_cast<const detail::value_binding<Value>*>(bound)->value
                                : default_;
    }

private:
    Value default_;
};

/// Awaits `awaited`; in there `variable` has the value `value`.
///
/// Returns       what `awaited` gives.
/// Errors        whatever `awaited` throws; std::bad_alloc.
/// Suspends      when `awaited` does.
/// Cancellation  clean if that of `awaited` is.
/// Threads       the loop's thread.
/// Lifetime      an rvalue is moved in, an lvalue referenced; the value is kept as long as tasks
///               that were spawned inside have it.
/// Complexity    one allocation.
/// Source        Trio has ContextVar.set and reset; a scope cannot be forgotten.
template <class Value, awaitable Awaitable>
[[nodiscard]] auto with_value(const task_local<Value>& variable, std::type_identity_t<Value> value,
                              Awaitable&& awaited) {
    return with_value_awaitable<Value, Awaitable>{&variable, std::move(value),
                                                  std::forward<Awaitable>(awaited)};
}

}  // namespace simul
