// SPDX-License-Identifier: Apache-2.0
//
// unit/http/transcript.hpp: what a parser makes of some bytes, written down so that it can be
// compared.
//
// Every message is read whole, byte by byte and cut in two at each place. All of these must give
// the same transcript, the same error and the same rest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "simul/base/bytes.hpp"
#include "simul/http/error.hpp"
#include "simul/http/wire/request_parser.hpp"
#include "simul/http/wire/response_parser.hpp"

namespace simul::http::test {

/// What came out of a parser: "<head>; body hello; complete; rest GET", and how it failed.
struct transcript {
    std::string text;
    std::error_code error;

    friend bool operator==(const transcript&, const transcript&) = default;
};

inline void write_fields(std::string& out, const headers& fields) {
    for (const header_field field : fields) {
        out.append(" [").append(field.name).append("=").append(field.value).append("]");
    }
}

inline void write_framing(std::string& out, wire::framing how, bool keep_alive) {
    switch (how) {
        case wire::framing::none: out.append(" none"); break;
        case wire::framing::length: out.append(" length"); break;
        case wire::framing::chunked: out.append(" chunked"); break;
        case wire::framing::until_close: out.append(" until close"); break;
    }
    out.append(keep_alive ? " keep" : " close");
}

inline void write_head(std::string& out, const wire::response_head& head) {
    out.append(head.version == wire::version::http_1_1 ? "1.1 " : "1.0 ");
    out.append(std::to_string(head.status)).append(" <").append(head.reason).append(">");
    write_fields(out, head.headers);
    write_framing(out, head.framing, head.keep_alive);
}

inline void write_head(std::string& out, const wire::request_head& head) {
    out.append(head.method.name()).append(" ").append(head.target);
    out.append(head.version == wire::version::http_1_1 ? " 1.1" : " 1.0");
    write_fields(out, head.headers);
    write_framing(out, head.framing, head.keep_alive);
}

/// Gives `bytes` to a parser in pieces that end at the places in `cuts`, then says that the
/// connection was closed unless the message is complete.
template <typename Parser>
transcript read_in_pieces(Parser parser, std::string_view bytes,
                          const std::vector<std::size_t>& cuts) {
    transcript result;
    std::string body;
    const auto note = [&](std::string_view what) {
        if (!body.empty()) {
            result.text.append("body ").append(body).append("; ");
            body.clear();
        }
        result.text.append(what);
    };
    const auto complete = [&](std::size_t begin) {
        note("complete");
        write_fields(result.text, parser.trailers());
        if (begin < bytes.size()) result.text.append("; rest ").append(bytes.substr(begin));
    };
    try {
        std::size_t begin = 0;
        for (std::size_t end : cuts) {
            while (true) {
                const wire::step met = parser.parse(bytes_of(bytes.substr(begin, end - begin)));
                begin += met.consumed;
                if (met.what == wire::event::need_more) {
                    EXPECT_EQ(begin, end) << "need_more takes everything";
                    break;
                }
                if (met.what == wire::event::body) {
                    EXPECT_FALSE(met.body.empty());
                    body.append(text_of(met.body));
                    continue;
                }
                if (met.what == wire::event::complete) {
                    complete(begin);
                    return result;
                }
                if (met.what == wire::event::interim_head) note("interim ");
                write_head(result.text, parser.head());
                result.text.append("; ");
            }
        }
        parser.finish();
        complete(begin);
    } catch (const std::system_error& error) {
        result.error = error.code();
        note("");
        EXPECT_THROW(parser.parse({}), std::system_error) << "a failed parser stays failed";
    }
    return result;
}

inline std::string printable(std::string_view bytes) {
    std::string out;
    for (char c : bytes.substr(0, 300)) {
        if (c == '\r') {
            out.append("\\r");
        } else if (c == '\n') {
            out.append("\\n");
        } else {
            out.push_back(c);
        }
    }
    return out;
}

/// Reads the message in every way, checks that all give the same, and returns it. `parser` is
/// copied for each.
template <typename Parser>
transcript read_every_way(const Parser& parser, std::string_view bytes) {
    const transcript whole = read_in_pieces(parser, bytes, {bytes.size()});
    std::vector<std::size_t> each(bytes.size());
    for (std::size_t i = 0; i < each.size(); ++i) each[i] = i + 1;
    EXPECT_EQ(read_in_pieces(parser, bytes, each).text, whole.text) << printable(bytes);
    EXPECT_EQ(read_in_pieces(parser, bytes, each).error, whole.error) << printable(bytes);
    // Every place in short messages; in long ones some hundred places, and every one near the end.
    const std::size_t last = bytes.size() - std::min<std::size_t>(bytes.size(), 64);
    const std::size_t stride = 1 + bytes.size() / 512;
    for (std::size_t cut = 0; cut <= bytes.size(); cut += cut < last ? stride : 1) {
        const transcript halves = read_in_pieces(parser, bytes, {cut, bytes.size()});
        EXPECT_EQ(halves.text, whole.text) << "cut at " << cut << ": " << printable(bytes);
        EXPECT_EQ(halves.error, whole.error) << "cut at " << cut << ": " << printable(bytes);
        if (!(halves == whole)) break;
    }
    return whole;
}

/// Changes a few bytes of the messages at random, the same ones in every run, and reads each result
/// whole, byte by byte and in three random pieces. The three must agree.
template <typename Parser>
void expect_agreement_on_mutations(const Parser& parser, std::span<const std::string_view> seeds,
                                   int rounds) {
    constexpr std::string_view spice{"\r\n\0 \t:;,=0159afHTP/.\x80\"", 22};
    std::uint64_t state = 0x9E3779B97F4A7C15U;
    const auto random = [&](std::size_t below) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return static_cast<std::size_t>(state % below);
    };
    for (int round = 0; round < rounds; ++round) {
        std::string bytes{seeds[random(seeds.size())]};
        for (std::size_t changes = 1 + random(3); changes != 0; --changes) {
            const std::size_t at = random(bytes.size());
            switch (random(4)) {
                case 0: bytes[at] = spice[random(spice.size())]; break;
                case 1: bytes.insert(at, 1, spice[random(spice.size())]); break;
                case 2: bytes.erase(at, 1); break;
                default: bytes.insert(at, bytes.substr(random(bytes.size()), random(20))); break;
            }
        }
        std::vector<std::size_t> each(bytes.size());
        for (std::size_t i = 0; i < each.size(); ++i) each[i] = i + 1;
        const std::size_t first = random(bytes.size() + 1);
        const std::size_t second = first + random(bytes.size() - first + 1);
        const transcript whole = read_in_pieces(parser, bytes, {bytes.size()});
        for (const auto& cuts : {each, std::vector<std::size_t>{first, second, bytes.size()}}) {
            const transcript pieces = read_in_pieces(parser, bytes, cuts);
            ASSERT_EQ(pieces.text, whole.text) << printable(bytes);
            ASSERT_EQ(pieces.error, whole.error) << printable(bytes);
        }
    }
}

}  // namespace simul::http::test
