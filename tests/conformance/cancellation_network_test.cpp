// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of name lookups and connections. The name server and the listeners are
// this program's own, on the loopback device, and do something only when a plan says so.
#include <array>
#include <optional>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "io/socket_address.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/dns.hpp"
#include "support/cancellation_harness.hpp"
#include "support/dns_server.hpp"

namespace simul::test {
namespace {

// --- names
// ----------------------------------------------------------------------------------------

// Complete before it begins: nothing here waits for anybody.
class resolving_an_override : public scenario_world {
public:
    static constexpr const char* awaitable = "resolver::resolve";
    static constexpr const char* variant = "of a name that was overridden";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool remembers = false;
    static constexpr bool runs_on(stage where) noexcept { return where == stage::simulated; }

    explicit resolving_an_override(stage where) : scenario_world{where} {
        const std::vector<ip_address> local{ip_address::loopback_v4()};
        names_.add_override("host.test", std::nullopt, local);
    }

    auto wait() { return names_.resolve("host.test"); }
    static void received(const std::vector<ip_address>& found) { EXPECT_EQ(found.size(), 1U); }
    void complete() override {}

private:
    resolver names_;
};
const add_scenario<resolving_an_override> adds_resolving_an_override;

class name_server_world : public scenario_world {
public:
    static constexpr const char* awaitable = "resolver::resolve";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool remembers = false;

    explicit name_server_world(stage where) : scenario_world{where}, names_{options()} {}

    auto wait() { return names_.resolve("host.test"); }
    void complete() override { server_.answer_pending(); }

protected:
    [[nodiscard]] resolver_options options() const {
        resolver_options made;
        made.servers.push_back(server_.where());
        made.use_hosts_file = false;
        made.use_search_domains = false;
        made.attempt_timeout = 1h;
        return made;
    }

    dns_server server_;
    resolver names_;
};

class resolving : public name_server_world {
public:
    static constexpr const char* variant = "by a name server";

    explicit resolving(stage where) : name_server_world{where} {
        server_.host("host.test").addresses.push_back(ip_address::loopback_v4());
    }
    static void received(const std::vector<ip_address>& found) { EXPECT_EQ(found.size(), 1U); }
};
const add_scenario<resolving> adds_resolving;

class resolving_in_vain : public name_server_world {
public:
    static constexpr const char* variant = "of a name that does not exist";
    static constexpr bool fails = true;

    using name_server_world::name_server_world;
    static void received(const std::vector<ip_address>&) { ADD_FAILURE() << "there is no answer"; }
};
const add_scenario<resolving_in_vain> adds_resolving_in_vain;

// Another task looks up the same name. Whoever asks first leads, and the other one gets its answer
// in any case.
class resolving_together : public name_server_world {
public:
    static constexpr const char* variant = "together with another task";

    explicit resolving_together(stage where) : name_server_world{where} {
        server_.host("host.test").addresses.push_back(ip_address::loopback_v4());
    }
    static void received(const std::vector<ip_address>& found) { EXPECT_EQ(found.size(), 1U); }
    task<> background() override {
        const std::vector<ip_address> found = co_await names_.resolve("host.test");
        EXPECT_EQ(found.size(), 1U);
        has_answer_ = true;
    }
    [[nodiscard]] bool is_settled(const run_state& run) override {
        if (run.is_completed) server_.answer_pending();
        return has_answer_ || !run.is_completed;
    }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(has_answer_, run.is_completed) << run.describe();
        EXPECT_LE(server_.questions().size(), 4U) << "two lookups at most: " << run.describe();
        co_return;
    }

private:
    bool has_answer_ = false;
};
const add_scenario<resolving_together> adds_resolving_together;

// --- connections
// ----------------------------------------------------------------------------------

class listener_world : public scenario_world {
public:
    static constexpr const char* awaitable = "connect";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool runs_on(stage where) noexcept { return !is_simulated(where); }

    listener_world(stage where, int backlog)
        : scenario_world{where},
          listener_{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
        const simul::detail::socket_address any{endpoint{ip_address::loopback_v4(), 0}};
        EXPECT_EQ(::bind(listener_.get(), any.data(), any.size()), 0);
        EXPECT_EQ(::listen(listener_.get(), backlog), 0);
    }
    void received(tcp_stream stream) const { EXPECT_EQ(stream.peer_endpoint(), there()); }
    void complete() override {}

protected:
    [[nodiscard]] endpoint there() const {
        return simul::detail::local_endpoint_of(listener_.get());
    }

    unique_fd listener_;
};

// A connect over the loopback device ends by itself.
class connecting_to_a_host : public listener_world {
public:
    static constexpr const char* variant = "to a listener";
    static constexpr bool remembers = false;

    explicit connecting_to_a_host(stage where) : listener_world{where, 8} {}
    auto wait() { return connect(there()); }
};
const add_scenario<connecting_to_a_host> adds_connecting_to_a_host;

// The first address refuses, and the second one is tried at once.
class connecting_to_the_second : public listener_world {
public:
    static constexpr const char* variant = "to the second of two";
    static constexpr bool remembers = false;

    explicit connecting_to_the_second(stage where) : listener_world{where, 8} {
        const simul::detail::socket_address any{endpoint{ip_address::loopback_v4(), 0}};
        EXPECT_EQ(::bind(closed_.get(), any.data(), any.size()), 0);
    }
    auto wait() {
        const std::vector<endpoint> both{simul::detail::local_endpoint_of(closed_.get()), there()};
        return connect(both);
    }

private:
    unique_fd closed_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};
const add_scenario<connecting_to_the_second> adds_connecting_to_the_second;

// The listener's queue is full and nobody accepts: only a request ends this.
class connecting_without_answer : public listener_world {
public:
    static constexpr const char* variant = "without an answer";
    static constexpr bool can_complete = false;

    explicit connecting_without_answer(stage where) : listener_world{where, 0} {
        const simul::detail::socket_address full{there()};
        for (unique_fd& each : clients_) {
            each.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            ::connect(each.get(), full.data(), full.size());
        }
    }
    auto wait() { return connect(there()); }

private:
    std::array<unique_fd, 3> clients_;
};
const add_scenario<connecting_without_answer> adds_connecting_without_answer;

}  // namespace
}  // namespace simul::test
