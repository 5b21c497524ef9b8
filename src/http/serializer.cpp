// SPDX-License-Identifier: Apache-2.0
#include "simul/http/wire/serializer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/characters.hpp"
#include "http/failure.hpp"
#include "http/message_rules.hpp"
#include "simul/base/assert.hpp"
#include "simul/base/bytes.hpp"
#include "simul/http/error.hpp"
#include "simul/http/status.hpp"

namespace simul::http::wire {

namespace {

using detail::fail;

std::string_view text_of(version spoken) noexcept {
    return spoken == version::http_1_1 ? "HTTP/1.1" : "HTTP/1.0";
}

// Looks at every field again: headers may hold fields that nobody has checked. Returns the room
// they need, so that nothing is appended before all of it is known to be harmless.
std::size_t measure(const headers& fields) {
    constexpr std::size_t punctuation = 4;  // ": " and CRLF
    std::size_t size = 0;
    for (const header_field field : fields) {
        if (!is_token(field.name)) fail(errc::bad_header_name);
        if (detail::has_line_breaker(field.value)) fail(errc::bad_header_value);
        size += field.name.size() + field.value.size() + punctuation;
    }
    return size;
}

// Room for more, without giving up that repeated appending takes linear time.
void make_room(std::string& out, std::size_t more) {
    const std::size_t needed = out.size() + more;
    if (needed > out.capacity()) out.reserve(std::max(needed, 2 * out.capacity()));
}

void append_fields(std::string& out, const headers& fields) {
    for (const header_field field : fields) {
        out.append(field.name).append(": ").append(field.value).append("\r\n");
    }
    out.append("\r\n");
}

}  // namespace

void append_request_head(std::string& out, const method& how, std::string_view target,
                         const headers& fields, version spoken) {
    if (!detail::target_form_of(target, how).has_value()) fail(errc::bad_target);
    make_room(out, how.name().size() + target.size() + measure(fields) + 16);
    out.append(how.name()).append(" ").append(target).append(" ").append(text_of(spoken));
    out.append("\r\n");
    append_fields(out, fields);
}

void append_response_head(std::string& out, int code, std::string_view reason,
                          const headers& fields, version spoken) {
    SIMUL_ASSERT(status::is_valid(code), "a status has three digits");
    if (detail::has_control(reason)) fail(errc::bad_reason);
    make_room(out, reason.size() + measure(fields) + 24);
    const std::array<char, 5> number{' ', static_cast<char>('0' + code / 100),
                                     static_cast<char>('0' + code / 10 % 10),
                                     static_cast<char>('0' + code % 10), ' '};
    out.append(text_of(spoken)).append(number.data(), number.size()).append(reason);
    out.append("\r\n");
    append_fields(out, fields);
}

void append_chunk_begin(std::string& out, std::size_t size) {
    SIMUL_ASSERT(size != 0, "an empty chunk would end the body");
    std::array<char, 18> line;
    char* const end = std::to_chars(line.data(), line.data() + 16, size, 16).ptr;
    end[0] = '\r';
    end[1] = '\n';
    out.append(line.data(), static_cast<std::size_t>(end + 2 - line.data()));
}

void append_chunk(std::string& out, std::span<const std::byte> data) {
    if (data.empty()) return;
    make_room(out, data.size() + 20);
    append_chunk_begin(out, data.size());
    out.append(simul::text_of(data)).append(chunk_end);
}

void append_last_chunk(std::string& out, const headers& trailers) {
    make_room(out, measure(trailers) + 5);
    out.append("0\r\n");
    append_fields(out, trailers);
}

}  // namespace simul::http::wire
