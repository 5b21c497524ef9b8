// SPDX-License-Identifier: Apache-2.0
#include "crawl/dialler.hpp"

#include <fmt/format.h>

#include <memory>
#include <system_error>

#include "simul/concurrency/timeout.hpp"
#include "simul/io/address_policy.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/dns.hpp"

namespace simul::program {

namespace {

struct dialler {
    explicit dialler(dialler_options chosen) : options{std::move(chosen)} {
        for (const http::name_override& each : options.overrides) {
            names.add_override(each.host, each.port, each.addresses);
        }
    }

    [[nodiscard]] bool is_named(const std::string& host, std::uint16_t port) const {
        if (options.named.contains({host, port})) return true;
        for (const http::name_override& each : options.overrides) {
            if (each.host == host && each.port.value_or(port) == port) return true;
        }
        return false;
    }

    dialler_options options;
    resolver names;
};

task<any_stream> dial(std::shared_ptr<dialler> shared, std::string host, std::uint16_t port) {
    const std::vector<ip_address> addresses =
        co_await timeout(shared->options.resolve_limit, shared->names.resolve(host, port));
    const bool is_named = shared->is_named(host, port);
    std::vector<endpoint> candidates;
    for (const ip_address& each : addresses) {
        if (is_named || is_globally_reachable(each)) candidates.emplace_back(each, port);
    }
    if (candidates.empty()) {
        throw std::system_error{
            std::make_error_code(std::errc::permission_denied),
            fmt::format("{} is not on the public internet, and port {} of it was not named", host,
                        port)};
    }
    tcp_stream connected = co_await connect(std::move(candidates));
    co_return any_stream{std::move(connected)};
}

}  // namespace

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
