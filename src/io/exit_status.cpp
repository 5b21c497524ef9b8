// SPDX-License-Identifier: Apache-2.0
#include "simul/io/exit_status.hpp"

#include <csignal>
#include <cstring>

namespace simul {

std::string exit_status::text() const {
    if (signal_ == 0) return "code " + std::to_string(code_);
    const char* const name = ::sigabbrev_np(signal_);
    std::string text =
        name != nullptr ? std::string{"signal SIG"} + name : "signal " + std::to_string(signal_);
    if (dumped_core_) text += " (core dumped)";
    return text;
}

}  // namespace simul
