// SPDX-License-Identifier: Apache-2.0
//
// runtime/descriptor_watch.hpp: a function that is called while a descriptor is ready.
//
//      in flight ──completion──▶ queued ──turn: calls the function──▶ in flight or queued …
//
// Invariants
//   1. From begin() on it is in flight, queued, or having its turn, and owns a reference to itself,
//      until it is removed and the backend has let go of it. The registration owns another.
//   2. It is in the registry's list of watches until it is removed, in that of leaving ones from
//      then until it gives up its own reference.
//   3. The function is destroyed when the watch is removed; if it is being called, after that.
#pragma once

#include <cstdint>
#include <functional>

#include "simul/coro/awaitable.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/operation.hpp"

namespace simul::detail {

class descriptor_watch : public waiter, public operation, public list_hook<descriptor_watch> {
public:
    descriptor_watch(loop& running, int fd, std::uint32_t events,
                     std::move_only_function<void()> function) noexcept;

    /// Begins to watch. Throws std::system_error if the descriptor cannot be watched.
    void begin();

    /// Ends it. Does nothing when it has ended.
    void remove() noexcept;

    void release() noexcept {
        if (--references_ == 0) delete this;
    }

    [[nodiscard]] bool is_removed() const noexcept { return is_removed_; }
    [[nodiscard]] bool is_in_flight() const noexcept {
        return state == operation_state::in_flight || state == operation_state::cancelling;
    }
    [[nodiscard]] bool watches(int fd, std::uint32_t events) const noexcept {
        return descriptor == fd && flags == events;
    }

private:
    ~descriptor_watch() = default;

    static void completed(operation& self) noexcept;
    static void respond(waiter& self, notice what) noexcept;
    void turn() noexcept;
    void call() noexcept;
    void ask() noexcept;
    void leave() noexcept;
    void fail() noexcept;

    loop& loop_;
    std::move_only_function<void()> function_;
    unsigned references_ = 1;
    bool is_removed_ = false;
    bool is_calling_ = false;
};

}  // namespace simul::detail
