// SPDX-License-Identifier: Apache-2.0
//
// process_pool_link.hpp: the program's side of the starter and of a worker.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "concurrency/process_pool_failure.hpp"
#include "concurrency/process_pool_messages.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/process_pool.hpp"
#include "simul/coro/task.hpp"

namespace simul::detail {

/// A descriptor that operations of the loop are started on; none is in flight when it goes.
class watched_descriptor {
public:
    watched_descriptor() noexcept = default;
    explicit watched_descriptor(unique_fd owned) noexcept;
    watched_descriptor(watched_descriptor&&) noexcept = default;
    watched_descriptor& operator=(watched_descriptor&& other) noexcept;
    ~watched_descriptor() { reset(); }

    [[nodiscard]] int get() const noexcept { return held_.get(); }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(held_); }
    void reset() noexcept;

private:
    unique_fd held_;
};

/// What a worker answered.
struct process_reply {
    process_reply() noexcept = default;

    reply_kind kind = reply_kind::result;
    std::vector<std::byte> body;
};

/// One worker, as the program sees it.
///
///      starting ──▶ ready ──request──▶ in_call ──reply──▶ ready
///                                         └──end of stream──▶ lost
struct process_worker {
    enum class state : std::uint8_t { starting, ready, in_call, lost };

    process_worker() noexcept = default;

    state progress = state::starting;
    bool is_taken = true;  ///< by a call
    std::uint32_t id = 0;
    ::pid_t process = 0;
    watched_descriptor socket;
    watched_descriptor exited;  ///< the process descriptor: readable when the process has ended

    [[nodiscard]] bool has_exited() const noexcept;
    void send_signal(int number) const noexcept;

    /// Sends a request and waits for the reply. Ends normally also if the worker was lost.
    ///
    /// Cancellation  clean before the worker has the first byte; afterwards partial, and the state
    ///               is in_call then, or completes, as `on_cancel` says.
    task<> exchange(std::span<const std::byte> request, process_reply& reply,
                    process_cancel on_cancel);

private:
    task<> send_rest_and_receive(std::span<const std::byte> rest, process_reply& reply);
    task<bool> receive(process_reply& reply);
};

/// The starter and the conversation with it.
///
/// Threads       the loop's thread.
class starter_link {
public:
    starter_link() noexcept = default;
    starter_link(const starter_link&) = delete;
    starter_link& operator=(const starter_link&) = delete;
    ~starter_link() { end(); }

    /// Forks the starter.
    void start();

    /// Asks for a worker; not to be cancelled.
    task<> start_worker(process_worker& fresh);

    /// Asks how a worker has ended, once for each; not to be cancelled.
    task<starter_reply> status_of(const process_worker& ended);

    /// Ends the starter, which ends all workers.
    void hang_up() noexcept { control_.reset(); }

    /// Waits until the starter has ended after hang_up().
    task<> wait_for_end();

    /// Ends it and blocks until it has ended: as long as it takes to kill the workers, and if that
    /// takes too long it is killed itself.
    void end() noexcept;

private:
    task<starter_reply> ask(starter_request request, unique_fd* received);
    void reap() noexcept;

    watched_descriptor control_;
    watched_descriptor exited_;
    bool is_running_ = false;
    mutex conversation_;  // one at a time
};

}  // namespace simul::detail
