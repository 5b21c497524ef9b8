// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/core_call.hpp: a task on another core, and who waits for it here.
//
//      core of the caller                          core of the task
//      operation ─── begin ──────────────────────▶ core_job, a child of the outermost group
//          │     ─── cancel, if it is asked to ──▶ its handle
//          ◀──────── back, when the job has gone ──────
//
// Invariants
//   1. The three messages lie in the operation. None of them is on its way when it ends: `back` is
//      the last one, and whoever sends it knows that the cancel, if there was one, has arrived.
//   2. What the task's side writes is written before `back` is posted and read after it was taken.
#pragma once

#include <atomic>
#include <exception>
#include <type_traits>
#include <utility>

#include "simul/concurrency/detail/portal_state.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/runtime/leaf.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

/// A call without the types of task and result.
class core_call : public leaf {
public:
    core_call(loop_door& here, loop_door& there) noexcept;
    core_call(const core_call&) = delete;
    core_call& operator=(const core_call&) = delete;

    started start(waiter& self) noexcept;

protected:
    ~core_call() = default;

    /// Keeps the call on the side of the task; when the last one goes, the call goes back.
    class part {
    public:
        explicit part(core_call& kept) noexcept : kept_{&kept} { ++kept.parts_; }
        part(part&& other) noexcept : kept_{std::exchange(other.kept_, nullptr)} {}
        part& operator=(part&&) = delete;
        ~part() {
            if (kept_ != nullptr && --kept_->parts_ == 0) kept_->task_gone();
        }

    private:
        core_call* kept_;
    };

    /// Spawns the task. On its core.
    ///
    /// Errors        what making the task throws.
    virtual task_handle<> spawn(part kept) = 0;

    /// True if the task has ended by itself. After it has gone.
    [[nodiscard]] virtual bool has_outcome() const noexcept = 0;

    /// Throws what kept the task from beginning, and cancelled if something stopped it.
    void throw_if_not_ended() const;

private:
    struct message : posted_work {
        message(core_call& of, void (*received)(posted_work&) noexcept) noexcept
            : posted_work{received, nullptr}, call{of} {}
        core_call& call;
    };

    static core_call& call_of(posted_work& received) noexcept {
        return static_cast<message&>(received).call;
    }

    static void begin_there(posted_work& received) noexcept;
    static void cancel_there(posted_work& received) noexcept;
    static void take_back(posted_work& received) noexcept;
    static void ask(cancellable& self) noexcept;
    static constexpr wait_kind kind{&ask, "a task on another core"};

    void task_gone() noexcept;
    void go_back() noexcept;

    loop_door& here_;
    loop_door& there_;
    message begin_{*this, &begin_there};
    message cancel_{*this, &cancel_there};
    message back_{*this, &take_back};
    std::atomic<unsigned> progress_{0};
    bool was_asked_ = false;
    bool was_refused_ = false;

    // The other core's, until `back` was taken.
    task_handle<> handle_;
    std::exception_ptr not_begun_;
    unsigned parts_ = 0;
};

template <class Make>
class core_call_operation final : public core_call {
    using result = made_result_t<Make>;

public:
    core_call_operation(loop_door& here, loop_door& there, Make&& make)
        : core_call{here, there}, make_{std::move(make)} {}

    result take() {
        if (!has_outcome()) throw_if_not_ended();
        return outcome_.take();
    }

private:
    /// What the task's record keeps: made on the other core, and destroyed there.
    class job {
    public:
        job(core_call_operation& call, part kept) noexcept : call_{call}, kept_{std::move(kept)} {}
        task<> operator()() { return drive(call_); }

    private:
        core_call_operation& call_;
        part kept_;
    };

    static task<> drive(core_call_operation& call) {
        try {
            if constexpr (std::is_void_v<result>) {
                co_await call.make_();
                call.outcome_ = outcome<result>::succeeded();
            } else {
                result value = co_await call.make_();
                call.outcome_ = outcome<result>::succeeded(static_cast<result&&>(value));
            }
        } catch (...) {
            call.outcome_ = outcome<result>::failed(std::current_exception());
        }
    }

    task_handle<> spawn(part kept) override {
        return outermost_group().spawn(job{*this, std::move(kept)});
    }

    [[nodiscard]] bool has_outcome() const noexcept override { return !outcome_.is_cancelled(); }

    Make make_;
    outcome<result> outcome_;
};

}  // namespace simul::detail
