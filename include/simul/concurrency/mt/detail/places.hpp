// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/mt/detail/places.hpp: threads and tasks of any loop in one line.
//
// Whoever waits at an object that threads share has a place in a line: a thread on its stack, a
// task in its frame. The mutex of the object guards the line and the places.
//
//      none ──taken out of turn: asked to stop─────────▶ passed_over
//       │
//       ├──a thread has waited long enough─────────────▶ timed_out, given_up
//       └──end(): the line is left, then the waker──────▶ served, closed
//
// Invariants
//   1. A place is in the line exactly while its end is `none` and it waits. It leaves under the
//      mutex only, so exactly one of "it was ended" and "it went by itself" happens.
//   2. A thread is woken while the mutex is held, so its place is still there.
//   3. A task that was ended has a message on its way through its loop's inbox, and its operation
//      lives until that has arrived, like an operation that the kernel works on. The message is
//      posted while the mutex is held, and who receives it passes through the mutex first: then the
//      poster has left the loop, which may end now.
//   4. No code of a user runs while the mutex is held, but moving items and comparing them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/runtime/leaf.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::mt::detail {

using lock = std::unique_lock<std::mutex>;

/// How a wait ended; see the drawing above. `out_of_memory` is for who could not begin to wait.
enum class wait_end : unsigned char {
    none,
    passed_over,
    served,
    closed,
    timed_out,
    given_up,
    out_of_memory,
};

/// One place in a line.
class place : public list_hook<place> {
public:
    /// `hand` is where what is waited for is put, or lies; the line does not look at it.
    explicit place(void* hand) noexcept : hand_{hand} {}

    [[nodiscard]] void* hand() const noexcept { return hand_; }
    [[nodiscard]] wait_end end() const noexcept { return end_; }

protected:
    ~place() = default;

    wait_end end_ = wait_end::none;

private:
    friend class line;

    /// True if it will leave in a moment, and must not be served.
    [[nodiscard]] virtual bool is_leaving() const noexcept = 0;
    virtual void wake() noexcept = 0;

    void* hand_;
};

/// Who waits, in the order of arrival.
///
/// Threads       any, while the mutex of the object is held.
class line {
public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    void add(place& last) noexcept {
        waiting_.push_back(last);
        ++size_;
    }

    /// Takes one out without a word; it may have left before.
    void leave(place& gone) noexcept {
        if (!gone.linked()) return;
        gone.unlink();
        --size_;
    }

    /// The one who waits longest and is not leaving. Those before it leave the line.
    ///
    /// Returns       nullptr if there is none.
    [[nodiscard]] place* first() noexcept {
        while (!waiting_.empty()) {
            place& candidate = waiting_.front();
            if (!candidate.is_leaving()) return &candidate;
            candidate.end_ = wait_end::passed_over;
            leave(candidate);
        }
        return nullptr;
    }

    /// Takes one out and wakes it.
    void end(place& ended, wait_end how) noexcept {
        leave(ended);
        ended.end_ = how;
        ended.wake();
    }

    void end_all(wait_end how) noexcept {
        while (place* each = first()) end(*each, how);
    }

private:
    intrusive_list<place> waiting_;
    std::size_t size_ = 0;
};

/// How long a thread waits: forever, until some time, until somebody asks it to give up.
struct patience {
    patience() noexcept = default;
    explicit patience(std::stop_token token) noexcept : give_up{std::move(token)} {}
    patience(duration limit, std::stop_token token) noexcept;

    std::optional<std::chrono::steady_clock::time_point> until;
    std::stop_token give_up;
};

/// The place of a thread.
class thread_place final : public place {
public:
    using place::place;

    /// Waits at the end of `where`. The mutex is held before and after, not meanwhile.
    wait_end wait(line& where, lock& held, const patience& limits) noexcept;

private:
    [[nodiscard]] bool is_leaving() const noexcept override {
        return limits_->give_up.stop_requested();
    }
    void wake() noexcept override { woken_.notify_one(); }

    /// Nobody has served it; one that was passed over is about to be asked by its token.
    [[nodiscard]] bool waits() const noexcept {
        return end_ == wait_end::none || end_ == wait_end::passed_over;
    }
    void sleep(line& where, lock& held) noexcept;

    const patience* limits_ = nullptr;
    std::condition_variable woken_;
};

/// The place of a task, which is the operation that it awaits.
class task_place : public leaf, public place, public posted_work {
public:
    task_place(const wait_kind& kind, void* hand, std::mutex& guard) noexcept;

protected:
    ~task_place() = default;

    /// Begins to wait at the end of `where`, under the mutex; the waiter's scope must have been
    /// asked before.
    started wait_in(line& where, waiter& self) noexcept;

    /// Answers a request to end, under the mutex.
    ///
    /// Returns       true if the place has left `where` and nobody will post it: finish() is to be
    ///               called, without the mutex. False if it was ended before: then the wait ends
    ///               when the message arrives.
    [[nodiscard]] bool withdraw(line& where) noexcept;

    std::mutex& guard_;

private:
    [[nodiscard]] bool is_leaving() const noexcept override { return leaf::is_doomed(); }
    void wake() noexcept override { loop_->post(*this); }
    static void arrived(posted_work& self) noexcept;

    loop* loop_ = nullptr;
};

}  // namespace simul::mt::detail
