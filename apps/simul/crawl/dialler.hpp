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
#include "simul/io/address.hpp"
#include "simul/io/dns.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// Where connections may lead.
class dialler_options {
public:
    dialler_options() {}

    /// Hosts and ports that the command line names; these may have any address.
    std::set<std::pair<std::string, std::uint16_t>> named;
    std::vector<http::name_override> overrides;  ///< --resolve; counts as naming, too, also of "*"
    duration resolve_limit = std::chrono::seconds{5};
    duration connect_limit = std::chrono::seconds{10};  ///< all addresses of a host together
    resolver_options lookup;
};

/// Those of a host's addresses that may be dialled: all of them if the command line names the host
/// and the port, otherwise the ones of the public internet.
///
/// Errors        permission_denied if there is none; the text does not tell the addresses.
[[nodiscard]] std::vector<endpoint> permitted(const dialler_options& options,
                                              const std::string& host, std::uint16_t port,
                                              const std::vector<ip_address>& addresses);

/// A connector that looks a host up and connects to its addresses, of which it dials those of the
/// public internet only, unless the host was named. The addresses that are judged are those that
/// are dialled.
///
/// Errors        of the connector: permission_denied if no address may be dialled; those of
///               resolver::resolve and of connect; dns_errc::timed_out or timed_out if one of the
///               limits passed.
[[nodiscard]] http::connector make_dialler(dialler_options options);

/// The host of an address as connectors get it: without the brackets of IPv6.
[[nodiscard]] std::string plain_host(const web::url& address);

}  // namespace simul::program
