// SPDX-License-Identifier: Apache-2.0
//
// io/dns_query.hpp: one question to the name servers.
#pragma once

#include <string>

#include "io/dns_cache.hpp"

namespace simul::detail {

/// Asks for the addresses of `host`, which must be a valid name. In the simulated world the options
/// must name servers.
///
/// Errors        std::system_error with the system's code if no descriptor is left. That a name has
///               no addresses is an answer, not an error.
/// Cancellation  clean.
/// Lifetime      `options` must outlive the call.
task<dns_answer> ask_name_servers(const resolver_options& options, std::string host);

}  // namespace simul::detail
