// SPDX-License-Identifier: Apache-2.0
//
// Invariants; "whenever the mutex is free" is meant throughout.
//   1. If the queue is not empty, some worker is coming or running, and will look at the queue
//      before it sleeps or leaves: submit calls or starts one, or finds all of them busy, and a
//      worker goes idle only while it holds the mutex and sees the queue empty. No job is lost.
//   2. A job is in queue_ exactly while its progress is queued, and in running_ (or in the list
//      that stop() walks) exactly while it is running. It leaves a list only under the mutex, so
//      exactly one of "a worker takes it" and "withdraw takes it" happens.
//   3. Once perform() has set a job idle and released the mutex, the pool holds no pointer to it
//      but the argument of the one call of `finished`.
//   4. A worker lies on the stack of its thread. Others touch it only through idle_, under the
//      mutex, and it unlinks itself or is unlinked before its thread can leave. That is why the
//      condition variable is notified while the mutex is held.
//   5. No code of a user is called while the mutex is held.
#include "runtime/blocking_pool.hpp"

#include <algorithm>
#include <csignal>
#include <exception>

#include <pthread.h>

#include "simul/base/assert.hpp"

namespace simul::detail {

namespace {

// Blocks signals on this thread for as long as it lives; a thread started meanwhile inherits that,
// which leaves no moment in which the new thread could be given a signal.
class signals_blocked {
public:
    signals_blocked() noexcept {
        sigset_t mask;
        sigfillset(&mask);
        // Those that a fault of the thread itself raises end the process when they are blocked,
        // whatever handler is installed; and sampling profilers count on SIGPROF.
        for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) {
            sigdelset(&mask, own);
        }
        pthread_sigmask(SIG_BLOCK, &mask, &before_);
    }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

}  // namespace

std::size_t blocking_pool::default_threads() noexcept {
    return std::min<std::size_t>(32, std::size_t{std::thread::hardware_concurrency()} + 4);
}

blocking_pool::blocking_pool(std::size_t max_threads, std::size_t queue_limit, duration idle_limit)
    : max_threads_{max_threads},
      queue_limit_{queue_limit},
      // A day instead of for ever, because the library adds the current time to it.
      idle_limit_{std::min<duration>(idle_limit, std::chrono::hours{24})},
      handles_(max_threads) {
    SIMUL_ASSERT(max_threads > 0, "a blocking pool needs at least one thread");
}

blocking_pool::~blocking_pool() {
    stop();
    lock held{mutex_};
    all_left_.wait(held, [this] { return threads_ == 0; });
    held.unlock();
    if (last_to_leave_.joinable()) last_to_leave_.join();  // it has joined all others
}

bool blocking_pool::submit(blocking_job& job) noexcept {
    const lock held{mutex_};
    SIMUL_ASSERT(job.progress == blocking_job::state::idle, "a job was submitted twice");
    if (stopping_) return false;
    if (!idle_.empty()) {
        call(idle_.back());
    } else if (threads_ == max_threads_ || !start_worker()) {
        // As many jobs as workers are coming do not count as waiting.
        const bool full = queued_ >= coming_ && queued_ - coming_ >= queue_limit_;
        if (full || threads_ == 0) return false;
    }
    job.progress = blocking_job::state::queued;
    queue_.push_back(job);
    ++queued_;
    return true;
}

bool blocking_pool::withdraw(blocking_job& job) noexcept {
    const lock held{mutex_};
    if (job.progress != blocking_job::state::queued) return false;
    job.unlink();
    job.progress = blocking_job::state::idle;
    --queued_;
    return true;
}

void blocking_pool::stop() noexcept {
    lock held{mutex_};
    if (stopping_) return;
    stopping_ = true;  // workers pass the request on to the jobs that they start from now on
    while (!idle_.empty()) call(idle_.back());

    jobs to_ask;
    to_ask.splice_back(running_);
    while (blocking_job* job = to_ask.pop_front()) {
        running_.push_back(*job);
        std::stop_source source = job->stop;  // the job may be gone when the request is made
        held.unlock();
        source.request_stop();
        held.lock();
    }
}

blocking_pool_statistics blocking_pool::statistics() const noexcept {
    const lock held{mutex_};
    return {.threads = threads_,
            .idle = idle_count_,
            .queued = queued_,
            .running = running_count_,
            .completed = completed_};
}

// Starts a thread while the mutex is held. That keeps workers waiting for the 30 microseconds it
// takes, but only as often as the pool grows; and a failure can be answered by refusing the job,
// which would be too late if others had seen the worker announced.
bool blocking_pool::start_worker() noexcept {
    const auto place = std::ranges::find_if(
        handles_, [](const std::thread& handle) { return !handle.joinable(); });
    const auto index = static_cast<std::size_t>(place - handles_.begin());
    try {
        const signals_blocked until_started;
        *place = std::thread{[this, index] { work(index); }};
    } catch (const std::exception&) {  // no thread or no memory to be had
        return false;
    }
    ++threads_;
    ++coming_;
    return true;
}

void blocking_pool::call(worker& sleeper) noexcept {
    sleeper.unlink();
    --idle_count_;
    ++coming_;
    sleeper.called = true;
    sleeper.wake.notify_one();
}

void blocking_pool::work(std::size_t index) noexcept {
    pthread_setname_np(pthread_self(), "simul-blocking");
    worker self;
    lock held{mutex_};
    --coming_;
    while (true) {
        while (blocking_job* job = queue_.pop_front()) perform(*job, held);
        if (stopping_ || !wait_for_call(self, held)) break;
    }
    leave(index, held);
}

void blocking_pool::perform(blocking_job& job, lock& held) noexcept {
    --queued_;
    ++running_count_;
    job.progress = blocking_job::state::running;
    running_.push_back(job);
    const bool stopping = stopping_;
    held.unlock();

    if (stopping) job.stop.request_stop();
    job.run(job);

    held.lock();
    job.unlink();
    job.progress = blocking_job::state::idle;
    --running_count_;
    ++completed_;
    held.unlock();

    job.finished(job);  // the job may be gone now
    held.lock();
}

// Sleeps until a submit or stop calls this worker; false when the idle limit has passed instead.
bool blocking_pool::wait_for_call(worker& self, lock& held) noexcept {
    self.called = false;
    idle_.push_back(self);
    ++idle_count_;
    if (self.wake.wait_for(held, idle_limit_, [&self] { return self.called; })) {
        --coming_;
        return true;
    }
    self.unlink();
    --idle_count_;
    return false;
}

// A thread cannot join itself, and nobody should wait for one while holding the mutex. So each
// leaves its handle to the next one that leaves, which joins it; the destructor joins the last.
void blocking_pool::leave(std::size_t index, lock& held) noexcept {
    std::thread previous = std::exchange(last_to_leave_, std::move(handles_[index]));
    if (--threads_ == 0) all_left_.notify_all();
    held.unlock();
    if (previous.joinable()) previous.join();
}

}  // namespace simul::detail
