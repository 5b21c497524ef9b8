// SPDX-License-Identifier: Apache-2.0
//
// support/served_requests.hpp: a server of HTTP on the loopback device, and clients that write and
// read bytes.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/http/server.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"

namespace simul::test {

/// A server beside the body of a test. It must outlive the
/// group in which it is started.
class http_server_in_test {
public:
    http_server_in_test()
        : listener_{tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0})},
          where_{listener_.local_endpoint()} {}

    template <class Handler>
    void start(task_group& group, Handler handler, http::server_options options = {}) {
        options.counters = &counters;
        options.connections.counters = &connections;
        running = group.spawn(http::serve(listener_, std::move(handler), std::move(options)));
    }

    [[nodiscard]] task<tcp_stream> connect() const { return simul::connect(where_); }

    /// What is answered on a connection of its own until the server closes it.
    [[nodiscard]] task<std::string> answers_to(std::string text) const {
        tcp_stream stream = co_await connect();
        co_await write_all(stream, bytes_of(text));
        std::string all = co_await everything_from(stream);
        co_return all;
    }

    [[nodiscard]] static task<std::string> everything_from(tcp_stream& stream) {
        std::string all;
        while (true) {
            const std::size_t before = all.size();
            const bool more = co_await read_more(stream, all);
            if (!more || all.size() == before) break;
        }
        co_return all;
    }

    /// False at the end of the stream, also when it ends with a reset.
    [[nodiscard]] static task<bool> read_more(tcp_stream& stream, std::string& into) {
        std::array<std::byte, 4096> piece;
        std::size_t count = 0;
        try {
            count = co_await stream.read_some(piece);
        } catch (const std::system_error&) {
            into.append("(reset)");
        }
        into.append(text_of(std::span{piece}.first(count)));
        co_return count != 0;
    }

    http::server_counters counters;
    serve_counters connections;
    task_handle<> running;

private:
    tcp_listener listener_;
    endpoint where_;
};

}  // namespace simul::test
