// SPDX-License-Identifier: Apache-2.0
//
// support/http_asking.hpp: asks a real server something and looks at what became of it.
//
// ask() turns every end of a request into a value, so that a test can compare it. After each case
// expect_own_answer() asks the same session for a nonce, which must come back: a connection that
// the case had left behind with something on it would answer wrongly.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <cstdint>
#include <cstdio>

#include "simul/base/error.hpp"
#include "simul/http/request_error.hpp"
#include "simul/http/session.hpp"
#include "support/child_process.hpp"

namespace simul::test {

/// What a request came to: an error, or an answer whose body was read to its end. After an error in
/// the body status and fields are those of the head.
class http_result {
public:
    http_result() = default;

    std::error_code code;
    http::stage where = http::stage::preparing;
    std::string text;  ///< of the error
    int status = 0;
    std::string body;
    http::headers fields;
    std::string url;
    std::size_t hops = 0;
};

inline http::request asking(std::string_view where, http::method how = http::method::get) {
    return http::request{web::url::parse(where).value(), std::move(how)};
}

inline task<http_result> ask(http::session& web, http::request wanted) {
    http_result came;
    try {
        http::response got = co_await web.send(std::move(wanted));
        came.status = got.status();
        came.fields = got.headers();
        came.url = got.url().href();
        came.hops = got.history().size();
        came.body = co_await got.read_all();
    } catch (const http::request_error& failure) {
        came.code = failure.code();
        came.where = failure.where();
        came.text = failure.what();
    }
    co_return came;
}

inline task<http_result> ask(http::session& web, std::string where) {
    return ask(web, asking(where));
}

/// Asks for `nonce <X-Nonce>`. A session whose time-outs are short may need several attempts on a
/// slow machine; a wrong answer is wrong in each of them.
inline task<> expect_own_answer(http::session& web, std::string where, std::string after) {
    std::string wanted{"nonce "};
    wanted.append(after);
    http_result came;
    for (int attempts = 0; attempts != 20; ++attempts) {
        http::request asked = asking(where);
        asked.headers.add("X-Nonce", after);
        came = co_await ask(web, std::move(asked));
        if (came.code != errc::timed_out) break;
    }
    EXPECT_EQ(came.code, std::error_code{}) << after << ": " << came.text;
    EXPECT_EQ(came.body, wanted);
    EXPECT_EQ(web.statistics().in_use, 0U) << after;
}

/// So many bytes that look like noise and are the same each time.
inline std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t state = 0x2545F491;
    for (char& each : bytes) {
        state = state * 1664525U + 1013904223U;
        each = static_cast<char>(state >> 24U);
    }
    return bytes;
}

/// The first of these commands that runs and ends well, or nothing.
inline std::string first_working(const std::vector<std::vector<std::string>>& commands) {
    for (const std::vector<std::string>& each : commands) {
        child_process process{each};
        static_cast<void>(process.read_all());
        if (process.wait() == 0) return each.front();
    }
    return {};
}

}  // namespace simul::test
