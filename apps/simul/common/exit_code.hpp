// SPDX-License-Identifier: Apache-2.0
//
// common/exit_code.hpp: what the program tells the shell.
#pragma once

namespace simul::program {

enum exit_code : int {
    exit_done = 0,
    exit_findings = 1,           ///< it ran, and found what it was to look for: failed pages
    exit_usage = 2,              ///< the command line, a file it names, or SIMUL_BACKEND is wrong
    exit_nothing_reachable = 3,  ///< no page could be had at all
    exit_limit = 4,              ///< stopped by a limit, or by an output that cannot be written
    exit_interrupted = 5,        ///< Ctrl-C or SIGTERM, once; the second one ends it by the signal
};

}  // namespace simul::program
