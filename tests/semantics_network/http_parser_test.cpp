// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about requests that two servers could read differently: the server's
// parser refuses them, and what they might hide is never asked for.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/http/error.hpp"
#include "simul/http/wire/request_parser.hpp"
#include "simul/io/memory_stream.hpp"
#include "support/every_world.hpp"
#include "support/stream_tools.hpp"
#include "unit/http/transcript.hpp"

#include "serving.hpp"

namespace simul {
namespace {

using http::errc;
using namespace std::string_view_literals;

struct ambiguous {
    std::string_view fields;
    errc error;
};

void expect_refused(const std::vector<ambiguous>& table) {
    for (const ambiguous& each : table) {
        for (const std::string_view line : {"POST / HTTP/1.1\r\n", "GET / HTTP/1.1\r\n"}) {
            std::string bytes{line};
            bytes.append(each.fields).append("\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n");
            const auto read = http::test::read_every_way(http::wire::request_parser{}, bytes);
            EXPECT_EQ(read.error, each.error) << http::test::printable(bytes);
            EXPECT_EQ(read.text, "") << http::test::printable(bytes);
        }
    }
}

TEST(T69, chunked_with_content_length_is_refused) {
    expect_refused({
        {"Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1234\r\n",
         errc::conflicting_length},
        {"Host: a\r\nContent-Length: 1234\r\nTransfer-Encoding: chunked\r\n",
         errc::conflicting_length},
        {"Host: a\r\ncontent-length: 0\r\nX: y\r\nTRANSFER-ENCODING: Chunked\r\n",
         errc::conflicting_length},
        {"Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length:\r\n", errc::bad_content_length},
    });
}

TEST(T69, obsolete_line_folding_is_refused) {
    expect_refused({
        {"Host: a\r\nX-Long: one\r\n two\r\n", errc::malformed_header},
        {"Host: a\r\nX-Long: one\r\n\ttwo\r\n", errc::malformed_header},
        {"Host: a\r\nX-Long: one\r\n \r\n", errc::malformed_header},
        {"Host: a\r\n Content-Length: 5\r\n", errc::malformed_header},
        {" Host: a\r\n", errc::malformed_header},
        {"Host: a\r\nTransfer-Encoding:\r\n chunked\r\n", errc::malformed_header},
    });
}

TEST(T69, second_host_is_refused) {
    expect_refused({
        {"Host: a\r\nHost: b\r\n", errc::bad_host},
        {"Host: a\r\nHost: a\r\n", errc::bad_host},
        {"Host: a\r\nX: y\r\nhOST: b\r\n", errc::bad_host},
        {"Host: a\r\nHost:\r\n", errc::bad_host},
    });
}

// CVE-2023-37276: a parser that ended lines at a lone CR took what follows it for another field.
TEST(T69, carriage_return_within_a_line_is_refused) {
    expect_refused({
        {"Host: localhost:8080\r\nX-Abc: \rxTransfer-Encoding: chunked\r\n",
         errc::malformed_header},
        {"Host: a\r\nX-Abc: \rTransfer-Encoding: chunked\r\n", errc::malformed_header},
        {"Host: a\r\nX-Abc: x\r\rTransfer-Encoding: chunked\r\n", errc::malformed_header},
        {"Host: a\r\nX-Abc\r: x\r\n", errc::malformed_header},
        {"Host: a\r\nTransfer-Encoding: chunked\r \r\n", errc::malformed_header},
        {"Host: a\r\nX-Abc: x\nTransfer-Encoding: chunked\r\n", errc::malformed_header},
        {"Host: a\r\nX-Abc: \0Transfer-Encoding: chunked\r\n"sv, errc::malformed_header},
        {"Host: a\r\nTransfer-Encoding\0: chunked\r\n"sv, errc::malformed_header},
        {"Host: a\r\nTransfer-Encoding : chunked\r\n", errc::malformed_header},
    });
}

// One of each kind in front of a request that must not come to light: the server answers the one
// with 400 and closes.
EVERY_WORLD_TEST(T69, server_refuses_what_could_hide_a_request) {
    for (const std::string_view fields :
         {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "X-Long: one\r\n two\r\n",
          "Host: b\r\n", "X-Abc: \rxTransfer-Encoding: chunked\r\n"}) {
        test::served_connection server;
        server.content.go.set();
        auto ends = memory_stream_pair();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(server.serve(std::move(ends.second)));
            std::string text = test::get_request("/", fields);
            text.append("0\r\n\r\n").append(test::get_request("/hidden"));
            co_await write_all(ends.first, bytes_of(text));
            std::string ahead;
            const test::received_answer answered = co_await test::next_answer(ends.first, ahead);
            EXPECT_EQ(answered.status, 400) << http::test::printable(text);
            EXPECT_TRUE(answered.fields.has_token("connection", "close"));
            const std::string rest = co_await test::read_to_end(ends.first);
            EXPECT_EQ(ahead + rest, "");
            ends.first.close();
        });
        EXPECT_TRUE(server.content.targets.empty()) << server.content.targets.front();
    }
}

}  // namespace
}  // namespace simul
