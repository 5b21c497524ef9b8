// SPDX-License-Identifier: Apache-2.0
//
// support/fake_http_server.hpp: a server inside the test, behind memory streams.
//
// The session under test is given a connector that makes a pair of memory streams and serves the
// other end in the test's task group. What the server says is up to the test: a function from a
// request to the bytes of the answer, or a coroutine that has the connection to itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/http/session.hpp"
#include "simul/http/wire/request_parser.hpp"
#include "simul/io/memory_stream.hpp"

namespace simul::test {

/// A request as the server read it.
struct seen_request {
    seen_request() = default;

    std::string origin;  ///< host:port that was connected to
    std::size_t connection = 0;
    http::wire::request_head head;
    std::string body;
};

/// The bytes of an answer with a length.
inline std::string answer(std::string_view body, std::string_view fields = "",
                          std::string_view status = "200 OK") {
    std::string text{"HTTP/1.1 "};
    text.append(status).append("\r\n").append(fields);
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
    text.append(body);
    return text;
}

inline std::string moved_to(std::string_view location, std::string_view status = "302 Found") {
    std::string field{"Location: "};
    field.append(location).append("\r\n");
    return answer("moved", field, status);
}

class fake_http_server {
public:
    using replier = std::function<std::string(const seen_request&)>;
    using handler = std::function<task<>(memory_stream, std::size_t)>;

    fake_http_server(task_group& group, replier reply) : group_{group}, reply_{std::move(reply)} {}

    /// Gives each connection, with its number, to a coroutine of the test's own.
    fake_http_server(task_group& group, handler handle)
        : group_{group}, handle_{std::move(handle)} {}

    fake_http_server(const fake_http_server&) = delete;
    fake_http_server& operator=(const fake_http_server&) = delete;

    /// The connector to put into session_options.
    http::connector connector() {
        return
            [this](std::string host, std::uint16_t port) { return connect(std::move(host), port); };
    }

    /// Options with this server behind every name.
    http::session_options options() {
        http::session_options chosen;
        chosen.connect = connector();
        return chosen;
    }

    std::vector<seen_request> requests;
    std::size_t connections = 0;
    std::size_t open = 0;  ///< connections whose client has not closed
    std::size_t most_open = 0;
    std::size_t most_bytes = 65536;  ///< one read or write of the client
    std::size_t answers_per_connection = ~std::size_t{0};

    /// Reads one request; false at the end.
    static task<bool> read_request(memory_stream& from, std::string& ahead, seen_request& into) {
        http::wire::request_parser parser;
        while (true) {
            const auto step = parser.parse(bytes_of(ahead));
            into.body.append(text_of(step.body));
            ahead.erase(0, step.consumed);
            if (step.what == http::wire::event::complete) {
                into.head = parser.take_head();
                co_return true;
            }
            if (step.what != http::wire::event::need_more) continue;
            char buffer[4096];
            const std::size_t count =
                co_await from.read_some(std::as_writable_bytes(std::span{buffer}));
            if (count == 0) co_return false;
            ahead.append(buffer, count);
        }
    }

private:
    task<any_stream> connect(std::string host, std::uint16_t port) {
        auto [client, server] = memory_stream_pair();
        client.limit_transfers(most_bytes);
        ++open;
        most_open = std::max(most_open, open);
        const std::size_t number = connections++;
        if (handle_) {
            group_.spawn(handle_(std::move(server), number));
        } else {
            host.append(":").append(std::to_string(port));
            group_.spawn(serve(std::move(server), std::move(host), number));
        }
        any_stream made{std::move(client)};
        co_return made;
    }

    task<> serve(memory_stream stream, std::string origin, std::size_t number) {
        std::string ahead;
        try {
            for (std::size_t answers = 0; answers != answers_per_connection; ++answers) {
                seen_request request;
                const bool more = co_await read_request(stream, ahead, request);
                if (!more) break;
                request.origin = origin;
                request.connection = number;
                const std::string text = reply_(request);
                requests.push_back(std::move(request));
                co_await write_all(stream, bytes_of(text));
            }
        } catch (const std::system_error&) {
            // The client has gone in the middle.
        }
        --open;
    }

    task_group& group_;
    replier reply_;
    handler handle_;
};

}  // namespace simul::test
