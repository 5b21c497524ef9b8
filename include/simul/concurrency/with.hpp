// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/with.hpp: the asynchronous context manager.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include "simul/concurrency/finally.hpp"

namespace simul {

/// A resource that is entered and left by awaiting. on_exit is called before the body begins, so
/// that leaving needs no memory; what it returns is started when the body has ended.
template <class Resource>
concept async_context = requires(Resource& resource) {
    { resource.on_enter() } -> awaitable;
    { resource.on_exit() } -> std::same_as<task<>>;
};

namespace detail {

/// Calls `body` inside a task, so that what it throws when it is called is an error of the task.
template <class Body, class Resource>
auto invoke_in_task(Body& body, Resource& resource) -> std::invoke_result_t<Body&, Resource&> {
    co_return co_await std::invoke(body, resource);
}

}  // namespace detail

/// Enters `resource`, runs `body` with it, and leaves it on every way out: Python's async with.
///
///     co_await with(session, [&](auto& open) -> task<> { co_await open.send("hello"); });
///
/// Cleanup that does not wait belongs into a destructor; this is for the rest.
///
/// Returns       what the body's task returns.
/// Errors        those of on_enter (then nothing is left), of the body, and of on_exit.
/// Suspends      when on_enter, the body or on_exit does.
/// Cancellation  partial. A request during on_enter ends as that documents; during the body it
///               stops the body, and on_exit runs shielded to its end.
/// Threads       the loop's thread.
/// Lifetime      `resource` and an lvalue `body` must outlive the call.
/// Source        PEP 492's __aenter__ and __aexit__.
template <async_context Resource, class Body>
    requires std::invocable<Body&, Resource&>
auto with(Resource& resource, Body body) -> std::invoke_result_t<Body&, Resource&> {
    auto working = detail::invoke_in_task(body, resource);
    co_await resource.on_enter();
    task<> leaving = resource.on_exit();
    co_return co_await finally(std::move(working), std::move(leaving));
}

}  // namespace simul
