// SPDX-License-Identifier: Apache-2.0
//
// simul/io/run_process.hpp: run a program to its end.
#pragma once

#include <stdexcept>
#include <string>

#include "simul/coro/task.hpp"
#include "simul/io/exit_status.hpp"
#include "simul/io/process_options.hpp"

namespace simul {

/// How a process has ended, and what it said.
class process_result {
public:
    explicit process_result(exit_status ended) noexcept : status{ended} {}

    exit_status status;
    std::string output;  ///< empty unless it was captured
    std::string error;   ///< the same
};

/// A process did not end as process_options::check asked for. The text names the program and the
/// last line of its error output, if that was captured.
class process_error : public std::runtime_error {
public:
    /// How much of the error output is kept, the end of it: 4 KiB.
    static constexpr std::size_t kept = 4096;

    process_error(const std::string& program, exit_status status, const std::string& error_output);

    [[nodiscard]] exit_status status() const noexcept { return status_; }

    /// The end of what was captured of its standard error.
    [[nodiscard]] const std::string& error_output() const noexcept { return error_output_; }

private:
    exit_status status_;
    std::string error_output_;
};

/// Runs a program to its end.
///
///     auto git = co_await timeout(10s, run_process(process_options{"git", "log", "-1"}
///                                                      .capture().check()));
///     use(git.output);
///
/// Standard streams that nothing is said about are those of this program. capture() collects what
/// the process writes, input() says what it reads. A process that does not read all of its input is
/// no error.
///
/// It ends when the process has, also if somebody else, a child that it left behind, still has its
/// output; capture_until::end_of_output waits for those, too.
///
/// In the simulated world it runs the programs of testing::with_programs.
///
/// Whichever way the call ends, the process has ended and was waited for. When the call fails or is
/// cancelled, its input is closed and the process ended by the ladder of on_cancel: SIGTERM, and
/// SIGKILL after five seconds.
///
/// Returns       how it has ended, and what was captured.
/// Errors        those of process::start. process_error if check() was asked for and it did not
///               end with the code 0. io_errc::limit_exceeded if it wrote more than the limit of
///               the capture, 64 MiB if nothing else was said.
/// Suspends      unless the program cannot be started.
/// Cancellation  partial. What the process did until then is done, what it said is lost. The call
///               ends when the process has ended: it may take the time of the ladder.
/// Threads       the loop's thread.
/// Complexity    one process, and memory for what is captured.
/// Source        Trio's run_process, subprocess.run of Python.
[[nodiscard]] task<process_result> run_process(process_options options);

}  // namespace simul
