// SPDX-License-Identifier: Apache-2.0
//
// semantics_network/serving.hpp: a site that answers when the test lets it, and a client to ask it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/connection.hpp"
#include "serve/server_options.hpp"
#include "serve/site.hpp"
#include "simul/base/bytes.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/http/headers.hpp"
#include "simul/http/wire/response_parser.hpp"
#include "simul/io/address.hpp"
#include "simul/io/stream.hpp"

namespace simul::test {

/// A site whose handler waits for `go` in each request.
class held_site final : public program::site {
public:
    task<program::answer> look_up(const http::wire::request_head& asked) override {
        targets.push_back(asked.target);
        std::string body = body_of(targets.back());
        co_await go.wait();
        program::answer said;
        said.type = "text/plain";
        said.body = std::move(body);
        co_return said;
    }

    /// What it answers, `body_size` bytes or a few more.
    [[nodiscard]] std::string body_of(std::string_view target) const {
        std::string body{"this is "};
        body.append(target).append(" ");
        if (body.size() < body_size) body.resize(body_size, 'x');
        return body;
    }

    event go;
    std::vector<std::string> targets;  ///< of the requests whose handler has begun
    std::size_t body_size = 0;
};

/// A server's side of one connection, and what it needs.
class served_connection {
public:
    /// Serves the stream until the connection ends; that the client broke it is no failure.
    template <byte_stream Stream>
    task<> serve(Stream stream) {
        try {
            co_await program::answer_connection(std::move(stream), endpoint{}, content, options,
                                                stopping);
        } catch (const std::system_error&) {
        }
    }

    held_site content;
    program::server_options options;
    event stopping;
};

inline std::string get_request(std::string_view target, std::string_view fields = "") {
    std::string text{"GET "};
    text.append(target).append(" HTTP/1.1\r\nHost: a\r\n").append(fields).append("\r\n");
    return text;
}

class received_answer {
public:
    received_answer() = default;

    int status = 0;  ///< 0: the connection ended in front of an answer
    http::headers fields;
    std::string body;
};

/// Reads the next answer; `ahead` keeps what belongs to those behind it.
template <byte_stream Stream>
task<received_answer> next_answer(Stream& from, std::string& ahead) {
    http::wire::response_parser parser{http::wire::asked::ordinary};
    received_answer received;
    while (true) {
        const http::wire::step step = parser.parse(bytes_of(ahead));
        received.body.append(text_of(step.body));
        ahead.erase(0, step.consumed);
        if (step.what == http::wire::event::complete) break;
        if (step.what != http::wire::event::need_more) continue;
        std::array<std::byte, 4096> buffer{};
        const std::size_t count = co_await from.read_some(buffer);
        if (count == 0) co_return received;
        ahead.append(text_of(std::span{buffer}.first(count)));
    }
    received.status = parser.head().status;
    received.fields = parser.head().headers;
    co_return received;
}

}  // namespace simul::test
