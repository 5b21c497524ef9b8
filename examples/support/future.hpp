// SPDX-License-Identifier: Apache-2.0
//
// examples/support/future.hpp: a future and a task, as small as they can be.
//
// A future is a result that is not there yet. A coroutine yields the future it waits for; the task
// that drives it comes back with the result. simul::task, in simul/coro/task.hpp, is the real one.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "simul/coro/generator.hpp"

namespace examples {

class future;

/// Yields futures, is sent their results, and may return a value of its own.
template <class Return = void>
using coroutine = simul::generator<future&, std::string, Return>;

class future {
public:
    void add_done_callback(std::function<void(std::string)> callback) {
        callbacks_.push_back(std::move(callback));
    }

    // Taken out first: one may resume the coroutine whose local this future is, and so end it.
    void set_result(std::string result) {
        result_ = result;
        for (auto& callback : std::exchange(callbacks_, {})) callback(result);
    }

    // For `co_yield elements_of(some_future.wait())`, which gives the result.
    coroutine<std::string> wait() {
        co_yield *this;
        co_return result_;
    }

private:
    std::string result_;
    std::vector<std::function<void(std::string)>> callbacks_;
};

class task {
public:
    explicit task(coroutine<> body) : body_{std::move(body)} { wait_for(body_.next()); }
    task(task&&) = delete;  // futures know where it is

    void step(std::string result) { wait_for(body_.send(std::move(result))); }

private:
    void wait_for(future* next) {
        if (next == nullptr) return;  // the coroutine has ended
        next->add_done_callback([this](std::string result) { step(std::move(result)); });
    }

    coroutine<> body_;
};

}  // namespace examples
