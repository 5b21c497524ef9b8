// SPDX-License-Identifier: Apache-2.0
//
// simul/io/dns.hpp: from the name of a host to its addresses.
//
// A resolver asks in this order: the overrides it was given, whether the name is an address or
// localhost, its cache, /etc/hosts, the name servers. It runs on the loop, without threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/address.hpp"

namespace simul {

/// Why a name has no addresses.
enum class dns_errc {
    not_found = 1,     ///< the name does not exist
    no_address,        ///< the name exists and has no address
    server_failure,    ///< the name server could not answer
    refused,           ///< the name server did not want to answer
    timed_out,         ///< no name server answered in time
    no_server,         ///< no name server could be reached
    bad_name,          ///< that is not the name of a host
    bad_response,      ///< the answer makes no sense
    too_many_aliases,  ///< the name is an alias of an alias of an alias ...
};

/// The category of dns_errc, named "simul.dns".
const std::error_category& dns_category() noexcept;

/// Makes an error_code of dns_errc; found by argument-dependent lookup.
std::error_code make_error_code(dns_errc code) noexcept;

/// How a resolver works.
struct resolver_options {
    resolver_options() noexcept = default;

    /// The name servers to ask, in this order; empty means those of /etc/resolv.conf. In the
    /// simulated world there must be some: tasks that answer there.
    std::vector<endpoint> servers;

    /// How long to wait for one server at first, and how often each one is asked. The wait doubles
    /// each time all have been asked.
    duration attempt_timeout = std::chrono::seconds{2};
    unsigned attempts = 3;

    // Neither does anything in the simulated world, where no file matters.
    bool use_hosts_file = true;      ///< look into /etc/hosts before asking a server
    bool use_search_domains = true;  ///< complete names as /etc/resolv.conf says

    std::size_t max_aliases = 8;     ///< a longer chain of CNAMEs is refused
    std::size_t max_addresses = 64;  ///< further addresses are dropped

    /// Names that are remembered at most; the one that was not used longest is forgotten first.
    std::size_t cache_entries = 10'000;
    /// The server says how long an answer holds; between these two it is believed.
    duration min_lifetime = std::chrono::seconds{1};
    duration max_lifetime = std::chrono::hours{24};
    /// How long a failure is remembered.
    duration failure_lifetime = std::chrono::seconds{10};
};

/// What a resolver has done so far.
struct resolver_statistics {
    resolver_statistics() noexcept = default;

    std::uint64_t asked = 0;   ///< lookups that went out
    std::uint64_t cached = 0;  ///< answers from the cache
    std::uint64_t joined = 0;  ///< calls that waited for a lookup of another one
    std::size_t entries = 0;   ///< names in the cache now
};

/// Finds the addresses of hosts and remembers them.
///
///     resolver names;
///     auto addresses = co_await names.resolve("example.org");
///
/// Make one and share it among the tasks of a loop: equal lookups at the same time are one lookup.
/// To connect to a host, give it to connect(), which tries the addresses.
///
/// On the simulated backend the name servers are those of resolver_options::servers, each a task of
/// the same world with a udp_socket, and a tcp_listener on the same port if an answer may be long.
/// Nothing there depends on a file, the environment or the real clock: a server that does not
/// answer costs virtual time only. A further attempt then asks for the addresses of both families
/// again, and IPv6 addresses come first, otherwise in the server's order. Only the numbers in the
/// messages differ from run to run.
///
/// Threads       the loop's thread.
/// Lifetime      may be destroyed or moved while lookups are under way; they end by themselves.
/// Source        c-ares; cache and joined lookups as in curl and aiohttp.
class resolver {
public:
    /// Asks nothing yet and opens nothing.
    ///
    /// Errors        std::system_error with invalid_argument if an option makes no sense: a server
    ///               without port, no attempts, a time-out of zero or less.
    explicit resolver(resolver_options options = {});
    resolver(resolver&&) noexcept;
    resolver& operator=(resolver&&) noexcept;
    ~resolver();

    /// Answers `host` with these addresses from now on, for connections to `port` or, without one,
    /// to any port. "*" stands for every host. Consulted first: it can point a name, or an address,
    /// to a server of a test. Without addresses the host does not resolve.
    ///
    /// Source        curl's --resolve.
    void add_override(std::string_view host, std::optional<std::uint16_t> port,
                      std::vector<ip_address> addresses);

    /// Finds the addresses of a host, those first that are likely to work best.
    ///
    /// A name consists of letters, digits, hyphens and underscores; international names must have
    /// been converted. A name whose last part is a number is no name: spellings of addresses that
    /// only some programs understand are refused. `port` only selects among the overrides.
    ///
    /// Returns       at least one address, at most `max_addresses`, in the order of RFC 6724; see
    ///               above for the simulated backend.
    /// Errors        std::system_error with dns_errc; with the system's code if no descriptor is
    ///               left; with errc::unavailable on the simulated backend if the options name no
    ///               servers.
    /// Suspends      if a server is asked.
    /// Cancellation  clean. The lookup is given up, unless others wait for it too: then one of them
    ///               asks again.
    /// Threads       the loop's thread. Reads /etc/hosts and /etc/resolv.conf in place, which may
    ///               take some microseconds; not on the simulated backend.
    /// Complexity    one socket for each lookup that goes out, none from the cache.
    /// Source        RFC 1035, RFC 6724, RFC 6761 (localhost).
    [[nodiscard]] task<std::vector<ip_address>> resolve(std::string host, std::uint16_t port = 0);

    /// Forgets what it has learned; overrides stay.
    void clear_cache() noexcept;

    [[nodiscard]] resolver_statistics statistics() const noexcept;

private:
    struct state;
    static task<std::vector<ip_address>> find(std::shared_ptr<state> shared, std::string host,
                                              std::uint16_t port);

    std::shared_ptr<state> state_;
};

}  // namespace simul

template <>
struct std::is_error_code_enum<simul::dns_errc> : std::true_type {};
