// SPDX-License-Identifier: Apache-2.0
//
// simul serve and the HTTP client against each other, over the loopback device.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/exit_code.hpp"
#include "serve/demonstration.hpp"
#include "serve/directory_site.hpp"
#include "serve/server.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/http/error.hpp"
#include "simul/http/session.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/connected_streams.hpp"
#include "support/http_asking.hpp"
#include "support/stream_tools.hpp"

namespace {

using namespace simul;
using namespace simul::program;
using namespace simul::test;
using namespace std::chrono_literals;

std::string address_of(const tcp_listener& listener, std::string_view path) {
    std::string address{"http://"};
    address.append(listener.local_endpoint().to_string()).append(path);
    return address;
}

using client_of = std::function<task<>(tcp_listener&, task_handle<>&)>;

// Serves `content` while `client` runs, then stops the server.
task<> while_serving(site& content, server_options options, client_of client) {
    tcp_listener listener = tcp_listener::bind(any_loopback_port());
    task_group group;
    task_handle<> serving = group.spawn(serve_site(listener, content, options));
    const auto body = [&]() -> task<> {
        co_await client(listener, serving);
        serving.cancel();
    };
    group.spawn(body());
    co_await group.run();
    EXPECT_TRUE(serving.was_cancelled());
}

void on_each_network(const std::function<task<>()>& body) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        run(body(), options_for(kind));
    }
}

TEST(serve_site, answers_a_client_over_one_connection) {
    on_each_network([]() -> task<> {
        demonstration_site museum;
        serve_counters counters;
        server_options options;
        options.connections.counters = &counters;
        co_await while_serving(
            museum, options, [&](tcp_listener& listener, task_handle<>&) -> task<> {
                http::session web;
                const http_result home = co_await ask(web, address_of(listener, "/"));
                EXPECT_EQ(home.status, 200);
                EXPECT_EQ(home.body, museum.find("/").body);
                const http_result head =
                    co_await ask(web, asking(address_of(listener, "/"), http::method::head));
                EXPECT_EQ(head.status, 200);
                EXPECT_EQ(head.body, "");
                EXPECT_EQ(head.fields.get("content-length"), std::to_string(home.body.size()));
                http::request again = asking(address_of(listener, "/"));
                again.headers.add("If-None-Match", home.fields.get("etag").value_or(""));
                const http_result known = co_await ask(web, std::move(again));
                EXPECT_EQ(known.status, 304);
                http::request since = asking(address_of(listener, "/"));
                since.headers.add("If-Modified-Since",
                                  home.fields.get("last-modified").value_or(""));
                const http_result unchanged = co_await ask(web, std::move(since));
                EXPECT_EQ(unchanged.status, 304);
                const http_result none = co_await ask(web, address_of(listener, "/lost-wing"));
                EXPECT_EQ(none.status, 404);
                const http_result moved = co_await ask(web, address_of(listener, "/old-entrance"));
                EXPECT_EQ(moved.url, address_of(listener, "/visit"));
                const http_result archive = co_await ask(web, address_of(listener, "/archive"));
                EXPECT_EQ(archive.body, museum.find("/archive").body);
                const http_result letter =
                    co_await ask(web, address_of(listener, "/notes/caf%C3%A9-waves"));
                EXPECT_EQ(letter.status, 200);
                EXPECT_EQ(counters.accepted, 1U);

                const http_result wrong = co_await ask(
                    web, asking(address_of(listener, "/contact"), http::method::delete_));
                EXPECT_EQ(wrong.status, 405);
                EXPECT_EQ(wrong.fields.get("allow"), "GET, HEAD");
                http::request large = asking(address_of(listener, "/"));
                large.headers.add("X-Large", std::string(9000, 'x'));
                const http_result refused = co_await ask(web, std::move(large));
                EXPECT_EQ(refused.status, 431);
                const http_result after = co_await ask(web, address_of(listener, "/visit"));
                EXPECT_EQ(after.status, 200);
                EXPECT_EQ(counters.accepted, 2U);
                EXPECT_EQ(counters.failed, 0U);
            });
    });
}

TEST(serve_site, answers_pipelined_requests_over_tcp) {
    on_each_network([]() -> task<> {
        demonstration_site museum;
        co_await while_serving(museum, {}, [&](tcp_listener& listener, task_handle<>&) -> task<> {
            unique_fd raw = co_await connect_socket(listener.local_endpoint());
            tcp_stream stream = tcp_stream::adopt(std::move(raw));
            std::string requests;
            for (int count = 0; count != 20; ++count) {
                requests.append("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
            }
            requests.append("GET /visit HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            co_await write_all(stream, bytes_of(requests));
            const std::string text = co_await read_to_end(stream);
            std::size_t answers = 0;
            for (std::size_t at = 0; (at = text.find("HTTP/1.1 200", at)) != text.npos; ++at) {
                ++answers;
            }
            EXPECT_EQ(answers, 21U);
            EXPECT_TRUE(text.ends_with(museum.find("/visit").body));
        });
    });
}

// A directory with one file.
class folder {
public:
    folder(std::string_view name, std::string_view text) {
        std::string pattern = (std::filesystem::temp_directory_path() / "simul-XXXXXX").string();
        root = ::mkdtemp(pattern.data());
        std::ofstream{root / name, std::ios::binary} << text;
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(root, ignored);
    }

    std::filesystem::path root;
};

TEST(serve_site, streams_files_of_any_length) {
    for (const std::size_t size : {0UZ, 1UZ, 65535UZ, 65536UZ, 65537UZ, 3'000'000UZ}) {
        const std::string text = noise(size);
        const folder files{"data.bin", text};
        on_each_network([&]() -> task<> {
            directory_site content{files.root};
            co_await while_serving(
                content, {}, [&](tcp_listener& listener, task_handle<>&) -> task<> {
                    http::session web;
                    const http_result whole = co_await ask(web, address_of(listener, "/data.bin"));
                    EXPECT_EQ(whole.status, 200);
                    EXPECT_EQ(whole.fields.get("content-type"), "application/octet-stream");
                    EXPECT_TRUE(whole.body == text) << size;
                    const http_result again = co_await ask(
                        web, asking(address_of(listener, "/data.bin"), http::method::head));
                    EXPECT_EQ(again.fields.get("content-length"), std::to_string(size));
                    EXPECT_EQ(web.statistics().connections, 1U);
                });
        });
    }
}

TEST(serve_site, ends_the_connection_when_a_file_becomes_shorter) {
    const folder files{"data.bin", noise(8'000'000)};
    on_each_network([&]() -> task<> {
        std::filesystem::resize_file(files.root / "data.bin", 8'000'000);
        directory_site content{files.root};
        std::string failure;
        server_options options;
        options.log = [&](const served_request& line) { failure = line.failure; };
        co_await while_serving(
            content, options, [&](tcp_listener& listener, task_handle<>&) -> task<> {
                http::session web;
                std::error_code code;
                try {
                    http::response got = co_await web.get(address_of(listener, "/data.bin"));
                    std::filesystem::resize_file(files.root / "data.bin", 100);
                    const std::string rest = co_await got.read_all();
                } catch (const std::system_error& error) {
                    code = error.code();
                }
                EXPECT_EQ(code, http::errc::truncated_body);
                for (int turns = 0; turns != 100'000 && failure.empty(); ++turns) {
                    co_await yield_now();
                }
            });
        EXPECT_EQ(failure, "the file became shorter");
    });
}

// Says when it is asked, and answers when it is allowed to.
class held_site final : public site {
public:
    task<answer> look_up(const http::wire::request_head&) override {
        asked.set();
        co_await allowed.wait();
        answer said;
        said.body = "at last";
        co_return said;
    }

    event asked;
    event allowed;
};

TEST(serve_site, finishes_answers_in_flight_when_it_is_cancelled) {
    on_each_network([]() -> task<> {
        held_site slow;
        co_await while_serving(
            slow, {}, [&](tcp_listener& listener, task_handle<>& serving) -> task<> {
                http::session web;
                const std::string where = address_of(listener, "/");
                const auto interrupt = [&]() -> task<> {
                    co_await slow.asked.wait();
                    serving.cancel();
                    co_await some_turns();
                    EXPECT_FALSE(serving.done());
                    slow.allowed.set();
                };
                auto [came, nothing] = co_await gather(ask(web, where), interrupt());
                EXPECT_EQ(came.body, "at last");
                EXPECT_TRUE(came.fields.has_token("connection", "close"));
                co_await until_ended(serving);
                const http_result later = co_await ask(web, where);
                EXPECT_EQ(later.code, std::errc::connection_refused);
            });
    });
}

TEST(serve_site, breaks_off_what_takes_longer_than_the_grace) {
    on_each_network([]() -> task<> {
        held_site stuck;
        server_options options;
        options.grace = 20ms;
        co_await while_serving(
            stuck, options, [&](tcp_listener& listener, task_handle<>& serving) -> task<> {
                http::session web;
                const std::string where = address_of(listener, "/");
                const auto interrupt = [&]() -> task<> {
                    co_await stuck.asked.wait();
                    serving.cancel();
                };
                auto [came, nothing] = co_await gather(ask(web, where), interrupt());
                EXPECT_NE(came.code, std::error_code{});
                co_await until_ended(serving);
            });
        EXPECT_EQ(stuck.allowed.waiting(), 0U);
    });
}

TEST(serve_site, ends_cleanly_when_it_is_interrupted) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        demonstration_site museum;
        int answered = 0;
        const auto body = [&]() -> task<> {
            tcp_listener listener = tcp_listener::bind(any_loopback_port());
            const server_options options;
            const auto client = [&]() -> task<> {
                http::session web;
                const http_result home = co_await ask(web, address_of(listener, "/"));
                answered = home.status;
                static_cast<void>(std::raise(SIGINT));
                co_await sleep_for(1h);
            };
            outermost_group().spawn(client());
            co_await serve_site(listener, museum, options);
        };
        EXPECT_THROW(run(body(), options_for(kind)), cancelled);
        EXPECT_EQ(answered, 200);
    }
}

}  // namespace
