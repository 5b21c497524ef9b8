// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/cores.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "concurrency/quiet_thread.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul::detail {

namespace {

cpu_set_t processors_of_this_thread() noexcept {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) CPU_SET(0, &allowed);
    return allowed;
}

// One of the allowed ones, in turn.
cpu_set_t only_processor(const cpu_set_t& allowed, std::size_t index) noexcept {
    std::size_t left = index % static_cast<std::size_t>(CPU_COUNT(&allowed));
    cpu_set_t chosen;
    CPU_ZERO(&chosen);
    for (std::size_t each = 0; each != CPU_SETSIZE; ++each) {
        if (CPU_ISSET(each, &allowed) == 0) continue;
        if (left-- != 0) continue;
        CPU_SET(each, &chosen);
        break;
    }
    return chosen;
}

// Pins this thread for as long as it lives.
class pinned_thread {
public:
    pinned_thread(const cpu_set_t& allowed, std::size_t index) noexcept : before_{allowed} {
        const cpu_set_t chosen = only_processor(allowed, index);
        ::sched_setaffinity(0, sizeof chosen, &chosen);
    }
    pinned_thread(const pinned_thread&) = delete;
    pinned_thread& operator=(const pinned_thread&) = delete;
    ~pinned_thread() { ::sched_setaffinity(0, sizeof before_, &before_); }

private:
    cpu_set_t before_;
};

void expect_threads(const loop& made) {
    if (!made.is_simulated()) return;
    throw std::system_error{make_error_code(errc::unavailable),
                            "run_on_cores needs other threads, which the simulated backend has "
                            "not; ask for a real one, or for none"};
}

task<> one_pass() {
    co_await yield_now();
}

}  // namespace

/// One core: its door, and the message that stops its program.
class core_place : public posted_work {
public:
    core_place() noexcept : posted_work{&stop_here, nullptr} {}

    loop_door door;

    /// Stops the program, once, unless it has ended.
    void stop(cancel_reason why) noexcept {
        cancel_reason nobody = cancel_reason::none;
        if (told_.compare_exchange_strong(nobody, why)) door.post(*this);
    }

    /// True after stop().
    [[nodiscard]] bool was_told() const noexcept { return told_.load() != cancel_reason::none; }

    std::thread thread;

    /// Descriptors of the loop that are open in the table of the first core, too, where others wake
    /// it; -1 where there is none.
    std::array<int, 2> shared_descriptors{-1, -1};

private:
    static void stop_here(posted_work& self) noexcept {
        outermost_group().cancel(static_cast<core_place&>(self).told_.load());
    }

    std::atomic<cancel_reason> told_{cancel_reason::none};
};

/// What the cores of one run_on_cores() share.
///
/// Threads       any, every call.
class cores_state {
public:
    cores_state(const core_program& program, const cores_options& options, std::size_t count)
        : program_{program}, options_{options}, places_(count) {}

    [[nodiscard]] loop_door& door(std::size_t index) noexcept { return places_[index].door; }

    void run();

    /// Stops the programs of all other cores, unless this one was told to stop itself.
    void stop_others(std::size_t index, cancel_reason why) noexcept {
        if (places_[index].was_told()) return;
        for (core_place& each : places_) {
            if (&each != &places_[index]) each.stop(why);
        }
    }

private:
    struct progress {
        std::promise<void> has_loop;
        std::promise<void> is_ready;
    };

    void begin_all(loop& first);
    void call_off() noexcept;
    void work(std::size_t index, progress& told) noexcept;
    void leave_shared_descriptors(core_place& place, loop& running) const;
    void close_shared_descriptors() noexcept;
    void serve(loop& running, std::size_t index) noexcept;
    void run_program(loop& running, std::size_t index);
    [[nodiscard]] task<> main_of(core& here) const;
    void fail(std::size_t index, std::exception_ptr error) noexcept;

    core_program program_;
    const cores_options& options_;
    std::vector<core_place> places_;
    std::latch all_have_loops_{1};
    std::latch start_{1};
    std::atomic<bool> is_called_off_{false};

    std::mutex failing_;
    std::exception_ptr error_;
    suppressed_list later_errors_;
};

namespace {

// Waits for nothing but the end of its scope, and tells the other cores if the reason concerns
// them.
class relay_operation : public leaf {
public:
    relay_operation(cores_state& all, std::size_t index) noexcept
        : leaf{kind}, all_{all}, index_{index} {}

    started start(waiter& self) noexcept {
        return begin(self) ? started::pending : started::stopped;
    }
    static void take() noexcept {}

private:
    static void ask(cancellable& self) noexcept {
        auto& relay = static_cast<relay_operation&>(self);
        const cancel_reason why = relay.waiting().scope->reason();
        const bool concerns_all =
            why == cancel_reason::sibling_failed || why == cancel_reason::interrupted;
        if (concerns_all) relay.all_.stop_others(relay.index_, why);
        relay.finish(notice::stopped);
    }
    static constexpr wait_kind kind{&ask, "the end of a core"};

    cores_state& all_;
    std::size_t index_;
};

class relay_awaitable {
public:
    relay_awaitable(cores_state& all, std::size_t index) noexcept : all_{all}, index_{index} {}
    auto operator co_await() const noexcept { return relay_operation{all_, index_}; }

private:
    cores_state& all_;
    std::size_t index_;
};

task<> relay(cores_state& all, std::size_t index) {
    co_await relay_awaitable{all, index};
}

}  // namespace

task<> cores_state::main_of(core& here) const {
    outermost_group().spawn(relay(here.all_, here.index()));
    co_await program_.begin(program_.make, here);
}

void cores_state::fail(std::size_t index, std::exception_ptr error) noexcept {
    {
        const std::lock_guard held{failing_};
        if (error_) {
            later_errors_.add(std::move(error));
        } else {
            error_ = std::move(error);
        }
    }
    stop_others(index, cancel_reason::sibling_failed);
}

void cores_state::run_program(loop& running, std::size_t index) {
    run_options options = options_.run;
    options.handle_interrupt = options.handle_interrupt && index == 0;
    options.handle_termination = options.handle_termination && index == 0;
    core here{*this, index, places_.size()};
    run_on(running, main_of(here), options);
}

void cores_state::serve(loop& running, std::size_t index) noexcept {
    core_place& place = places_[index];
    try {
        run_program(running, index);
    } catch (const cancelled&) {
        if (!place.was_told()) fail(index, std::current_exception());
    } catch (...) {
        fail(index, std::current_exception());
    }
    place.door.close();
    try {  // what came last is read: tasks for this core never begin, and their callers hear of it
        run_options quiet;
        quiet.handle_interrupt = false;
        run_on(running, one_pass(), quiet);
    } catch (...) {
        fail(index, std::current_exception());
    }
}

// From then on this thread, and those that it starts, have a table of their own.
void cores_state::leave_shared_descriptors(core_place& place, loop& running) const {
    if (!options_.own_descriptors || is_called_off_.load()) return;
    if (::unshare(CLONE_FILES) != 0) {
        throw std::system_error{errno, std::system_category(),
                                "run_on_cores: a core gets no descriptors of its own: unshare"};
    }
    place.shared_descriptors = running.io().own_descriptors();
}

// Every loop is there before the first table is copied, so that each core can wake each other; and
// every table is before the first program begins, so that none has what that opens.
void cores_state::work(std::size_t index, progress& told) noexcept {
    pthread_setname_np(pthread_self(),
                       ("simul-core-" + std::to_string(index)).substr(0, 15).c_str());
    core_place& place = places_[index];
    std::unique_ptr<loop> running;
    std::promise<void>* next = &told.has_loop;
    try {
        running = std::make_unique<loop>(options_.run.loop);
        expect_threads(*running);
        place.door.open(*running);
        next->set_value();
        next = &told.is_ready;
        all_have_loops_.wait();
        leave_shared_descriptors(place, *running);
        next->set_value();
    } catch (...) {
        next->set_exception(std::current_exception());
    }
    start_.wait();
    if (!is_called_off_.load()) return serve(*running, index);
    place.door.close();
}

void cores_state::begin_all(loop& first) {
    expect_threads(first);
    places_[0].door.open(first);
    const cpu_set_t allowed = processors_of_this_thread();
    std::vector<std::future<void>> loops;
    std::vector<std::future<void>> readiness;
    for (std::size_t index = 1; index != places_.size(); ++index) {
        progress told;
        loops.push_back(told.has_loop.get_future());
        readiness.push_back(told.is_ready.get_future());
        places_[index].thread =
            start_quiet_thread([this, index, allowed, told = std::move(told)]() mutable {
                std::optional<pinned_thread> pinned;
                if (options_.pin_threads) pinned.emplace(allowed, index);
                work(index, told);
            });
    }
    for (std::future<void>& each : loops) each.get();
    all_have_loops_.count_down();
    for (std::future<void>& each : readiness) each.get();
}

void cores_state::call_off() noexcept {
    is_called_off_.store(true);
    if (!all_have_loops_.try_wait()) all_have_loops_.count_down();
    places_[0].door.close();
}

void cores_state::close_shared_descriptors() noexcept {
    for (core_place& each : places_) {
        for (const int descriptor : each.shared_descriptors) {
            if (descriptor >= 0) ::close(descriptor);
        }
    }
}

void cores_state::run() {
    SIMUL_ASSERT(loop::find_current() == nullptr,
                 "run_on_cores() was called inside a task, or where a loop exists already");
    std::optional<pinned_thread> pinned;
    std::exception_ptr not_begun;
    loop running{options_.run.loop};
    try {
        begin_all(running);
        if (options_.pin_threads) pinned.emplace(processors_of_this_thread(), 0);
    } catch (...) {
        not_begun = std::current_exception();
        call_off();
    }
    start_.count_down();
    if (not_begun == nullptr) serve(running, 0);
    for (core_place& each : places_) {
        if (each.thread.joinable()) each.thread.join();
    }
    close_shared_descriptors();
    if (not_begun) std::rethrow_exception(not_begun);
    if (!error_) return;
    later_errors_.attach_to(error_);
    std::rethrow_exception(error_);
}

loop_door& door_of(cores_state& all, std::size_t index) noexcept {
    return all.door(index);
}

void run_cores(const core_program& program, const cores_options& options) {
    std::size_t count = options.count;
    if (count == 0) {
        const cpu_set_t allowed = processors_of_this_thread();
        count = static_cast<std::size_t>(CPU_COUNT(&allowed));
    }
    cores_state all{program, options, count};
    all.run();
}

}  // namespace simul::detail
