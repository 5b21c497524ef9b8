// SPDX-License-Identifier: Apache-2.0
#include "simul/http/wire/request_parser.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>

#include "transcript.hpp"

namespace simul::http::wire {
namespace {

using namespace std::string_view_literals;
using test::read_every_way;
using test::transcript;

struct good {
    std::string_view bytes;
    std::string_view text;
};

void expect_good(std::initializer_list<good> cases) {
    for (const good& each : cases) {
        const transcript read = read_every_way(request_parser{}, each.bytes);
        EXPECT_EQ(read.text, each.text) << test::printable(each.bytes);
        EXPECT_FALSE(read.error) << read.error.message() << ": " << test::printable(each.bytes);
    }
}

struct bad {
    std::string_view bytes;
    errc error;
};

void expect_bad(std::initializer_list<bad> cases) {
    for (const bad& each : cases) {
        const transcript read = read_every_way(request_parser{}, each.bytes);
        EXPECT_EQ(read.error, each.error)
            << read.error.message() << " " << read.text << ": " << test::printable(each.bytes);
    }
}

std::error_code error_of_line(std::string_view line) {
    std::string bytes{line};
    bytes.append("\r\nHost: a\r\n\r\n");
    return read_every_way(request_parser{}, bytes).error;
}

std::error_code error_of_fields(std::string_view fields) {
    std::string bytes{"POST / HTTP/1.1\r\nHost: a\r\n"};
    bytes.append(fields).append("\r\n\r\n");
    return read_every_way(request_parser{}, bytes).error;
}

std::error_code error_of_host(std::string_view host) {
    std::string bytes{"GET / HTTP/1.1\r\nHost: "};
    bytes.append(host).append("\r\n\r\n");
    return read_every_way(request_parser{}, bytes).error;
}

request_head head_of(std::string_view bytes) {
    request_parser parser;
    EXPECT_EQ(parser.parse(bytes_of(bytes)).what, event::head);
    return parser.take_head();
}

TEST(request_parser, reads_requests_without_a_body) {
    expect_good({
        {"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
         "GET / 1.1 [Host=example.com] none keep; complete"},
        {"GET /a?b=c HTTP/1.0\r\n\r\n", "GET /a?b=c 1.0 none close; complete"},
        {"PROPFIND /\"<>{}|\\^` HTTP/1.1\r\nhOST:a:80\r\nX:\r\n\r\n",
         "PROPFIND /\"<>{}|\\^` 1.1 [hOST=a:80] [X=] none keep; complete"},
        {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / 1.1 [Host=a] none keep; complete"},
    });
}

TEST(request_parser, reads_requests_with_a_body) {
    expect_good({
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
         "POST / 1.1 [Host=a] [Content-Length=5] length keep; body hello; complete"},
        {"GET / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
         "GET / 1.0 [Content-Length=2] length close; body hi; complete"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
         "5\r\nhello\r\n0\r\nT: u\r\n\r\n",
         "POST / 1.1 [Host=a] [Transfer-Encoding=Chunked] chunked keep; body hello; "
         "complete [T=u]"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
         "POST / 1.1 [Host=a] [Content-Length=0] length keep; complete"},
    });
}

TEST(request_parser, leaves_the_next_request_alone) {
    expect_good({
        {"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n",
         "GET /1 1.1 [Host=a] none keep; complete; rest GET /2 HTTP/1.1\r\n"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\nGET /",
         "POST / 1.1 [Host=a] [Content-Length=1] length keep; body x; complete; rest \r\nGET /"},
    });
}

TEST(request_parser, tells_the_forms_of_targets_apart) {
    EXPECT_EQ(head_of("GET /x HTTP/1.0\r\n\r\n").form, target_form::origin);
    EXPECT_EQ(head_of("GET //x HTTP/1.0\r\n\r\n").form, target_form::origin);
    EXPECT_EQ(head_of("GET http://a/x HTTP/1.0\r\n\r\n").form, target_form::absolute);
    EXPECT_EQ(head_of("GET HTTPS://[::1]:8443?q HTTP/1.0\r\n\r\n").form, target_form::absolute);
    EXPECT_EQ(head_of("CONNECT a:443 HTTP/1.0\r\n\r\n").form, target_form::authority);
    EXPECT_EQ(head_of("CONNECT [2001:db8::1]:443 HTTP/1.0\r\n\r\n").form, target_form::authority);
    EXPECT_EQ(head_of("OPTIONS * HTTP/1.0\r\n\r\n").form, target_form::asterisk);
    EXPECT_EQ(head_of("OPTIONS /x HTTP/1.0\r\n\r\n").form, target_form::origin);
}

TEST(request_parser, names_the_authority_of_the_request) {
    EXPECT_EQ(head_of("GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n").authority(), "a:8080");
    EXPECT_EQ(head_of("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n").authority(), "b");
    EXPECT_EQ(head_of("GET http://b:81?x/y HTTP/1.1\r\nHost: a\r\n\r\n").authority(), "b:81");
    EXPECT_EQ(head_of("CONNECT c:443 HTTP/1.1\r\nHost: a\r\n\r\n").authority(), "c:443");
    EXPECT_EQ(head_of("GET / HTTP/1.0\r\n\r\n").authority(), "");
}

TEST(request_parser, tells_who_waits_for_100_continue) {
    EXPECT_TRUE(head_of("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                        "Expect: 100-Continue\r\n\r\n")
                    .expects_continue);
    EXPECT_TRUE(head_of("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                        "Expect: 100-continue\r\n\r\n")
                    .expects_continue);
    EXPECT_FALSE(
        head_of("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").expects_continue);
    EXPECT_FALSE(head_of("PUT / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
                     .expects_continue);
}

TEST(request_parser, tells_whether_the_connection_is_kept) {
    EXPECT_TRUE(head_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keep_alive);
    EXPECT_FALSE(head_of("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").keep_alive);
    EXPECT_TRUE(head_of("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(request_parser, refuses_what_is_not_http) {
    expect_bad({
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv, errc::not_http},
        {"\x80\x2e\x01\x03\x01"sv, errc::not_http},
        {"\0"sv, errc::not_http},
        {"\n", errc::not_http},
        {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", errc::not_http},
        {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", errc::not_http},
        {"GET /\r\n", errc::not_http},
        {"GET /\r\n\r\n", errc::not_http},
        {"GET HTTP/1.1\r\nHost: a\r\n\r\n", errc::not_http},
        {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", errc::not_http},
        {"{\"a\": 1}\r\n", errc::not_http},
    });
}

TEST(request_parser, refuses_malformed_request_lines) {
    for (std::string_view line : {"GET"sv,
                                  "GET  / HTTP/1.1"sv,
                                  "GET /  HTTP/1.1"sv,
                                  "GET / HTTP/1.1 "sv,
                                  "GET / x HTTP/1.1"sv,
                                  "GET / HTTP/1.1 x"sv,
                                  "GET\t/ HTTP/1.1"sv,
                                  "GET / http/1.1"sv,
                                  "GET / HTTP/1.1\r"sv,
                                  "GET / HTTP/11"sv,
                                  "GET / HTTP/1.x"sv,
                                  "GET / HTTP/"sv,
                                  "GET / HTTP"sv,
                                  "GET / XTTP/1.1"sv,
                                  "GET / HTTP/1.10"sv,
                                  "GET / HTTP/01.1"sv,
                                  "GET / HTTP/1.1\0"sv,
                                  "GE\0T / HTTP/1.1"sv,
                                  "GET: / HTTP/1.1"sv,
                                  "G(T / HTTP/1.1"sv,
                                  "G\xC3\x89T / HTTP/1.1"sv,
                                  "GET\r/ HTTP/1.1"sv,
                                  "GET / HTTP/1.1\x0B"sv}) {
        EXPECT_EQ(error_of_line(line), errc::malformed_request_line) << test::printable(line);
    }
    expect_bad({
        {"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", errc::malformed_request_line},
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", errc::malformed_request_line},
    });
}

TEST(request_parser, refuses_other_versions) {
    for (std::string_view line : {"GET / HTTP/0.9"sv, "GET / HTTP/1.2"sv, "GET / HTTP/2.0"sv,
                                  "PRI * HTTP/2.0"sv, "GET / HTTP/2"sv, "GET / HTTP/9.9"sv}) {
        EXPECT_EQ(error_of_line(line), errc::unsupported_version) << line;
    }
}

TEST(request_parser, refuses_bad_targets) {
    for (std::string_view line : {"GET * HTTP/1.1"sv,
                                  "GET x HTTP/1.1"sv,
                                  "GET a:80 HTTP/1.1"sv,
                                  "GET ?x HTTP/1.1"sv,
                                  "GET #x HTTP/1.1"sv,
                                  "GET /#x HTTP/1.1"sv,
                                  "GET /\x01 HTTP/1.1"sv,
                                  "GET /\x7F HTTP/1.1"sv,
                                  "GET /\xC3\xA4 HTTP/1.1"sv,
                                  "GET /\tx HTTP/1.1"sv,
                                  "GET /\0 HTTP/1.1"sv,
                                  "GET /\rx HTTP/1.1"sv,
                                  "GET http:/a HTTP/1.1"sv,
                                  "GET http:// HTTP/1.1"sv,
                                  "GET http:///x HTTP/1.1"sv,
                                  "GET http://u@a/ HTTP/1.1"sv,
                                  "GET http://u:p@a/ HTTP/1.1"sv,
                                  "GET http://a:x/ HTTP/1.1"sv,
                                  "GET http://a:65536/ HTTP/1.1"sv,
                                  "GET 1http://a/ HTTP/1.1"sv,
                                  "GET ht_tp://a/ HTTP/1.1"sv,
                                  "GET ://a/ HTTP/1.1"sv,
                                  "GET http://[::1/ HTTP/1.1"sv,
                                  "GET http://a\\b/ HTTP/1.1"sv,
                                  "CONNECT / HTTP/1.1"sv,
                                  "CONNECT a HTTP/1.1"sv,
                                  "CONNECT a: HTTP/1.1"sv,
                                  "CONNECT :443 HTTP/1.1"sv,
                                  "CONNECT a:443/ HTTP/1.1"sv,
                                  "CONNECT http://a:443 HTTP/1.1"sv,
                                  "CONNECT * HTTP/1.1"sv,
                                  "CONNECT u@a:1 HTTP/1.1"sv,
                                  "CONNECT ::1:443 HTTP/1.1"sv,
                                  "OPTIONS ** HTTP/1.1"sv,
                                  "options * HTTP/1.1"sv}) {
        EXPECT_EQ(error_of_line(line), errc::bad_target) << test::printable(line);
    }
}

TEST(request_parser, wants_one_good_host) {
    for (std::string_view host :
         {"a"sv, "a.example"sv, "a:80"sv, "a:"sv, "127.0.0.1:65535"sv, "[::1]"sv, "[::1]:80"sv,
          "[::ffff:127.0.0.1]"sv, "a_b"sv, "xn--nxasmq6b"sv, "a%20b"sv, "a."sv, "a,b"sv}) {
        EXPECT_FALSE(error_of_host(host)) << host;
    }
    for (std::string_view host :
         {""sv,        ":80"sv,     "a b"sv,      "a/b"sv,    "a@b"sv,     "u:p@b"sv,    "a:b"sv,
          "a:80:80"sv, "a:65536"sv, "a:000080"sv, "a:-1"sv,   "::1"sv,     "[::1"sv,     "::1]"sv,
          "[]"sv,      "[::1]x"sv,  "[::1]:x"sv,  "[g::1]"sv, "[[::1]]"sv, "\xC3\xA4"sv, "a?b"sv,
          "a#b"sv,     "a\\b"sv,    "<a>"sv,      "a\tb"sv}) {
        EXPECT_EQ(error_of_host(host), errc::bad_host) << host;
    }
    expect_bad({
        {"GET / HTTP/1.1\r\n\r\n", errc::bad_host},
        {"GET http://a/ HTTP/1.1\r\n\r\n", errc::bad_host},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", errc::bad_host},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhost: b\r\n\r\n", errc::bad_host},
        {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", errc::bad_host},
        {"GET / HTTP/1.0\r\nHost: a b\r\n\r\n", errc::bad_host},
    });
}

TEST(request_parser, refuses_malformed_fields) {
    for (std::string_view fields : {"Name"sv,
                                    ": value"sv,
                                    " Name: value"sv,
                                    "\tName: value"sv,
                                    "Name : value"sv,
                                    "Name\t: value"sv,
                                    "Na me: value"sv,
                                    "Name: value\r\n folded"sv,
                                    "Name: a\rb"sv,
                                    "Name: a\nB: c"sv,
                                    "Name: a\n"sv,
                                    "Name: a\r\r\nB: c"sv,
                                    "Name: a\0b"sv,
                                    "Name: \x01"sv,
                                    "Name: \x7F"sv,
                                    "Name: \x1B[0m"sv,
                                    "Na\0me: a"sv,
                                    "N\xC3\xA4me: a"sv,
                                    "Content-Length : 5"sv,
                                    "Content-Length\0: 5"sv,
                                    "Transfer-Encoding : chunked"sv,
                                    "Transfer-Encoding: chunked\x0B"sv,
                                    "Transfer-Encoding\r: chunked"sv,
                                    "X: y\r\n\rTransfer-Encoding: chunked"sv,
                                    "GET / HTTP/1.1"sv}) {
        EXPECT_EQ(error_of_fields(fields), errc::malformed_header) << test::printable(fields);
    }
    expect_bad({
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", errc::malformed_header},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", errc::malformed_header},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", errc::malformed_header},
    });
}

TEST(request_parser, refuses_what_two_servers_could_cut_differently) {
    struct vector {
        std::string_view fields;
        errc error;
    };
    for (const vector& each : {
             vector{"Content-Length: 5\r\nTransfer-Encoding: chunked", errc::conflicting_length},
             vector{"Transfer-Encoding: chunked\r\nContent-Length: 5", errc::conflicting_length},
             vector{"transfer-encoding: CHUNKED\r\ncontent-length: 0", errc::conflicting_length},
             vector{"Content-Length: 5\r\nContent-Length: 5", errc::conflicting_length},
             vector{"Content-Length: 5\r\nContent-Length: 6", errc::conflicting_length},
             vector{"Content-Length: 5\r\nContent-Length:", errc::conflicting_length},
             vector{"Content-Length: 5, 5", errc::bad_content_length},
             vector{"Content-Length: +5", errc::bad_content_length},
             vector{"Content-Length: -1", errc::bad_content_length},
             vector{"Content-Length: 0x5", errc::bad_content_length},
             vector{"Content-Length: 5\t6", errc::bad_content_length},
             vector{"Content-Length:", errc::bad_content_length},
             vector{"Content-Length: 18446744073709551621", errc::bad_content_length},
             vector{"Content-Length: 9223372036854775808", errc::bad_content_length},
             vector{"Transfer-Encoding: gzip, chunked", errc::unsupported_transfer_coding},
             vector{"Transfer-Encoding: chunked, identity", errc::unsupported_transfer_coding},
             vector{"Transfer-Encoding: identity", errc::unsupported_transfer_coding},
             vector{"Transfer-Encoding:", errc::unsupported_transfer_coding},
             vector{"Transfer-Encoding: xchunked", errc::unsupported_transfer_coding},
             vector{"Transfer-Encoding: \"chunked\"", errc::unsupported_transfer_coding},
             vector{"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
                    errc::unsupported_transfer_coding},
             vector{"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
                    errc::unsupported_transfer_coding},
             vector{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                    errc::unsupported_transfer_coding},
         }) {
        EXPECT_EQ(error_of_fields(each.fields), each.error) << test::printable(each.fields);
    }
    expect_bad({
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         errc::transfer_coding_in_http_1_0},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\nx\r\n0\r\n\r\n",
         errc::bad_chunk},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n",
         errc::malformed_header},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n",
         errc::bad_chunk},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n",
         errc::bad_chunk},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n5\r\nhello\r\n",
         errc::bad_chunk},
    });
}

TEST(request_parser, treats_underscored_and_similar_names_as_other_fields) {
    expect_good({
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent_Length: 5\r\n\r\n",
         "POST / 1.1 [Host=a] [Transfer_Encoding=chunked] [Content_Length=5] none keep; complete"},
    });
}

TEST(request_parser, notices_every_place_where_the_client_closes_too_early) {
    constexpr auto message =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"sv;
    const std::size_t head = message.find("\r\n\r\n") + 4;
    for (std::size_t end = 0; end < message.size(); ++end) {
        const errc expected = end == 0     ? errc::unexpected_end
                              : end < head ? errc::truncated_head
                                           : errc::truncated_body;
        EXPECT_EQ(test::read_in_pieces(request_parser{}, message.substr(0, end), {end}).error,
                  expected)
            << end;
    }
    // After an empty line, nothing has begun yet.
    EXPECT_EQ(test::read_in_pieces(request_parser{}, "\r\n", {2}).error, errc::unexpected_end);
}

TEST(request_parser, tells_whether_it_has_started_and_ended) {
    request_parser parser;
    parser.parse(bytes_of("\r\n"));
    EXPECT_FALSE(parser.has_started());
    parser.parse(bytes_of("G"));
    EXPECT_TRUE(parser.has_started());
    parser.parse(bytes_of("ET / HTTP/1.0\r\n\r\n"));
    EXPECT_FALSE(parser.is_complete());
    EXPECT_EQ(parser.parse({}).what, event::complete);
    EXPECT_TRUE(parser.is_complete());
    EXPECT_TRUE(parser.has_started());
}

TEST(request_parser, reads_damaged_messages_the_same_way_however_they_are_cut) {
    constexpr std::array seeds{
        "GET /a?b HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\n\r\n"sv,
        "\r\nPOST http://h/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET"sv,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;a=\"b\"\r\nhello\r\n0\r\nT: u\r\n\r\n"sv,
        "CONNECT [::1]:443 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"sv,
    };
    test::expect_agreement_on_mutations(request_parser{}, seeds, 3000);
    request_limits narrow;
    narrow.request_line = 24;
    narrow.field = 20;
    narrow.block = 40;
    narrow.fields = 2;
    narrow.chunks.line = 6;
    narrow.chunks.extensions = 4;
    test::expect_agreement_on_mutations(request_parser{narrow}, seeds, 3000);
}

// --- limits -------------------------------------------------------------------------------------

std::string field_of(std::size_t size) {
    std::string line{"X: "};
    line.append(size - line.size(), 'v');
    return line;
}

std::error_code error_with(const request_limits& limits, std::string_view lines) {
    std::string bytes{"GET / HTTP/1.0\r\n"};
    bytes.append(lines).append("\r\n");
    return read_every_way(request_parser{limits}, bytes).error;
}

TEST(request_parser_limits, are_those_of_the_documentation) {
    const request_limits limits;
    EXPECT_EQ(limits.request_line, 8U * 1024);
    EXPECT_EQ(limits.field, 8U * 1024);
    EXPECT_EQ(limits.block, 32U * 1024);
    EXPECT_EQ(limits.fields, 100U);
}

TEST(request_parser_limits, hold_for_the_request_line) {
    constexpr std::size_t limit = std::size_t{8} * 1024;
    for (std::size_t size : {limit - 1, limit, limit + 1}) {
        std::string bytes{"GET /"};
        bytes.append(size - 14, 'x').append(" HTTP/1.0\r\n\r\n");
        EXPECT_EQ(read_every_way(request_parser{}, bytes).error,
                  size <= limit ? std::error_code{} : errc::request_line_too_long)
            << size;
    }
}

TEST(request_parser_limits, hold_for_one_field) {
    constexpr std::size_t limit = std::size_t{8} * 1024;
    for (std::size_t size : {limit - 1, limit, limit + 1}) {
        EXPECT_EQ(error_with({}, field_of(size).append("\r\n")),
                  size <= limit ? std::error_code{} : errc::field_too_large)
            << size;
    }
}

TEST(request_parser_limits, hold_for_the_block) {
    constexpr std::size_t limit = std::size_t{32} * 1024;
    for (std::size_t size : {limit - 1, limit, limit + 1, limit + 2, limit + 3}) {
        std::string lines;
        for (int i = 0; i < 4; ++i) lines.append(field_of(7 * 1024 - 2)).append("\r\n");
        lines.append(field_of(size - lines.size() - 2)).append("\r\n");
        EXPECT_EQ(error_with({}, lines), size <= limit ? std::error_code{} : errc::header_too_large)
            << size;
    }
}

TEST(request_parser_limits, hold_for_the_number_of_fields) {
    for (std::size_t count : {99U, 100U, 101U}) {
        std::string lines;
        for (std::size_t i = 0; i < count; ++i) lines.append("A: b\r\n");
        EXPECT_EQ(error_with({}, lines), count <= 100 ? std::error_code{} : errc::too_many_fields)
            << count;
    }
}

TEST(request_parser, has_an_answer_for_each_error) {
    EXPECT_EQ(answer_to(errc::malformed_request_line), 400);
    EXPECT_EQ(answer_to(errc::malformed_header), 400);
    EXPECT_EQ(answer_to(errc::not_http), 400);
    EXPECT_EQ(answer_to(errc::bad_target), 400);
    EXPECT_EQ(answer_to(errc::bad_host), 400);
    EXPECT_EQ(answer_to(errc::bad_content_length), 400);
    EXPECT_EQ(answer_to(errc::conflicting_length), 400);
    EXPECT_EQ(answer_to(errc::transfer_coding_in_http_1_0), 400);
    EXPECT_EQ(answer_to(errc::bad_chunk), 400);
    EXPECT_EQ(answer_to(errc::chunk_extension_too_long), 400);
    EXPECT_EQ(answer_to(errc::body_too_large), 413);
    EXPECT_EQ(answer_to(errc::request_line_too_long), 414);
    EXPECT_EQ(answer_to(errc::header_too_large), 431);
    EXPECT_EQ(answer_to(errc::field_too_large), 431);
    EXPECT_EQ(answer_to(errc::too_many_fields), 431);
    EXPECT_EQ(answer_to(errc::trailers_too_large), 431);
    EXPECT_EQ(answer_to(errc::unsupported_transfer_coding), 501);
    EXPECT_EQ(answer_to(errc::unsupported_version), 505);
    EXPECT_EQ(answer_to(errc::pool_full), 500);
    EXPECT_EQ(answer_to(std::make_error_code(std::errc::broken_pipe)), 500);
}

// However much of one request it has read, and whether that was one at all.
TEST(request_parser, reads_another_request_after_a_restart) {
    constexpr std::string_view before{
        "\r\nPUT /a-long-target-of-another-request HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\n"
        "Connection: keep-alive\r\n\r\nabc"};
    constexpr std::string_view chunked{
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n"};
    constexpr std::string_view malformed{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"};
    const auto others = {before, chunked, malformed};
    for (const std::string_view next : {"GET /next HTTP/1.1\r\nHost: b\r\n\r\nrest"sv, chunked}) {
        const transcript expected = read_every_way(request_parser{}, next);
        for (const std::string_view other : others) {
            for (std::size_t size = 0; size <= other.size(); ++size) {
                request_parser parser;
                std::span<const std::byte> input = bytes_of(other.substr(0, size));
                try {
                    while (true) {
                        const step read = parser.parse(input);
                        input = input.subspan(read.consumed);
                        if (read.what == event::need_more || read.what == event::complete) break;
                    }
                } catch (const std::system_error&) {
                    EXPECT_EQ(other, malformed);
                }
                parser.restart();
                EXPECT_EQ(parser.has_started(), false);
                EXPECT_EQ(parser.has_head(), false);
                EXPECT_EQ(read_every_way(parser, next), expected) << size << " of " << other;
            }
        }
    }
}

}  // namespace
}  // namespace simul::http::wire
