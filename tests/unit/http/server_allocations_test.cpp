// SPDX-License-Identifier: Apache-2.0
//
// What a server allocates for a request: nothing, once the first ones have made room.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/http/server.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/tcp.hpp"
#include "simul/testing/allocations.hpp"
#include "support/run_on_backends.hpp"
#include "support/served_requests.hpp"

SIMUL_TESTING_REPLACE_OPERATOR_NEW();

namespace simul::http {
namespace {

void say_hello(const server_request&, server_response& answer) {
    answer.add_field("Content-Type", "text/plain");
    answer.body = "Hello, World!";
}

// Asks so often, one request after the other, and gives what was allocated for all but the first.
// The client writes and reads without a task of its own.
task<std::uint64_t> allocations_of(const test::http_server_in_test& server, std::string_view asked,
                                   std::size_t answers_each) {
    std::array<std::byte, 16384> buffer;
    tcp_stream stream = co_await server.connect();
    std::uint64_t allocated = 0;
    for (int round = 0; round != 2; ++round) {
        const testing::allocation_counter counter;
        for (int i = 0; i != 50; ++i) {
            co_await stream.write_some(bytes_of(asked));
            std::size_t answers = 0;
            while (answers != answers_each) {
                const std::size_t count = co_await stream.read_some(buffer);
                const std::string_view got = text_of(std::span{buffer}.first(count));
                for (std::size_t at = got.find("World!"); at != got.npos;
                     at = got.find("World!", at + 1)) {
                    ++answers;
                }
            }
        }
        allocated = counter.count();
    }
    co_return allocated;
}

TEST(http_server_allocations, are_none_for_an_answer) {
    const auto body = []() -> task<> {
        test::http_server_in_test server;
        co_await with_task_group([&](task_group& group) -> task<> {
            server.start(group, &say_hello);
            const std::string one{"GET /plaintext HTTP/1.1\r\nHost: example.org\r\n\r\n"};
            const std::uint64_t of_one = co_await allocations_of(server, one, 1);
            EXPECT_EQ(of_one, 0U);

            std::string more{"GET /a-target-that-does-not-fit-into-a-string HTTP/1.1\r\n"};
            more.append("Host: example.org\r\nAccept: text/plain,text/html;q=0.9\r\n");
            more.append("User-Agent: someone/1.0\r\nX-Padding: ").append(200, 'x');
            more.append("\r\n\r\n").append(one).append(one);
            const std::uint64_t of_three = co_await allocations_of(server, more, 3);
            EXPECT_EQ(of_three, 0U);
            server.running.cancel();
        });
    };
    for (const backend_kind kind : test::real_backends()) {
        SCOPED_TRACE(test::name_of(kind));
        run(body(), test::options_for(kind));
    }
}

}  // namespace
}  // namespace simul::http
