// SPDX-License-Identifier: Apache-2.0
#include "http/response_writer.hpp"

#include <array>
#include <charconv>
#include <cstring>

#include "simul/http/status.hpp"

namespace simul::http::detail {

namespace {

constexpr std::string_view ordinary{"HTTP/1.1 200 OK\r\n"};
constexpr std::string_view length_name{"Content-Length: "};
constexpr std::string_view connection_name{"Connection: "};
constexpr std::string_view line_end{"\r\n"};

// "HTTP/1.1 404 Not Found" with its line end; `memory` holds it where it is made.
std::string_view status_line(int code, std::array<char, 96>& memory) noexcept {
    if (code == status::ok) return ordinary;
    constexpr std::string_view version{"HTTP/1.1 "};
    const std::string_view reason = status::reason_phrase(code);
    char* at = memory.data();
    const auto put = [&at](std::string_view text) {
        std::memcpy(at, text.data(), text.size());
        at += text.size();
    };
    put(version);
    at = std::to_chars(at, at + 3, code).ptr;
    *at++ = ' ';
    put(reason);
    put(line_end);
    return {memory.data(), static_cast<std::size_t>(at - memory.data())};
}

}  // namespace

// The size is known before the first byte is written, so each piece is one copy.
void response_writer::append(std::string& out, const server_response& answer,
                             const answer_rules& rules) {
    std::array<char, 96> line_memory;
    const std::string_view line = status_line(answer.status, line_memory);
    std::array<char, 24> digits;
    const bool is_bodiless = status::is_bodiless(answer.status);
    const std::size_t digit_count =
        is_bodiless
            ? 0
            : static_cast<std::size_t>(
                  std::to_chars(digits.data(), digits.data() + digits.size(), answer.body.size())
                      .ptr -
                  digits.data());
    const std::string_view body =
        is_bodiless || rules.is_without_body ? std::string_view{} : std::string_view{answer.body};

    std::size_t added = line.size() + rules.common_fields.size() + answer.fields_.size() +
                        line_end.size() + body.size();
    if (!is_bodiless) added += length_name.size() + digit_count + line_end.size();
    if (!rules.connection.empty()) {
        added += connection_name.size() + rules.connection.size() + line_end.size();
    }

    const std::size_t before = out.size();
    out.resize_and_overwrite(before + added, [&](char* memory, std::size_t) {
        char* at = memory + before;
        const auto put = [&at](std::string_view text) {
            std::memcpy(at, text.data(), text.size());
            at += text.size();
        };
        put(line);
        put(rules.common_fields);
        if (!is_bodiless) {
            put(length_name);
            put({digits.data(), digit_count});
            put(line_end);
        }
        if (!rules.connection.empty()) {
            put(connection_name);
            put(rules.connection);
            put(line_end);
        }
        put(answer.fields_);
        put(line_end);
        if (!body.empty()) put(body);
        return before + added;  // what libstdc++ 12 says the size were is the capacity
    });
}

void make_status_page(server_response& answer, int code) {
    answer.clear();
    answer.status = code;
    answer.add_field("Content-Type", "text/plain");
    answer.body.append(status::reason_phrase(code)).append("\n");
}

}  // namespace simul::http::detail
