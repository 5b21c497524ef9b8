// SPDX-License-Identifier: Apache-2.0
//
// serve/command.hpp: simul serve, a server for files and for the demonstration.
#pragma once

#include <CLI/CLI.hpp>

namespace simul::program {

/// Adds the subcommand `serve` with its options. When it was asked for, parsing runs the server and
/// sets `result` to an exit_code.
///
/// Lifetime      result must outlive the program.
void add_serve(CLI::App& program, int& result);

}  // namespace simul::program
