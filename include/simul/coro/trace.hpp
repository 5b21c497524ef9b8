// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/trace.hpp: the chain of awaits behind an exception, and the errors behind an error.
//
// When an exception first leaves a coroutine, the chain of who awaits whom is copied into a small
// ring of the thread, beside the exception. Nothing is allocated. The ring keeps the latest sixteen
// exceptions alive, so that a chain can never be taken for another exception's.
#pragma once

#include <cstddef>
#include <exception>
#include <source_location>
#include <span>
#include <string>
#include <vector>

namespace simul {

struct waiter;

/// One step of an asynchronous traceback.
struct trace_entry {
    std::source_location body;   ///< the coroutine: its name and file
    std::source_location await;  ///< the line in it that awaits the entry before; none in the first
};

/// The chain of awaits that `error` escaped through, innermost coroutine first. Empty if it never
/// left a coroutine on this thread, or if sixteen others have since.
///
/// Threads       the thread on which the exception was thrown.
std::vector<trace_entry> async_trace(const std::exception_ptr& error);

/// The chain as text, a line for each coroutine:
///
///     in load  src/load.cpp
///     awaited by show  src/show.cpp:20
///     awaited by main_task  src/main.cpp:9
std::string format_async_trace(const std::exception_ptr& error);

/// The errors that followed `error` while its group was being cancelled, in the order in which they
/// happened. The first failure of a group is rethrown with its own type; these are the later ones.
///
/// Threads       the thread on which the group ran.
std::vector<std::exception_ptr> suppressed(const std::exception_ptr& error);

/// The same for the exception being handled: call it inside a catch block.
std::vector<std::exception_ptr> suppressed();

namespace detail {

/// True if the chain of awaits of this error is known.
bool has_trace(const std::exception_ptr& error) noexcept;

/// Tells on standard error of an error that nobody took: its text, its chain of awaits, and the
/// texts of the errors that it suppressed. Without memory for the latter two, they are left out.
void print_error(const char* what, const char* where, const std::exception_ptr& error) noexcept;

class frame;

/// Copies the chain above `thrower` into the ring unless this exception has one already.
void record_trace(frame& thrower) noexcept;

struct suppressed_error;

/// The later errors of something that fails with one error, in the order in which they happened.
class suppressed_list {
public:
    suppressed_list() noexcept = default;
    suppressed_list(const suppressed_list&) = delete;
    suppressed_list& operator=(const suppressed_list&) = delete;
    ~suppressed_list() { clear(); }

    /// Adds an error. When there is no memory for it, it is dropped: the first one counts.
    void add(std::exception_ptr error) noexcept;

    /// Gives all errors to the record of `error`, where suppressed() finds them.
    void attach_to(const std::exception_ptr& error) noexcept;

    /// Takes all errors of `other`, behind those already here.
    void splice_back(suppressed_list& other) noexcept;

    void clear() noexcept;

    [[nodiscard]] std::vector<std::exception_ptr> copy() const;

private:
    suppressed_error* first_ = nullptr;
    suppressed_error** last_ = &first_;
};

/// Forgets all traces of this thread: the exceptions they keep alive are released.
void clear_traces() noexcept;

/// The coroutine's name without return type, arguments and what differs between compilers.
std::string plain_function_name(const char* name);

/// The chain as text, a line for each step, of which the first is where somebody waits.
std::string format_chain(std::span<const trace_entry> chain);

}  // namespace detail

}  // namespace simul
