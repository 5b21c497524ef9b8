// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/descriptor_callbacks.hpp: functions called while a descriptor is ready.
//
// For libraries that bring descriptors of their own and want to be told when to look at them. A
// task awaits wait_readable or wait_writable instead.
#pragma once

#include <functional>
#include <utility>

namespace simul {

namespace detail {
class descriptor_watch;
}

/// Keeps a function registered for a descriptor as long as it lives.
///
/// Threads       the loop's thread.
/// Lifetime      may outlive the loop, which ends the registration. It must be removed before the
///               descriptor is closed, as below.
class [[nodiscard("the registration ends when it is dropped")]] descriptor_callback {
public:
    /// Registers nothing.
    descriptor_callback() noexcept = default;
    descriptor_callback(descriptor_callback&& other) noexcept
        : watch_{std::exchange(other.watch_, nullptr)} {}
    descriptor_callback& operator=(descriptor_callback&& other) noexcept;
    ~descriptor_callback() { remove(); }

    /// Ends the registration: the function is not called any more, and is destroyed now, or as soon
    /// as it returns when it is what calls this. Removing twice is harmless.
    ///
    /// Complexity    O(1).
    void remove() noexcept;

    /// False once it was removed, or the registration ended by itself.
    [[nodiscard]] bool is_active() const noexcept;

    /// For add_reader and add_writer.
    explicit descriptor_callback(detail::descriptor_watch& begun) noexcept : watch_{&begun} {}

private:
    detail::descriptor_watch* watch_ = nullptr;
};

/// Calls `function` in every pass of the loop in which a read on `descriptor` would not block:
/// data, the end, or an error is there. If the function leaves them there, it is called again in
/// the next pass.
///
/// Several registrations for one descriptor are all served, in an order that is the system's, and
/// who is called may find that another has read: the descriptor should be non-blocking. What the
/// function throws goes to the unhandled-error handler, and the registration goes on. A
/// function may remove its own registration or any other, and add new ones. run() does not wait for
/// registrations.
///
/// Remove the registration before the descriptor is closed: with a plain close(2) it may hang on to
/// what was open, or be called for whatever gets the number next. close_descriptor ends
/// registrations that wait, without a call; one that is about to be called has to be removed still.
///
/// Returns       the registration; dropping it removes it.
/// Errors        std::system_error with the code of poll(2) or epoll_ctl(2) if it cannot be watched
///               and that is known at once. Later the same error goes to the unhandled-error
///               handler, and the registration ends. std::bad_alloc.
/// Threads       the loop's thread.
/// Lifetime      the function is destroyed when the registration ends, with the loop at the latest.
/// Complexity    O(1); one allocation, and another for a function that is large. A call costs what
///               wait_readable does.
/// Source        asyncio's loop.add_reader, which keeps one callback for a descriptor and replaces
///               it.
descriptor_callback add_reader(int descriptor, std::move_only_function<void()> function);

/// Calls `function` in every pass in which a write on `descriptor` would not block, or would fail;
/// else like add_reader. A socket is writable most of the time: register when a write has been
/// refused, and remove the registration when all is written.
///
/// Returns       as for add_reader.
/// Errors        as for add_reader.
/// Threads       the loop's thread.
/// Lifetime      as for add_reader.
/// Complexity    as for add_reader.
/// Source        asyncio's loop.add_writer.
descriptor_callback add_writer(int descriptor, std::move_only_function<void()> function);

/// Removes every registration that add_reader made for `descriptor` on this loop, whoever holds it.
///
/// Returns       false if there was none.
/// Threads       the loop's thread.
/// Complexity    O(registrations of the loop); descriptor_callback::remove is O(1).
/// Source        asyncio's loop.remove_reader.
bool remove_reader(int descriptor) noexcept;

/// The same for add_writer.
///
/// Returns       false if there was none.
/// Threads       the loop's thread.
/// Complexity    as for remove_reader.
/// Source        asyncio's loop.remove_writer.
bool remove_writer(int descriptor) noexcept;

}  // namespace simul
