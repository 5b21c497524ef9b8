// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/child.hpp: the record of one task that was spawned into a group.
//
// The record is the task's waiter, its cancel scope, and the owner of the callable that made it. It
// comes from the frame recycler and lives exactly as long as the task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "simul/concurrency/spawn_options.hpp"
#include "simul/coro/detail/frame.hpp"
#include "simul/coro/task_context.hpp"

namespace simul::detail {

class group;
class handle_base;

/// Whether the group waits for it, or stops it when the others have ended.
enum class child_kind : unsigned char { regular, service };

class child : public waiter {
public:
    child(group& owner, frame* spawned) noexcept;
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    virtual ~child() { delete context_.name; }

    /// Takes over the local values of the running task, and the name it was given.
    void describe(std::unique_ptr<std::string>&& name) noexcept;

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        deallocate_frame(memory, size);
    }

    /// Enters the group's scope and queues the task, or runs it until it first suspends.
    void begin() noexcept;

    /// Ends a child that never began: destroys its task.
    void discard(cancel_reason reason) noexcept;

    bool cancel(cancel_reason reason, std::source_location where) noexcept;

    /// Becomes a child of another group, while it runs.
    void move_to(group& other) noexcept;

    [[nodiscard]] std::uint64_t task_number() const noexcept { return context_.number; }

    handle_base* handle = nullptr;
    frame* spawned;

protected:
    /// The task has ended with an error: tells the group.
    virtual void fail(std::exception_ptr error) noexcept;

private:
    static void respond(waiter& self, notice what) noexcept;
    void task_finished() noexcept;
    void task_gone(bool stopped) noexcept;

    [[nodiscard]] group& owner() const noexcept;

    [[no_unique_address]] cancel_scope own_scope_;  // what follows lies in its last bytes

public:
    start_policy start = start_policy::of_loop;
    child_kind kind = child_kind::regular;

private:
    task_context context_;
};

/// A callable that takes the error of the task it has made, which is no error of the group then.
/// What it throws is.
template <class Callable>
concept error_taker =
    requires(Callable& callable, const std::exception_ptr& error) { callable.take_error(error); };

template <class Callable>
class child_with_callable final : public child {
public:
    child_with_callable(group& owner, Callable&& callable)
        : child{owner, nullptr}, callable_{std::move(callable)} {}

    /// Calls the callable and keeps the task it returns.
    auto make() { return callable_(); }

private:
    void fail(std::exception_ptr error) noexcept override {
        if constexpr (error_taker<Callable>) {
            try {
                return callable_.take_error(error);
            } catch (...) {
                error = std::current_exception();
            }
        }
        child::fail(std::move(error));
    }

    Callable callable_;
};

}  // namespace simul::detail
