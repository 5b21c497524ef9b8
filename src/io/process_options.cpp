// SPDX-License-Identifier: Apache-2.0
#include "simul/io/process_options.hpp"

#include <csignal>

namespace simul {

signal_ladder::signal_ladder() noexcept {
    step(SIGTERM, std::chrono::seconds{5});
}

duration signal_ladder::total() const noexcept {
    time_point end{};
    for (const rung& each : *this) end = saturating_add(end, each.grace);
    return end - time_point{};
}

// What follows the line is $0, which the shell uses in its messages, and then $1.
process_options process_options::shell(std::string line) {
    return process_options{"/bin/sh", "-c", std::move(line), "sh"};
}

}  // namespace simul
