// SPDX-License-Identifier: Apache-2.0
#include "simul/io/dns.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "io/dns_cache.hpp"
#include "io/dns_query.hpp"
#include "simul/base/error.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

namespace {

class category_of_dns final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "simul.dns"; }

    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<dns_errc>(value)) {
            case dns_errc::not_found: return "the host name does not exist";
            case dns_errc::no_address: return "the host name has no address";
            case dns_errc::server_failure: return "the name server could not answer";
            case dns_errc::refused: return "the name server refused to answer";
            case dns_errc::timed_out: return "no name server answered in time";
            case dns_errc::no_server: return "no name server could be reached";
            case dns_errc::bad_name: return "this is not a valid host name";
            case dns_errc::bad_response: return "the name server's answer is malformed";
            case dns_errc::too_many_aliases: return "the host name has too many aliases";
        }
        return "unknown error";
    }
};

bool is_digit(char each) noexcept {
    return each >= '0' && each <= '9';
}

bool is_letter(char each) noexcept {
    return each >= 'a' && each <= 'z';
}

// Numbers, also in hexadecimal: what the WHATWG's URL standard takes for the end of an address.
bool is_number(std::string_view label) noexcept {
    if (label.starts_with("0x")) {
        label.remove_prefix(2);
        return std::ranges::all_of(
            label, [](char each) { return is_digit(each) || (each >= 'a' && each <= 'f'); });
    }
    return std::ranges::all_of(label, is_digit);
}

// `name` is in lower case and without a final dot.
bool is_host_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > 253) return false;
    while (true) {
        const std::size_t dot = name.find('.');
        const std::string_view label = name.substr(0, dot);
        if (label.empty() || label.size() > 63) return false;
        const bool is_clean = std::ranges::all_of(label, [](char each) {
            return is_letter(each) || is_digit(each) || each == '-' || each == '_';
        });
        if (!is_clean) return false;
        if (dot == std::string_view::npos) return !is_number(label);
        name.remove_prefix(dot + 1);
    }
}

std::string lower_case(std::string_view host) {
    std::string name{host};
    for (char& each : name) {
        if (each >= 'A' && each <= 'Z') each = static_cast<char>(each - 'A' + 'a');
    }
    return name;
}

std::string_view without_final_dot(std::string_view name) noexcept {
    if (name.ends_with('.')) name.remove_suffix(1);
    return name;
}

bool is_localhost(std::string_view name) noexcept {
    return name == "localhost" || name.ends_with(".localhost");
}

void check_options(const resolver_options& options) {
    const bool has_ports =
        std::ranges::all_of(options.servers, [](const endpoint& each) { return each.port() != 0; });
    if (has_ports && options.attempts != 0 && options.attempt_timeout > duration::zero()) return;
    throw std::system_error{std::make_error_code(std::errc::invalid_argument),
                            "options of a resolver"};
}

}  // namespace

const std::error_category& dns_category() noexcept {
    static const category_of_dns category;
    return category;
}

std::error_code make_error_code(dns_errc code) noexcept {
    return {static_cast<int>(code), dns_category()};
}

struct resolver::state {
    explicit state(resolver_options given)
        : options{std::move(given)},
          cache{options, [this](std::string host) {
                    return detail::ask_name_servers(options, std::move(host));
                }} {}

    // Keys are host and port, -1 for any port.
    [[nodiscard]] const std::vector<ip_address>* find_override(std::string_view name,
                                                               std::uint16_t port) const {
        for (const std::string_view host : {name, std::string_view{"*"}}) {
            for (const int wanted : {int{port}, -1}) {
                const auto found = overrides.find({std::string{host}, wanted});
                if (found != overrides.end()) return &found->second;
            }
        }
        return nullptr;
    }

    resolver_options options;
    std::map<std::pair<std::string, int>, std::vector<ip_address>> overrides;
    detail::dns_cache cache;
};

resolver::resolver(resolver_options options) {
    check_options(options);
    state_ = std::make_shared<state>(std::move(options));
}

resolver::resolver(resolver&&) noexcept = default;
resolver& resolver::operator=(resolver&&) noexcept = default;
resolver::~resolver() = default;

void resolver::add_override(std::string_view host, std::optional<std::uint16_t> port,
                            std::vector<ip_address> addresses) {
    const std::string name = lower_case(without_final_dot(host));
    state_->overrides.insert_or_assign({name, port ? int{*port} : -1}, std::move(addresses));
}

task<std::vector<ip_address>> resolver::resolve(std::string host, std::uint16_t port) {
    return find(state_, std::move(host), port);
}

task<std::vector<ip_address>> resolver::find(std::shared_ptr<state> shared, std::string host,
                                             std::uint16_t port) {
    const std::string asked = lower_case(host);
    const std::string name{without_final_dot(asked)};
    std::vector<ip_address> addresses;
    if (const auto* found = shared->find_override(name, port)) {
        if (found->empty()) throw std::system_error{dns_errc::no_address, name};
        co_return *found;
    }
    if (const auto literal = ip_address::parse(host)) {
        addresses.push_back(*literal);
        co_return addresses;
    }
    if (is_localhost(name)) {
        addresses.push_back(ip_address::loopback_v6());
        addresses.push_back(ip_address::loopback_v4());
        co_return addresses;
    }
    // What is no name is not repeated: it may hold anything.
    if (!is_host_name(name)) throw std::system_error{dns_errc::bad_name};
    if (shared->options.servers.empty() && loop::current().is_simulated()) {
        std::string text{"the simulated world has no name servers: in resolver_options::servers "};
        text.append("give one that runs in it, or add an override for ").append(name);
        throw std::system_error{errc::unavailable, text};
    }
    detail::dns_answer answer = co_await shared->cache.find(asked);
    if (answer.failure) throw std::system_error{answer.failure, name};
    co_return std::move(answer.addresses);
}

void resolver::clear_cache() noexcept {
    state_->cache.clear();
}

resolver_statistics resolver::statistics() const noexcept {
    return state_->cache.statistics();
}

}  // namespace simul
