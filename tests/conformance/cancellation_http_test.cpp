// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of the HTTP client. The server stands beside the subject, behind memory
// streams, and answers when the scenario is completed. After each run another request on the same
// session must get its own answer.
#include <string>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/http/request_error.hpp"
#include "simul/http/session.hpp"
#include "simul/io/memory_stream.hpp"
#include "support/cancellation_harness.hpp"
#include "support/fake_http_server.hpp"

namespace simul::test {
namespace {

class http_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    // Nothing here touches a backend: one real one stands for the others.
    static constexpr bool runs_on(stage where) noexcept {
        return is_simulated(where) || where == stage::io_uring;
    }

    explicit http_world(stage where) : scenario_world{where}, web_{options()} {}

    void complete() override { happened_.set(); }

    task<> verify(const run_state& run) override {
        got_.reset();
        EXPECT_EQ(web_.statistics().in_use, 0U) << run.describe();
        EXPECT_EQ(web_.statistics().waiting, 0U) << run.describe();
        const std::string text = co_await ask_again();
        EXPECT_EQ(text, "after") << run.describe();
        web_.close_idle();
    }

protected:
    // Opens a connection to a server that runs in `servers_`.
    http::session_options options() {
        http::session_options chosen;
        chosen.max_connections = 1;
        chosen.connect = [this](std::string, std::uint16_t) { return connect(); };
        return chosen;
    }

    task<any_stream> connect() {
        auto [client, server] = memory_stream_pair();
        server_end_ = std::move(server);
        has_server_.set();
        any_stream made{std::move(client)};
        co_return made;
    }

    // Serves one connection: the head at once or when completed, as the scenario wants, and the
    // rest when completed.
    task<> serve(std::string early, std::string late) {
        try {
            co_await has_server_.wait();
            memory_stream stream = std::move(server_end_);
            std::string ahead;
            seen_request asked;
            const bool more = co_await fake_http_server::read_request(stream, ahead, asked);
            if (!more) co_return;
            co_await write_all(stream, bytes_of(early));
            co_await happened_.wait();
            co_await write_all(stream, bytes_of(late));
            char rest[16];
            co_await stream.read_some(std::as_writable_bytes(std::span{rest}));
        } catch (const std::system_error&) {
            // The client has gone.
        }
    }

    task<std::string> ask_again() {
        std::string text;
        co_await with_task_group([&](task_group& group) -> task<> {
            has_server_.clear();
            happened_.set();
            group.spawn(serve("", answer("after")));
            http::response got = co_await web_.get("http://a.test/after");
            text = co_await got.read_all();
            group.cancel();
        });
        co_return text;
    }

    // A response whose body has not come.
    task<http::response*> head_only() {
        http::response came = co_await web_.get("http://a.test/");
        got_.emplace(std::move(came));
        co_return &*got_;
    }

    event happened_;
    event has_server_;
    memory_stream server_end_;
    http::session web_;
    std::optional<http::response> got_;
    std::byte buffer_[16];
};

class http_get : public http_world {
public:
    static constexpr const char* awaitable = "http::session::get";

    using http_world::http_world;
    auto wait() { return web_.get("http://a.test/"); }
    void received(http::response got) { EXPECT_EQ(got.status(), 200); }
    task<> background() override { return serve("", answer("hello")); }
};
const add_scenario<http_get> adds_http_get;

class http_send : public http_world {
public:
    static constexpr const char* awaitable = "http::session::send";
    static constexpr bool fails = true;

    using http_world::http_world;
    auto wait() { return web_.send(http::request{web::url::parse("http://a.test/").value()}); }
    void received(const http::response&) { ADD_FAILURE() << "that was no answer"; }
    task<> background() override { return serve("", "what?"); }
};
const add_scenario<http_send> adds_http_send;

// The head has come; each of these reads the body.
class http_body_world : public http_world {
public:
    using http_world::http_world;
    task<> background() override {
        return serve("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "hello");
    }
};

class http_read_some : public http_body_world {
public:
    static constexpr const char* awaitable = "http::response::read_some";

    using http_body_world::http_body_world;
    task<std::size_t> wait() {
        http::response* got = co_await head_only();
        co_return co_await got->read_some(buffer_);
    }
    void received(std::size_t count) { EXPECT_EQ(count, 5U); }
};
const add_scenario<http_read_some> adds_http_read_some;

class http_read_all : public http_body_world {
public:
    static constexpr const char* awaitable = "http::response::read_all";

    using http_body_world::http_body_world;
    task<std::string> wait() {
        http::response* got = co_await head_only();
        co_return co_await got->read_all();
    }
    void received(const std::string& text) { EXPECT_EQ(text, "hello"); }
};
const add_scenario<http_read_all> adds_http_read_all;

class http_read_up_to : public http_body_world {
public:
    static constexpr const char* awaitable = "http::response::read_up_to";

    using http_body_world::http_body_world;
    task<http::partial_body> wait() {
        http::response* got = co_await head_only();
        co_return co_await got->read_up_to(3);
    }
    void received(const http::partial_body& body) {
        EXPECT_EQ(body.bytes, "hel");
        EXPECT_FALSE(body.is_complete);
    }
};
const add_scenario<http_read_up_to> adds_http_read_up_to;

class http_discard : public http_body_world {
public:
    static constexpr const char* awaitable = "http::response::discard";

    using http_body_world::http_body_world;
    task<> wait() {
        http::response* got = co_await head_only();
        co_await got->discard();
    }
    void received(std::monostate) { EXPECT_EQ(web_.statistics().idle, 1U); }
};
const add_scenario<http_discard> adds_http_discard;

}  // namespace
}  // namespace simul::test
