// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/task_context.hpp: what code can know of the task it runs in.
//
// A context hangs on a cancel scope, and the scopes below inherit it, so that finding one's own
// takes two loads however deep one is. A spawned task has a context of its own; binding a
// task-local value makes one that differs in its values only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace simul::detail {

/// A value that a task-local variable has, and the bindings that were made before. Shared by the
/// task that bound it and by those spawned meanwhile.
///
/// Threads       the loop's thread counts; others may only read, while a task waits for them.
class local_binding {
public:
    /// A counted pointer to the newest binding.
    class reference {
    public:
        reference() noexcept = default;
        explicit reference(local_binding* first) noexcept : binding_{first} { add(); }
        reference(const reference& other) noexcept : binding_{other.binding_} { add(); }
        reference(reference&& other) noexcept : binding_{std::exchange(other.binding_, nullptr)} {}
        reference& operator=(reference other) noexcept {
            std::swap(binding_, other.binding_);
            return *this;
        }
        ~reference() {
            if (binding_ != nullptr) release();
        }

        [[nodiscard]] const local_binding* get() const noexcept { return binding_; }

    private:
        void add() noexcept {
            if (binding_ != nullptr) ++binding_->count_;
        }
        void release() noexcept;

        local_binding* binding_ = nullptr;
    };

    local_binding(const void* key, reference outer) noexcept : key_{key}, outer_{std::move(outer)} {
        __atomic_store_n(&exist_, true, __ATOMIC_RELAXED);
    }
    local_binding(const local_binding&) = delete;
    local_binding& operator=(const local_binding&) = delete;
    virtual ~local_binding() = default;

    /// The newest binding of `key` in the chain that begins here, or nullptr.
    static const local_binding* find(const local_binding* first, const void* key) noexcept;

    /// False in a program that has never made one, whose tasks have none to inherit.
    ///
    /// Threads       any: whoever has a binding to inherit has seen it made.
    [[nodiscard]] static bool exist() noexcept {
        return __atomic_load_n(&exist_, __ATOMIC_RELAXED);
    }

private:
    inline static constinit bool exist_ = false;  // atomic; the header for it has 5,000 lines

    const void* key_;
    reference outer_;
    std::uint32_t count_ = 0;
};

/// What a cancel scope refers to: which task runs there, and the values it has.
struct task_context {
    std::uint64_t number = 0;           ///< counted up from 1 within a loop; 1 is the main task
    const std::string* name = nullptr;  ///< the task's own; nullptr if nobody gave it one
    local_binding::reference locals;
};

/// The number of the task that has a context; 0 without one.
[[nodiscard]] inline std::uint64_t number_of(const task_context* context) noexcept {
    return context != nullptr ? context->number : 0;
}

/// What the task that has a context was called; empty without a name.
[[nodiscard]] inline std::string_view name_of(const task_context* context) noexcept {
    return context != nullptr && context->name != nullptr ? std::string_view{*context->name} : "";
}

/// The context of the code that runs: of the running task, or of the one that a blocking call works
/// for. nullptr outside of tasks.
const task_context* find_current_context() noexcept;

/// For the length of a blocking call: this thread works for a task.
class entered_context {
public:
    explicit entered_context(const task_context* entered) noexcept;
    entered_context(const entered_context&) = delete;
    entered_context& operator=(const entered_context&) = delete;
    ~entered_context();

private:
    const task_context* outer_;
};

}  // namespace simul::detail
