// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/cancel_scope.hpp: cancel scopes and the requests that travel through them.
//
// Cancellation is a third channel beside value and exception. A request marks a scope and every
// scope below it at once; from then on nothing inside starts. What already waits is asked to end in
// a batch, later, on the loop's thread. When the suspended operation has ended, and only then, the
// frames above it are destroyed, innermost first, up to the scope that owns the request.
//
//      outer ──┬── timeout ─── group ──┬── child scope ── [operation]
//              │                       └── child scope ── [operation]
//              └── shield  ─── (requests stop here)
//
// This header knows no clock and no tasks: scopes are nodes of a tree, operations hang on them.
#pragma once

#include <cstdint>
#include <source_location>

#include "simul/base/intrusive_list.hpp"

namespace simul {

class scheduler;

namespace detail {
struct task_context;
class wait_graph_reader;
}  // namespace detail

/// Why a scope was cancelled.
enum class cancel_reason : std::uint8_t {
    none,            ///< it was not
    requested,       ///< somebody called cancel()
    deadline,        ///< its limit of time passed
    sibling_failed,  ///< another child of the group failed
    loser,           ///< another branch of a select was first
    shutdown,        ///< the program's main task ended
    interrupted,     ///< Ctrl-C
    deadlock,        ///< nothing in the program could ever run again
};

/// The reason in words for people, such as "another task of the group failed".
const char* describe(cancel_reason reason) noexcept;

class cancellable;
struct waiter;

/// What is the same for all waits of one kind. It outlives them: a static member, as a rule.
struct wait_kind {
    /// Asks for the end. Called at most once for one wait, never re-entrantly. It either ends the
    /// wait now (and notifies the waiter) or makes sure that it ends later.
    void (*ask)(cancellable&) noexcept;

    /// What is waited for, such as "a mutex"; see wait_graph().
    const char* event = "an event";

    /// The number of the task that has to bring it about; 0 while that is not known.
    std::uint64_t (*awaited_task)(const cancellable&) noexcept = nullptr;
};

/// Something suspended that can be asked to end: the base of every leaf operation.
///
/// Threads       the loop's thread.
/// Lifetime      must be unlinked before it is destroyed; checked.
class cancellable : public list_hook<cancellable> {
public:
    explicit cancellable(const wait_kind& kind) noexcept : kind_{&kind} {}

protected:
    /// Says who is notified of the end, for those to whom wait_graph() is to show it.
    void waits_for_this(waiter& who) noexcept { waiter_ = &who; }

    /// Who waits, once that was said.
    [[nodiscard]] waiter& waiting() const noexcept { return *waiter_; }

private:
    friend class scheduler;
    friend class detail::wait_graph_reader;
    const wait_kind* kind_;
    waiter* waiter_ = nullptr;
};

/// A node in the tree of cancel scopes. Task groups, time-outs and shields each contain one.
///
/// Threads       the loop's thread.
/// Lifetime      from enter() to leave() it must not move. It has left when it is destroyed;
///               checked.
class cancel_scope {
public:
    cancel_scope() noexcept = default;
    cancel_scope(const cancel_scope&) = delete;
    cancel_scope& operator=(const cancel_scope&) = delete;
    ~cancel_scope() {
        SIMUL_ASSERT(parent_ == nullptr && first_child_ == nullptr,
                     "a cancel scope was destroyed while something ran inside it");
    }

    /// Becomes a child of `parent`, already cancelled if `parent` is. A shielded scope does not
    /// inherit: neither now nor by requests that come later.
    ///
    /// Complexity    O(1).
    void enter(cancel_scope& parent, bool shielded = false) noexcept;

    /// Leaves the tree. Nothing may run or wait inside it any more.
    ///
    /// Complexity    O(1).
    void leave() noexcept;

    /// Becomes a child of another parent, with all that is below it; cancelled if that one is.
    ///
    /// Complexity    O(1), or as cancel().
    void move_to(cancel_scope& parent) noexcept;

    /// True between enter() and leave().
    [[nodiscard]] bool entered() const noexcept { return parent_ != nullptr; }

    /// True once this scope, or one above it without a shield between, was cancelled.
    [[nodiscard]] bool is_cancelled() const noexcept { return reason() != cancel_reason::none; }

    /// Why, or cancel_reason::none.
    [[nodiscard]] cancel_reason reason() const noexcept {
        cancel_reason now{};
        __atomic_load(&reason_, &now, __ATOMIC_RELAXED);
        return now;
    }

    /// Which line asked for it.
    [[nodiscard]] std::source_location requested_at() const noexcept { return requested_at_; }

    /// True if requests from above do not reach it.
    [[nodiscard]] bool is_shielded() const noexcept { return shielded_; }

    /// True if it limits the time of what runs inside: it is a limited_scope then.
    [[nodiscard]] bool is_limited() const noexcept { return limited_; }

    /// The scope that contains this one; nullptr for the outermost.
    [[nodiscard]] cancel_scope* parent() const noexcept { return parent_; }

    /// The scopes directly below it, those first that were entered last; nullptr at the end.
    [[nodiscard]] cancel_scope* newest_child() const noexcept { return first_child_; }
    [[nodiscard]] cancel_scope* older_sibling() const noexcept { return next_sibling_; }

    /// Cancels this scope and every unshielded one below it. The marks are set at once; what waits
    /// inside is asked to end when the running task next suspends. A second request does nothing.
    ///
    /// Returns       true if this call cancelled it, false if it had been cancelled before.
    /// Errors        none; nothing is allocated.
    /// Complexity    O(scopes below).
    bool cancel(cancel_reason reason = cancel_reason::requested,
                std::source_location where = std::source_location::current()) noexcept;

    /// Which task runs in here, and its local values; nullptr if none does. Inherited when the
    /// scope is entered.
    [[nodiscard]] const detail::task_context* context() const noexcept { return context_; }

    /// Gives what is entered below this scope from now on another context.
    void set_context(const detail::task_context* context) noexcept { context_ = context; }

    /// Cancels what cancel() leaves alone: every scope below a shield, which becomes cancelled for
    /// good. The last resort when work that was shielded does not come to its end.
    ///
    /// Complexity    O(scopes below).
    void cancel_through_shields(
        cancel_reason reason = cancel_reason::requested,
        std::source_location where = std::source_location::current()) noexcept;

    /// Puts a suspended operation under this scope, so that a request reaches it. It leaves by
    /// unlink().
    void add(cancellable& waiting) noexcept { waiting_.push_back(waiting); }

protected:
    struct limited {};
    explicit cancel_scope(limited) noexcept : limited_{true} {}

private:
    friend class scheduler;
    friend class detail::wait_graph_reader;

    void mark(cancel_reason reason, std::source_location where) noexcept;
    void link_below(cancel_scope& parent) noexcept;
    void unlink_from_parent() noexcept;
    cancel_scope* next_unmarked(cancel_scope* position) const noexcept;

    cancel_scope* parent_ = nullptr;
    cancel_scope* first_child_ = nullptr;
    cancel_scope* next_sibling_ = nullptr;
    cancel_scope* previous_sibling_ = nullptr;
    intrusive_list<cancellable> waiting_;
    const detail::task_context* context_ = nullptr;
    std::source_location requested_at_;
    // Written by the loop's thread. Read and written as an atomic because who serves a task from
    // another thread asks whether the task is about to be stopped; relaxed, since nothing is read
    // because of the answer. Not a std::atomic: every task includes this, and <atomic> is longer
    // than all else that it includes.
    cancel_reason reason_ = cancel_reason::none;
    bool shielded_ = false;
    bool limited_ = false;
};

}  // namespace simul
