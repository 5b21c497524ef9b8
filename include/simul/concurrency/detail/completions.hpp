// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/completions.hpp: the part of as_completed that knows no types.
//
// Each handle has one watch, in the memory of the stream. Where it is at any time:
//
//      child runs     in the list of its handle
//      child ended    in ended_, which is in the order in which they ended,
//                     or in the hands of one who waits, and back if that one is cancelled
//      taken          in no list
#pragma once

#include <cstddef>

#include "simul/base/time.hpp"
#include "simul/concurrency/parking_lot.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/runtime/timer.hpp"

namespace simul::detail {

class completion_list;

class completion_watch : public handle_watch {
public:
    completion_watch() noexcept : handle_watch{&ended} {}
    completion_watch(const completion_watch&) = delete;
    completion_watch& operator=(const completion_watch&) = delete;
    ~completion_watch() { unlink(); }

    [[nodiscard]] std::size_t index() const noexcept { return index_; }

    /// True if its child ended before that of `other`.
    [[nodiscard]] bool is_before(const completion_watch& other) const noexcept {
        return handle_->age() > other.handle_->age();
    }

private:
    friend completion_list;
    static void ended(handle_watch& self) noexcept;

    completion_list* list_ = nullptr;
    handle_base* handle_ = nullptr;
    std::size_t index_ = 0;
};

class next_completion;

/// What has ended and was not taken, and who waits for more.
class completion_list {
public:
    /// For `count` handles, with a limit from now on; duration::max() is none.
    completion_list(std::size_t count, duration limit) noexcept;

    /// Adds a handle. Those whose child has ended are put behind one another as they come.
    void add(completion_watch& watch, handle_base& handle, std::size_t index) noexcept;

    /// After handles were added whose children had ended before: puts those in order.
    ///
    /// Errors        std::bad_alloc.
    void sort();

    /// How many were not yet taken.
    [[nodiscard]] std::size_t left() const noexcept { return left_; }

private:
    friend completion_watch;
    friend next_completion;

    void child_ended(completion_watch& watch) noexcept;
    bool hand_over(completion_watch& watch) noexcept;
    void take_back(completion_watch& watch) noexcept;

    intrusive_list<handle_watch> ended_;
    parking_lot waiting_;
    std::size_t left_;
    time_point deadline_;
};

/// The wait for the next one.
class next_completion : public leaf, public parked, public timer {
public:
    explicit next_completion(completion_list& source) noexcept
        : leaf{kind}, parked{&woken}, timer{&expire}, source_{source} {}
    next_completion(const next_completion&) = delete;
    next_completion& operator=(const next_completion&) = delete;
    ~next_completion() { static_cast<void>(give_back()); }

    started start(waiter& self) noexcept;
    bool give_back() noexcept;

protected:
    /// The watch of the next one, or nullptr if all were taken.
    ///
    /// Errors        timed_out.
    completion_watch* take_watch();

private:
    friend completion_list;

    void leave() noexcept;
    static void woken(parked& self) noexcept;
    static void expire(timer& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "the first of several tasks"};

    completion_list& source_;
    completion_watch* taken_ = nullptr;
    bool has_timed_out_ = false;
};

}  // namespace simul::detail
