// SPDX-License-Identifier: Apache-2.0
#include "simul/http/wire/response_parser.hpp"

#include <string_view>

#include "http/characters.hpp"
#include "http/failure.hpp"
#include "http/message_rules.hpp"
#include "simul/http/error.hpp"
#include "simul/http/status.hpp"

namespace simul::http::wire {

namespace {

using detail::fail;

constexpr std::string_view signature{"HTTP/"};

void parse_status_line(std::string_view line, response_head& head) {
    const std::size_t space = line.find(' ');
    head.version = detail::parse_version(line.substr(0, space), errc::malformed_status_line);
    if (space == std::string_view::npos) fail(errc::malformed_status_line);

    line.remove_prefix(space + 1);
    if (line.size() < 3) fail(errc::malformed_status_line);
    for (char digit : line.substr(0, 3)) {
        if (!detail::is_digit(digit)) fail(errc::malformed_status_line);
        head.status = head.status * 10 + (digit - '0');
    }
    if (!status::is_valid(head.status)) fail(errc::malformed_status_line);

    line.remove_prefix(3);
    if (line.empty()) return;
    if (line.front() != ' ' || detail::has_line_breaker(line)) fail(errc::malformed_status_line);
    head.reason = line.substr(1);
}

}  // namespace

step response_parser::parse(std::span<const std::byte> input) {
    return detail::keeping_failure(failure_, [&] { return advance(input); });
}

step response_parser::finish() {
    return detail::keeping_failure(failure_, [&] {
        switch (state_) {
            case state::start:
            case state::fields: fail(started_ ? errc::truncated_head : errc::unexpected_end);
            case state::body: body_.finish(); break;
            case state::done: break;
        }
        state_ = state::done;
        return step{0, event::complete, {}};
    });
}

step response_parser::advance(std::span<const std::byte> input) {
    if (state_ == state::body || state_ == state::done) {
        const step read = body_.read(input);
        if (read.what == event::complete) state_ = state::done;
        return read;
    }
    std::span<const std::byte> rest = input;
    if (state_ == state::start && !read_status_line(rest)) {
        return {input.size(), event::need_more, {}};
    }
    const detail::field_rules rules{.field = limits_.field,
                                    .block = limits_.block,
                                    .fields = limits_.fields,
                                    .is_lenient = true,
                                    .is_trailer = false};
    if (!block_.read(lines_, rest, rules, head_.headers)) {
        return {input.size(), event::need_more, {}};
    }
    const event met = end_of_head();
    return {input.size() - rest.size(), met, {}};
}

bool response_parser::read_status_line(std::span<const std::byte>& input) {
    // Looked at byte by byte, so that nobody waits for the end of a line that is none.
    for (std::size_t i = 0; i < input.size() && matched_ < signature.size(); ++i, ++matched_) {
        if (static_cast<char>(input[i]) != signature[matched_]) fail(errc::not_http);
    }
    started_ = started_ || !input.empty();
    switch (lines_.next(input, limits_.status_line)) {
        case detail::line_reader::result::incomplete: return false;
        case detail::line_reader::result::too_long: fail(errc::header_too_large);
        case detail::line_reader::result::line: break;
    }
    head_ = response_head{};  // an interim one may have been there
    block_ = {};
    parse_status_line(lines_.text(), head_);
    state_ = state::fields;
    return true;
}

event response_parser::end_of_head() {
    const bool is_interim =
        status::is_informational(head_.status) && head_.status != status::switching_protocols;
    if (head_.status == status::switching_protocols && request_ != asked::upgrade) {
        fail(errc::upgrade_not_asked);
    }
    const bool is_tunnel = head_.status == status::switching_protocols ||
                           (request_ == asked::connect && status::is_success(head_.status));
    // RFC 9110 section 9.3.6: a client ignores both fields in what opens a tunnel.
    detail::announced_body announced;
    if (!is_tunnel) announced = detail::read_announced_body(head_.headers, head_.version);
    head_.content_length = announced.content_length;

    if (is_interim) {
        if (++interim_ > limits_.interim) fail(errc::too_many_interim);
        state_ = state::start;
        matched_ = 0;
        return event::interim_head;
    }

    if (is_tunnel || request_ == asked::head || status::is_bodiless(head_.status)) {
        head_.framing = framing::none;
    } else if (announced.is_chunked) {
        head_.framing = framing::chunked;
    } else if (announced.content_length.has_value()) {
        head_.framing = framing::length;
    } else {
        head_.framing = framing::until_close;
    }
    // A server that announces a body with 204 may well send it, as the next response.
    const bool is_doubtful = head_.status == status::no_content &&
                             (announced.is_chunked || announced.content_length.value_or(0) != 0);
    head_.keep_alive = !is_tunnel && !is_doubtful && head_.framing != framing::until_close &&
                       detail::wants_keep_alive(head_.headers, head_.version);
    body_ = body_reader{head_.framing, announced.content_length.value_or(0), limits_.chunks};
    state_ = state::body;
    return event::head;
}

}  // namespace simul::http::wire
