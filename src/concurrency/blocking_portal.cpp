// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/blocking_portal.hpp"

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include <pthread.h>

#include "concurrency/quiet_thread.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul {

namespace {

task<> until(event& asked) {
    co_await asked.wait();
}

task<> one_pass() {
    co_await yield_now();
}

}  // namespace

// The thread, and the message that ends it.
class blocking_portal::worker : public posted_work {
public:
    worker(detail::loop_door& door, const loop_options& options)
        : posted_work{&end, nullptr}, door_{door} {
        std::promise<void> ready;
        std::future<void> is_ready = ready.get_future();
        thread_ = detail::start_quiet_thread(
            [this, options, ready = std::move(ready)]() mutable { work(options, ready); });
        try {
            is_ready.get();
        } catch (...) {
            thread_.join();
            throw;
        }
    }

    [[nodiscard]] bool is_this_thread() const noexcept {
        return id_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }

    void join() noexcept {
        const std::lock_guard one_at_a_time{joining_};
        if (thread_.joinable()) thread_.join();
    }

private:
    static void end(posted_work& self) noexcept { static_cast<worker&>(self).asked_.set(); }

    void work(const loop_options& options, std::promise<void>& ready) noexcept {
        pthread_setname_np(pthread_self(), "simul-portal");
        std::unique_ptr<loop> running;
        try {
            running = std::make_unique<loop>(options);
            if (running->is_simulated()) throw error{errc::unavailable};
        } catch (...) {
            running.reset();
            ready.set_exception(std::current_exception());
            return;
        }
        door_.open(*running);
        id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        ready.set_value();
        serve(*running);
        id_.store(std::thread::id{},
                  std::memory_order_relaxed);  // the system may give it away again
    }

    void serve(loop& running) noexcept {
        run_options quiet;
        quiet.handle_interrupt = false;
        try {
            run_on(running, until(asked_), quiet);
        } catch (...) {  // of a task that was spawned into the outermost group
            report_unhandled_error(std::current_exception(),
                                   "in the outermost group of a portal, which has ended by it");
        }
        door_.close();
        try {  // what came last is read: tasks are cancelled, requests find them ended
            run_on(running, one_pass(), quiet);
        } catch (...) {
            report_unhandled_error(std::current_exception(), "at the end of a portal");
        }
    }

    detail::loop_door& door_;
    event asked_;                        // the portal's thread
    std::atomic<std::thread::id> id_{};  // matters to the thread itself only, hence relaxed
    std::mutex joining_;
    std::thread thread_;
};

blocking_portal::blocking_portal(const loop_options& options)
    : door_{std::make_shared<detail::loop_door>()},
      worker_{std::make_unique<worker>(*door_, options)} {}

blocking_portal::~blocking_portal() {
    stop();
}

void blocking_portal::post(std::move_only_function<void()> work) {
    door_->post_work(std::move(work));
}

void blocking_portal::request_stop() noexcept {
    if (door_->refuse_work()) door_->post(*worker_);
}

void blocking_portal::stop() noexcept {
    SIMUL_ASSERT(!is_own_thread(),
                 "a portal was stopped on its own thread, which cannot wait for its own end: call "
                 "request_stop() there, and stop() on another");
    request_stop();
    worker_->join();
}

bool blocking_portal::is_own_thread() const noexcept {
    return worker_->is_this_thread();
}

}  // namespace simul
