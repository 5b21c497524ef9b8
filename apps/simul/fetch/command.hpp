// SPDX-License-Identifier: Apache-2.0
//
// fetch/command.hpp: `simul fetch`, the links of a list of pages as a table.
#pragma once

namespace CLI {
class App;
}

namespace simul::program {

/// Adds the subcommand. When it is chosen, parsing the command line runs it and puts an exit_code
/// into `result`.
void add_fetch(CLI::App& program, int& result);

}  // namespace simul::program
