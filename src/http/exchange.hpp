// SPDX-License-Identifier: Apache-2.0
//
// http/exchange.hpp: one request and its answer on one connection.
//
//      send_request()                                             read_some()
//      ┌──────────────────────────────────────────────────────┐   ┌──────────────────┐
//      wait in line ▶ resolve ▶ connect ▶ handshake ▶ send ▶ head ▶ body … ▶ finished
//                     └─── not on a kept connection ────┘                     │
//                                                         lease: keep, release ◀┘
//
// Everything that waits goes through limited(), which puts the stage's time-out around it and turns
// whatever it throws into a request_error that names the stage. Only finish() keeps the connection.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simul/http/coding.hpp"
#include "simul/http/request.hpp"
#include "simul/http/request_error.hpp"
#include "simul/http/response.hpp"
#include "simul/http/session.hpp"
#include "simul/http/wire/response_parser.hpp"

#include "http/connection_pool.hpp"

namespace simul::http::detail {

struct session_state;

class exchange {
public:
    exchange(session_state& owner, web::url where, time_point deadline);
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;
    ~exchange() = default;

    /// Sends the request and reads the head of the answer.
    task<> send_request(request& wanted);

    task<std::size_t> read_some(std::span<std::byte> buffer);
    task<> discard();

    /// Closes the connection: nobody wants the rest.
    void abandon() noexcept;

    [[noreturn]] void fail(std::error_code cause, stage where, std::string_view detail = {}) const;

    [[nodiscard]] const web::url& address() const noexcept { return address_; }
    [[nodiscard]] std::size_t max_body() const noexcept;
    [[nodiscard]] const wire::response_head& head() const noexcept { return parser_->head(); }

    std::vector<redirect> history;

private:
    task<> connect();
    task<any_stream> open_transport(std::string host, std::uint16_t port);
    task<> write_request(request& wanted);
    task<> write(std::span<const std::byte> bytes);
    task<> read_head(bool to_head);
    task<> fill();
    [[nodiscard]] std::span<std::byte> direct_room(std::span<std::byte> wanted_in) const noexcept;
    task<bool> next_piece(std::span<std::byte> wanted_in = {});
    std::size_t copy_piece(std::span<std::byte> buffer);
    std::size_t decode_piece(std::span<std::byte> buffer);
    void choose_decoder();
    void finish() noexcept;

    template <class Result>
    task<Result> limited(stage where, duration limit, task<Result> work);

    session_state& owner_;
    web::url address_;
    time_point deadline_;
    connection_pool::lease lease_;
    std::optional<wire::response_parser> parser_;
    std::optional<decoder> decoder_;
    std::span<const std::byte> piece_;  ///< of the body, not handed out yet
    bool fresh_ = true;                 ///< no byte of an answer has come
    bool sent_whole_ = false;           ///< the request is complete
    bool ended_ = false;                ///< the message is complete
};

}  // namespace simul::http::detail
