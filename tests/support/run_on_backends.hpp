// SPDX-License-Identifier: Apache-2.0
//
// support/run_on_backends.hpp: runs a coroutine as the body of a test.
//
// simulate() is for what depends on time: its clock jumps. run_on_each_backend() is for everything
// else; there a test waits a few milliseconds at most and never asserts that something was fast.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/concurrency/run.hpp"
#include "simul/runtime/leaf.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul::test {

inline const char* name_of(backend_kind kind) {
    switch (kind) {
        case backend_kind::automatic: return "automatic";
        case backend_kind::epoll: return "epoll";
        case backend_kind::io_uring: return "io_uring";
        case backend_kind::simulated: return "simulated";
        case backend_kind::poll: return "poll";
        case backend_kind::select: return "select";
    }
    return "unknown";
}

inline run_options options_for(backend_kind kind) {
    run_options options;
    options.loop.backend = kind;
    return options;
}

/// Whether io_uring can run at this moment: a test may refuse it. The first refusal is said.
inline bool io_uring_runs_here() {
    try {
        static_cast<void>(make_backend(backend_kind::io_uring));
        return true;
    } catch (const std::system_error&) {
        [[maybe_unused]] static const int said = std::puts("note: io_uring cannot run here");
        return false;
    }
}

/// Every backend that can run here, but for select: it is poll with another call to wait, so the
/// suite of the backends and a few tests of its own will do.
inline std::vector<backend_kind> test_backends() {
    std::vector<backend_kind> kinds{backend_kind::simulated, backend_kind::epoll,
                                    backend_kind::poll};
    if (io_uring_runs_here()) kinds.push_back(backend_kind::io_uring);
    return kinds;
}

/// Those with a kernel behind them.
inline std::vector<backend_kind> real_backends() {
    std::vector<backend_kind> kinds = test_backends();
    std::erase(kinds, backend_kind::simulated);
    return kinds;
}

/// Where io_uring cannot run, with what a program gets in its place, chosen as for a program.
inline std::vector<backend_kind> with_fallback(std::vector<backend_kind> kinds) {
    const char* wanted = std::getenv("SIMUL_BACKEND");
    const bool is_free = wanted == nullptr || *wanted == '\0';
    if (is_free && std::find(kinds.begin(), kinds.end(), backend_kind::io_uring) == kinds.end())
        kinds.push_back(backend_kind::automatic);
    return kinds;
}

/// Those that somebody else can wait for; see backend::descriptor_to_watch.
inline std::vector<backend_kind> guest_backends() {
    std::vector<backend_kind> kinds = real_backends();
    std::erase(kinds, backend_kind::poll);
    return kinds;
}

/// Runs the task that `body()` makes in the simulated world and returns its result.
template <class Body>
auto simulate(Body body) {
    return run(body(), options_for(backend_kind::simulated));
}

/// Runs `body()` on io_uring with one of its private variables set; see
/// runtime/backends/backends.hpp.
template <class Body>
void run_on_io_uring_with(const char* name, const char* value, Body body) {
    ::setenv(name, value, 1);
    run(body(), options_for(backend_kind::io_uring));
    ::unsetenv(name);
}

/// For tests of what io_uring alone does; they are skipped where it cannot run.
class io_uring_test : public ::testing::Test {
protected:
    void SetUp() override {
        if (!io_uring_runs_here()) GTEST_SKIP() << "io_uring cannot run here";
    }
};

/// Runs `body()` on epoll, poll, io_uring, io_uring with every completion held back for three
/// polls, and io_uring that receives ahead on each TCP connection.
template <class Body>
void run_on_real_backends(Body body) {
    for (const backend_kind kind : with_fallback(real_backends())) {
        {
            SCOPED_TRACE(name_of(kind));
            run(body(), options_for(kind));
        }
        if (kind != backend_kind::io_uring) continue;
        {
            SCOPED_TRACE("io_uring, delayed");
            run_on_io_uring_with("SIMUL_IO_URING_DELAY", "3", body);
        }
        SCOPED_TRACE("io_uring, received ahead");
        run_on_io_uring_with("SIMUL_IO_URING_AHEAD", "0", body);
    }
}

/// Runs `body()` on each backend.
template <class Body>
void run_on_each_backend(Body body) {
    for (const backend_kind kind : with_fallback(test_backends())) {
        SCOPED_TRACE(name_of(kind));
        run(body(), options_for(kind));
        if (kind != backend_kind::io_uring) continue;
        SCOPED_TRACE("received ahead");
        run_on_io_uring_with("SIMUL_IO_URING_AHEAD", "0", body);
    }
}

/// The time on the current loop's clock.
inline time_point now() {
    return loop::current().now();
}

/// Writes its name into a log when it is destroyed; copies of moved-from ones stay silent.
class noted {
public:
    noted(std::vector<std::string>& log, std::string name) : log_{&log}, name_{std::move(name)} {}
    noted(noted&& other) noexcept
        : log_{std::exchange(other.log_, nullptr)}, name_{std::move(other.name_)} {}
    noted& operator=(noted&&) = delete;
    ~noted() {
        if (log_ != nullptr) log_->push_back(name_);
    }

private:
    std::vector<std::string>* log_;
    std::string name_;
};

/// Counts the living copies of itself.
class counted_object {
public:
    explicit counted_object(int& alive) noexcept : alive_{&alive} { ++*alive_; }
    counted_object(const counted_object& other) noexcept : alive_{other.alive_} { ++*alive_; }
    counted_object& operator=(const counted_object&) = delete;
    ~counted_object() { --*alive_; }

private:
    int* alive_;
};

/// What a test completes, confirms or refuses by hand: a leaf with one waiter.
class manual_event {
public:
    template <bool GivesBack>
    class wait_operation : public leaf {
    public:
        explicit wait_operation(manual_event& source) noexcept : leaf{kind}, source_{source} {}

        started start(waiter& self) noexcept {
            if (!begin(self)) return started::stopped;
            source_.waiting_ = this;
            source_.end_ = [](leaf& waiting, notice how) noexcept {
                static_cast<wait_operation&>(waiting).finish(how);
            };
            return started::pending;
        }
        int take() noexcept {
            ++source_.taken;
            return 7;
        }
        bool give_back() noexcept
            requires GivesBack
        {
            ++source_.given_back;
            return true;
        }

    private:
        static void ask(cancellable& asked) noexcept {
            manual_event& source = static_cast<wait_operation&>(asked).source_;
            ++source.asked;
            if (!source.confirms_later) source.confirm();
        }
        static constexpr wait_kind kind{&ask, "a test"};

        manual_event& source_;
    };

    template <bool GivesBack>
    class wait_awaitable {
    public:
        explicit wait_awaitable(manual_event& source) noexcept : source_{source} {}
        auto operator co_await() const noexcept { return wait_operation<GivesBack>{source_}; }

    private:
        manual_event& source_;
    };

    /// Waits; the result is delivered when a request comes too late.
    [[nodiscard]] auto wait() noexcept { return wait_awaitable<false>{*this}; }

    /// Waits; the result is given back when a request comes before the waiter's turn.
    [[nodiscard]] auto wait_returnable() noexcept { return wait_awaitable<true>{*this}; }

    void complete() noexcept { end(notice::queue); }
    void confirm() noexcept { end(notice::stopped); }
    [[nodiscard]] bool has_waiter() const noexcept { return waiting_ != nullptr; }

    bool confirms_later = false;
    int asked = 0;
    int taken = 0;
    int given_back = 0;

private:
    void end(notice how) noexcept { end_(*std::exchange(waiting_, nullptr), how); }

    leaf* waiting_ = nullptr;
    void (*end_)(leaf&, notice) noexcept = nullptr;
};

}  // namespace simul::test
