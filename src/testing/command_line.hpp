// SPDX-License-Identifier: Apache-2.0
//
// testing/command_line.hpp: how this program was called.
#pragma once

#include <string>

namespace simul::testing::detail {

/// What the shell needs to run this program again: its own arguments, each in quotes and with a
/// space before it.
std::string command_line();

}  // namespace simul::testing::detail
