// SPDX-License-Identifier: Apache-2.0
#include "simul/http/coding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zlib.h>
#include <zstd.h>

#include "simul/base/bytes.hpp"
#include "simul/http/error.hpp"

namespace {

using simul::bytes_of;
using simul::http::decoder;
using simul::http::decoding_limits;
using simul::http::errc;

// --- making bodies
// --------------------------------------------------------------------------------

std::string gzipped(std::string_view text) {
    const auto encoded = simul::http::encode_gzip(bytes_of(text));
    return std::string{simul::text_of(encoded)};
}

std::string deflated(std::string_view text, int window) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string encoded(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(encoded.data());
    stream.avail_out = static_cast<uInt>(encoded.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    encoded.resize(stream.total_out);
    deflateEnd(&stream);
    return encoded;
}

std::string in_zlib(std::string_view text) {
    return deflated(text, 15);
}

std::string raw_deflated(std::string_view text) {
    return deflated(text, -15);
}

std::string in_zstd(std::string_view text) {
    std::string encoded(ZSTD_compressBound(text.size()), '\0');
    encoded.resize(ZSTD_compress(encoded.data(), encoded.size(), text.data(), text.size(), 19));
    return encoded;
}

std::string from_hex(std::string_view digits) {
    const auto value = [](char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; };
    std::string bytes;
    for (std::size_t at = 0; at < digits.size(); at += 2) {
        bytes.push_back(static_cast<char>(value(digits[at]) * 16 + value(digits[at + 1])));
    }
    return bytes;
}

std::string sample_text() {
    std::string text;
    for (int line = 0; line < 20; ++line) {
        text.append("line ");
        text.append(std::to_string(line));
        text.append(": the quick brown fox jumps over the lazy dog\n");
    }
    return text;
}

// Only a decoder of brotli is linked here, so these are bytes: sample_text(), and zeros.
std::string sample_in_brotli() {
    return from_hex(
        "1b1904009c09364ea877373cbd18c56ae36fd9491ae40c4f4f85bd3588c25c5ec4c101d8144a20c8120dfc1e63"
        "7d5b92324cc52e32b7237b1edd4d9e19b7ffbe6d3a0d4daddab4ebd0a94b771e6588039c5cb971e7c193176c");
}
std::string mebibyte_of_zeros_in_brotli() {
    return from_hex("5bffff8f7f02201e0b0472ef1f00");
}
std::string mebibyte_and_one_zeros_in_brotli() {
    return from_hex("9b000010f82700e2b14040f7fe01");
}
std::string eight_mebibytes_of_zeros_in_brotli() {
    return from_hex("9bffff7ff82700e2b14020f7fe0f");
}

// A frame of zstd with one block: `count` zeros in 10 bytes, at most 255.
std::string zeros_in_ten_bytes(unsigned count) {
    const unsigned block = count << 3U | 1U << 1U | 1U;
    std::string frame = from_hex("28b52ffd20");
    frame.push_back(static_cast<char>(count));
    frame.push_back(static_cast<char>(block & 0xffU));
    frame.push_back(static_cast<char>(block >> 8U));
    frame.push_back('\0');
    frame.push_back('\0');
    return frame;
}

// --- taking them apart
// ----------------------------------------------------------------------------

struct outcome {
    std::string text;
    std::error_code error;  // of decode
    std::error_code end;    // of finish
    std::uint64_t taken = 0;
};

outcome decode_with(decoder& decodes, std::string_view body, std::size_t input_piece = 1 << 16,
                    std::size_t output_piece = 1 << 16) {
    outcome all;
    std::string buffer(output_piece, '\0');
    const auto output = std::as_writable_bytes(std::span{buffer});
    auto next = decoder::state::need_input;
    while (!all.error && (next == decoder::state::output_full || !body.empty())) {
        const auto piece = bytes_of(body.substr(0, input_piece));
        const auto done = decodes.decode(piece, output);
        EXPECT_LE(done.consumed, piece.size());
        EXPECT_LE(done.produced, output_piece);
        if (done.consumed > piece.size() || done.produced > output_piece) return all;
        if (!done.error && done.next != decoder::state::output_full) {
            EXPECT_EQ(done.consumed, piece.size());
        }
        all.text.append(buffer, 0, done.produced);
        all.error = done.error;
        body.remove_prefix(done.consumed);
        next = done.next;
    }
    all.end = decodes.finish();
    all.taken = decodes.total_input();
    EXPECT_EQ(decodes.total_output(), all.text.size());
    return all;
}

outcome decode(std::string_view coding, std::string_view body,
               const decoding_limits& limits = decoding_limits{}, std::size_t input_piece = 1 << 16,
               std::size_t output_piece = 1 << 16) {
    decoder decodes{coding, limits};
    return decode_with(decodes, body, input_piece, output_piece);
}

struct coded {
    std::string_view coding;
    std::string body;
};

// sample_text() in every coding.
std::vector<coded> samples() {
    const std::string text = sample_text();
    return {{"gzip", gzipped(text)},         {"x-gzip", gzipped(text)},  {"deflate", in_zlib(text)},
            {"deflate", raw_deflated(text)}, {"br", sample_in_brotli()}, {"zstd", in_zstd(text)}};
}

decoding_limits unlimited() {
    decoding_limits limits;
    limits.max_output = 0;
    limits.max_ratio = 0;
    return limits;
}

// --- codings
// --------------------------------------------------------------------------------------

TEST(coding, accepts_what_it_can_decode) {
    EXPECT_EQ(simul::http::accept_encoding(), "gzip, deflate, br, zstd");
    EXPECT_FALSE(decoder{simul::http::accept_encoding().substr(0, 13)}.is_identity());
}

TEST(coding, decodes_every_coding) {
    for (const coded& sample : samples()) {
        const outcome done = decode(sample.coding, sample.body);
        EXPECT_FALSE(done.error) << sample.coding << ": " << done.error.message();
        EXPECT_FALSE(done.end) << sample.coding;
        EXPECT_EQ(done.text, sample_text()) << sample.coding;
        EXPECT_EQ(done.taken, sample.body.size());
    }
}

TEST(coding, says_finished_exactly_at_the_end_of_a_body) {
    for (const coded& sample : samples()) {
        decoder decodes{sample.coding};
        std::string buffer(4096, '\0');
        for (std::size_t at = 0; at < sample.body.size(); ++at) {
            const auto done = decodes.decode(bytes_of(sample.body).subspan(at, 1),
                                             std::as_writable_bytes(std::span{buffer}));
            EXPECT_EQ(done.next, at + 1 == sample.body.size() ? decoder::state::finished
                                                              : decoder::state::need_input)
                << sample.coding << " at " << at;
        }
        const auto again = decodes.decode({}, std::as_writable_bytes(std::span{buffer}));
        EXPECT_EQ(again.next, decoder::state::finished) << sample.coding;
        EXPECT_FALSE(again.error) << sample.coding;
    }
}

TEST(coding, gives_the_same_in_pieces_of_any_size) {
    for (const coded& sample : samples()) {
        for (const std::size_t input : {1U, 2U, 3U, 7U, 1000U}) {
            for (const std::size_t output : {1U, 2U, 13U, 1050U, 1051U}) {
                const outcome done = decode(sample.coding, sample.body, {}, input, output);
                EXPECT_FALSE(done.error) << sample.coding << ' ' << input << ' ' << output;
                EXPECT_FALSE(done.end) << sample.coding << ' ' << input << ' ' << output;
                EXPECT_EQ(done.text, sample_text()) << sample.coding;
            }
        }
    }
}

TEST(coding, gives_nothing_for_a_body_of_nothing) {
    for (const std::string_view coding : {"gzip", "deflate", "br", "zstd", "identity"}) {
        const outcome done = decode(coding, "");
        EXPECT_FALSE(done.error) << coding;
        EXPECT_FALSE(done.end) << coding;
    }
}

TEST(coding, decodes_the_encoding_of_nothing) {
    const coded nothing[] = {{"gzip", gzipped("")},
                             {"deflate", in_zlib("")},
                             {"deflate", raw_deflated("")},
                             {"br", from_hex("3b")},
                             {"zstd", in_zstd("")}};
    for (const coded& sample : nothing) {
        const outcome done = decode(sample.coding, sample.body);
        EXPECT_FALSE(done.error) << sample.coding;
        EXPECT_FALSE(done.end) << sample.coding;
        EXPECT_EQ(done.text, "") << sample.coding;
    }
}

TEST(coding, identity_and_no_coding_give_the_bytes_as_they_are) {
    for (const std::string_view coding : {"", " ", ",", "identity", " Identity , ,identity"}) {
        EXPECT_TRUE(decoder{coding}.is_identity());
        const outcome done = decode(coding, sample_text(), {}, 7, 3);
        EXPECT_EQ(done.text, sample_text());
        EXPECT_FALSE(done.end);
    }
}

TEST(coding, the_names_of_codings_may_be_in_any_case) {
    EXPECT_EQ(decode(" GZip ", gzipped("text")).text, "text");
}

TEST(coding, several_members_of_gzip_are_one_body) {
    const std::string body = gzipped("one ") + gzipped("") + gzipped("two");
    for (const std::size_t piece : {std::size_t{1}, body.size()}) {
        const outcome done = decode("gzip", body, {}, piece);
        EXPECT_EQ(done.text, "one two");
        EXPECT_FALSE(done.end);
    }
}

TEST(coding, several_frames_of_zstd_are_one_body_and_skippable_ones_are_skipped) {
    const std::string body = in_zstd("one ") + from_hex("502a4d1803000000616263") + in_zstd("two");
    for (const std::size_t piece : {std::size_t{1}, body.size()}) {
        const outcome done = decode("zstd", body, {}, piece);
        EXPECT_EQ(done.text, "one two");
        EXPECT_FALSE(done.end);
    }
}

TEST(coding, two_codings_are_undone_from_the_last_to_the_first) {
    const std::string text = sample_text();
    const coded chains[] = {{"deflate, gzip", gzipped(in_zlib(text))},
                            {"gzip,zstd", in_zstd(gzipped(text))},
                            {"br , deflate", raw_deflated(sample_in_brotli())},
                            {"gzip, identity, gzip", gzipped(gzipped(text))}};
    for (const coded& sample : chains) {
        for (const std::size_t input : {std::size_t{1}, std::size_t{9}, sample.body.size()}) {
            for (const std::size_t output : {1U, 100U, 1U << 16U}) {
                const outcome done = decode(sample.coding, sample.body, {}, input, output);
                EXPECT_FALSE(done.error) << sample.coding << ": " << done.error.message();
                EXPECT_FALSE(done.end) << sample.coding;
                EXPECT_EQ(done.text, text) << sample.coding;
            }
        }
    }
}

TEST(coding, several_fields_make_one_list) {
    const std::string_view values[] = {"deflate", "gzip"};
    decoder decodes{values};
    EXPECT_EQ(decode_with(decodes, gzipped(in_zlib("text"))).text, "text");
}

TEST(coding, encode_gzip_gives_back_what_it_took) {
    std::string text;
    for (std::uint32_t index = 0, noise = 1; index < 300'000; ++index) {
        noise = noise * 1664525U + 1013904223U;
        text.push_back(static_cast<char>(noise >> 24U));
    }
    EXPECT_EQ(decode("gzip", gzipped(text)).text, text);
}

TEST(coding, a_decoder_is_moved_in_the_middle_of_a_body) {
    const std::string body = gzipped(sample_text());
    decoder first{"gzip"};
    const outcome begin = decode_with(first, std::string_view{body}.substr(0, 50));
    decoder second{"identity"};
    second = std::move(first);
    std::string buffer(4096, '\0');
    const auto done =
        second.decode(bytes_of(body).subspan(50), std::as_writable_bytes(std::span{buffer}));
    EXPECT_EQ(begin.text + buffer.substr(0, done.produced), sample_text());
    EXPECT_FALSE(second.finish());
}

// --- what is wrong
// ---------------------------------------------------------------------------------

TEST(coding, a_body_that_ends_too_early_is_an_error_wherever_it_ends) {
    for (const coded& sample : samples()) {
        for (std::size_t size = 1; size < sample.body.size(); ++size) {
            const outcome done =
                decode(sample.coding, std::string_view{sample.body}.substr(0, size));
            EXPECT_FALSE(done.error) << sample.coding << " at " << size;
            EXPECT_EQ(done.end, errc::decoding_failed) << sample.coding << " at " << size;
            EXPECT_TRUE(sample_text().starts_with(done.text)) << sample.coding;
        }
    }
}

TEST(coding, an_inner_body_that_ends_too_early_is_an_error) {
    const std::string inner = in_zlib("text");
    for (std::size_t size = 0; size < inner.size(); ++size) {
        const outcome done = decode("deflate, gzip", gzipped(inner.substr(0, size)));
        EXPECT_FALSE(done.error) << size;
        EXPECT_EQ(done.end, errc::decoding_failed) << size;
    }
}

TEST(coding, bytes_behind_the_end_are_an_error) {
    for (const coded& sample : samples()) {
        for (const std::string_view tail : {"x", "garbage"}) {
            for (const std::size_t piece : {1U, 1U << 16U}) {
                const outcome done =
                    decode(sample.coding, sample.body + std::string{tail}, {}, piece);
                EXPECT_EQ(done.end, errc::decoding_failed) << sample.coding << ' ' << tail;
            }
        }
    }
}

TEST(coding, garbage_is_an_error) {
    for (const std::string_view coding : {"gzip", "deflate", "br", "zstd"}) {
        EXPECT_EQ(decode(coding, "<html>This is not compressed at all.</html>").end,
                  errc::decoding_failed)
            << coding;
    }
}

TEST(coding, a_wrong_checksum_is_an_error) {
    std::string body = gzipped(sample_text());
    body[body.size() - 6] = static_cast<char>(body[body.size() - 6] ^ 1);
    EXPECT_EQ(decode("gzip", body).error, errc::decoding_failed);
    body = in_zlib(sample_text());
    body.back() = static_cast<char>(body.back() ^ 1);
    EXPECT_EQ(decode("deflate", body).error, errc::decoding_failed);
}

TEST(coding, an_error_stays) {
    decoder decodes{"gzip"};
    std::array<std::byte, 16> buffer{};
    EXPECT_EQ(decodes.decode(bytes_of("garbage"), buffer).error, errc::decoding_failed);
    const auto again = decodes.decode(bytes_of(gzipped("text")), buffer);
    EXPECT_EQ(again.error, errc::decoding_failed);
    EXPECT_EQ(again.consumed, 0U);
    EXPECT_EQ(again.produced, 0U);
    EXPECT_EQ(decodes.finish(), errc::decoding_failed);
}

TEST(coding, asking_without_input_or_without_room_does_nothing) {
    for (const coded& sample : samples()) {
        decoder decodes{sample.coding};
        std::array<std::byte, 16> buffer{};
        for (int round = 0; round < 100; ++round) {
            const auto nothing = decodes.decode({}, buffer);
            EXPECT_FALSE(nothing.error) << sample.coding;
            EXPECT_EQ(nothing.next, decoder::state::need_input);
            const auto no_room = decodes.decode(bytes_of(sample.body), {});
            EXPECT_EQ(no_room.consumed, 0U);
            EXPECT_EQ(no_room.next, decoder::state::output_full);
        }
        EXPECT_EQ(decode_with(decodes, sample.body).text, sample_text());
    }
}

TEST(coding, an_unknown_coding_is_refused_by_its_name) {
    for (const std::string_view coding : {"compress", "gzip, compress", "compress, gzip"}) {
        try {
            decoder{coding};
            ADD_FAILURE() << coding;
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), errc::unsupported_coding);
            EXPECT_NE(std::string_view{error.what()}.find("compress"), std::string_view::npos);
        }
    }
}

TEST(coding, the_name_in_a_message_is_short_and_printable) {
    try {
        decoder{"\x1b[2J" + std::string(5000, 'x')};
        ADD_FAILURE();
    } catch (const std::system_error& error) {
        const std::string_view what{error.what()};
        EXPECT_LT(what.size(), 150U);
        EXPECT_EQ(what.find('\x1b'), std::string_view::npos);
    }
}

TEST(coding, damaged_bodies_never_get_past_the_buffers) {
    std::uint32_t noise = 12345;
    const auto random = [&noise] {
        noise = noise * 1664525U + 1013904223U;
        return noise >> 8U;
    };
    decoding_limits limits;
    limits.max_output = 5000;
    for (const coded& sample : samples()) {
        for (int round = 0; round < 300; ++round) {
            std::string body = sample.body;
            for (unsigned count = random() % 4 + 1; count > 0; --count) {
                body[random() % body.size()] = static_cast<char>(random());
            }
            const outcome done =
                decode(sample.coding, body, limits, random() % 50 + 1, random() % 50 + 1);
            EXPECT_LE(done.text.size(), 5000U);
            if (done.error) {
                EXPECT_EQ(done.end, done.error);
            }
        }
    }
}

// --- limits
// -----------------------------------------------------------------------------------------

TEST(coding_limits, the_output_may_reach_its_limit_and_not_a_byte_more) {
    for (const coded& sample : samples()) {
        for (const std::size_t piece : {1U, 7U, 1U << 16U}) {
            const std::string text = sample_text();
            for (const std::size_t limit : {text.size() + 1, text.size(), text.size() - 1}) {
                decoding_limits limits;
                limits.max_output = limit;
                const outcome done = decode(sample.coding, sample.body, limits, piece, piece);
                EXPECT_EQ(done.text, text.substr(0, limit)) << sample.coding;
                if (limit >= text.size()) {
                    EXPECT_FALSE(done.error) << sample.coding;
                    EXPECT_FALSE(done.end) << sample.coding;
                } else {
                    EXPECT_EQ(done.error, errc::decoded_too_large) << sample.coding;
                }
            }
        }
    }
}

TEST(coding_limits, the_output_of_identity_has_the_same_limit) {
    for (const std::size_t size : {99U, 100U, 101U}) {
        decoding_limits limits;
        limits.max_output = 100;
        const outcome done = decode("", std::string(size, 'x'), limits, 3, 7);
        EXPECT_EQ(done.text.size(), std::min<std::size_t>(size, 100));
        EXPECT_EQ(done.error == errc::decoded_too_large, size == 101);
    }
}

TEST(coding_limits, the_default_limit_of_the_output_is_32_mebibytes) {
    const std::size_t limit = std::size_t{32} << 20;
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
        decoding_limits limits;
        limits.max_ratio = 0;
        decoder decodes{"gzip", limits};
        const std::string body = gzipped(std::string(size, '\0'));
        const outcome done = decode_with(decodes, body);
        EXPECT_EQ(done.text.size(), std::min(size, limit));
        EXPECT_EQ(done.error == errc::decoded_too_large, size > limit);
    }
}

TEST(coding_limits, a_bomb_of_a_mebibyte_passes_and_one_byte_more_does_not) {
    const std::size_t limit = std::size_t{1} << 20;
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
        const std::string zeros(size, '\0');
        const coded bombs[] = {{"gzip", gzipped(zeros)},
                               {"deflate", in_zlib(zeros)},
                               {"deflate", raw_deflated(zeros)},
                               {"zstd", in_zstd(zeros)}};
        for (const coded& bomb : bombs) {
            ASSERT_LT(bomb.body.size() * 500, size);
            const outcome done = decode(bomb.coding, bomb.body);
            EXPECT_EQ(done.error == errc::ratio_exceeded, size > limit) << bomb.coding << size;
            EXPECT_EQ(done.end, done.error);
            EXPECT_EQ(done.text.size(), size);
        }
    }
    EXPECT_FALSE(decode("br", mebibyte_of_zeros_in_brotli()).end);
    EXPECT_EQ(decode("br", mebibyte_and_one_zeros_in_brotli()).error, errc::ratio_exceeded);
}

TEST(coding_limits, the_ratio_may_reach_its_limit_and_not_a_byte_more) {
    for (const unsigned count : {199U, 200U, 201U}) {
        decoding_limits limits;
        limits.max_ratio = 20;
        limits.ratio_from = 0;
        const outcome done = decode("zstd", zeros_in_ten_bytes(count), limits);
        EXPECT_EQ(done.text.size(), count);
        EXPECT_EQ(done.error == errc::ratio_exceeded, count == 201) << count;
    }
}

TEST(coding_limits, the_ratio_is_looked_at_beyond_a_number_of_bytes) {
    for (const unsigned count : {99U, 100U, 101U}) {
        decoding_limits limits;
        limits.max_ratio = 2;
        limits.ratio_from = 100;
        const outcome done = decode("zstd", zeros_in_ten_bytes(count), limits);
        EXPECT_EQ(done.error == errc::ratio_exceeded, count == 101) << count;
    }
}

TEST(coding_limits, a_bomb_stops_within_a_step_of_the_mebibyte) {
    const std::string bomb = gzipped(std::string(std::size_t{16} << 20, '\0'));
    const outcome done = decode("gzip", bomb);
    EXPECT_EQ(done.error, errc::ratio_exceeded);
    EXPECT_LE(done.text.size(), (std::size_t{1} << 20) + (std::size_t{64} << 10));
    const outcome brotli = decode("br", eight_mebibytes_of_zeros_in_brotli());
    EXPECT_EQ(brotli.error, errc::ratio_exceeded);
    EXPECT_LE(brotli.text.size(), (std::size_t{1} << 20) + (std::size_t{64} << 10));
}

TEST(coding_limits, a_bomb_in_a_bomb_stops_as_early) {
    const std::string zeros(std::size_t{16} << 20, '\0');
    const coded bombs[] = {{"gzip, gzip", gzipped(gzipped(zeros))},
                           {"zstd, gzip", gzipped(in_zstd(zeros))},
                           {"gzip, zstd", in_zstd(gzipped(zeros))},
                           {"br, gzip", gzipped(eight_mebibytes_of_zeros_in_brotli())}};
    for (const coded& bomb : bombs) {
        const outcome done = decode(bomb.coding, bomb.body);
        EXPECT_EQ(done.error, errc::ratio_exceeded) << bomb.coding;
        EXPECT_LE(done.text.size(), (std::size_t{1} << 20) + (std::size_t{64} << 10));
    }
}

TEST(coding_limits, a_bomb_that_ends_in_nothing_is_one_too) {
    // The outer coding unpacks to many members of nothing each.
    const std::string member = gzipped("");
    std::string members;
    while (members.size() < std::size_t{4} << 20) members.append(member);
    const outcome done = decode("gzip, gzip", gzipped(members));
    EXPECT_EQ(done.text, "");
    EXPECT_EQ(done.error, errc::ratio_exceeded);
}

TEST(coding_limits, zero_switches_a_limit_off) {
    const std::size_t size = (std::size_t{32} << 20) + 1;
    decoder decodes{"gzip", unlimited()};
    EXPECT_EQ(decode_with(decodes, gzipped(std::string(size, '\0'))).text.size(), size);
}

TEST(coding_limits, a_call_gives_at_most_a_step) {
    const std::string body = gzipped(gzipped(std::string(1000, 'x')));
    for (const std::size_t step : {99U, 100U, 101U}) {
        decoding_limits limits;
        limits.step = step;
        decoder decodes{"gzip, gzip", limits};
        std::string buffer(1000, '\0');
        std::size_t given = 0;
        std::string_view rest = body;
        while (given < 1000) {
            const auto done =
                decodes.decode(bytes_of(rest), std::as_writable_bytes(std::span{buffer}));
            ASSERT_FALSE(done.error);
            ASSERT_LE(done.produced, step);
            ASSERT_TRUE(done.next == decoder::state::output_full || given + done.produced == 1000);
            given += done.produced;
            rest.remove_prefix(done.consumed);
        }
    }
    decoder decodes{"gzip"};
    std::string buffer(std::size_t{1} << 20, '\0');
    const std::string zeros = gzipped(std::string(std::size_t{1} << 20, '\0'));
    const auto done = decodes.decode(bytes_of(zeros), std::as_writable_bytes(std::span{buffer}));
    EXPECT_EQ(done.produced, std::size_t{64} << 10);
    EXPECT_EQ(done.next, decoder::state::output_full);
}

TEST(coding_limits, there_may_be_two_codings_and_not_three) {
    EXPECT_NO_THROW(decoder{"gzip"});
    EXPECT_NO_THROW((decoder{"gzip, identity, br"}));
    for (const std::string_view three : {"gzip, br, zstd", "gzip,gzip,gzip,gzip"}) {
        try {
            decoder{three};
            ADD_FAILURE() << three;
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), errc::too_many_codings);
        }
    }
    decoding_limits limits;
    limits.max_codings = 3;
    EXPECT_EQ(decode("gzip, gzip, gzip", gzipped(gzipped(gzipped("text"))), limits).text, "text");
}

TEST(coding_limits, a_window_of_zstd_may_have_8_mebibytes) {
    // A frame without a size of its content, its window from the one byte, one block as it is.
    const auto frame = [](std::string_view window) {
        return from_hex("28b52ffd00") + from_hex(window) + from_hex("210000") + "text";
    };
    for (const std::string_view fits : {"67", "68"}) {  // 7.5 and 8 MiB
        const outcome done = decode("zstd", frame(fits));
        EXPECT_EQ(done.text, "text") << fits;
        EXPECT_FALSE(done.end) << fits;
    }
    EXPECT_EQ(decode("zstd", frame("69")).error, errc::decoding_failed);  // 9 MiB
}

}  // namespace
