// SPDX-License-Identifier: Apache-2.0
//
// crawl/command.hpp: simul crawl.
#pragma once

namespace CLI {
class App;
}

namespace simul::program {

class crawl_statistics;

/// Adds the subcommand; when it has run, `result` is an exit_code.
void add_crawl(CLI::App& program, int& result);

/// What a crawl tells the shell: interrupted before stopped by a limit, that before nothing
/// reachable, that before failed pages.
[[nodiscard]] int exit_code_of(const crawl_statistics& counts) noexcept;

}  // namespace simul::program
