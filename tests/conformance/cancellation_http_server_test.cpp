// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of the HTTP server: its listener is closed, or never is, while it is about
// a connection in each of the states that a connection can be in.
#include <string>
#include <string_view>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/http/server.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

// The client stands beside the subject, sends what the scenario wants, and goes when it is
// completed.
class serving_http : public scenario_world {
public:
    static constexpr const char* awaitable = "http::serve";
    static constexpr rule obeys = rule::delivers;

    // Sockets of the simulated world, and of one kernel.
    static constexpr bool runs_on(stage where) noexcept {
        return is_simulated(where) || where == stage::epoll;
    }

    serving_http(stage where, std::string_view sent)
        : scenario_world{where},
          sent_{sent},
          listener_{tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0})},
          where_{listener_.local_endpoint()} {}

    auto wait() {
        http::server_options options;
        options.connections.counters = &counters_;
        options.grace = duration::zero();
        options.linger = 1ms;
        return http::serve(listener_, answers{*this}, options);
    }
    static void received(std::monostate) {}
    void complete() override {
        listener_.close();
        ends_.set();
    }

    task<> background() override {
        try {
            tcp_stream client = co_await connect(where_);
            co_await write_all(client, bytes_of(sent_));
            co_await ends_.wait();
        } catch (const std::system_error&) {
            // The server has gone.
        }
    }

    task<> verify(const run_state& run) override {
        EXPECT_EQ(alive_, 0) << "a handler outlives serve: " << run.describe();
        EXPECT_EQ(counters_.active, 0U) << run.describe();
        EXPECT_EQ(counters_.failed, 0U) << run.describe();
        co_return;
    }

private:
    struct answers {
        serving_http& world;
        task<> operator()(const http::server_request&, http::server_response& answer) const {
            return world.answer(answer);
        }
    };

    task<> answer(http::server_response& answer) {
        const counted_object local{alive_};
        answer.body.assign(answer_size_, 'x');
        if (waits_) co_await ends_.wait();
    }

protected:
    bool waits_ = false;
    std::size_t answer_size_ = 13;

private:
    std::string_view sent_;
    tcp_listener listener_;
    endpoint where_;
    serve_counters counters_;
    event ends_;
    int alive_ = 0;
};

constexpr std::string_view whole{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"};

class serving_idle_http : public serving_http {
public:
    static constexpr const char* variant = "between two requests";
    explicit serving_idle_http(stage where) : serving_http{where, whole} {}
};
const add_scenario<serving_idle_http> adds_idle;

class serving_half_a_head : public serving_http {
public:
    static constexpr const char* variant = "within a head";
    explicit serving_half_a_head(stage where) : serving_http{where, "GET / HTTP/1.1\r\n"} {}
};
const add_scenario<serving_half_a_head> adds_half_a_head;

class serving_half_a_body : public serving_http {
public:
    static constexpr const char* variant = "within a body";
    explicit serving_half_a_body(stage where)
        : serving_http{where, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"} {}
};
const add_scenario<serving_half_a_body> adds_half_a_body;

class serving_slowly : public serving_http {
public:
    static constexpr const char* variant = "in a handler that waits";
    explicit serving_slowly(stage where) : serving_http{where, whole} { waits_ = true; }
};
const add_scenario<serving_slowly> adds_slowly;

class serving_who_does_not_read : public serving_http {
public:
    static constexpr const char* variant = "to a client that does not read";
    explicit serving_who_does_not_read(stage where) : serving_http{where, whole} {
        answer_size_ = std::size_t{is_simulated(where) ? 1U : 8U} * 1024 * 1024;
    }
};
const add_scenario<serving_who_does_not_read> adds_who_does_not_read;

class serving_what_is_malformed : public serving_http {
public:
    static constexpr const char* variant = "with a connection that lingers";
    explicit serving_what_is_malformed(stage where) : serving_http{where, "malformed\r\n\r\n"} {}
};
const add_scenario<serving_what_is_malformed> adds_what_is_malformed;

}  // namespace
}  // namespace simul::test
