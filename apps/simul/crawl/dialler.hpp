// SPDX-License-Identifier: Apache-2.0
//
// crawl/dialler.hpp: opens connections, but not into the network that the crawl runs in.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/http/session.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// Where connections may lead.
class dialler_options {
public:
    dialler_options() {}

    /// Hosts and ports that the command line names; these may have any address.
    std::set<std::pair<std::string, std::uint16_t>> named;
    std::vector<http::name_override> overrides;  ///< --resolve; counts as naming, too
    duration resolve_limit = std::chrono::seconds{5};
};

/// A connector that looks a host up and connects to its addresses, of which it dials those of the
/// public internet only, unless the host was named. The addresses that are judged are those that
/// are dialled.
///
/// Errors        of the connector: permission_denied if no address may be dialled; those of
///               resolver::resolve and of connect.
[[nodiscard]] http::connector make_dialler(dialler_options options);

/// The host of an address as connectors get it: without the brackets of IPv6.
[[nodiscard]] std::string plain_host(const web::url& address);

}  // namespace simul::program
