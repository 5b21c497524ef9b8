// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/loop.hpp"

#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "runtime/backends/simulated.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/callback_registry.hpp"
#include "runtime/timer_wheel.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul {

namespace {

// How many passes with work ready may go by before the clock is asked again, and a backend that
// makes a system call for it; and one that looks at memory which it shares with the kernel. Powers
// of two.
constexpr std::uint64_t passes_between_calls = 32;
constexpr std::uint64_t passes_between_glances = 4;

// What seeds a loop whose options say nothing.
std::uint64_t default_seed(bool simulated) {
    if (simulated) return 1;
    std::random_device entropy;
    const std::uint64_t high = entropy();
    return high << 32 | entropy();
}

}  // namespace

constinit SIMUL_THREAD_LOCAL loop* loop::current_ = nullptr;

void detail::posted_call::call_once(posted_work& self) noexcept {
    const std::unique_ptr<posted_call> owned{static_cast<posted_call*>(&self)};
    try {
        owned->call();
    } catch (...) {
        report_unhandled_error(std::current_exception(), "in work posted to the loop");
    }
}

struct detail::loop_state {
    loop_state(time_point start, std::uint64_t seed) : timers{start}, random{seed} {}

    timer_wheel timers;
    std::mt19937_64 random;
    std::unique_ptr<blocking_pool> threads;
    callback_registry callbacks;
};

loop::loop(const loop_options& options) {
    chosen_backend chosen = make_backend(options.backend, options.who_waits);
    backend_ = std::move(chosen.implementation);
    reason_ = std::move(chosen.reason);
    simulated_ = backend_->name() == "simulated";
    busy_passes_mask_ =
        (backend_->name() == "io_uring" ? passes_between_glances : passes_between_calls) - 1;
    const std::uint64_t seed = options.seed != 0 ? options.seed : default_seed(simulated_);
    state_ = std::make_unique<detail::loop_state>(backend_->now(), seed);
    previous_ = std::exchange(current_, this);
    previous_scheduler_ = simul::scheduler::set_current(&scheduler_);
}

loop::~loop() {
    state_->threads.reset();
    state_->callbacks.end(*this);
    // What was posted may have been run, and have ended the loop, before its poster came to wake
    // it.
    while (posting_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
    // Functions that nobody will run any more. Other records belong to operations, and those have
    // ended: nothing runs on the loop.
    for (posted_work* work = inbox_.exchange(nullptr, std::memory_order_acquire);
         work != nullptr;) {
        posted_work* following = work->next;
        if (work->run == &detail::posted_call::call_once) {
            delete static_cast<detail::posted_call*>(work);
        }
        work = following;
    }
    current_ = previous_;
    simul::scheduler::set_current(previous_scheduler_);
}

loop& loop::current() noexcept {
    SIMUL_ASSERT(current_ != nullptr, "no loop runs on this thread: call run() first");
    return *current_;
}

std::uint64_t loop::random() noexcept {
    return state_->random();
}

loop_info loop::info() const {
    loop_info answer;
    answer.backend = backend_->name();
    answer.reason = reason_;
    return answer;
}

loop_statistics loop::statistics() const noexcept {
    loop_statistics answer;
    answer.passes = passes_;
    answer.turns = turns_;
    answer.timers = state_->timers.size();
    answer.operations = backend_->in_flight();
    return answer;
}

bool loop::run_until(const bool& done) {
    SIMUL_ASSERT(!running_, "a loop was run inside itself: await the task instead");
    running_ = true;
    stuck_ = false;
    scheduler_.settle();
    while (!done && !stuck_) iterate(done, blocking::allowed);
    running_ = false;
    return done;
}

// A host may be slow to come back, so clock and backend are asked at least once in every call.
void loop::run_available(const bool& done, unsigned passes) noexcept {
    SIMUL_ASSERT(!running_, "a loop was run inside itself: await the task instead");
    running_ = true;
    scheduler_.settle();
    fire_timers();
    backend_->poll(backend_->now());
    for (; passes != 0 && !done; --passes) {
        iterate(done, blocking::forbidden);
        if (!has_work() && !interrupted_.load(std::memory_order_relaxed)) break;
    }
    running_ = false;
}

// Between two calls the host may have woken and cancelled tasks, so more than the list of those
// that are ready is looked at.
time_point loop::next_deadline() noexcept {
    const bool may_wait = backend_->prepare_to_be_watched();
    if (!may_wait || has_work() || !scheduler_.is_settled() || !resting_.empty() ||
        interrupted_.load(std::memory_order_relaxed)) {
        return time_point::min();
    }
    return state_->timers.next_wakeup();
}

void loop::fire_timers() noexcept {
    state_->timers.advance(backend_->now());
    if (!scheduler_.is_settled()) scheduler_.settle();
}

void loop::iterate(const bool& done, blocking may_block) noexcept {
    ++passes_;
    if (interrupted_.load(std::memory_order_relaxed) ||
        inbox_.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
        drain_inbox();
    }
    turns_ += scheduler_.run_ready();
    if (done) return;
    const bool busy = scheduler_.has_ready();
    const bool look_around = !busy || simulated_ || passes_ % passes_between_calls == 0;
    if (look_around) {
        fire_timers();
    } else if ((passes_ & busy_passes_mask_) != 0) {
        return;
    }
    if (done) return;
    const bool ready = has_work();
    if (!ready && !resting_.empty()) return come_to_rest();
    if (ready) {
        backend_->poll(time_point::min());
    } else if (may_block == blocking::allowed) {
        backend_->poll(state_->timers.next_wakeup());
    } else {
        backend_->poll(backend_->now());  // not min: a wake must be taken, or the host spins
    }
    if (simulated_ && !ready && !scheduler_.has_ready() &&
        static_cast<detail::simulated_backend&>(*backend_).stuck()) {
        stuck_ = inbox_.load(std::memory_order_acquire) == nullptr &&
                 !interrupted_.load(std::memory_order_acquire);
    }
}

bool loop::has_work() const noexcept {
    return scheduler_.has_ready() || inbox_.load(std::memory_order_relaxed) != nullptr;
}

// What has arrived from outside counts as well, so the backend is asked first.
void loop::come_to_rest() noexcept {
    backend_->poll(time_point::min());
    if (has_work() || state_->timers.next_wakeup() <= backend_->now()) return;
    intrusive_list<rest_watcher> told;
    told.splice_back(resting_);
    while (rest_watcher* watcher = told.pop_front()) watcher->told(*watcher);
}

// Pairs with the release in post(): what the poster wrote is visible here. The list is last in,
// first out, so it is turned around.
void loop::drain_inbox() noexcept {
    if (interrupted_.load(std::memory_order_relaxed)) [[unlikely]] {
        if (interrupted_.exchange(false, std::memory_order_acquire) &&
            interrupt_handler_ != nullptr) {
            interrupt_handler_(interrupt_context_);
        }
    }
    if (inbox_.load(std::memory_order_relaxed) == nullptr) return;
    posted_work* newest = inbox_.exchange(nullptr, std::memory_order_acquire);
    posted_work* oldest = nullptr;
    while (newest != nullptr) {
        posted_work* following = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = following;
    }
    while (oldest != nullptr) {
        posted_work* following = oldest->next;
        oldest->run(*oldest);
        oldest = following;
    }
    scheduler_.settle();
}

void loop::post_owned(std::unique_ptr<detail::posted_call> work) noexcept {
    posting_.fetch_add(1, std::memory_order_relaxed);  // published by the release in post()
    post(*work.release());
    posting_.fetch_sub(1, std::memory_order_release);
}

void loop::post(posted_work& work) noexcept {
    posted_work* head = inbox_.load(std::memory_order_relaxed);
    do {
        work.next = head;
    } while (!inbox_.compare_exchange_weak(head, &work, std::memory_order_release,
                                           std::memory_order_relaxed));
    backend_->wake();
}

void loop::arm(timer& waiting) noexcept {
    state_->timers.arm(waiting);
}

void loop::disarm(timer& waiting) noexcept {
    state_->timers.disarm(waiting);
}

detail::blocking_pool& loop::blocking_threads() {
    if (state_->threads == nullptr) state_->threads = std::make_unique<detail::blocking_pool>();
    return *state_->threads;
}

detail::callback_registry& loop::callbacks() noexcept {
    return state_->callbacks;
}

void loop::interrupt() noexcept {
    interrupted_.store(true, std::memory_order_release);
    backend_->wake();
}

}  // namespace simul
