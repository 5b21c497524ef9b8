// SPDX-License-Identifier: Apache-2.0
//
// support/jumping_clock.hpp: a real backend under a clock that jumps.
//
// The kernel does the work, but nobody waits for time: when nothing is ready, the clock goes to the
// next deadline. For tests of timers on every backend. What waits for another thread, or for
// another program, must not stand beside a timer here: the clock would not wait for it.
#pragma once

#include <memory>
#include <utility>

#include "runtime/backends/backends.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/testing/clock.hpp"

namespace simul::test {

class jumping_backend final : public backend {
public:
    explicit jumping_backend(std::unique_ptr<backend> real) noexcept : real_{std::move(real)} {}

    bool submit(operation& request) noexcept override { return real_->submit(request); }
    bool cancel(operation& request) noexcept override { return real_->cancel(request); }

    void poll(time_point deadline) noexcept override {
        const bool may_wait = deadline == time_point::max();
        real_->poll(may_wait ? deadline : real_->now());
        const bool is_over = loop::current().scheduler().has_ready();
        if (!may_wait && !is_over && deadline > now_) now_ = deadline;
    }

    void wake() noexcept override { real_->wake(); }
    [[nodiscard]] time_point now() const noexcept override { return now_; }
    void advance(duration by) noexcept { now_ += by; }
    void forget(int descriptor) noexcept override { real_->forget(descriptor); }
    void for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                            void* context) noexcept override {
        real_->for_each_in_flight(descriptor, visit, context);
    }
    [[nodiscard]] std::size_t in_flight() const noexcept override { return real_->in_flight(); }
    [[nodiscard]] std::string_view name() const noexcept override { return real_->name(); }
    [[nodiscard]] bool can(opcode what) const noexcept override { return real_->can(what); }

private:
    std::unique_ptr<backend> real_;
    time_point now_{std::chrono::hours{1}};
};

/// Moves the clock of the loop that runs, which must be one that jumps.
inline void advance_clock(duration by) {
    loop& running = loop::current();
    if (running.is_simulated()) return testing::advance_clock(by);
    dynamic_cast<jumping_backend&>(running.io()).advance(by);
}

/// As long as it lives, the real backends that are made on this thread have clocks that jump.
class jumping_clocks {
public:
    explicit jumping_clocks(bool jump) noexcept
        : before_{detail::decorate_backends(jump ? &decorate : nullptr)} {}
    jumping_clocks(const jumping_clocks&) = delete;
    jumping_clocks& operator=(const jumping_clocks&) = delete;
    ~jumping_clocks() { detail::decorate_backends(before_); }

private:
    static std::unique_ptr<backend> decorate(std::unique_ptr<backend> made) {
        if (made->name() == "simulated") return made;
        return std::make_unique<jumping_backend>(std::move(made));
    }

    detail::backend_decorator before_;
};

}  // namespace simul::test
