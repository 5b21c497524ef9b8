// SPDX-License-Identifier: Apache-2.0
//
// simul/io/process.hpp: other programs, run as processes of their own.
//
// run_process, in run_process.hpp, is what most programs want: it runs one to its end and collects
// what it says. This is the part below: a process that one talks with while it runs.
//
// A process is known by a descriptor of the kernel (a pidfd), not by its number: its end is an
// event like any other, no signal is handled for it, no other child of the program is waited for by
// mistake, and a signal cannot hit a stranger that has got the number since.
//
// In the simulated world no program of the system runs: there testing::with_programs says which
// programs exist, as coroutines.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "simul/base/unique_fd.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/exit_status.hpp"
#include "simul/io/pipe.hpp"
#include "simul/io/process_options.hpp"
#include "simul/runtime/descriptor.hpp"

namespace simul {

class process;

namespace detail {

class process_record;
class process_run;

/// Destroys a process_record, which ends the process.
struct process_record_deleter {
    void operator()(process_record* ended) const noexcept;
};

class process_wait : public descriptor_operation {
public:
    explicit process_wait(process_record* of) noexcept;
    ~process_wait();

    started start(waiter& self) noexcept;
    [[nodiscard]] exit_status take() const;

private:
    process_record* record_;
};

}  // namespace detail

/// What process::wait returns.
class [[nodiscard("co_await it")]] process_wait_awaitable {
public:
    explicit process_wait_awaitable(detail::process_record* of) noexcept : record_{of} {}
    auto operator co_await() const noexcept { return detail::process_wait{record_}; }

private:
    detail::process_record* record_;
};

/// A process that runs another program, and its owner.
///
///     process sort = process::start(process_options{"sort"}
///                                       .standard_input(stdio::pipe)
///                                       .standard_output(stdio::pipe));
///     co_await write_all(sort.input(), bytes_of("b\na\n"));
///     co_await sort.input().shutdown();
///     buffered_reader lines{sort.output()};
///
/// The process gets its three standard streams and no other descriptor of this program, the
/// standard reaction to every signal, and no blocked signals. Its pipes hold a few pages: one that
/// nobody reads makes it wait, so read while you wait for its end, both of them if there are two.
///
/// The end of the process and the end of its output are two things. The process may have passed its
/// output on to another one, which keeps the pipe open; and it may close it long before it ends.
///
/// Destroying a process that still runs kills it with SIGKILL and waits until it is gone: a moment,
/// since nothing can refuse, unless it hangs inside the kernel; after a second it is left to the
/// system. Use stop() for one that is to be asked. A simulated one is gone when its coroutine is,
/// in the next turns of the loop; nothing waits for that.
///
/// Threads       only the thread of the loop it was started on.
/// Lifetime      nothing may be waiting on it or its streams when it is destroyed. One that was
///               moved from, or default-made, may be destroyed and assigned to.
class process {
public:
    /// No process.
    process() noexcept = default;
    process(process&&) noexcept = default;
    process& operator=(process&&) noexcept = default;
    ~process() = default;

    /// Starts a program. The thread waits for the system to do so, commonly less than a
    /// millisecond, however large this program is; there is no moment between start and no start
    /// in which a request to cancel could arrive.
    ///
    /// Errors        std::system_error. no_such_file_or_directory, permission_denied and others of
    ///               execve(2): the text names the program, and the directory if one was set; no
    ///               process is left. Those of pipe(2), fork(2) and pidfd_open(2). invalid_argument
    ///               for text with a zero byte, or a descriptor that another process got before.
    ///               On the simulated backend errc::unavailable outside of
    ///               testing::with_programs, and for a descriptor of the system.
    /// Source        posix_spawn(3), pidfd_open(2) since Linux 5.3; asyncio's
    ///               create_subprocess_exec.
    [[nodiscard]] static process start(const process_options& options);

    /// Its number. It means nothing any more when the process has been waited for.
    [[nodiscard]] int pid() const noexcept;

    /// Waits for its end. Any number of tasks may wait, and also after the end.
    ///
    /// Returns       how it has ended.
    /// Errors        std::system_error, no_child_process: the system has no status, because this
    ///               program ignores SIGCHLD or some part of it waits for every child.
    /// Suspends      while the process runs.
    /// Cancellation  clean. The process goes on.
    /// Threads       the loop's thread.
    /// Lifetime      the process must outlive the call; it may be moved meanwhile.
    /// Complexity    two system calls or one and a ring entry; allocates nothing.
    /// Source        pidfd_open(2), waitid(2) with P_PIDFD since Linux 5.4; asyncio's
    ///               Process.wait.
    [[nodiscard]] process_wait_awaitable wait() noexcept {
        return process_wait_awaitable{record_.get()};
    }

    /// How it has ended, if it has.
    ///
    /// Errors        as for wait().
    [[nodiscard]] std::optional<exit_status> try_wait();

    /// Sends a signal to it, or to it and all of its group.
    ///
    /// Returns       false if it has ended and was waited for; nothing is sent then.
    /// Errors        std::system_error: invalid_argument for a signal that does not exist,
    ///               operation_not_permitted if it runs as another user. no_such_process if it has
    ///               no group of its own.
    /// Source        pidfd_send_signal(2) since Linux 5.1.
    bool send_signal(int number);
    bool send_signal_to_group(int number);

    /// Asks it to end, with SIGTERM.
    bool terminate();

    /// Ends it, with SIGKILL.
    bool kill();

    /// Ends it with one signal after the other, and waits for its end. If it has a group of its
    /// own, the signals go to all of the group.
    ///
    /// Returns       how it has ended.
    /// Errors        as for wait() and send_signal().
    /// Suspends      unless it has ended.
    /// Cancellation  partial. Some signals may have been sent. Destroying the process sends the
    ///               last one.
    /// Threads       the loop's thread.
    /// Lifetime      the process must outlive the call.
    /// Source        Trio's run_process, which does this when it is cancelled.
    [[nodiscard]] task<exit_status> stop(signal_ladder ladder = {});

    /// Streams to and from its standard streams. Where stdio::pipe was not asked for they are
    /// closed.
    [[nodiscard]] pipe_stream& input() noexcept { return input_; }
    [[nodiscard]] pipe_stream& output() noexcept { return output_; }
    [[nodiscard]] pipe_stream& error() noexcept { return error_; }

private:
    friend class detail::process_run;

    static process launch(const detail::process_settings& settings);
    static process launch_simulated(const detail::process_settings& settings);
    void connect(std::array<unique_fd, 3> ours);
    bool signal_all(int number);

    // In front of the streams, so that they are closed first.
    std::unique_ptr<detail::process_record, detail::process_record_deleter> record_;
    pipe_stream input_;
    pipe_stream output_;
    pipe_stream error_;
};

}  // namespace simul
