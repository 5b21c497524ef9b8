// SPDX-License-Identifier: Apache-2.0
//
// What the probes share: a task, something that really suspends, and an object that notices when
// it is destroyed twice. Nothing here uses simul, so that a probe judges the compiler alone.
//
// A probe ends with code 0 when its defect is absent and with 10 when it is present; dying from a
// signal counts as present. With PROBE_CONTROL defined it does the same by the safe idiom and must
// end with 0, or it cannot be judged.
#pragma once

#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <set>
#include <utility>

[[noreturn]] inline void present(const char* what) {
    std::printf("%s\n", what);
    std::fflush(stdout);
    std::_Exit(10);
}

/// Knows where it lives. A bitwise copy made behind its back is found when it is destroyed.
class tracked {
public:
    explicit tracked(int value = 0) : value_{value} { alive().insert(this); }
    tracked(const tracked& other) : value_{other.value()} { alive().insert(this); }
    tracked& operator=(const tracked& other) {
        value_ = other.value();
        return *this;
    }
    ~tracked() {
        if (alive().erase(this) == 0) present("an object was destroyed that was never made");
    }

    int value() const {
        if (!alive().contains(this)) present("an object was used that was never made");
        return value_;
    }

    static std::set<const tracked*>& alive() {
        static std::set<const tracked*> all;
        return all;
    }

private:
    int value_;
};

inline std::coroutine_handle<>& suspended() {
    static std::coroutine_handle<> handle;
    return handle;
}

template <class Result>
struct result_of {
    template <class Value>
    void return_value(Value&& value) {
        result = new Result(std::forward<Value>(value));
    }
    Result take() {
        Result taken = *result;
        delete result;
        result = nullptr;
        return taken;
    }
    Result* result = nullptr;
};

template <>
struct result_of<void> {
    void return_void() {}
    void take() {}
};

template <class Result = void>
class [[nodiscard]] task {
public:
    struct promise_type : result_of<Result> {
        struct end {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> ended) noexcept {
                auto waiting = ended.promise().waiting;
                return waiting ? waiting : std::noop_coroutine();
            }
            void await_resume() noexcept {}
        };
        task get_return_object() {
            return task{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        end final_suspend() noexcept { return {}; }
        void unhandled_exception() { error = std::current_exception(); }

        std::coroutine_handle<> waiting;
        std::exception_ptr error;
    };

    explicit task(std::coroutine_handle<promise_type> frame) : frame_{frame} {}
    task(task&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
    ~task() {
        if (frame_) frame_.destroy();
    }

    bool await_ready() { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) {
        frame_.promise().waiting = waiting;
        return frame_;
    }
    Result await_resume() {
        if (frame_.promise().error) std::rethrow_exception(frame_.promise().error);
        return frame_.promise().take();
    }

    /// Runs it from outside to its end.
    Result run() {
        frame_.resume();
        while (!frame_.done()) std::exchange(suspended(), nullptr).resume();
        return await_resume();
    }

private:
    std::coroutine_handle<promise_type> frame_;
};

/// Suspends, and gives its value when it is resumed from outside.
template <class Value>
struct later {
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> waiting) { suspended() = waiting; }
    Value await_resume() { return value; }
    Value value;
};

inline int finish() {
    if (!tracked::alive().empty()) present("an object was never destroyed");
    return 0;
}
