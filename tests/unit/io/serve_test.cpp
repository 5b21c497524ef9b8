// SPDX-License-Identifier: Apache-2.0
#include "simul/io/serve.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <deque>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

endpoint peer_number(std::uint8_t last, std::uint16_t port = 1000) {
    return endpoint{ip_address{std::array<std::uint8_t, 4>{192, 0, 2, last}}, port};
}

// A listener for the simulated world: gives what a test has put in.
class scripted_listener {
public:
    using step = std::function<accepted()>;

    void connect(const endpoint& peer) {
        add([peer] { return accepted{tcp_stream{}, peer}; });
    }
    void fail(int code) {
        add([code]() -> accepted {
            throw std::system_error{code, std::system_category(), "accept"};
        });
    }
    void add(step what) {
        steps_.push_back(std::move(what));
        changed_.set();
    }
    void close() {
        is_closed_ = true;
        changed_.set();
    }

    task<accepted> accept() {
        attempts.push_back(now());
        while (steps_.empty() && !is_closed_) {
            changed_.clear();
            co_await changed_.wait();
        }
        if (is_closed_) throw closed{};
        const step next = std::move(steps_.front());
        steps_.pop_front();
        co_return next();
    }

    std::vector<time_point> attempts;  ///< when accept was called
    [[nodiscard]] std::size_t left() const { return steps_.size(); }

private:
    std::deque<step> steps_;
    event changed_;
    bool is_closed_ = false;
};

TEST(serve, runs_a_handler_for_each_connection_all_at_once) {
    scripted_listener listener;
    std::vector<std::uint16_t> peers;
    std::vector<duration> ended;
    simulate([&]() -> task<> {
        const time_point start = now();
        for (std::uint16_t port = 1; port <= 5; ++port) listener.connect(peer_number(1, port));
        task_group group;
        group.spawn([&]() -> task<> {
            co_await serve(listener, [&](accepted connection) -> task<> {
                peers.push_back(connection.peer.port());
                co_await sleep_for(1s);
                ended.push_back(now() - start);
            });
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(2s);
            listener.close();
        });
        co_await group.run();
        EXPECT_EQ(now() - start, 2s);
    });
    EXPECT_EQ(peers, (std::vector<std::uint16_t>{1, 2, 3, 4, 5}));
    EXPECT_EQ(ended, (std::vector<duration>(5, 1s)));
}

TEST(serve, after_the_listener_was_closed_returns_when_the_last_handler_has_ended) {
    scripted_listener listener;
    serve_counters counters;
    simulate([&]() -> task<> {
        const time_point start = now();
        serve_options options;
        options.counters = &counters;
        listener.connect(peer_number(1));
        task_group group;
        group.spawn([&]() -> task<> {
            co_await serve(listener, [](accepted) -> task<> { co_await sleep_for(5s); }, options);
            EXPECT_EQ(now() - start, 5s);
        });
        group.spawn([&]() -> task<> {
            co_await sleep_for(1s);
            EXPECT_EQ(counters.active, 1U);
            listener.close();
        });
        co_await group.run();
    });
    EXPECT_EQ(counters.active, 0U);
    EXPECT_EQ(counters.accepted, 1U);
}

TEST(serve, stops_with_its_scope_and_takes_its_handlers_along) {
    scripted_listener listener;
    int alive = 0;
    serve_counters counters;
    simulate([&]() -> task<> {
        serve_options options;
        options.counters = &counters;
        for (int i = 0; i < 3; ++i) listener.connect(peer_number(1));
        auto serving = serve(
            listener,
            [&](accepted) -> task<> {
                const counted_object local{alive};
                co_await sleep_for(1h);
            },
            options);
        const auto in_time = co_await move_on_after(1s, std::move(serving));
        EXPECT_FALSE(in_time.has_value());
        EXPECT_EQ(alive, 0);
    });
    EXPECT_EQ(counters.accepted, 3U);
    EXPECT_EQ(counters.active, 0U);
    EXPECT_EQ(counters.failed, 0U) << "being cancelled is no failure";
}

TEST(serve, gives_what_a_handler_throws_to_the_hook_and_goes_on) {
    scripted_listener listener;
    std::vector<std::string> reported;
    serve_counters counters;
    int served = 0;
    simulate([&]() -> task<> {
        serve_options options;
        options.counters = &counters;
        options.on_error = [&](const std::exception_ptr& failure, const endpoint& peer) {
            try {
                std::rethrow_exception(failure);
            } catch (const std::runtime_error& caught) {
                std::string text = peer.to_string();
                text += ' ';
                text += caught.what();
                reported.push_back(std::move(text));
            }
        };
        for (std::uint16_t port = 1; port <= 4; ++port) listener.connect(peer_number(1, port));
        listener.add([&]() -> accepted {
            listener.close();
            return accepted{tcp_stream{}, peer_number(1, 5)};
        });
        co_await serve(
            listener,
            [&](accepted connection) -> task<> {
                // Before its task is made, before it suspends, and later.
                if (connection.peer.port() == 2) throw std::runtime_error{"at once"};
                co_await yield_now();
                if (connection.peer.port() == 3) throw std::runtime_error{"later"};
                ++served;
            },
            options);
    });
    EXPECT_EQ(reported, (std::vector<std::string>{"192.0.2.1:2 at once", "192.0.2.1:3 later"}));
    EXPECT_EQ(served, 3);
    EXPECT_EQ(counters.failed, 2U);
    EXPECT_EQ(counters.accepted, 5U);
}

TEST(serve, takes_a_handler_that_throws_before_there_is_a_task) {
    scripted_listener listener;
    int reported = 0;
    simulate([&]() -> task<> {
        serve_options options;
        options.on_error = [&](const std::exception_ptr&, const endpoint&) {
            ++reported;
            listener.close();
        };
        listener.connect(peer_number(1));
        const auto refuse = [](accepted) -> task<> { throw std::runtime_error{"no task"}; };
        co_await serve(listener, refuse, options);
    });
    EXPECT_EQ(reported, 1);
}

TEST(serve, takes_a_handler_that_returns_any_awaitable) {
    scripted_listener listener;
    simulate([&]() -> task<> {
        const time_point start = now();
        listener.connect(peer_number(1));
        listener.add([&]() -> accepted {
            listener.close();
            return accepted{tcp_stream{}, peer_number(1, 5)};
        });
        co_await serve(listener, [](const accepted&) { return sleep_for(3s); });
        EXPECT_EQ(now() - start, 3s);
    });
}

int unhandled = 0;

TEST(serve, without_a_hook_reports_errors_as_unhandled) {
    scripted_listener listener;
    unhandled = 0;
    const auto before =
        set_unhandled_error_handler([](std::exception_ptr, const char*) noexcept { ++unhandled; });
    simulate([&]() -> task<> {
        listener.connect(peer_number(1));
        co_await serve(listener, [&](accepted) -> task<> {
            co_await yield_now();
            listener.close();
            throw std::runtime_error{"nobody listens"};
        });
    });
    set_unhandled_error_handler(before);
    EXPECT_EQ(unhandled, 1);
}

TEST(serve, ends_with_what_the_hook_throws_and_cancels_the_handlers) {
    scripted_listener listener;
    int alive = 0;
    bool has_failed = false;
    simulate([&]() -> task<> {
        serve_options options;
        options.on_error = [](const std::exception_ptr& failure, const endpoint&) {
            std::rethrow_exception(failure);
        };
        listener.connect(peer_number(1, 1));
        listener.connect(peer_number(1, 2));
        try {
            co_await serve(
                listener,
                [&](accepted connection) -> task<> {
                    const counted_object local{alive};
                    co_await sleep_for(connection.peer.port() == 1 ? 1h : 1s);
                    throw std::runtime_error{"enough"};
                },
                options);
        } catch (const std::runtime_error&) {
            has_failed = true;
        }
        EXPECT_EQ(alive, 0);
    });
    EXPECT_TRUE(has_failed);
}

TEST(serve, ends_with_an_error_of_the_listener_that_is_no_shortage) {
    scripted_listener listener;
    std::error_code code;
    simulate([&]() -> task<> {
        listener.fail(EINVAL);
        try {
            co_await serve(listener, [](accepted) -> task<> { co_return; });
        } catch (const std::system_error& failure) {
            code = failure.code();
        }
    });
    EXPECT_EQ(code, std::errc::invalid_argument);
}

TEST(serve, pauses_longer_and_longer_when_descriptors_run_out_and_never_spins) {
    scripted_listener listener;
    serve_counters counters;
    std::vector<duration> pauses;
    simulate([&]() -> task<> {
        serve_options options;
        options.counters = &counters;
        for (const int code : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EMFILE, EMFILE})
            listener.fail(code);
        listener.add([]() -> accepted { throw std::bad_alloc{}; });
        listener.connect(peer_number(1));
        listener.fail(EMFILE);  // the first one again
        listener.add([&]() -> accepted { throw closed{}; });
        co_await serve(listener, [](accepted) -> task<> { co_await sleep_for(1h); }, options);
    });
    for (std::size_t i = 1; i < listener.attempts.size(); ++i) {
        pauses.push_back(listener.attempts[i] - listener.attempts[i - 1]);
    }
    EXPECT_EQ(pauses, (std::vector<duration>{100ms, 200ms, 400ms, 800ms, 1s, 1s, 1s, 0ms, 100ms}));
    EXPECT_EQ(counters.shortages, 8U);
    EXPECT_EQ(counters.accepted, 1U);
}

TEST(serve, ends_its_pause_when_a_connection_has_ended) {
    scripted_listener listener;
    simulate([&]() -> task<> {
        listener.connect(peer_number(1));
        listener.fail(EMFILE);
        listener.add([&]() -> accepted { throw closed{}; });
        co_await serve(listener, [](accepted) -> task<> { co_await sleep_for(30ms); });
    });
    EXPECT_EQ(listener.attempts.size(), 3U);
    if (listener.attempts.size() == 3) {
        EXPECT_EQ(listener.attempts[2] - listener.attempts[1], 30ms);
    }
}

TEST(serve, is_cancelled_during_a_pause) {
    scripted_listener listener;
    simulate([&]() -> task<> {
        const time_point start = now();
        listener.fail(EMFILE);
        auto serving = serve(listener, [](accepted) -> task<> { co_return; });
        const auto in_time = co_await move_on_after(50ms, std::move(serving));
        EXPECT_FALSE(in_time.has_value());
        EXPECT_EQ(now() - start, 50ms);
    });
}

// How many of four connections are served at once, and how many accepts are tried.
TEST(serve, stops_accepting_at_the_most_connections_it_may_have) {
    for (const std::size_t most : {std::size_t{2}, std::size_t{3}, std::size_t{4}}) {
        SCOPED_TRACE(most);
        scripted_listener listener;
        serve_counters counters;
        std::size_t alive = 0;
        std::size_t peak = 0;
        simulate([&]() -> task<> {
            const time_point start = now();
            serve_options options;
            options.max_connections = most;
            options.counters = &counters;
            for (int i = 0; i < 3; ++i) listener.connect(peer_number(1));
            task_group group;
            group.spawn([&]() -> task<> {
                co_await serve(
                    listener,
                    [&](accepted) -> task<> {
                        peak = std::max(peak, ++alive);
                        co_await sleep_for(1s);
                        --alive;
                    },
                    options);
            });
            group.spawn([&]() -> task<> {
                co_await sleep_for(500ms);
                EXPECT_EQ(listener.left(), most == 2 ? 1U : 0U);
                EXPECT_EQ(counters.active, std::min<std::size_t>(most, 3));
                EXPECT_EQ(counters.full, most <= 3 ? 1U : 0U);
                co_await sleep_for(1s);
                listener.close();
            });
            co_await group.run();
            EXPECT_EQ(now() - start, most == 2 ? 2s : 1500ms);
        });
        EXPECT_EQ(peak, std::min<std::size_t>(most, 3));
        EXPECT_EQ(counters.accepted, 3U);
        EXPECT_EQ(counters.refused, 0U);
    }
}

TEST(serve, closes_connections_beyond_the_most_of_one_address) {
    for (const std::size_t most : {std::size_t{2}, std::size_t{3}, std::size_t{4}}) {
        SCOPED_TRACE(most);
        scripted_listener listener;
        serve_counters counters;
        simulate([&]() -> task<> {
            serve_options options;
            options.max_per_address = most;
            options.counters = &counters;
            for (std::uint16_t port = 1; port <= 3; ++port) listener.connect(peer_number(1, port));
            const std::array<std::uint8_t, 16> mapped{0, 0, 0,    0,    0,   0, 0, 0,
                                                      0, 0, 0xff, 0xff, 192, 0, 2, 1};
            listener.connect(endpoint{ip_address{mapped}, 7});  // the same address
            listener.connect(peer_number(2));                   // another one
            for (std::uint16_t port = 1; port <= 9; ++port) {   // exempt
                listener.connect(endpoint{ip_address::loopback_v4(), port});
                listener.connect(endpoint{ip_address::loopback_v6(), port});
            }
            task_group group;
            group.spawn([&]() -> task<> {
                co_await serve(
                    listener, [](accepted) -> task<> { co_await sleep_for(1s); }, options);
            });
            group.spawn([&]() -> task<> {
                co_await sleep_for(500ms);
                EXPECT_EQ(counters.active, std::min<std::size_t>(most, 4) + 19);
                EXPECT_EQ(counters.refused, 4 - std::min<std::size_t>(most, 4));
                co_await sleep_for(1s);
                listener.connect(peer_number(1));  // the places were given back
                co_await yield_now();
                co_await yield_now();
                co_await yield_now();
                EXPECT_EQ(counters.active, 1U);
                listener.close();
            });
            co_await group.run();
        });
    }
}

TEST(serve, lets_connections_have_their_turns_while_the_queue_is_never_empty) {
    scripted_listener listener;
    int accepted_so_far = 0;
    int accepted_when_the_first_ran = -1;
    simulate([&]() -> task<> {
        std::function<void()> refill = [&] {
            listener.add([&]() -> accepted {
                if (++accepted_so_far < 1000) {
                    refill();
                } else {
                    listener.close();
                }
                return accepted{tcp_stream{}, peer_number(1)};
            });
        };
        refill();
        serve_options options;
        options.max_per_address = 2000;
        co_await serve(
            listener,
            [&](accepted) -> task<> {
                if (accepted_when_the_first_ran < 0) accepted_when_the_first_ran = accepted_so_far;
                co_return;
            },
            options);
    });
    EXPECT_EQ(accepted_so_far, 1000);
    EXPECT_GT(accepted_when_the_first_ran, 0);
    EXPECT_LE(accepted_when_the_first_ran, 17);
}

// --- over the network --------------------------------------------------------------------------

template <class Body>
void run_on_each_real_backend(Body body) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;
        SCOPED_TRACE(name_of(kind));
        run(body(), options_for(kind));
    }
}

int connect_to(const tcp_listener& listener) {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(listener.local_endpoint().port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int result = ::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    EXPECT_TRUE(result == 0 || errno == EINPROGRESS) << errno;
    return made;
}

task<> echo(tcp_stream stream) {
    std::array<std::byte, 64> buffer{};
    while (true) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) co_return;
        co_await write_all(stream, std::span{buffer}.first(count));
    }
}

TEST(serve, answers_clients_over_the_network_until_it_is_closed) {
    run_on_each_real_backend([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        serve_counters counters;
        serve_options options;
        options.counters = &counters;
        task_group group;
        group.spawn([&]() -> task<> {
            co_await serve(
                listener,
                [](accepted connection) -> task<> { co_await echo(std::move(connection.stream)); },
                options);
        });
        group.spawn([&]() -> task<> {
            for (int i = 0; i < 20; ++i) {
                tcp_stream client = tcp_stream::adopt(unique_fd{connect_to(listener)});
                co_await write_all(client, bytes_of("hello"));
                co_await client.shutdown();
                std::string answer;
                std::array<std::byte, 64> buffer{};
                while (true) {
                    const std::size_t count = co_await client.read_some(buffer);
                    if (count == 0) break;
                    answer += text_of(std::span{buffer}.first(count));
                }
                EXPECT_EQ(answer, "hello");
            }
            listener.close();
        });
        co_await group.run();
        EXPECT_EQ(counters.accepted, 20U);
        EXPECT_EQ(counters.active, 0U);
    });
}

void meet_system_error() {
    try {
        throw std::system_error{EMFILE, std::system_category(), "accept"};
    } catch (const std::system_error& met) {
        EXPECT_EQ(met.code(), std::errc::too_many_files_open);
    }
}

TEST(serve, survives_a_process_without_descriptors) {
    run_on_each_real_backend([]() -> task<> {
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        serve_counters counters;
        serve_options options;
        options.counters = &counters;
        options.shortage_pause = 1ms;
        options.longest_shortage_pause = 2ms;
        const unique_fd client{connect_to(listener)};
        // The next descriptor would be beyond the limit.
        struct rlimit before{};
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
        const int next = ::fcntl(client.get(), F_DUPFD_CLOEXEC, 0);
        ::close(next);
        const struct rlimit none{static_cast<rlim_t>(next), before.rlim_max};
        // UBSan opens descriptors itself when it meets a type for the first time.
        meet_system_error();
        task_group group;
        group.spawn([&]() -> task<> {
            EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
            while (counters.shortages < 3) co_await sleep_for(1ms);
            EXPECT_EQ(counters.accepted, 0U);
            EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
        });
        group.spawn([&]() -> task<> {
            co_await serve(
                listener,
                [&](accepted) -> task<> {
                    listener.close();
                    co_return;
                },
                options);
        });
        co_await group.run();
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
        EXPECT_EQ(counters.accepted, 1U);
        EXPECT_GE(counters.shortages, 3U);
    });
}

}  // namespace
}  // namespace simul
