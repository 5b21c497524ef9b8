// SPDX-License-Identifier: Apache-2.0
//
// runtime/blocking_pool.hpp: threads that run the calls which would block a loop.
//
//      idle ──submit──▶ queued ──a worker takes it──▶ running ──run returned──▶ idle ──▶ finished()
//       ▲                  │
//       └────withdraw──────┘
//
// The pool knows nothing of loops: `finished` is called on the worker, and whoever submitted the
// job makes it post to its loop.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/runtime/detail/blocking_job.hpp"

namespace simul::detail {

/// What a pool is doing, counted at one moment.
struct blocking_pool_statistics {
    std::size_t threads = 0;      ///< workers that exist: idle, running, or on their way to a job
    std::size_t idle = 0;         ///< workers that wait for a job
    std::size_t queued = 0;       ///< jobs that wait for a worker
    std::size_t running = 0;      ///< jobs whose `run` has been entered and has not returned
    std::uint64_t completed = 0;  ///< jobs whose `run` has returned, since the pool was made
};

/// Runs blocking jobs on threads that it starts when they are needed, up to a maximum.
///
/// Jobs start in the order in which they were submitted. The worker that became idle last is woken
/// first, so that under light load the others reach their idle limit and end. Every signal that a
/// program would want on another thread is blocked in the workers, so that Ctrl-C reaches the
/// thread of the loop.
///
/// Threads       every function may be called from any thread, also from `run` and `finished`.
/// Lifetime      the destructor calls stop() and waits for every queued and running job; it must
///               not run on a worker.
class blocking_pool {
public:
    /// min(32, processors + 4): enough for jobs that wait, few enough for jobs that compute.
    [[nodiscard]] static std::size_t default_threads() noexcept;

    static constexpr std::size_t default_queue_limit = 10'000;
    static constexpr duration default_idle_limit = std::chrono::seconds{10};

    /// Makes a pool without threads.
    ///
    /// Errors        std::bad_alloc.
    explicit blocking_pool(std::size_t max_threads = default_threads(),
                           std::size_t queue_limit = default_queue_limit,
                           duration idle_limit = default_idle_limit);
    blocking_pool(const blocking_pool&) = delete;
    blocking_pool& operator=(const blocking_pool&) = delete;
    ~blocking_pool();

    /// Hands over a job, which must be idle. The calls `run` and `finished` are made exactly once
    /// each, in this order, unless the job is withdrawn; they may be over before submit returns.
    ///
    /// Returns       false, and the job was not taken, when all threads are busy and the queue is
    ///               full, when the pool was told to stop, or when the system gives not even the
    ///               first thread.
    [[nodiscard]] bool submit(blocking_job& job) noexcept;

    /// Takes back a job that no worker has begun. It must be safe from destruction during the
    /// call: owners that are told of the end by a message from `finished` call it before they have
    /// read that message.
    ///
    /// Returns       true when it was still queued: `run` and `finished` will not be called. False
    ///               when they are being or have been called, or the job was never submitted.
    /// Complexity    O(1).
    bool withdraw(blocking_job& job) noexcept;

    /// Accepts no more jobs from now on, and requests a stop of every job that is running or
    /// queued, through its stop source. All of them are still run and finished, because their
    /// owners wait for them; those that do not listen take their time. Returns without waiting;
    /// callbacks registered on stop sources run inside this call. Idempotent.
    void stop() noexcept;

    [[nodiscard]] blocking_pool_statistics statistics() const noexcept;

private:
    struct worker : list_hook<worker> {
        std::condition_variable wake;
        bool called = false;
    };
    using jobs = intrusive_list<blocking_job, blocking_job>;
    using lock = std::unique_lock<std::mutex>;

    bool start_worker() noexcept;
    void call(worker& sleeper) noexcept;
    void work(std::size_t index) noexcept;
    void perform(blocking_job& job, lock& held) noexcept;
    bool wait_for_call(worker& self, lock& held) noexcept;
    void leave(std::size_t index, lock& held) noexcept;

    const std::size_t max_threads_;
    const std::size_t queue_limit_;
    const duration idle_limit_;

    mutable std::mutex mutex_;  // guards everything below

    jobs queue_;    // waiting, first in first out
    jobs running_;  // the worker unlinks its job again, whatever list stop() has moved it to
    std::size_t queued_ = 0;
    std::size_t running_count_ = 0;
    std::uint64_t completed_ = 0;

    intrusive_list<worker, worker> idle_;  // the last is the one that became idle last
    std::size_t idle_count_ = 0;
    std::size_t coming_ = 0;   // workers started or called that have not looked at the queue yet
    std::size_t threads_ = 0;  // workers that have not left
    std::vector<std::thread> handles_;  // one place per possible worker
    std::thread last_to_leave_;         // see leave()
    std::condition_variable all_left_;
    bool stopping_ = false;
};

}  // namespace simul::detail
