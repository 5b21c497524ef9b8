// SPDX-License-Identifier: Apache-2.0
#include "crawl/dialler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <system_error>

#include "simul/concurrency/timeout.hpp"
#include "simul/io/address_policy.hpp"
#include "simul/io/connect.hpp"

namespace simul::program {

namespace {

struct dialler {
    explicit dialler(dialler_options chosen) : options{std::move(chosen)}, names{options.lookup} {
        for (const http::name_override& each : options.overrides) {
            names.add_override(each.host, each.port, each.addresses);
        }
    }

    dialler_options options;
    resolver names;
};

bool is_named(const dialler_options& options, const std::string& host, std::uint16_t port) {
    const auto names_it = [&](const http::name_override& each) {
        return (each.host == host || each.host == "*") && each.port.value_or(port) == port;
    };
    return options.named.contains({host, port}) || std::ranges::any_of(options.overrides, names_it);
}

// A name that takes too long is told apart from an address that does.
task<std::vector<ip_address>> look_up(dialler& shared, const std::string& host,
                                      std::uint16_t port) {
    try {
        co_return co_await timeout(shared.options.resolve_limit, shared.names.resolve(host, port));
    } catch (const timed_out&) {
        throw std::system_error{make_error_code(dns_errc::timed_out), host};
    }
}

task<any_stream> dial(std::shared_ptr<dialler> shared, std::string host, std::uint16_t port) {
    const std::vector<ip_address> addresses = co_await look_up(*shared, host, port);
    std::vector<endpoint> candidates = permitted(shared->options, host, port, addresses);
    connect_options how;
    how.timeout = shared->options.connect_limit;
    tcp_stream connected = co_await connect(std::move(candidates), how);
    co_return any_stream{std::move(connected)};
}

}  // namespace

std::vector<endpoint> permitted(const dialler_options& options, const std::string& host,
                                std::uint16_t port, const std::vector<ip_address>& addresses) {
    const bool any = is_named(options, host, port);
    std::vector<endpoint> candidates;
    for (const ip_address& each : addresses) {
        if (any || is_globally_reachable(each)) candidates.emplace_back(each, port);
    }
    if (!candidates.empty()) return candidates;
    throw std::system_error{
        std::make_error_code(std::errc::permission_denied),
        fmt::format("{} is not on the public internet, and port {} of it was not named", host,
                    port)};
}

http::connector make_dialler(dialler_options options) {
    auto shared = std::make_shared<dialler>(std::move(options));
    return [shared](std::string host, std::uint16_t port) {
        return dial(shared, std::move(host), port);
    };
}

std::string plain_host(const web::url& address) {
    std::string_view host = address.host();
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    return std::string{host};
}

}  // namespace simul::program
