// SPDX-License-Identifier: Apache-2.0
#include "simul/http/wire/response_parser.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

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
    asked request = asked::ordinary;
};

void expect_good(std::initializer_list<good> cases) {
    for (const good& each : cases) {
        const transcript read = read_every_way(response_parser{each.request}, each.bytes);
        EXPECT_EQ(read.text, each.text) << test::printable(each.bytes);
        EXPECT_FALSE(read.error) << read.error.message() << ": " << test::printable(each.bytes);
    }
}

struct bad {
    std::string_view bytes;
    errc error;
    asked request = asked::ordinary;
};

void expect_bad(std::initializer_list<bad> cases) {
    for (const bad& each : cases) {
        const transcript read = read_every_way(response_parser{each.request}, each.bytes);
        EXPECT_EQ(read.error, each.error)
            << read.error.message() << " " << read.text << ": " << test::printable(each.bytes);
    }
}

// What a response with these fields, ended by two line ends, fails with.
std::error_code error_of_fields(std::string_view fields) {
    std::string bytes{"HTTP/1.1 200 OK\r\n"};
    bytes.append(fields).append("\r\n\r\n");
    return read_every_way(response_parser{}, bytes).error;
}

std::error_code error_of_chunks(std::string_view body) {
    std::string bytes{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"};
    bytes.append(body);
    return read_every_way(response_parser{}, bytes).error;
}

TEST(response_parser, finds_the_end_by_length) {
    expect_good({
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
         "1.1 200 <OK> [Content-Length=5] length keep; body hello; complete"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
         "1.1 200 <OK> [Content-Length=0] length keep; complete"},
        {"HTTP/1.1 200 OK\r\ncontent-length:\t 0005 \t\r\n\r\nhello",
         "1.1 200 <OK> [content-length=0005] length keep; body hello; complete"},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nX:\r\n\r\n\r\n",
         "1.1 404 <Not Found> [Content-Length=2] [X=] length keep; body \r\n; complete"},
    });
}

TEST(response_parser, finds_the_end_by_the_last_chunk) {
    expect_good({
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
         "1.1 200 <OK> [Transfer-Encoding=chunked] chunked keep; body hello; complete"},
        {"HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED \r\n\r\n"
         "1\r\nh\r\n00004\r\nello\r\n000\r\nA: 1\r\nB: 2\r\n\r\n",
         "1.1 200 <OK> [transfer-encoding=CHUNKED] chunked keep; body hello; complete [A=1] [B=2]"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "a;n=v\r\n0123456789\r\nA ; n ; m = \"q;\\\"\\r\" \t;x\r\n0123456789\r\n0;last\r\n\r\n",
         "1.1 200 <OK> [Transfer-Encoding=chunked] chunked keep; "
         "body 01234567890123456789; complete"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "1.1 200 <OK> [Transfer-Encoding=chunked] chunked keep; complete"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n0\r\n\r\nab\r\n0\r\n\r\n",
         "1.1 200 <OK> [Transfer-Encoding=chunked] chunked keep; body 0\r\n\r\nab; complete"},
    });
}

TEST(response_parser, finds_the_end_by_the_close_of_the_connection) {
    expect_good({
        {"HTTP/1.1 200 OK\r\n\r\nhello", "1.1 200 <OK> until close close; body hello; complete"},
        {"HTTP/1.1 200 OK\r\n\r\n", "1.1 200 <OK> until close close; complete"},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx",
         "1.0 200 <OK> [Connection=keep-alive] until close close; body x; complete"},
    });
}

TEST(response_parser, finds_no_body_where_there_can_be_none) {
    expect_good({
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
         "1.1 200 <OK> [Content-Length=5] none keep; complete", asked::head},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
         "1.1 200 <OK> [Transfer-Encoding=chunked] none keep; complete", asked::head},
        {"HTTP/1.1 200 OK\r\n\r\n", "1.1 200 <OK> none keep; complete", asked::head},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
         "1.1 304 <Not Modified> [Content-Length=5] none keep; complete"},
        {"HTTP/1.1 304 Not Modified\r\n\r\n", "1.1 304 <Not Modified> none keep; complete"},
        {"HTTP/1.1 204 No Content\r\n\r\n", "1.1 204 <No Content> none keep; complete"},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
         "1.1 204 <No Content> [Content-Length=0] none keep; complete"},
    });
}

TEST(response_parser, does_not_keep_a_connection_whose_server_announces_a_body_with_204) {
    expect_good({
        {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
         "1.1 204 <No> [Content-Length=5] none close; complete"},
        {"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
         "1.1 204 <No> [Transfer-Encoding=chunked] none close; complete"},
    });
}

TEST(response_parser, keeps_the_length_that_a_bodiless_response_names) {
    response_parser parser{asked::head};
    parser.parse(bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"));
    EXPECT_EQ(parser.head().content_length, 12345U);
}

TEST(response_parser, tells_whether_the_connection_may_be_kept) {
    const auto keeps = [](std::string_view version, std::string_view connection) {
        std::string bytes{version};
        bytes.append(" 200 OK\r\nContent-Length: 0\r\n").append(connection).append("\r\n");
        response_parser parser;
        EXPECT_EQ(parser.parse(bytes_of(bytes)).what, event::head);
        return parser.head().keep_alive;
    };
    EXPECT_TRUE(keeps("HTTP/1.1", ""));
    EXPECT_FALSE(keeps("HTTP/1.1", "Connection: close\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.1", "Connection: x, Close\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    EXPECT_TRUE(keeps("HTTP/1.1", "Connection: upgrade\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.0", ""));
    EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.0", "Connection: keep-alive, close\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.0", "Proxy-Connection: keep-alive\r\n"));
}

TEST(response_parser, gives_interim_responses_before_the_final_one) {
    expect_good({
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
         "interim 1.1 100 <Continue> none close; "
         "1.1 200 <OK> [Content-Length=1] length keep; body x; complete"},
        {"HTTP/1.1 103 Early Hints\r\nLink: a\r\nLink: b\r\n\r\nHTTP/1.1 102\r\n\r\n"
         "HTTP/1.1 204 No Content\r\n\r\n",
         "interim 1.1 103 <Early Hints> [Link=a] [Link=b] none close; "
         "interim 1.1 102 <> none close; 1.1 204 <No Content> none keep; complete"},
    });
}

TEST(response_parser, accepts_a_switch_of_protocols_only_if_it_was_asked_for) {
    expect_good({
        {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n\x81\x05hello",
         "1.1 101 <Switching> [Upgrade=x] none close; complete; rest \x81\x05hello",
         asked::upgrade},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
         "1.1 200 <OK> [Content-Length=1] length keep; body x; complete", asked::upgrade},
    });
    expect_bad({
        {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", errc::upgrade_not_asked},
        {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", errc::upgrade_not_asked, asked::head},
    });
}

TEST(response_parser, leaves_a_tunnel_alone) {
    expect_good({
        {"HTTP/1.1 200 Connected\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n\x16\x03",
         "1.1 200 <Connected> [Content-Length=5] [Transfer-Encoding=gzip] none close; complete; "
         "rest \x16\x03",
         asked::connect},
        {"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno",
         "1.1 407 <No> [Content-Length=2] length keep; body no; complete", asked::connect},
    });
}

TEST(response_parser, reports_what_is_behind_a_complete_message) {
    expect_good({
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n",
         "1.1 200 <OK> [Content-Length=1] length keep; body x; complete; "
         "rest HTTP/1.1 200 OK\r\n\r\n"},
        {"HTTP/1.1 204 No\r\n\r\nx", "1.1 204 <No> none keep; complete; rest x"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
         "1.1 200 <OK> [Content-Length=5] none keep; complete; rest hello", asked::head},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n",
         "1.1 200 <OK> [Transfer-Encoding=chunked] chunked keep; complete; rest \r\n"},
    });
}

TEST(response_parser, bears_three_habits_of_servers) {
    expect_good({
        {"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
         "1.1 200 <OK> [Content-Length=1] length keep; body x; complete"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\n\r\nx",
         "1.1 200 <OK> [Content-Length=1] length keep; body x; complete"},
        {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx",
         "1.1 200 <> [Content-Length=1] length keep; body x; complete"},
        {"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx",
         "1.1 200 <> [Content-Length=1] length keep; body x; complete"},
        {"HTTP/1.1 204 \x01\xFF \r\nA: \x02\x1B\x7F\xE4\r\n\r\n",
         "1.1 204 <\x01\xFF > [A=\x02\x1B\x7F\xE4] none keep; complete"},
    });
}

TEST(response_parser, accepts_odd_but_clear_heads) {
    expect_good({
        {"HTTP/1.1 999 Request denied\r\nContent-Length: 0\r\n\r\n",
         "1.1 999 <Request denied> [Content-Length=0] length keep; complete"},
        {"HTTP/1.1 200 OK\r\nA:b:c\r\nA: \"x\"\r\n!#$%&'*+-.^_`|~: 1\r\nContent-Length: 0\r\n\r\n",
         "1.1 200 <OK> [A=b:c] [A=\"x\"] [!#$%&'*+-.^_`|~=1] [Content-Length=0] length keep; "
         "complete"},
    });
}

TEST(response_parser, refuses_what_is_not_http) {
    expect_bad({
        {"SSH-2.0-OpenSSH_9.2\r\n", errc::not_http},
        {"\x15\x03\x01\x00\x02\x02\x46"sv, errc::not_http},
        {"<html>hello</html>", errc::not_http},
        {"ICY 200 OK\r\n\r\n", errc::not_http},
        {"http/1.1 200 OK\r\n\r\n", errc::not_http},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", errc::not_http},
        {" HTTP/1.1 200 OK\r\n\r\n", errc::not_http},
        {"\n", errc::not_http},
        {"HTTP\r\n\r\n", errc::not_http},
        {"\0\0\0\x12\x04\0\0\0\0\0"sv, errc::not_http},
        {"HTTP/1.1 100 Continue\r\n\r\nhello", errc::not_http},
    });
}

TEST(response_parser, refuses_garbage_with_its_first_wrong_byte) {
    response_parser parser;
    EXPECT_EQ(parser.parse(bytes_of("HTT")).what, event::need_more);
    EXPECT_THROW(parser.parse(bytes_of("p")), std::system_error);
}

TEST(response_parser, refuses_other_versions) {
    expect_bad({
        {"HTTP/2 200\r\n\r\n", errc::unsupported_version},
        {"HTTP/2.0 200 OK\r\n\r\n", errc::unsupported_version},
        {"HTTP/0.9 200 OK\r\n\r\n", errc::unsupported_version},
        {"HTTP/1.2 200 OK\r\n\r\n", errc::unsupported_version},
        {"HTTP/3 200 OK\r\n\r\n", errc::unsupported_version},
    });
}

TEST(response_parser, refuses_malformed_status_lines) {
    expect_bad({
        {"HTTP/1.1\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 \r\n\r\n", errc::malformed_status_line},
        {"HTTP/ 200 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1 .1 200 OK\r\n\r\n", errc::unsupported_version},
        {"HTTP/1.01 200 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/11 200 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1,1 200 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1x 200 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1\t200 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1  200 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 20 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 2000 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 099 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 000 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 2x0 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 +20 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 -20 OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 200OK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 200\tOK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 200 O\rK\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 200 OK\r\r\n\r\n", errc::malformed_status_line},
        {"HTTP/1.1 200 O\0K\r\n\r\n"sv, errc::malformed_status_line},
    });
}

TEST(response_parser, refuses_malformed_fields) {
    for (std::string_view fields : {"Name"sv,
                                    "Name value"sv,
                                    ": value"sv,
                                    ":"sv,
                                    " Name: value"sv,
                                    "\tName: value"sv,
                                    "Name : value"sv,
                                    "Name\t: value"sv,
                                    "Na me: value"sv,
                                    "Name: value\r\n folded"sv,
                                    "Name: value\r\n\tfolded"sv,
                                    "Name: value\r\n \r\nB: c"sv,
                                    "Name: a\rb"sv,
                                    "Name: a\r\r\nB: c"sv,
                                    "\rName: a"sv,
                                    "Na\rme: a"sv,
                                    "Name: a\0b"sv,
                                    "Na\0me: a"sv,
                                    "\0: a"sv,
                                    "Name\0: a"sv,
                                    "N\xC3\xA4me: a"sv,
                                    "\xEF\xBB\xBFName: a"sv,
                                    "Na\x7Fme: a"sv,
                                    "\"Name\": a"sv,
                                    "Name;x: a"sv,
                                    "A: b\r\n: c"sv,
                                    "A: b\r\n\rC: d"sv,
                                    "\x01: x"sv,
                                    "Content-Length : 5"sv,
                                    "Transfer-Encoding\x0B: chunked"sv,
                                    "[x]: y"sv,
                                    "HTTP/1.1 200 OK"sv}) {
        EXPECT_EQ(error_of_fields(fields), errc::malformed_header) << test::printable(fields);
    }
}

TEST(response_parser, refuses_lengths_that_are_no_numbers) {
    for (std::string_view fields : {"Content-Length:"sv,
                                    "Content-Length: "sv,
                                    "Content-Length: +5"sv,
                                    "Content-Length: -5"sv,
                                    "Content-Length: 5 5"sv,
                                    "Content-Length: 5, 5"sv,
                                    "Content-Length: 5,"sv,
                                    "Content-Length: ,5"sv,
                                    "Content-Length: 5;"sv,
                                    "Content-Length: 0x5"sv,
                                    "Content-Length: 5a"sv,
                                    "Content-Length: 5.0"sv,
                                    "Content-Length: 1e1"sv,
                                    "Content-Length: \"5\""sv,
                                    "Content-Length: 5_0"sv,
                                    "Content-Length: \x0B"
                                    "5"sv,
                                    "Content-Length: \xD9\xA3"sv,
                                    "Content-Length: 00000000000000000005"sv,
                                    "Content-Length: 18446744073709551621"sv,
                                    "Content-Length: 18446744073709551616"sv,
                                    "Content-Length: 9223372036854775808"sv,
                                    "Content-Length: 9999999999999999999"sv,
                                    "Content-Length: chunked"sv}) {
        EXPECT_EQ(error_of_fields(fields), errc::bad_content_length) << test::printable(fields);
    }
    // The largest one is a length; the body just does not come.
    EXPECT_EQ(error_of_fields("Content-Length: 9223372036854775807"), errc::truncated_body);
    EXPECT_EQ(error_of_fields("Content-Length: 0000000000000000005"), errc::truncated_body);
}

TEST(response_parser, refuses_more_than_one_length) {
    for (std::string_view fields :
         {"Content-Length: 5\r\nContent-Length: 6"sv, "Content-Length: 5\r\ncontent-length: 5"sv,
          "Content-Length: 0\r\nA: b\r\nContent-Length: 0"sv,
          "Content-Length: 5\r\nTransfer-Encoding: chunked"sv,
          "Transfer-Encoding: chunked\r\nContent-Length: 5"sv,
          "Transfer-Encoding: identity\r\nContent-Length: 5"sv,
          "Transfer-Encoding: \r\nContent-Length: 5"sv}) {
        EXPECT_EQ(error_of_fields(fields), errc::conflicting_length) << test::printable(fields);
    }
}

TEST(response_parser, refuses_conflicting_lengths_also_without_a_body) {
    constexpr auto fields = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"sv;
    for (std::string_view line : {"HTTP/1.1 304 x\r\n"sv, "HTTP/1.1 204 x\r\n"sv,
                                  "HTTP/1.1 100 x\r\n"sv, "HTTP/1.1 200 x\r\n"sv}) {
        std::string bytes{line};
        bytes.append(fields);
        EXPECT_EQ(read_every_way(response_parser{asked::head}, bytes).error,
                  errc::conflicting_length);
    }
}

TEST(response_parser, refuses_other_transfer_codings) {
    for (std::string_view coding : {"gzip"sv,
                                    "gzip, chunked"sv,
                                    "chunked, gzip"sv,
                                    "chunked, chunked"sv,
                                    "chunked,"sv,
                                    ", chunked"sv,
                                    "identity"sv,
                                    "chunked, identity"sv,
                                    ""sv,
                                    "xchunked"sv,
                                    "chunke"sv,
                                    "chunked;q=1"sv,
                                    "\"chunked\""sv,
                                    "'chunked'"sv,
                                    "\x0B"
                                    "chunked"sv,
                                    "chunked\x0B"sv,
                                    "chunked\x01"sv,
                                    "chunked \xA0"sv,
                                    "cow"sv,
                                    "chunked\r\nTransfer-Encoding: chunked"sv,
                                    "gzip\r\nTransfer-Encoding: chunked"sv,
                                    "chunked\r\nTransfer-Encoding: identity"sv}) {
        std::string fields{"Transfer-Encoding: "};
        fields.append(coding);
        EXPECT_EQ(error_of_fields(fields), errc::unsupported_transfer_coding)
            << test::printable(coding);
    }
}

TEST(response_parser, refuses_transfer_codings_in_http_1_0) {
    expect_bad({
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         errc::transfer_coding_in_http_1_0},
        {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         errc::transfer_coding_in_http_1_0},
    });
}

TEST(response_parser, refuses_malformed_chunks) {
    for (std::string_view body : {"\r\n"sv,
                                  "x\r\n"sv,
                                  "g\r\n"sv,
                                  "-1\r\n"sv,
                                  "+1\r\na\r\n0\r\n\r\n"sv,
                                  " 1\r\na\r\n"sv,
                                  "0x1\r\na\r\n"sv,
                                  "1\na\r\n0\r\n\r\n"sv,
                                  "1\r\na\n0\r\n\r\n"sv,
                                  "0\n\r\n"sv,
                                  "1\r\na0\r\n\r\n"sv,
                                  "1\r\nab\r\n0\r\n\r\n"sv,
                                  "1\r\na\rb0\r\n"sv,
                                  "2\r\na\r\n0\r\n\r\n"sv,
                                  "1\ra\r\n"sv,
                                  "1\r\ra\r\n"sv,
                                  "1\r\r\na\r\n"sv,
                                  "1 1\r\na\r\n"sv,
                                  "1 \r\na\r\n"sv,
                                  "1,2\r\na\r\n"sv,
                                  "1_0\r\na\r\n"sv,
                                  "1.\r\na\r\n"sv,
                                  "\0\r\n"sv,
                                  "1\0\r\na\r\n"sv,
                                  "10000000000000000\r\na\r\n"sv,
                                  "00000000000000001\r\na\r\n"sv,
                                  "fffffffffffffffff\r\n"sv,
                                  "ffffffffffffffff\r\na"sv,
                                  "8000000000000000\r\na"sv,
                                  "\xEF\xBC\x91\r\na"sv,
                                  ";x\r\n"sv,
                                  "1\x0B\r\na"sv}) {
        EXPECT_EQ(error_of_chunks(body), errc::bad_chunk) << test::printable(body);
    }
    EXPECT_EQ(error_of_chunks("7fffffffffffffff\r\na"), errc::truncated_body);
    EXPECT_FALSE(error_of_chunks("0000000000000001\r\na\r\n0000000000000000\r\n\r\n"));
}

TEST(response_parser, refuses_malformed_chunk_extensions) {
    for (std::string_view line :
         {"1;\r\na"sv, "1; \r\na"sv, "1;;x\r\na"sv, "1;x=\r\na"sv, "1;=x\r\na"sv, "1;x y\r\na"sv,
          "1;x=\"y\r\na"sv, "1;x=\"y\\\r\na"sv, "1;x=\"y\"z\r\na"sv, "1 x\r\na"sv, "1;x\ny\r\na"sv,
          "1;x\ry\r\na"sv, "1;x\0\r\na"sv, "1;\n\r\na"sv, "1;x=\"\n\"\r\na"sv, "1;x=y=z\r\na"sv,
          "1;x \r\na"sv}) {
        EXPECT_EQ(error_of_chunks(line), errc::bad_chunk) << test::printable(line);
    }
}

TEST(response_parser, refuses_malformed_trailers) {
    for (std::string_view body :
         {"0\r\nx\r\n\r\n"sv, "0\r\nA : b\r\n\r\n"sv, "0\r\n A: b\r\n\r\n"sv, "0\r\nA: b\n\r\n"sv,
          "0\r\n\n"sv, "0\r\nA: b\r\n\n"sv, "0\r\nA: b\r\n c\r\n\r\n"sv, "0\r\nA: \0\r\n\r\n"sv,
          "0\r\nA: \x01\r\n\r\n"sv, "0\r\n: b\r\n\r\n"sv}) {
        EXPECT_EQ(error_of_chunks(body), errc::malformed_header) << test::printable(body);
    }
}

TEST(response_parser, does_not_let_trailers_change_the_message) {
    expect_good({
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n",
         "1.1 200 <OK> [Transfer-Encoding=chunked] chunked keep; complete [Content-Length=5] "
         "[Transfer-Encoding=gzip] [Connection=close]"},
    });
}

TEST(response_parser, notices_every_place_where_the_server_closes_too_early) {
    constexpr auto message =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n"sv;
    const std::size_t head = message.find("\r\n\r\n") + 4;
    for (std::size_t end = 0; end < message.size(); ++end) {
        const errc expected = end == 0     ? errc::unexpected_end
                              : end < head ? errc::truncated_head
                                           : errc::truncated_body;
        const transcript read =
            test::read_in_pieces(response_parser{}, message.substr(0, end), {end});
        EXPECT_EQ(read.error, expected) << end;
    }
    expect_bad({
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", errc::truncated_body},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", errc::truncated_body},
        {"HTTP/1.1 100 Continue\r\n\r\n", errc::truncated_head},
        {"HTTP/1.1 200 OK\r\n", errc::truncated_head},
    });
}

TEST(response_parser, tells_whether_it_has_started_and_ended) {
    response_parser parser;
    EXPECT_FALSE(parser.has_started());
    parser.parse({});
    EXPECT_FALSE(parser.has_started());
    parser.parse(bytes_of("H"));
    EXPECT_TRUE(parser.has_started());
    parser.parse(bytes_of("TTP/1.1 204 x\r\n\r\n"));
    EXPECT_FALSE(parser.is_complete());
    EXPECT_EQ(parser.parse({}).what, event::complete);
    EXPECT_TRUE(parser.is_complete());
    EXPECT_EQ(parser.parse(bytes_of("rest")).consumed, 0U);
    EXPECT_EQ(parser.finish().what, event::complete);
}

TEST(response_parser, gives_the_body_as_views_into_what_it_was_given) {
    response_parser parser;
    parser.parse(bytes_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    constexpr auto input = "5\r\nhello\r\n0\r\n\r\n"sv;
    const step met = parser.parse(bytes_of(input));
    EXPECT_EQ(met.what, event::body);
    EXPECT_EQ(met.body.data(), bytes_of(input).data() + 3);
    EXPECT_EQ(met.body.size(), 5U);
    EXPECT_EQ(met.consumed, 8U);
}

TEST(response_parser, lets_its_head_be_taken) {
    response_parser parser;
    constexpr auto input = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"sv;
    const step met = parser.parse(bytes_of(input));
    const response_head head = parser.take_head();
    EXPECT_EQ(head.headers.get("content-length"), "2");
    EXPECT_EQ(head.content_length, 2U);
    EXPECT_EQ(text_of(parser.parse(bytes_of(input.substr(met.consumed))).body), "hi");
    EXPECT_EQ(parser.parse({}).what, event::complete);
}

TEST(response_parser, reads_damaged_messages_the_same_way_however_they_are_cut) {
    constexpr std::array seeds{
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"sv,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;a=\"b\"\r\nhello\r\n1\r\nx\r\n0\r\nT: u\r\n\r\n"sv,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 Not Found\nA: b\n\nrest"sv,
    };
    test::expect_agreement_on_mutations(response_parser{}, seeds, 3000);
    response_limits narrow;
    narrow.status_line = 16;
    narrow.field = 18;
    narrow.block = 30;
    narrow.fields = 2;
    narrow.interim = 0;
    narrow.chunks.line = 6;
    narrow.chunks.extensions = 4;
    narrow.chunks.trailer_fields = 1;
    narrow.chunks.trailer_block = 7;
    test::expect_agreement_on_mutations(response_parser{asked::ordinary, narrow}, seeds, 3000);
}

// --- limits -------------------------------------------------------------------------------------

std::error_code error_with(const response_limits& limits, std::string_view bytes) {
    return read_every_way(response_parser{asked::ordinary, limits}, bytes).error;
}

// A field line of `size` bytes without its end.
std::string field_of(std::size_t size) {
    std::string line{"X: "};
    line.append(size - line.size(), 'v');
    return line;
}

std::string bodiless_with(std::string_view lines) {
    std::string bytes{"HTTP/1.1 204 No Content\r\n"};
    bytes.append(lines).append("\r\n");
    return bytes;
}

TEST(response_parser_limits, are_those_of_the_documentation) {
    const response_limits limits;
    EXPECT_EQ(limits.field, 32U * 1024);
    EXPECT_EQ(limits.block, 64U * 1024);
    EXPECT_EQ(limits.fields, 256U);
    EXPECT_EQ(limits.interim, 16U);
    EXPECT_EQ(limits.chunks.line, 256U);
    EXPECT_EQ(limits.chunks.extensions, 16U * 1024);
    EXPECT_EQ(limits.chunks.trailer_fields, 32U);
    EXPECT_EQ(limits.chunks.trailer_block, 8U * 1024);
}

TEST(response_parser_limits, hold_for_the_status_line) {
    response_limits limits;
    limits.status_line = 40;
    for (std::size_t size : {39U, 40U, 41U}) {
        std::string bytes{"HTTP/1.1 204 "};
        bytes.append(size - bytes.size(), 'r').append("\r\n\r\n");
        const std::error_code error = error_with(limits, bytes);
        EXPECT_EQ(error, size <= 40 ? std::error_code{} : errc::header_too_large) << size;
    }
}

TEST(response_parser_limits, hold_for_one_field) {
    for (std::size_t limit : {std::size_t{50}, response_limits{}.field}) {
        response_limits limits;
        limits.field = limit;
        for (std::size_t size : {limit - 1, limit, limit + 1}) {
            const std::error_code error =
                error_with(limits, bodiless_with(field_of(size).append("\r\n")));
            EXPECT_EQ(error, size <= limit ? std::error_code{} : errc::field_too_large) << size;
        }
    }
}

TEST(response_parser_limits, hold_for_the_block_with_its_line_ends) {
    for (std::size_t limit : {std::size_t{200}, response_limits{}.block}) {
        response_limits limits;
        limits.block = limit;
        for (std::size_t size : {limit - 1, limit, limit + 1, limit + 2, limit + 3}) {
            std::string lines = field_of(limit / 2 - 2).append("\r\n");
            lines.append(field_of(size - limit / 2 - 2)).append("\r\n");
            const std::error_code error = error_with(limits, bodiless_with(lines));
            // The second line is a little over the limit of a field, too, at the default limits.
            if (limit == 200 || size <= limit) {
                EXPECT_EQ(error, size <= limit ? std::error_code{} : errc::header_too_large)
                    << size;
            } else {
                EXPECT_TRUE(error == errc::header_too_large || error == errc::field_too_large);
            }
        }
    }
}

TEST(response_parser_limits, hold_for_the_number_of_fields) {
    for (std::size_t count : {255U, 256U, 257U}) {
        std::string lines;
        for (std::size_t i = 0; i < count; ++i) lines.append("A: b\r\n");
        EXPECT_EQ(error_with({}, bodiless_with(lines)),
                  count <= 256 ? std::error_code{} : errc::too_many_fields)
            << count;
    }
}

TEST(response_parser_limits, hold_for_interim_responses) {
    for (std::size_t count : {15U, 16U, 17U}) {
        std::string bytes;
        for (std::size_t i = 0; i < count; ++i) bytes.append("HTTP/1.1 102 P\r\n\r\n");
        bytes.append("HTTP/1.1 204 N\r\n\r\n");
        EXPECT_EQ(error_with({}, bytes), count <= 16 ? std::error_code{} : errc::too_many_interim)
            << count;
    }
}

TEST(response_parser_limits, hold_for_each_head_anew) {
    response_limits limits;
    limits.block = 100;
    limits.fields = 1;
    std::string bytes;
    for (int i = 0; i < 3; ++i) {
        bytes.append("HTTP/1.1 102 P\r\n").append(field_of(98)).append("\r\n\r\n");
    }
    bytes.append(bodiless_with(field_of(98).append("\r\n")));
    EXPECT_FALSE(error_with(limits, bytes));
}

TEST(response_parser_limits, can_be_nothing_at_all) {
    response_limits limits;
    limits.fields = 0;
    limits.block = 0;
    limits.field = 0;
    limits.interim = 0;
    EXPECT_FALSE(error_with(limits, "HTTP/1.1 204 N\r\n\r\n"));
    EXPECT_EQ(error_with(limits, "HTTP/1.1 204 N\r\nA:\r\n\r\n"), errc::field_too_large);
    EXPECT_EQ(error_with(limits, "HTTP/1.1 100 C\r\n\r\n"), errc::too_many_interim);
}

TEST(response_parser_limits, stop_a_line_that_never_ends) {
    response_parser parser;
    parser.parse(bytes_of("HTTP/1.1 200 OK\r\nX: "));
    const std::string piece(1024, 'v');
    std::size_t taken = 0;
    try {
        while (taken < 1'000'000) taken += parser.parse(bytes_of(piece)).consumed;
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), errc::field_too_large);
        EXPECT_LE(taken, 32U * 1024);
    }
}

}  // namespace
}  // namespace simul::http::wire
