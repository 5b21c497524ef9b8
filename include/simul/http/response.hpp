// SPDX-License-Identifier: Apache-2.0
//
// simul/http/response.hpp: the answer of a server, whose body is read as it comes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simul/coro/task.hpp"
#include "simul/http/headers.hpp"
#include "simul/web/url.hpp"

namespace simul::http {

namespace detail {
class exchange;
struct session_state;
}  // namespace detail

/// One redirect that was followed.
struct redirect {
    redirect(int answered, web::url from) : status{answered}, url{std::move(from)} {}

    int status;
    web::url url;  ///< what was asked for when it came
};

/// A body that was read up to a limit.
struct partial_body {
    partial_body() = default;

    std::string bytes;
    bool is_complete = false;  ///< false: there is more, and it was not read
};

/// A response. Its head is there; its body comes through the read functions, decoded.
///
/// The connection goes back to the session as soon as the body has been read to its end. Destroyed
/// earlier it closes the connection; discard() reads a short rest first.
///
/// Threads       the session's.
/// Lifetime      the session must outlive it.
class response {
public:
    response(response&&) noexcept;
    response& operator=(response&&) noexcept;
    ~response();

    [[nodiscard]] int status() const noexcept;
    [[nodiscard]] std::string_view reason() const noexcept;  ///< as the server put it: may be empty
    [[nodiscard]] const http::headers& headers() const noexcept;

    /// The address that answered, after redirects.
    [[nodiscard]] const web::url& url() const noexcept;

    /// The redirects that led here, first one first.
    [[nodiscard]] const std::vector<redirect>& history() const noexcept;

    /// Throws request_error with errc::bad_status for a status of 400 and above.
    void raise_for_status() const;

    /// Reads a piece of the body.
    ///
    /// Returns       how many bytes were put into `buffer`; 0 at the end.
    /// Errors        request_error at stage reading_body: errc::timed_out (category simul) when
    ///               nothing came for limits.idle or the total is over, truncated_body, bad_chunk,
    ///               decoding_failed, ratio_exceeded, and what the connection says.
    /// Suspends      if nothing has arrived.
    /// Cancellation  partial. What was read but not returned is lost: the response can only be
    ///               destroyed.
    /// Lifetime      `buffer` must stay valid until the await has ended.
    [[nodiscard]] task<std::size_t> read_some(std::span<std::byte> buffer);

    /// Reads the whole body.
    ///
    /// Returns       its bytes, decoded.
    /// Errors        as read_some; errc::body_too_large if it is longer than max_body.
    /// Suspends      as read_some.
    /// Cancellation  partial, as read_some.
    [[nodiscard]] task<std::string> read_all();

    /// Reads the body up to `limit` bytes. What is behind them is not read, and the connection is
    /// closed.
    ///
    /// Errors        as read_some.
    /// Suspends      as read_some.
    /// Cancellation  partial, as read_some.
    [[nodiscard]] task<partial_body> read_up_to(std::size_t limit);

    /// Ends the exchange: reads and throws away a rest of up to 64 KiB, so that the connection can
    /// be used again, and closes it otherwise.
    ///
    /// Errors        none; what goes wrong closes the connection.
    /// Suspends      if a rest is still to come.
    /// Cancellation  partial; the connection is closed.
    [[nodiscard]] task<> discard();

private:
    friend detail::session_state;
    explicit response(std::unique_ptr<detail::exchange> made) noexcept;

    std::unique_ptr<detail::exchange> exchange_;
};

}  // namespace simul::http
