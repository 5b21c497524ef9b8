// SPDX-License-Identifier: Apache-2.0
//
// demonstrate.hpp: what the program does when it is told nothing.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace simul::program {

/// Serves the demonstration site on a port of this machine and has it crawled.
///
/// `command` runs the program with the given words and returns its exit code.
///
/// Returns       exit_done, also when the crawl found what the site has broken on purpose; else the
///               crawl's exit code.
int demonstrate(const std::function<int(std::vector<std::string>)>& command);

}  // namespace simul::program
