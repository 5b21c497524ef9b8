// SPDX-License-Identifier: Apache-2.0
//
// simul/testing/simulated_process.hpp: a process of the simulated world, as its program sees it.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/exit_status.hpp"
#include "simul/io/pipe.hpp"

namespace simul::testing {

class simulated_process;

namespace detail {
class programs_in_scope;
class simulated_record;
}  // namespace detail

/// A program of the simulated world: a coroutine whose result is its exit code. What it throws is
/// an error of the test, except broken_pipe while it does not handle SIGPIPE: that ends it as the
/// signal would.
using simulated_program = std::function<task<int>(simulated_process&)>;

/// A process of the simulated world.
///
///     task<int> cat(testing::simulated_process& self) {
///         std::array<std::byte, 4096> buffer{};
///         while (true) {
///             const std::size_t count = co_await self.input().read_some(buffer);
///             if (count == 0) co_return 0;
///             co_await write_all(self.output(), std::span{buffer}.first(count));
///         }
///     }
///
/// It has three streams and no other descriptor of whoever started it, the standard reaction to
/// every signal, and no blocked one. A signal that ends it cancels its task; the process has ended
/// when that has, so a program has no business with shields.
///
/// Threads       the loop's thread.
/// Lifetime      as long as its program runs, and longer while others refer to it.
class simulated_process {
public:
    simulated_process(const simulated_process&) = delete;
    simulated_process& operator=(const simulated_process&) = delete;

    [[nodiscard]] int pid() const noexcept { return pid_; }

    /// The command, its own name first.
    [[nodiscard]] const std::vector<std::string>& arguments() const noexcept { return arguments_; }

    /// A variable of its environment, if it is set.
    [[nodiscard]] std::optional<std::string> variable(std::string_view name) const;

    /// Where it runs. Whether there is such a directory is not asked.
    [[nodiscard]] const std::filesystem::path& working_directory() const noexcept {
        return directory_;
    }

    /// Its standard streams. Of an inherited input nothing comes; what goes to an inherited output
    /// is in program_set::output. They are closed when it ends.
    [[nodiscard]] pipe_stream& input() noexcept { return streams_[0]; }
    [[nodiscard]] pipe_stream& output() noexcept { return streams_[1]; }
    [[nodiscard]] pipe_stream& error() noexcept { return streams_[2]; }

    /// From now on this signal does nothing. SIGKILL and SIGSTOP cannot be ignored; checked.
    void ignore_signal(int number);

    /// From now on this signal is given by next_signal(). Not SIGKILL and SIGSTOP; checked.
    void catch_signal(int number);

    /// From now on this signal does again what it does at the beginning.
    void restore_signal(int number);

    /// Waits for one of the signals that are caught. Each that is sent is given once, in their
    /// order; a kernel may make one of several of the same number.
    ///
    /// Returns       int, its number.
    /// Errors        none.
    /// Suspends      while there is none.
    /// Cancellation  clean. A signal that came meanwhile is there for the next call.
    /// Threads       the loop's thread.
    /// Lifetime      the process must outlive the call.
    [[nodiscard]] get_awaitable<int, first_in_first_out> next_signal() noexcept {
        return caught_.get();
    }

    /// Starts a process like this one, with the same arguments, streams and group, and does not
    /// wait for it: it may run on when this one has ended, and its streams stay open for it.
    ///
    /// Errors        std::bad_alloc.
    /// Source        fork(2) without a wait.
    void leave_behind(simulated_program child);

private:
    friend class detail::programs_in_scope;
    friend class detail::simulated_record;

    enum class reaction : unsigned char { standard, ignored, caught };

    simulated_process() = default;

    [[nodiscard]] reaction reaction_to(int number) const noexcept;
    void react(int number, reaction how);
    void take_signal(int number);
    [[nodiscard]] bool end() noexcept;

    int pid_ = 0;
    int group_ = 0;
    std::vector<std::string> arguments_;
    std::vector<std::string> environment_;
    std::filesystem::path directory_;
    std::array<pipe_stream, 3> streams_;
    std::array<int, 3> descriptors_{-1, -1, -1};
    int end_marker_ = -1;  // closing it says that this has ended
    simulated_program main_;
    task_handle<> running_;
    std::map<int, reaction> reactions_;
    queue<int> caught_;
    int ended_by_ = 0;
    std::optional<int> code_;
    std::optional<exit_status> status_;
    std::weak_ptr<detail::programs_in_scope> scope_;
};

}  // namespace simul::testing
