// SPDX-License-Identifier: Apache-2.0
#include "simul/http/wire/body_reader.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>

#include "transcript.hpp"

namespace simul::http::wire {
namespace {

using namespace std::string_view_literals;

constexpr auto chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"sv;

std::error_code error_of(std::string_view body) {
    std::string bytes{chunked_head};
    bytes.append(body);
    return test::read_every_way(response_parser{}, bytes).error;
}

TEST(body_reader, without_a_body_is_complete_at_once) {
    body_reader reader;
    EXPECT_TRUE(reader.is_complete());
    const step met = reader.read(bytes_of("next"));
    EXPECT_EQ(met.what, event::complete);
    EXPECT_EQ(met.consumed, 0U);
    EXPECT_EQ(reader.finish().what, event::complete);
}

TEST(body_reader, with_a_length_takes_that_much) {
    body_reader reader{framing::length, 5, {}};
    step met = reader.read(bytes_of("hel"));
    EXPECT_EQ(met.what, event::body);
    EXPECT_EQ(text_of(met.body), "hel");
    EXPECT_EQ(reader.read({}).what, event::need_more);
    met = reader.read(bytes_of("lo and more"));
    EXPECT_EQ(text_of(met.body), "lo");
    EXPECT_EQ(met.consumed, 2U);
    EXPECT_TRUE(reader.is_complete());
    EXPECT_EQ(reader.read(bytes_of(" and more")).what, event::complete);
}

TEST(body_reader, until_close_ends_with_the_connection) {
    body_reader reader{framing::until_close, 0, {}};
    EXPECT_EQ(reader.read({}).what, event::need_more);
    EXPECT_EQ(text_of(reader.read(bytes_of("abc")).body), "abc");
    EXPECT_FALSE(reader.is_complete());
    EXPECT_EQ(reader.finish().what, event::complete);
    EXPECT_TRUE(reader.is_complete());
}

TEST(body_reader, says_when_the_connection_was_closed_too_early) {
    body_reader sized{framing::length, 5, {}};
    sized.read(bytes_of("hell"));
    body_reader chunked{framing::chunked, 0, {}};
    chunked.read(bytes_of("0\r\n"));
    for (body_reader* reader : {&sized, &chunked}) {
        try {
            reader->finish();
            FAIL();
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), errc::truncated_body);
        }
    }
}

TEST(body_reader, gives_one_piece_for_each_chunk) {
    body_reader reader{framing::chunked, 0, {}};
    std::string_view input{"3\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\nrest"};
    std::string pieces;
    while (true) {
        const step met = reader.read(bytes_of(input));
        input.remove_prefix(met.consumed);
        if (met.what != event::body) break;
        pieces.append(text_of(met.body)).append("|");
    }
    EXPECT_EQ(pieces, "abc|de|");
    EXPECT_EQ(input, "rest");
    EXPECT_TRUE(reader.is_complete());
    EXPECT_EQ(reader.trailers().get("t"), "x");
}

TEST(body_reader_limits, hold_for_a_chunk_size_line) {
    for (std::size_t size : {255U, 256U, 257U}) {
        std::string body{"1;"};
        body.append(size - 2, 'x').append("\r\na\r\n0\r\n\r\n");
        EXPECT_EQ(error_of(body), size <= 256 ? std::error_code{} : errc::chunk_extension_too_long)
            << size;
    }
}

TEST(body_reader_limits, hold_for_all_extensions_of_a_message) {
    constexpr std::size_t limit = std::size_t{16} * 1024;
    for (std::size_t size : {limit - 1, limit, limit + 1}) {
        std::string body;
        for (std::size_t left = size; left != 0;) {
            const std::size_t part = left < 130 ? left : 64;  // never a lone ";" at the end
            body.append("1;").append(part - 1, 'x').append("\r\na\r\n");
            left -= part;
        }
        body.append("0\r\n\r\n");
        EXPECT_EQ(error_of(body),
                  size <= limit ? std::error_code{} : errc::chunk_extension_too_long)
            << size;
    }
}

TEST(body_reader_limits, count_the_extensions_of_the_last_chunk) {
    response_limits limits;
    limits.chunks.extensions = 4;
    for (std::size_t size : {3U, 4U, 5U}) {
        std::string bytes{chunked_head};
        bytes.append("0;").append(size - 1, 'x').append("\r\n\r\n");
        EXPECT_EQ(test::read_every_way(response_parser{asked::ordinary, limits}, bytes).error,
                  size <= 4 ? std::error_code{} : errc::chunk_extension_too_long);
    }
}

TEST(body_reader_limits, hold_for_the_number_of_trailers) {
    for (std::size_t count : {31U, 32U, 33U}) {
        std::string body{"0\r\n"};
        for (std::size_t i = 0; i < count; ++i) body.append("A: b\r\n");
        body.append("\r\n");
        EXPECT_EQ(error_of(body), count <= 32 ? std::error_code{} : errc::trailers_too_large)
            << count;
    }
}

TEST(body_reader_limits, hold_for_the_size_of_the_trailers) {
    constexpr std::size_t limit = std::size_t{8} * 1024;
    for (std::size_t size : {limit - 1, limit, limit + 1, limit + 2, limit + 3}) {
        std::string body{"0\r\nA: b\r\nX: "};
        body.append(size - 6 - 5, 'v').append("\r\n\r\n");
        EXPECT_EQ(error_of(body), size <= limit ? std::error_code{} : errc::trailers_too_large)
            << size;
    }
}

TEST(body_reader_limits, do_not_count_the_digits_of_sizes_as_extensions) {
    response_limits limits;
    limits.chunks.extensions = 0;
    limits.chunks.line = 4;
    std::string bytes{chunked_head};
    bytes.append("0001\r\na\r\n0001\r\nb\r\n0\r\n\r\n");
    EXPECT_FALSE(test::read_every_way(response_parser{asked::ordinary, limits}, bytes).error);
}

}  // namespace
}  // namespace simul::http::wire
