// SPDX-License-Identifier: Apache-2.0
#include "simul/http/server_response.hpp"

#include <algorithm>
#include <system_error>

#include "http/characters.hpp"
#include "simul/http/error.hpp"
#include "simul/http/headers.hpp"

namespace simul::http {

namespace {

// Most names have none of these lengths and need no comparison.
std::string_view own_field_of_length(std::size_t length) noexcept {
    switch (length) {
        case 4: return "date";
        case 6: return "server";
        case 10: return "connection";
        case 14: return "content-length";
        case 17: return "transfer-encoding";
        default: return {};
    }
}

bool is_sent_by_server(std::string_view name) noexcept {
    const std::string_view own = own_field_of_length(name.size());
    if (!own.empty() && equals_ignoring_case(own, name)) return true;
    return equals_ignoring_case("keep-alive", name);  // as long as "connection"
}

}  // namespace

void server_response::add_field(std::string_view name, std::string_view value) {
    if (!is_token(name) || is_sent_by_server(name)) {
        throw std::system_error{make_error_code(errc::bad_header_name)};
    }
    // The name is harmless by now and tells where to look.
    if (!is_field_value(value)) {
        throw std::system_error{make_error_code(errc::bad_header_value), std::string{name}};
    }
    const std::string_view text = detail::trimmed(value);
    const std::size_t before = fields_.size();
    const std::size_t added = name.size() + text.size() + 4;
    fields_.resize_and_overwrite(before + added, [&](char* memory, std::size_t) {
        char* at = std::ranges::copy(name, memory + before).out;
        *at++ = ':';
        *at++ = ' ';
        at = std::ranges::copy(text, at).out;
        *at++ = '\r';
        *at++ = '\n';
        return before + added;  // what libstdc++ 12 says the size were is the capacity
    });
}

void server_response::clear() noexcept {
    status = 200;
    body.clear();
    is_last = false;
    fields_.clear();
}

}  // namespace simul::http
