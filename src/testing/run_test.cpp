// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/run_test.hpp"

#include <string>

#include "simul/coro/frame_allocator.hpp"

namespace simul::testing::detail {

namespace {

std::uint64_t live_frames() noexcept {
    const frame_statistics now = read_frame_statistics();
    return now.allocated - now.released;
}

loop_options loop_of(const test_options& options) noexcept {
    loop_options made;
    made.backend = options.backend();
    return made;
}

}  // namespace

test_world::test_world(const test_options& options)
    : start_{options.start()}, frames_before_{live_frames()}, loop_{loop_of(options)} {
    loop_.scheduler().follow(options.order());
}

test_world::~test_world() {
    loop_.scheduler().follow(nullptr);
}

run_options test_world::options_of_run() const {
    run_options options;
    options.start = start_;
    options.handle_interrupt = false;
    return options;
}

void test_world::check_for_leaks() const {
    const loop_statistics left = loop_.statistics();
    const std::uint64_t frames = live_frames() - frames_before_;
    if (frames == 0 && left.timers == 0 && left.operations == 0) return;
    throw leak{"the test has ended and left behind: " + std::to_string(frames) +
               " coroutine frames, " + std::to_string(left.timers) + " timers, " +
               std::to_string(left.operations) + " operations"};
}

}  // namespace simul::testing::detail
