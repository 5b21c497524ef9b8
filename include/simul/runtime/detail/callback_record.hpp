// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/detail/callback_record.hpp: a function that the loop is to call once.
//
// Invariants
//   1. Whatever the record waits for (a timer, a future) owns one reference from the beginning,
//      and hands it to the ready list with post(). Handles own one each.
//   2. It is in the ready list from post() until its turn, also when it is cancelled meanwhile:
//      nothing leaves that list from the middle.
//   3. The function is destroyed when it has been called or will not be, whoever still holds a
//      handle.
#pragma once

#include <utility>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/coro/awaitable.hpp"

namespace simul {

class loop;

namespace detail {

/// The part of a callback that does not know what it waits for.
class callback_record : public waiter, public list_hook<callback_record> {
public:
    /// `context` says where an error of the function comes from.
    explicit callback_record(const char* context) noexcept : waiter{&respond}, context_{context} {}

    void retain() noexcept { ++references_; }
    void release() noexcept {
        if (--references_ == 0) delete this;
    }

    /// Puts it at the end of the ready list. A loop that is being destroyed drops it instead.
    void post(loop& running) noexcept;

    /// Sees to it that it is never called.
    ///
    /// Returns       false if it was called, or cancelled, before.
    bool cancel() noexcept;

    [[nodiscard]] bool was_cancelled() const noexcept { return stage_ == stage::cancelled; }
    [[nodiscard]] bool is_queued() const noexcept { return is_queued_; }
    [[nodiscard]] virtual time_point when() const noexcept { return time_point::min(); }

protected:
    virtual ~callback_record() = default;

private:
    enum class stage : unsigned char { live, called, cancelled };

    virtual void call() = 0;
    virtual void stop_waiting() noexcept = 0;  // for what it waits for, if it does
    virtual void drop_function() noexcept = 0;

    static void respond(waiter& self, notice what) noexcept;
    void turn() noexcept;

    const char* context_;
    unsigned references_ = 1;
    stage stage_ = stage::live;
    bool is_queued_ = false;
};

/// Owns one reference to a record, or none.
class callback_reference {
public:
    callback_reference() noexcept = default;
    explicit callback_reference(callback_record& referenced) noexcept : record_{&referenced} {
        referenced.retain();
    }
    callback_reference(const callback_reference& other) noexcept : record_{other.record_} {
        if (record_ != nullptr) record_->retain();
    }
    callback_reference(callback_reference&& other) noexcept
        : record_{std::exchange(other.record_, nullptr)} {}
    callback_reference& operator=(callback_reference other) noexcept {
        std::swap(record_, other.record_);
        return *this;
    }
    ~callback_reference() {
        if (record_ != nullptr) record_->release();
    }

    [[nodiscard]] callback_record* get() const noexcept { return record_; }

private:
    callback_record* record_ = nullptr;
};

}  // namespace detail

}  // namespace simul
