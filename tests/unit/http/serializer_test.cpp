// SPDX-License-Identifier: Apache-2.0
#include "simul/http/wire/serializer.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>

#include "simul/base/bytes.hpp"
#include "transcript.hpp"

namespace simul::http::wire {
namespace {

using namespace std::string_view_literals;

template <typename Call>
std::error_code error_of(Call call) {
    std::string out{"before"};
    std::error_code code;
    try {
        call(out);
    } catch (const std::system_error& error) {
        code = error.code();
    }
    if (code) {
        EXPECT_EQ(out, "before");
    }
    return code;
}

TEST(serializer, writes_a_request_head_and_nothing_else) {
    std::string out;
    append_request_head(out, method::get, "/a?b", {{"Host", "example.com"}, {"X", ""}});
    EXPECT_EQ(out, "GET /a?b HTTP/1.1\r\nHost: example.com\r\nX: \r\n\r\n");
    out.clear();
    append_request_head(out, method{"PROPFIND"}, "/", {}, version::http_1_0);
    EXPECT_EQ(out, "PROPFIND / HTTP/1.0\r\n\r\n");
}

TEST(serializer, writes_a_response_head_and_nothing_else) {
    std::string out;
    append_response_head(out, 404, "Not Found", {{"A", "b"}, {"A", "c"}});
    EXPECT_EQ(out, "HTTP/1.1 404 Not Found\r\nA: b\r\nA: c\r\n\r\n");
    out.clear();
    append_response_head(out, 200, "", {}, version::http_1_0);
    EXPECT_EQ(out, "HTTP/1.0 200 \r\n\r\n");
}

TEST(serializer, writes_chunks) {
    std::string out;
    append_chunk(out, bytes_of("hello"));
    append_chunk(out, {});
    append_chunk_begin(out, 0x1aF);
    EXPECT_EQ(out, "5\r\nhello\r\n1af\r\n");
    out.clear();
    append_last_chunk(out);
    EXPECT_EQ(out, "0\r\n\r\n");
    out.clear();
    append_last_chunk(out, {{"T", "u"}});
    EXPECT_EQ(out, "0\r\nT: u\r\n\r\n");
    out.clear();
    append_chunk_begin(out, static_cast<std::size_t>(-1));
    EXPECT_EQ(out, "ffffffffffffffff\r\n");
}

TEST(serializer, appends_to_what_is_there) {
    std::string out{"before "};
    append_request_head(out, method::get, "/", {});
    append_request_head(out, method::get, "/", {});
    EXPECT_EQ(out, "before GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
}

TEST(serializer, refuses_targets_that_could_say_more_than_a_target) {
    for (std::string_view target :
         {""sv, " "sv, "/ "sv, " /"sv, "/a b"sv, "/ HTTP/1.1\r\nX: y"sv, "/\r"sv, "/\n"sv, "/\0"sv,
          "/\t"sv, "/\x7F"sv, "/\xC3\xA4"sv, "/#f"sv, "x"sv, "*"sv, "a:80"sv, "http://"sv,
          "http://u@h/"sv}) {
        EXPECT_EQ(
            error_of([&](std::string& out) { append_request_head(out, method::get, target, {}); }),
            errc::bad_target)
            << test::printable(target);
    }
    for (std::string_view target : {"/"sv, "*"sv, "http://h:1/"sv}) {
        EXPECT_FALSE(error_of([&](std::string& out) {
            append_request_head(out, method::options, target, {});
        })) << target;
    }
    EXPECT_FALSE(error_of(
        [&](std::string& out) { append_request_head(out, method::connect, "h:443", {}); }));
    EXPECT_EQ(
        error_of([&](std::string& out) { append_request_head(out, method::connect, "/", {}); }),
        errc::bad_target);
}

TEST(serializer, looks_again_at_fields_that_were_added_unchecked) {
    for (std::string_view value : {"a\r\nX: y"sv, "a\n"sv, "\r"sv, "\0"sv}) {
        headers fields;
        fields.add_unchecked("A", value);
        const auto request = [&](std::string& out) {
            append_request_head(out, method::get, "/", fields);
        };
        const auto response = [&](std::string& out) { append_response_head(out, 200, "", fields); };
        const auto trailers = [&](std::string& out) { append_last_chunk(out, fields); };
        EXPECT_EQ(error_of(request), errc::bad_header_value);
        EXPECT_EQ(error_of(response), errc::bad_header_value);
        EXPECT_EQ(error_of(trailers), errc::bad_header_value);
    }
    for (std::string_view name : {""sv, "A:"sv, "A\r\nB"sv, " A"sv}) {
        headers fields;
        fields.add_unchecked(name, "x");
        EXPECT_EQ(
            error_of([&](std::string& out) { append_request_head(out, method::get, "/", fields); }),
            errc::bad_header_name);
    }
}

TEST(serializer, refuses_reasons_with_control_characters) {
    for (std::string_view reason : {"a\r\nX: y"sv, "\n"sv, "\0"sv, "\x1B"sv}) {
        EXPECT_EQ(error_of([&](std::string& out) { append_response_head(out, 200, reason, {}); }),
                  errc::bad_reason);
    }
}

TEST(serializer, writes_requests_that_the_parser_reads_back) {
    const headers fields{{"Host", "example.com:8080"},
                         {"Accept", "*/*"},
                         {"Transfer-Encoding", "chunked"},
                         {"X-Bytes", "tab\t \xFF\x80 end"},
                         {"X-Empty", ""}};
    const headers trailers{{"Digest", "x"}};
    for (const auto& [how, target] :
         {std::pair{method{method::post}, "/p?q=%20"}, std::pair{method{method::options}, "*"},
          std::pair{method{method::connect}, "h:1"}, std::pair{method{"M-SEARCH"}, "http://h/"}}) {
        std::string out;
        append_request_head(out, how, target, fields);
        append_chunk(out, bytes_of("hello "));
        append_chunk(out, bytes_of(std::string(300, 'w')));
        append_last_chunk(out, trailers);

        EXPECT_FALSE(test::read_every_way(request_parser{}, out).error);
        request_parser parser;
        std::string_view rest{out};
        rest.remove_prefix(parser.parse(bytes_of(rest)).consumed);
        EXPECT_EQ(parser.head().method, how);
        EXPECT_EQ(parser.head().target, target);
        EXPECT_EQ(parser.head().headers, fields);
        std::string body;
        step met;
        do {
            met = parser.parse(bytes_of(rest));
            rest.remove_prefix(met.consumed);
            body.append(text_of(met.body));
        } while (met.what != event::complete);
        EXPECT_EQ(body, std::string{"hello "}.append(300, 'w'));
        EXPECT_EQ(parser.trailers(), trailers);
        EXPECT_TRUE(rest.empty());
    }
}

TEST(serializer, writes_responses_that_the_parser_reads_back) {
    const headers fields{{"Content-Length", "5"}, {"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}};
    for (int code : {200, 404, 999}) {
        for (version spoken : {version::http_1_0, version::http_1_1}) {
            for (std::string_view reason : {""sv, "OK"sv, "two words \xC3\xA4"sv}) {
                std::string out;
                append_response_head(out, code, reason, fields, spoken);
                out.append("hello");
                EXPECT_FALSE(test::read_every_way(response_parser{}, out).error);
                response_parser parser;
                parser.parse(bytes_of(out));
                EXPECT_EQ(parser.head().status, code);
                EXPECT_EQ(parser.head().reason, reason);
                EXPECT_EQ(parser.head().version, spoken);
                EXPECT_EQ(parser.head().headers, fields);
            }
        }
    }
}

TEST(serializer, writes_what_it_has_read) {
    constexpr auto original =
        "HTTP/1.1 206 Partial Content\r\nDate: x\r\nContent-Length: 0\r\nA: b\r\nA: c\r\n\r\n"sv;
    response_parser parser;
    parser.parse(bytes_of(original));
    std::string out;
    append_response_head(out, parser.head().status, parser.head().reason, parser.head().headers);
    EXPECT_EQ(out, original);
}

}  // namespace
}  // namespace simul::http::wire
