// SPDX-License-Identifier: Apache-2.0
//
// examples/support/slow_server.hpp: the web server that the crawler ladder fetches from.
//
// It runs on a thread of its own, on 127.0.0.1, and every answer takes as long as the others: the
// delay stands for the distance to a server somewhere in the world.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "arguments.hpp"
#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/io/serve.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/sleep.hpp"

namespace examples {

/// Answers any number of requests at once, each after `delay`, and closes the connection. It
/// serves from its construction to its destruction, which ends the thread.
class slow_server {
public:
    explicit slow_server(std::chrono::milliseconds delay) : delay_{delay} {
        thread_ = std::jthread{[this] { work(); }};
        try {
            started_.get_future().get();  // throws what kept it from listening
        } catch (const std::system_error& failure) {
            if (failure.code() != simul::errc::unavailable) throw;
            thread_.join();
            usage_error(std::string{failure.what()} +
                        "; set SIMUL_BACKEND to epoll or io_uring, or unset it");
        }
    }
    slow_server(const slow_server&) = delete;
    slow_server& operator=(const slow_server&) = delete;
    ~slow_server() { stop_(); }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] std::chrono::milliseconds delay() const noexcept { return delay_; }

    /// How many requests have come, and how many of them it had at once, at most.
    [[nodiscard]] int requests() const noexcept { return requests_; }
    [[nodiscard]] int most_at_once() const noexcept { return most_at_once_; }

private:
    void work() {
        simul::run_options options;
        options.handle_interrupt = false;  // Ctrl-C is for the crawler
        try {
            simul::run(listen(), options);
        } catch (...) {
            if (stop_) throw;  // it had started
            started_.set_exception(std::current_exception());
        }
    }

    simul::task<> listen() {
        if (simul::loop::current().is_simulated()) {
            throw std::system_error{
                simul::errc::unavailable,
                "a simulated world is one thread's, and the crawler has another"};
        }
        const simul::endpoint here{simul::ip_address::loopback_v4(), 0};
        simul::tcp_listener listener = simul::tcp_listener::bind(here);
        port_ = listener.local_endpoint().port();

        simul::task_group group;
        group.spawn(simul::serve(
            listener, [this](simul::accepted client) { return answer(std::move(client)); }));
        stop_ = [&group, &loop = simul::loop::current()] {
            loop.post_from_any_thread([&group] { group.cancel(); });
        };
        started_.set_value();
        co_await group.run();
    }

    simul::task<> answer(simul::accepted client) {
        std::string request;
        std::array<std::byte, 4096> buffer;
        while (!request.ends_with("\r\n\r\n")) {
            const std::size_t count = co_await client.stream.read_some(buffer);
            if (count == 0) co_return;
            request += simul::text_of(std::span{buffer}.first(count));
        }

        ++requests_;
        most_at_once_ = std::max(most_at_once_.load(), ++at_once_);
        co_await simul::sleep_for(delay_);
        --at_once_;  // before the answer: who has it may ask again

        std::string page;  // takes several reads of 4096 bytes
        for (int line = 0; line < 320; ++line) page += "<p>It takes its time.</p>\n";
        page = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: " +
               std::to_string(page.size()) + "\r\n\r\n" + page;
        co_await simul::write_all(client.stream, simul::bytes_of(page));
        co_await client.stream.shutdown();
    }

    std::chrono::milliseconds delay_;
    std::uint16_t port_ = 0;
    std::atomic<int> requests_ = 0;
    std::atomic<int> most_at_once_ = 0;
    int at_once_ = 0;
    std::function<void()> stop_;
    std::promise<void> started_;
    std::jthread thread_;  // last: it is joined before the others go
};

}  // namespace examples
