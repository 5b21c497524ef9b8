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

class frame;

/// Copies the chain above `thrower` into the ring unless this exception has one already.
void record_trace(frame& thrower) noexcept;

/// A later error of a group: a list node owned by whoever keeps it.
class suppressed_error {
public:
    suppressed_error() noexcept = default;
    suppressed_error(const suppressed_error&) = delete;
    suppressed_error& operator=(const suppressed_error&) = delete;

    suppressed_error* next_suppressed = nullptr;
    std::exception_ptr suppressed_exception;
    void (*release)(suppressed_error&) noexcept = nullptr;  ///< frees the node

protected:
    ~suppressed_error() = default;
};

/// Attaches a list of later errors to `error`; takes ownership of the nodes.
void attach_suppressed(const std::exception_ptr& error, suppressed_error* first) noexcept;

/// Forgets all traces of this thread: the exceptions they keep alive are released.
void clear_traces() noexcept;

/// The coroutine's name without return type, arguments and what differs between compilers.
std::string plain_function_name(const char* name);

}  // namespace detail

}  // namespace simul
