// SPDX-License-Identifier: Apache-2.0
//
// program_registry.hpp: who starts processes in the simulated world.
//
// There are none in this layer: a test says which programs exist, with testing::with_programs.
#pragma once

#include <array>

#include "io/process_record.hpp"
#include "io/simulated_end.hpp"
#include "simul/io/process_options.hpp"

namespace simul {
class loop;
}

namespace simul::detail {

/// The ends of its standard streams that a simulated process gets. One that is empty is inherited,
/// or for standard error what the settings say of it.
using simulated_streams = std::array<simulated_end, 3>;

/// Starts simulated processes on the loop on which it was made, from open() to close().
class program_registry {
public:
    program_registry() noexcept;
    program_registry(const program_registry&) = delete;
    program_registry& operator=(const program_registry&) = delete;
    virtual ~program_registry() { close(); }

    void open() noexcept;
    void close() noexcept;

    /// The one of this thread's loop that was opened last; throws errc::unavailable.
    [[nodiscard]] static program_registry& current();

    /// Errors        as for process::start.
    [[nodiscard]] virtual process_pointer start(const process_settings& settings,
                                                simulated_streams streams) = 0;

private:
    loop* loop_;
    program_registry* outer_ = nullptr;
    bool is_open_ = false;
};

/// Our ends of the pipes that a process is to be connected to, and its own.
class simulated_connections {
public:
    explicit simulated_connections(const process_settings& settings);

    std::array<unique_fd, 3> ours;  // for pipe_stream::adopt, at once
    simulated_streams theirs;
};

/// The process has been started: what was given to it in `settings` belongs to it.
void close_given(const process_settings& settings) noexcept;

}  // namespace simul::detail
