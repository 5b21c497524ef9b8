// SPDX-License-Identifier: Apache-2.0
#include "simul/http/response.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "simul/http/error.hpp"

#include "http/exchange.hpp"
#include "http/session_state.hpp"

namespace simul::http {

response::response(std::unique_ptr<detail::exchange> made) noexcept : exchange_{std::move(made)} {}
response::response(response&&) noexcept = default;
response& response::operator=(response&&) noexcept = default;
response::~response() = default;

int response::status() const noexcept {
    return exchange_->head().status;
}

std::string_view response::reason() const noexcept {
    return exchange_->head().reason;
}

const headers& response::headers() const noexcept {
    return exchange_->head().headers;
}

const web::url& response::url() const noexcept {
    return exchange_->address();
}

const std::vector<redirect>& response::history() const noexcept {
    return exchange_->history;
}

void response::raise_for_status() const {
    if (status() < 400) return;
    std::string detail{std::to_string(status())};
    detail.append(" ").append(reason());
    exchange_->fail(make_error_code(errc::bad_status), stage::reading_head, detail);
}

task<std::size_t> response::read_some(std::span<std::byte> buffer) {
    return exchange_->read_some(buffer);
}

task<std::string> response::read_all() {
    partial_body body = co_await read_up_to(exchange_->max_body());
    if (!body.is_complete) {
        exchange_->fail(make_error_code(errc::body_too_large), stage::reading_body);
    }
    co_return std::move(body.bytes);
}

task<partial_body> response::read_up_to(std::size_t limit) {
    // One byte more than the limit tells a body that ends there from one that goes on.
    const std::size_t most = limit + (limit == std::numeric_limits<std::size_t>::max() ? 0 : 1);
    partial_body body;
    std::size_t used = 0;
    if (const auto length = exchange_->head().content_length) {
        // Where the length is true, the byte too many is room in which to find the end.
        constexpr std::uint64_t trusted = std::uint64_t{1} << 20U;
        body.bytes.resize(static_cast<std::size_t>(
            std::min<std::uint64_t>(std::min(*length, trusted) + 1, most)));
    }
    std::size_t count = 0;
    do {
        if (used == body.bytes.size()) {
            body.bytes.resize(std::min(std::max<std::size_t>(used * 2, 4096), most));
        }
        const auto room = std::as_writable_bytes(std::span{body.bytes}).subspan(used);
        count = co_await exchange_->read_some(room);
        used += count;
    } while (count != 0 && used <= limit);
    body.is_complete = count == 0;
    body.bytes.resize(std::min(used, limit));
    if (!body.is_complete) exchange_->abandon();
    co_return body;
}

task<> response::discard() {
    return exchange_->discard();
}

}  // namespace simul::http
