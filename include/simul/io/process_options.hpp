// SPDX-License-Identifier: Apache-2.0
//
// simul/io/process_options.hpp: which program to run, and how.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simul/base/assert.hpp"
#include "simul/base/time.hpp"
#include "simul/base/unique_fd.hpp"

namespace simul {

/// What a standard stream of a process is connected to.
enum class stdio : unsigned char {
    inherit,    ///< what this program's is connected to
    null,       ///< /dev/null: nothing to read, and what is written is dropped
    pipe,       ///< this program, by a stream of process; run_process collects it
    to_output,  ///< for standard error: where standard output goes
};

/// Whether a process can be signalled together with those that it starts itself.
enum class process_group : unsigned char {
    shared,   ///< it is in the group of this program, so that Ctrl-C at a terminal reaches both
    own,      ///< in a new group; signals to end it go to all of the group
    session,  ///< in a new session, so without a terminal, and in a new group
};

/// When run_process has collected all output.
enum class capture_until : unsigned char {
    /// The process has ended, and what it had written by then was read. What others write later,
    /// to whom it gave its standard output, is not waited for.
    exit,
    /// Everybody has closed the standard output and error, which may take longer than the process.
    end_of_output,
};

/// Signals by which a process is asked to end, each with the time that it gets for it. At the end
/// of the ladder stands SIGKILL, always.
///
///     process_options{"server"}.on_cancel(signal_ladder::kill_at_once().step(SIGINT, 2s))
class signal_ladder {
public:
    struct rung {
        int signal = 0;
        duration grace{};
    };

    /// SIGTERM, and SIGKILL after 5 seconds.
    signal_ladder() noexcept;

    /// SIGKILL and nothing before it.
    [[nodiscard]] static signal_ladder kill_at_once() noexcept { return signal_ladder{nullptr}; }

    /// Adds a signal in front of the final SIGKILL, and how long to wait after it. There are at
    /// most max_steps of them.
    signal_ladder& step(int signal, duration grace) noexcept {
        SIMUL_ASSERT(count_ < max_steps, "a signal_ladder has room for max_steps signals");
        rungs_[count_++] = rung{signal, grace};
        return *this;
    }

    /// How long all of it takes at most, until SIGKILL.
    [[nodiscard]] duration total() const noexcept;

    [[nodiscard]] const rung* begin() const noexcept { return rungs_.data(); }
    [[nodiscard]] const rung* end() const noexcept { return rungs_.data() + count_; }

    static constexpr std::size_t max_steps = 8;

private:
    explicit signal_ladder(std::nullptr_t) noexcept {}

    std::array<rung, max_steps> rungs_{};
    std::size_t count_ = 0;
};

/// How much output run_process collects if nothing else is said: 64 MiB.
inline constexpr std::size_t default_capture_limit = std::size_t{64} << 20;

namespace detail {

/// What process_options says.
struct process_settings {
    struct stream {
        stdio to = stdio::inherit;
        std::shared_ptr<unique_fd> given;  // instead, if there is one
    };

    process_settings() {}

    std::vector<std::string> command;
    std::map<std::string, std::optional<std::string>> environment;  // empty: without it
    bool inherits_environment = true;
    std::filesystem::path directory;
    std::array<stream, 3> streams;
    process_group group = process_group::shared;

    // For run_process.
    std::optional<std::string> input;
    std::size_t capture_limit = default_capture_limit;
    capture_until until = capture_until::exit;
    bool is_checked = false;
    signal_ladder ladder;
};

}  // namespace detail

/// Which program to run, and how. The setters may be chained:
///
///     process_options{"make", "-j4"}.working_directory("/src").standard_error(stdio::to_output)
///
/// A name without a slash is looked for along the PATH of this program; there is no shell between.
/// A relative path with a slash begins at the working directory of the new process.
///
/// Lifetime      may be copied and used several times; descriptors that were given to it go to the
///               process that is started first.
class process_options {
public:
    /// A program and its arguments.
    template <class... Arguments>
        requires(std::convertible_to<Arguments, std::string> && ...)
    explicit process_options(std::string program, Arguments&&... arguments) {
        settings_.command.reserve(1 + sizeof...(arguments));
        settings_.command.push_back(std::move(program));
        (settings_.command.push_back(std::forward<Arguments>(arguments)), ...);
    }

    /// A line for /bin/sh. Never put text from outside into it: give it as an argument, which the
    /// line finds as "$1".
    ///
    ///     process_options::shell("sort \"$1\" | uniq -c").argument(path)
    [[nodiscard]] static process_options shell(std::string line);

    /// Adds an argument.
    process_options& argument(std::string text) {
        settings_.command.push_back(std::move(text));
        return *this;
    }

    /// Adds arguments.
    process_options& arguments(const std::vector<std::string>& texts) {
        settings_.command.insert(settings_.command.end(), texts.begin(), texts.end());
        return *this;
    }

    /// Sets a variable of the environment, beside those of this program.
    process_options& environment(std::string name, std::string value) {
        settings_.environment[std::move(name)] = std::move(value);
        return *this;
    }

    /// Leaves out a variable of this program's environment.
    process_options& without_environment(std::string name) {
        settings_.environment[std::move(name)] = std::nullopt;
        return *this;
    }

    /// Leaves out this program's environment: only what environment() sets is there.
    process_options& empty_environment() noexcept {
        settings_.inherits_environment = false;
        return *this;
    }

    /// Where it runs; that of this program if it is not set.
    process_options& working_directory(std::filesystem::path directory) {
        settings_.directory = std::move(directory);
        return *this;
    }

    /// What the standard streams are connected to; stdio::inherit if nothing is said. A
    /// descriptor that is given away is closed in this program when the process has been started.
    process_options& standard_input(stdio to) noexcept { return connect(0, to); }
    process_options& standard_input(unique_fd to) { return connect(0, std::move(to)); }
    process_options& standard_output(stdio to) noexcept { return connect(1, to); }
    process_options& standard_output(unique_fd to) { return connect(1, std::move(to)); }
    process_options& standard_error(stdio to) noexcept { return connect(2, to); }
    process_options& standard_error(unique_fd to) { return connect(2, std::move(to)); }

    /// The process group it is in; process_group::shared.
    process_options& group(process_group chosen) noexcept {
        settings_.group = chosen;
        return *this;
    }

    // The others are for run_process.

    /// Collects the standard output and error.
    process_options& capture() noexcept {
        return standard_output(stdio::pipe).standard_error(stdio::pipe);
    }

    /// How many bytes of output and error together are collected at most; more is an error.
    process_options& capture_limit(std::size_t bytes) noexcept {
        settings_.capture_limit = bytes;
        return *this;
    }

    /// When all output was collected; capture_until::exit.
    process_options& capture_until(simul::capture_until when) noexcept {
        settings_.until = when;
        return *this;
    }

    /// What the process reads from its standard input.
    process_options& input(std::string text) {
        settings_.input = std::move(text);
        return standard_input(stdio::pipe);
    }

    /// Makes it an error, process_error, if the process does not end with the code 0.
    process_options& check() noexcept {
        settings_.is_checked = true;
        return *this;
    }

    /// How the process is ended when run_process is cancelled or fails.
    process_options& on_cancel(const signal_ladder& ladder) noexcept {
        settings_.ladder = ladder;
        return *this;
    }

    [[nodiscard]] const detail::process_settings& settings() const noexcept { return settings_; }

private:
    process_options& connect(std::size_t which, stdio to) noexcept {
        SIMUL_ASSERT(to != stdio::to_output || which == 2,
                     "stdio::to_output is for standard error");
        settings_.streams[which].to = to;
        settings_.streams[which].given.reset();
        return *this;
    }
    process_options& connect(std::size_t which, unique_fd to) {
        SIMUL_ASSERT(static_cast<bool>(to), "a standard stream needs an open descriptor");
        settings_.streams[which].given = std::make_shared<unique_fd>(std::move(to));
        return *this;
    }

    detail::process_settings settings_;
};

}  // namespace simul
