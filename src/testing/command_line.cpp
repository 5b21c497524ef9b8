// SPDX-License-Identifier: Apache-2.0
#include "testing/command_line.hpp"

#include <fstream>

namespace simul::testing::detail {

std::string command_line() {
    std::ifstream file{"/proc/self/cmdline", std::ios::binary};
    std::string command;
    std::string argument;
    while (std::getline(file, argument, '\0')) {
        command += " '";
        for (const char each : argument) {
            if (each == '\'') {
                command += "'\\''";
            } else {
                command += each;
            }
        }
        command += "'";
    }
    return command;
}

}  // namespace simul::testing::detail
