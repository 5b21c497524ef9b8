// SPDX-License-Identifier: Apache-2.0
//
// simul/http/detail/request_handler.hpp: a handler without its type, so that the server is compiled
// once.
#pragma once

#include <type_traits>
#include <utility>

#include "simul/coro/task.hpp"
#include "simul/http/server_request.hpp"
#include "simul/http/server_response.hpp"

namespace simul::http::detail {

class request_handler {
public:
    request_handler() = default;
    request_handler(const request_handler&) = delete;
    request_handler& operator=(const request_handler&) = delete;

    /// Answers, unless the handler waits.
    ///
    /// Returns       false if nothing was done, and answer_later is to be awaited.
    virtual bool answer_now(const server_request& asked, server_response& answer) = 0;

    virtual task<> answer_later(const server_request& asked, server_response& answer) = 0;

protected:
    ~request_handler() = default;
};

template <class Handler>
class handler_of final : public request_handler {
    using result = std::invoke_result_t<Handler&, const server_request&, server_response&>;

public:
    explicit handler_of(Handler&& handler) : handler_{std::move(handler)} {}

    bool answer_now(const server_request& asked, server_response& answer) override {
        if constexpr (std::is_void_v<result>) {
            handler_(asked, answer);
            return true;
        } else {
            return false;
        }
    }

    task<> answer_later(const server_request& asked, server_response& answer) override {
        if constexpr (std::is_void_v<result>) {
            handler_(asked, answer);
        } else {
            co_await handler_(asked, answer);
        }
        co_return;
    }

private:
    Handler handler_;
};

}  // namespace simul::http::detail
