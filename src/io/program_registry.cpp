// SPDX-License-Identifier: Apache-2.0
#include "io/program_registry.hpp"

#include <cstddef>
#include <system_error>

#include "io/socket_calls.hpp"
#include "runtime/backends/simulated.hpp"
#include "simul/base/config.hpp"
#include "simul/base/error.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

// Of every loop of the thread, the one that was opened last first.
SIMUL_THREAD_LOCAL constinit program_registry* newest_registry = nullptr;

[[noreturn]] void throw_without_programs() {
    throw std::system_error{make_error_code(errc::unavailable),
                            "the simulated backend has no processes but those of a test: see "
                            "testing::with_programs"};
}

simulated_end end_of_given(const unique_fd& given) {
    if (!given) {
        throw std::system_error{make_error_code(std::errc::invalid_argument),
                                "a descriptor in process_options went to the process that was "
                                "started first: give each its own"};
    }
    simulated_end theirs = simulated_end::duplicate(given.get());
    if (theirs) return theirs;
    throw std::system_error{make_error_code(errc::unavailable),
                            "a simulated process cannot use a descriptor of the system: give it "
                            "stdio::pipe"};
}

}  // namespace

simulated_end::~simulated_end() {
    if (descriptor_ < 0) return;
    simulated_backend* const world = simulated_world();
    if (world != nullptr && world->exists(descriptor_)) world->close(descriptor_);
}

simulated_end simulated_end::duplicate(int descriptor) {
    simulated_backend* const world = simulated_world();
    if (world == nullptr || !world->is_pipe(descriptor)) return {};
    return simulated_end{world->duplicate(descriptor)};
}

program_registry::program_registry() noexcept : loop_{&loop::current()} {}

void program_registry::open() noexcept {
    outer_ = newest_registry;
    newest_registry = this;
    is_open_ = true;
}

// Scopes of several tasks may end in any order.
void program_registry::close() noexcept {
    if (!is_open_) return;
    is_open_ = false;
    program_registry** place = &newest_registry;
    while (*place != this) place = &(*place)->outer_;
    *place = outer_;
}

program_registry& program_registry::current() {
    const loop* const running = &loop::current();
    for (program_registry* each = newest_registry; each != nullptr; each = each->outer_) {
        if (each->loop_ == running) return *each;
    }
    throw_without_programs();
}

simulated_connections::simulated_connections(const process_settings& settings) {
    simulated_backend& world = *simulated_world();
    for (std::size_t which = 0; which != theirs.size(); ++which) {
        const process_settings::stream& wanted = settings.streams[which];
        if (wanted.given) {
            theirs[which] = end_of_given(*wanted.given);
        } else if (wanted.to == stdio::null) {
            theirs[which] = simulated_end{world.open_sink()};
        }
    }
    // From here on nothing is refused: an end of ours is closed by its stream only.
    for (std::size_t which = 0; which != theirs.size(); ++which) {
        const process_settings::stream& wanted = settings.streams[which];
        if (wanted.given || wanted.to != stdio::pipe) continue;
        const auto [reading, writing] = world.open_pipe();
        const bool is_written_by_us = which == 0;
        ours[which].reset(is_written_by_us ? writing : reading);
        theirs[which] = simulated_end{is_written_by_us ? reading : writing};
    }
}

void close_given(const process_settings& settings) noexcept {
    for (const process_settings::stream& each : settings.streams) {
        if (each.given) const simulated_end closed{each.given->release()};
    }
}

}  // namespace simul::detail
