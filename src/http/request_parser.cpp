// SPDX-License-Identifier: Apache-2.0
#include "simul/http/wire/request_parser.hpp"

#include <optional>

#include "http/characters.hpp"
#include "http/failure.hpp"
#include "http/message_rules.hpp"
#include "simul/http/error.hpp"
#include "simul/http/status.hpp"

namespace simul::http::wire {

using detail::fail;

step request_parser::parse(std::span<const std::byte> input) {
    return detail::keeping_failure(failure_, [&] { return advance(input); });
}

step request_parser::finish() {
    return detail::keeping_failure(failure_, [&] {
        switch (state_) {
            case state::start:
            case state::fields: fail(has_started() ? errc::truncated_head : errc::unexpected_end);
            case state::body: body_.finish(); break;
            case state::done: break;
        }
        state_ = state::done;
        return step{0, event::complete, {}};
    });
}

void request_parser::restart() noexcept {
    state_ = state::start;
    line_started_ = false;
    blank_skipped_ = false;
    failure_.clear();
    lines_.restart();
    block_ = {};
    head_.target.clear();
    head_.headers.clear();
    head_.framing = framing::none;
    head_.content_length.reset();
    head_.keep_alive = false;
    head_.expects_continue = false;
    body_.restart(framing::none, 0);
}

step request_parser::advance(std::span<const std::byte> input) {
    if (state_ == state::body || state_ == state::done) {
        const step read = body_.read(input);
        if (read.what == event::complete) state_ = state::done;
        return read;
    }
    std::span<const std::byte> rest = input;
    if (state_ == state::start && !read_request_line(rest)) {
        return {input.size(), event::need_more, {}};
    }
    const detail::field_rules rules{.field = limits_.field,
                                    .block = limits_.block,
                                    .fields = limits_.fields,
                                    .is_lenient = false,
                                    .is_trailer = false};
    if (!block_.read(lines_, rest, rules, head_.headers)) {
        return {input.size(), event::need_more, {}};
    }
    end_of_head();
    state_ = state::body;
    return {input.size() - rest.size(), event::head, {}};
}

bool request_parser::read_request_line(std::span<const std::byte>& input) {
    while (true) {
        if (input.empty()) return false;
        if (!line_started_) {
            // Nobody who speaks another protocol is to wait for the end of a line.
            const char first = static_cast<char>(input.front());
            const bool is_blank_line = first == '\r' && !blank_skipped_;
            if (!is_blank_line && !detail::is_token_character(first)) fail(errc::not_http);
            line_started_ = true;
        }
        switch (lines_.next(input, limits_.request_line)) {
            case detail::line_reader::result::incomplete: return false;
            case detail::line_reader::result::too_long: fail(errc::request_line_too_long);
            case detail::line_reader::result::line: break;
        }
        if (!lines_.text().empty()) break;
        blank_skipped_ = true;
        line_started_ = false;
    }
    take_request_line(lines_.text());
    state_ = state::fields;
    return true;
}

void request_parser::take_request_line(std::string_view line) {
    if (lines_.has_bare_end()) fail(errc::malformed_request_line);
    const std::size_t first = line.find(' ');
    if (first == std::string_view::npos) fail(errc::malformed_request_line);
    const std::string_view name = line.substr(0, first);
    if (!is_token(name)) fail(errc::malformed_request_line);

    line.remove_prefix(first + 1);
    const std::size_t second = line.find(' ');
    if (second == std::string_view::npos) fail(errc::not_http);  // HTTP/0.9 has no version
    const std::string_view target = line.substr(0, second);
    head_.version = detail::parse_version(line.substr(second + 1), errc::malformed_request_line);
    head_.method = method{name};
    const std::optional<target_form> form = detail::target_form_of(target, head_.method);
    if (!form.has_value()) fail(errc::bad_target);
    head_.form = *form;
    head_.target = target;
}

void request_parser::end_of_head() {
    constexpr std::string_view host_name{"host"};
    std::size_t hosts = 0;
    for (const header_field field : head_.headers) {
        if (field.name.size() != host_name.size()) continue;
        if (!equals_ignoring_case(field.name, host_name)) continue;
        ++hosts;
        if (hosts != 1 || !detail::is_authority(field.value, false)) fail(errc::bad_host);
    }
    if (hosts == 0 && head_.version == version::http_1_1) fail(errc::bad_host);

    const detail::announced_body announced =
        detail::read_announced_body(head_.headers, head_.version);
    head_.content_length = announced.content_length;
    if (announced.is_chunked) {
        head_.framing = framing::chunked;
    } else if (announced.content_length.has_value()) {
        head_.framing = framing::length;
    }
    head_.keep_alive = detail::wants_keep_alive(head_.headers, head_.version);
    const bool has_body = announced.is_chunked || announced.content_length.value_or(0) != 0;
    head_.expects_continue = has_body && head_.version == version::http_1_1 &&
                             head_.headers.has_token("expect", "100-continue");
    if (has_body) body_.restart(head_.framing, announced.content_length.value_or(0));
}

int answer_to(const std::error_code& failure) noexcept {
    if (failure.category() != error_category()) return status::internal_server_error;
    switch (static_cast<errc>(failure.value())) {
        case errc::not_http:
        case errc::malformed_request_line:
        case errc::malformed_header:
        case errc::bad_target:
        case errc::bad_host:
        case errc::bad_content_length:
        case errc::conflicting_length:
        case errc::transfer_coding_in_http_1_0:
        case errc::bad_chunk:
        case errc::chunk_extension_too_long:
        case errc::truncated_head:
        case errc::truncated_body:
        case errc::decoding_failed: return status::bad_request;
        case errc::body_too_large:
        case errc::decoded_too_large:
        case errc::ratio_exceeded: return status::content_too_large;
        case errc::request_line_too_long: return status::uri_too_long;
        case errc::header_too_large:
        case errc::field_too_large:
        case errc::too_many_fields:
        case errc::trailers_too_large: return status::request_header_fields_too_large;
        case errc::unsupported_transfer_coding: return status::not_implemented;
        case errc::unsupported_version: return status::http_version_not_supported;
        default: return status::internal_server_error;
    }
}

}  // namespace simul::http::wire
