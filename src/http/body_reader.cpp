// SPDX-License-Identifier: Apache-2.0
#include "simul/http/wire/body_reader.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include "http/characters.hpp"
#include "http/failure.hpp"
#include "simul/base/bytes.hpp"
#include "simul/http/error.hpp"

namespace simul::http::wire {

namespace {

using detail::fail;

std::size_t skip_blanks(std::string_view text, std::size_t from) {
    while (from < text.size() && detail::is_blank(text[from])) ++from;
    return from;
}

std::size_t skip_token(std::string_view text, std::size_t from) {
    const std::size_t begin = from;
    while (from < text.size() && detail::is_token_character(text[from])) ++from;
    if (from == begin) fail(errc::bad_chunk);
    return from;
}

// From the opening quote to behind the closing one.
std::size_t skip_quoted(std::string_view text, std::size_t from) {
    for (++from; from < text.size(); ++from) {
        if (text[from] == '"') return from + 1;
        if (text[from] == '\\') ++from;
    }
    fail(errc::bad_chunk);
}

// What is behind the size: any number of ";name" and ";name=value", or nothing at all.
void check_extensions(std::string_view text) {
    if (detail::has_control(text)) fail(errc::bad_chunk);
    std::size_t at = 0;
    while (at < text.size()) {
        at = skip_blanks(text, at);
        if (at == text.size() || text[at] != ';') fail(errc::bad_chunk);
        at = skip_token(text, skip_blanks(text, at + 1));
        const std::size_t equals = skip_blanks(text, at);
        if (equals == text.size() || text[equals] != '=') continue;
        at = skip_blanks(text, equals + 1);
        const bool quoted = at < text.size() && text[at] == '"';
        at = quoted ? skip_quoted(text, at) : skip_token(text, at);
    }
}

}  // namespace

body_reader::body_reader(framing how, std::uint64_t length, const chunk_limits& limits) noexcept
    : limits_{limits} {
    restart(how, length);
}

void body_reader::restart(framing how, std::uint64_t length) noexcept {
    lines_.restart();
    trailer_block_ = {};
    trailers_.clear();
    extensions_ = 0;
    remaining_ = 0;
    state_ = state::done;
    switch (how) {
        case framing::none: break;
        case framing::length:
            remaining_ = length;
            if (length != 0) state_ = state::length;
            break;
        case framing::chunked: state_ = state::size; break;
        case framing::until_close: state_ = state::until_close; break;
    }
}

step body_reader::read(std::span<const std::byte> input) {
    std::span<const std::byte> rest = input;
    while (true) {
        switch (state_) {
            case state::done: return {input.size() - rest.size(), event::complete, {}};
            case state::until_close:
                if (rest.empty()) return {};
                return {rest.size(), event::body, rest};
            case state::length:
            case state::data:
                if (rest.empty()) return {input.size(), event::need_more, {}};
                return take_data(input, rest);
            default:
                if (!advance(rest)) return {input.size(), event::need_more, {}};
        }
    }
}

std::uint64_t body_reader::certain() const noexcept {
    switch (state_) {
        case state::length:
        case state::data: return remaining_;
        case state::until_close: return std::numeric_limits<std::uint64_t>::max();
        default: return 0;
    }
}

step body_reader::finish() {
    if (state_ == state::until_close) state_ = state::done;
    if (state_ != state::done) fail(errc::truncated_body);
    return {0, event::complete, {}};
}

// Reads framing; false if it ran out of input.
bool body_reader::advance(std::span<const std::byte>& input) {
    if (state_ == state::data_cr || state_ == state::data_lf) {
        if (input.empty()) return false;
        const bool at_cr = state_ == state::data_cr;
        if (input.front() != std::byte{static_cast<unsigned char>(at_cr ? '\r' : '\n')}) {
            fail(errc::bad_chunk);
        }
        input = input.subspan(1);
        state_ = at_cr ? state::data_lf : state::size;
        return true;
    }
    if (state_ == state::trailers) {
        const detail::field_rules rules{.field = limits_.trailer_block,
                                        .block = limits_.trailer_block,
                                        .fields = limits_.trailer_fields,
                                        .is_lenient = false,
                                        .is_trailer = true};
        if (!trailer_block_.read(lines_, input, rules, trailers_)) return false;
        state_ = state::done;
        return true;
    }
    switch (lines_.next(input, limits_.line)) {
        case detail::line_reader::result::incomplete: return false;
        case detail::line_reader::result::too_long: fail(errc::chunk_extension_too_long);
        case detail::line_reader::result::line: break;
    }
    read_size_line();
    return true;
}

void body_reader::read_size_line() {
    // A bare LF ends the line for some and is a part of an extension for others.
    if (lines_.has_bare_end()) fail(errc::bad_chunk);
    const std::string_view line = lines_.text();
    std::size_t digits = 0;
    std::uint64_t size = 0;
    for (; digits < line.size() && detail::hex_value(line[digits]) >= 0; ++digits) {
        if (digits == 16) fail(errc::bad_chunk);
        size = size * 16 + static_cast<std::uint64_t>(detail::hex_value(line[digits]));
    }
    // Whoever counts with signed numbers would read a larger size as something else.
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    if (digits == 0 || size > most) fail(errc::bad_chunk);
    check_extensions(line.substr(digits));
    extensions_ += line.size() - digits;
    if (extensions_ > limits_.extensions) fail(errc::chunk_extension_too_long);
    remaining_ = size;
    state_ = size == 0 ? state::trailers : state::data;
}

step body_reader::take_data(std::span<const std::byte> all, std::span<const std::byte> rest) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, rest.size()));
    remaining_ -= count;
    if (remaining_ == 0) state_ = state_ == state::length ? state::done : state::data_cr;
    return {all.size() - rest.size() + count, event::body, rest.first(count)};
}

}  // namespace simul::http::wire
