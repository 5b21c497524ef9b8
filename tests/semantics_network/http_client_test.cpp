// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about how many connections a client of HTTP opens.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/http/request_error.hpp"
#include "simul/http/session.hpp"
#include "simul/io/stream.hpp"
#include "support/every_world.hpp"
#include "support/fake_http_server.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using test::fake_http_server;
using test::seen_request;

constexpr std::size_t limit = 2;

class tally {
public:
    std::size_t now = 0;
    std::size_t most = 0;
};

// One connection, from before it is opened until it has been closed.
class counted_connection {
public:
    explicit counted_connection(tally& in) noexcept : in_{&in} {
        in.most = std::max(in.most, ++in.now);
    }
    counted_connection(counted_connection&& other) noexcept
        : in_{std::exchange(other.in_, nullptr)} {}
    counted_connection& operator=(counted_connection&&) = delete;
    ~counted_connection() {
        if (in_ != nullptr) --in_->now;
    }

private:
    tally* in_;
};

class counted_stream {
public:
    counted_stream(counted_connection counted, any_stream held) noexcept
        : counted_{std::move(counted)}, held_{std::move(held)} {}

    auto read_some(std::span<std::byte> buffer) { return held_.read_some(buffer); }
    auto write_some(std::span<const std::byte> bytes) { return held_.write_some(bytes); }
    auto shutdown() { return held_.shutdown(); }
    void close() noexcept { held_.close(); }
    [[nodiscard]] bool has_input() const noexcept { return held_.has_input(); }

private:
    counted_connection counted_;
    any_stream held_;
};

// Opens connections to a server of the test, counts them, and fails now and then.
class dialler {
public:
    explicit dialler(fake_http_server& server) : inner_{server.connector()} {}

    task<any_stream> connect(std::string host, std::uint16_t port) {
        counted_connection counted{open};
        const bool fails = ++attempts_ % 5 == 0;
        co_await test::some_turns(2);
        if (fails) throw std::system_error{ECONNREFUSED, std::system_category(), "connect"};
        any_stream held = co_await inner_(std::move(host), port);
        any_stream made{counted_stream{std::move(counted), std::move(held)}};
        co_return made;
    }

    tally open;

private:
    http::connector inner_;
    std::size_t attempts_ = 0;
};

// Fetches a page and then, at the same time, the pages that it has found there, until there are
// enough of them.
class crawler {
public:
    crawler(http::session& web, task_group& group, std::size_t pages)
        : web_{web}, group_{group}, pages_{pages} {}

    void find_another() {
        if (found_ != pages_) group_.spawn(fetch(found_++));
    }
    [[nodiscard]] std::size_t fetched() const noexcept { return fetched_; }

private:
    // Asks until it has the page: connecting fails sometimes, and some lose patience.
    task<> fetch(std::size_t number) {
        bool done = false;
        if (number % 4 == 3) {
            const auto first = co_await select(ask(number), test::some_turns(3));
            done = first.index() == 0 && std::get<0>(first);
        }
        while (!done) done = co_await ask(number);
        ++fetched_;
        for (int links = 0; links != 5; ++links) find_another();
    }

    task<bool> ask(std::size_t number) {
        const std::string path = "/" + std::to_string(number);
        bool answered = false;
        try {
            http::response got =
                co_await web_.get("http://host" + std::to_string(number % 3) + ".test" + path);
            // What is not read costs the connection.
            if (number % 6 != 1) {
                const std::string text = co_await got.read_all();
                EXPECT_EQ(text, "this is " + path);
            }
            answered = true;
        } catch (const http::request_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::connection_refused);
        }
        co_return answered;
    }

    http::session& web_;
    task_group& group_;
    std::size_t pages_;
    std::size_t found_ = 0;
    std::size_t fetched_ = 0;
};

// Some answers end their connection.
std::string page(const seen_request& asked) {
    std::string body{"this is "};
    body.append(asked.head.target);
    return test::answer(body, asked.head.target.ends_with('2') ? "Connection: close\r\n" : "");
}

task<> crawl_with_two_connections(std::size_t pages) {
    co_await with_task_group([&](task_group& group) -> task<> {
        fake_http_server server{group, page};
        dialler counting{server};
        {
            http::session_options options;
            options.max_connections = limit;
            options.connect = [&](std::string host, std::uint16_t port) {
                return counting.connect(std::move(host), port);
            };
            http::session web{std::move(options)};
            std::optional<crawler> crawl;
            co_await with_task_group([&](task_group& fetching) -> task<> {
                crawl.emplace(web, fetching, pages);
                crawl->find_another();
                crawl->find_another();
                co_return;
            });
            EXPECT_EQ(crawl->fetched(), pages);
            EXPECT_EQ(web.statistics().in_use, 0U);
            EXPECT_EQ(web.statistics().waiting, 0U);
            EXPECT_LE(web.statistics().idle, limit);
        }
        EXPECT_EQ(counting.open.most, limit);
        EXPECT_EQ(counting.open.now, 0U);
    });
}

// Pages are found while others are fetched, answers end connections or are left unread, attempts to
// connect fail and requests are given up: there is never a third connection, and each page comes.
EVERY_WORLD_TEST(T66, churn_of_a_crawler_never_has_a_third_connection) {
    co_await crawl_with_two_connections(7);
}

TEST(T66, all_50_requests_of_a_crawler_are_done) {
    test::run_on_each_backend([] { return crawl_with_two_connections(50); });
}

}  // namespace
}  // namespace simul
