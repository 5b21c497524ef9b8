// SPDX-License-Identifier: Apache-2.0
//
// Opens connections, uses them, and holds them: `bench_hold_load ADDRESS PORT`, one task for each
// connection that does something. It takes commands, a line each, from its input, and answers each
// with one line of JSON:
//
//     open COUNT RATE                      connects, so many a second
//     exchange SECONDS BUSY EVERY OTHERS   sends messages: the first BUSY connections one every
//                                          EVERY seconds, the rest one every OTHERS (0: none)
//     await_end                            waits until the server has ended each connection
//     close COUNT                          ends so many of the last ones by a reset
//     storm SECONDS WORKERS                connects, sends, receives and resets, again and again
//     request SECONDS RATE                 asks a web server, so many times a second over all
//                                          connections together; 200 and 503 are counted apart
//
// The end of its input is its own end, whatever it does just then. bench/hold.py runs it.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include "histogram.hpp"
#include "simul/concurrency/rate_limiter.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/pipe.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"

namespace {

using clock_type = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

constexpr std::size_t message_size = 64;
constexpr std::size_t openers = 128;              // connections under way at once
constexpr std::chrono::seconds patience{30};      // for the last answers
constexpr std::chrono::seconds end_patience{60};  // for the ends of all connections

using message = std::array<std::byte, message_size>;

// What went wrong, and how often.
class error_counts {
public:
    void add(std::string what) {
        for (char& each : what) {
            if (each == '"' || each == '\\' || each == '\n') each = ' ';
        }
        ++counts_[std::move(what)];
    }
    // Inside a handler: counts what is being handled.
    void add_current() {
        try {
            throw;
        } catch (const std::system_error& failure) {
            add(failure.code().message());
        } catch (const std::exception& failure) {
            add(failure.what());
        }
    }
    [[nodiscard]] std::string json() const {
        std::string text;
        for (const auto& [what, count] : counts_) {
            if (!text.empty()) text += ", ";
            text += '"' + what + "\": " + std::to_string(count);
        }
        return '{' + text + '}';
    }

private:
    std::map<std::string, std::uint64_t> counts_;
};

struct measurement {
    std::uint64_t begun = 0;
    std::uint64_t done = 0;
    bench::histogram times;
    error_counts errors;
    clock_type::time_point since = clock_type::now();

    void print(const std::string& more = "") const {
        const seconds taken = clock_type::now() - since;
        std::printf(
            "{\"begun\": %ju, \"done\": %ju, \"seconds\": %.6f, \"times\": %s, "
            "\"errors\": %s%s}\n",
            std::uintmax_t{begun}, std::uintmax_t{done}, taken.count(), times.json().c_str(),
            errors.json().c_str(), more.c_str());
        std::fflush(stdout);
    }
};

// A socket whose close() sends a reset, which leaves nothing behind on either side.
simul::unique_fd make_socket() {
    simul::unique_fd made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const linger at_once{1, 0};
    if (!made || ::setsockopt(made.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0) {
        throw std::system_error{errno, std::system_category()};
    }
    return made;
}

// No two messages of a run are alike, so an answer that belongs to another one is noticed.
message make_message(std::size_t connection, std::uint64_t number) {
    message made;
    for (std::size_t at = 0; at < message_size; ++at) {
        const std::uint64_t from = at % 16 < 8 ? connection : number;
        made[at] = static_cast<std::byte>((from >> (8 * (at % 8))) + at / 16);
    }
    return made;
}

simul::task<> exchange_one(simul::tcp_stream& stream, std::size_t connection,
                           std::uint64_t number) {
    const message sent = make_message(connection, number);
    message answer;
    co_await simul::write_all(stream, sent);
    std::size_t received = 0;
    while (received < message_size) {
        const std::size_t size = co_await stream.read_some(std::span{answer}.subspan(received));
        if (size == 0) throw std::runtime_error{"the server closed"};
        received += size;
    }
    if (answer != sent) throw std::runtime_error{"another answer"};
}

// Whether the server did what it was asked to: 200, or 503.
simul::task<bool> ask(simul::tcp_stream& stream) {
    constexpr std::string_view request = "GET /work HTTP/1.1\r\nHost: load\r\n\r\n";
    constexpr std::size_t length_of_body = 5;
    std::array<char, 512> answer;
    co_await simul::write_all(stream, std::as_bytes(std::span{request}));
    std::size_t received = 0;
    while (true) {
        const auto room = std::as_writable_bytes(std::span{answer}.subspan(received));
        const std::size_t size = co_await stream.read_some(room);
        if (size == 0) throw std::runtime_error{"the server closed"};
        received += size;
        const std::string_view text{answer.data(), received};
        const std::size_t head = text.find("\r\n\r\n");
        if (head == std::string_view::npos || received < head + 4 + length_of_body) continue;
        if (text.starts_with("HTTP/1.1 200 ")) co_return true;
        if (text.starts_with("HTTP/1.1 503 ")) co_return false;
        throw std::runtime_error{"another answer"};
    }
}

class load {
public:
    explicit load(const simul::endpoint& server) : server_{server} {}

    simul::task<> open(std::size_t count, double rate) {
        measurement result;
        streams_.resize(count);
        std::size_t next = 0;
        const auto burst = static_cast<std::size_t>(std::max(1.0, rate / 100));
        const seconds period{static_cast<double>(burst) / rate};
        simul::rate_limiter pace{burst, simul::saturating_duration(period)};
        simul::task_group group;
        for (std::size_t each = 0; each < openers; ++each) {
            group.spawn(open_some(next, pace, result));
        }
        co_await group.run();
        result.print();
    }

    simul::task<> exchange(double length, std::size_t busy, double every, double others) {
        measurement result;
        const schedule plan{length};
        simul::task_group group;
        for (std::size_t each = 0; each < streams_.size(); ++each) {
            const bool is_busy = each < busy;
            const seconds period{is_busy ? every : others};
            if (period.count() <= 0) continue;
            const std::size_t among = is_busy ? busy : streams_.size() - busy;
            const std::size_t place = is_busy ? each : each - busy;
            const seconds first = period * static_cast<double>(place) / static_cast<double>(among);
            group.spawn(converse(each, plan, first, period, result));
        }
        const seconds limit = seconds{length} + patience;
        const auto ended = co_await simul::move_on_after(limit, group.run());
        if (!ended) result.errors.add("no answer in time");
        result.print();
    }

    simul::task<> request(double length, double rate) {
        measurement result;
        bench::histogram refusals;
        const schedule plan{length};
        const seconds period{static_cast<double>(streams_.size()) / rate};
        simul::task_group group;
        for (std::size_t each = 0; each < streams_.size(); ++each) {
            const seconds first = seconds{static_cast<double>(each) / rate};
            group.spawn(ask_often(each, plan, first, period, result, refusals));
        }
        const seconds limit = seconds{length} + patience;
        const auto ended = co_await simul::move_on_after(limit, group.run());
        if (!ended) result.errors.add("no answer in time");
        result.print(", \"refusals\": " + refusals.json());
    }

    simul::task<> await_end() {
        measurement result;
        const auto ended = co_await simul::move_on_after(end_patience, read_ends(result));
        if (!ended) result.errors.add("no end in time");
        result.print();
    }

    void close(std::size_t count) {
        measurement result;
        while (count-- != 0 && !streams_.empty()) {
            ++result.begun;
            streams_.pop_back();
            ++result.done;
        }
        result.print();
    }

    simul::task<> storm(double length, std::size_t workers) {
        measurement result;
        const auto end = clock_type::now() + simul::saturating_duration(seconds{length});
        simul::task_group group;
        for (std::size_t each = 0; each < workers; ++each) {
            group.spawn(connect_again_and_again(each, end, result));
        }
        co_await group.run();
        result.print();
    }

private:
    // When messages are due: on the loop's clock to wait for it, on ours to measure.
    struct schedule {
        explicit schedule(double seconds_long) : length{seconds_long} {}

        [[nodiscard]] simul::time_point on_loop(seconds at) const {
            return loop_begin + simul::saturating_duration(at);
        }
        [[nodiscard]] clock_type::time_point at(seconds at) const {
            return begin + simul::saturating_duration(at);
        }

        seconds length;
        simul::time_point loop_begin = simul::loop::current().now();
        clock_type::time_point begin = clock_type::now();
    };

    simul::task<> open_some(std::size_t& next, simul::rate_limiter& pace, measurement& result) {
        while (next < streams_.size()) {
            const std::size_t number = next++;
            co_await pace.acquire();
            ++result.begun;
            const auto began = clock_type::now();
            try {
                simul::tcp_stream made = co_await simul::connect(make_socket(), server_);
                streams_[number] = std::move(made);
                result.times.add(clock_type::now() - began);
                ++result.done;
            } catch (...) {
                result.errors.add_current();
            }
        }
    }

    // The time of an answer counts from when its message was due, not from when it was sent: a
    // load that falls behind does not hide how long the answers take.
    simul::task<> converse(std::size_t number, const schedule& plan, seconds first, seconds period,
                           measurement& result) {
        try {
            std::uint64_t message_number = 0;
            for (seconds due = first; due < plan.length; due += period) {
                co_await simul::sleep_until(plan.on_loop(due));
                ++result.begun;
                co_await exchange_one(streams_[number], number, message_number++);
                result.times.add(clock_type::now() - plan.at(due));
                ++result.done;
            }
        } catch (...) {
            result.errors.add_current();
        }
    }

    // As in converse(): what is due while an answer is still out is asked as soon as that is there.
    simul::task<> ask_often(std::size_t number, const schedule& plan, seconds first, seconds period,
                            measurement& result, bench::histogram& refusals) {
        try {
            for (seconds due = first; due < plan.length; due += period) {
                co_await simul::sleep_until(plan.on_loop(due));
                ++result.begun;
                const bool is_done = co_await ask(streams_[number]);
                const auto taken = clock_type::now() - plan.at(due);
                if (is_done) {
                    ++result.done;
                    result.times.add(taken);
                } else {
                    refusals.add(taken);
                }
            }
        } catch (...) {
            result.errors.add_current();
        }
    }

    simul::task<> read_ends(measurement& result) {
        std::array<std::byte, 64> buffer;
        for (simul::tcp_stream& stream : streams_) {
            ++result.begun;
            try {
                const std::size_t size = co_await stream.read_some(buffer);
                if (size == 0) {
                    ++result.done;
                } else {
                    result.errors.add("an answer that nobody asked for");
                }
            } catch (...) {
                result.errors.add_current();
            }
        }
    }

    simul::task<> connect_again_and_again(std::size_t worker, clock_type::time_point end,
                                          measurement& result) {
        std::uint64_t number = 0;
        while (clock_type::now() < end) {
            ++result.begun;
            const auto began = clock_type::now();
            try {
                simul::tcp_stream stream = co_await simul::connect(make_socket(), server_);
                co_await exchange_one(stream, worker, number++);
                stream.close();
                result.times.add(clock_type::now() - began);
                ++result.done;
            } catch (...) {
                result.errors.add_current();
            }
        }
    }

    simul::endpoint server_;
    std::vector<simul::tcp_stream> streams_;
};

simul::task<> obey(load& all, std::string line) {
    std::istringstream words{line};
    std::string command;
    std::size_t count = 0;
    double length = 0;
    words >> command;
    if (command == "open") {
        double rate = 0;
        words >> count >> rate;
        if (words && rate > 0) co_return co_await all.open(count, rate);
    } else if (command == "exchange") {
        double every = 0;
        double others = 0;
        words >> length >> count >> every >> others;
        if (words) co_return co_await all.exchange(length, count, every, others);
    } else if (command == "await_end") {
        co_return co_await all.await_end();
    } else if (command == "close") {
        words >> count;
        if (words) co_return all.close(count);
    } else if (command == "storm") {
        words >> length >> count;
        if (words) co_return co_await all.storm(length, count);
    } else if (command == "request") {
        double rate = 0;
        words >> length >> rate;
        if (words && rate > 0) co_return co_await all.request(length, rate);
    }
    throw std::invalid_argument{"bench_hold_load: no such command: " + line};
}

// Whoever gives the commands waits for the answer before the next one, so only the end can come.
simul::task<> end_of(simul::buffered_reader<simul::pipe_stream>& reader) {
    const auto next = co_await reader.peek();
    if (!next.empty()) co_await simul::sleep_until(simul::time_point::max());
}

simul::task<> obey_input(simul::endpoint server) {
    load all{server};
    auto input = simul::pipe_stream::adopt(simul::unique_fd{::dup(STDIN_FILENO)}, {});
    simul::buffered_reader reader{input};
    while (true) {
        const auto next = co_await reader.peek();
        if (next.empty()) co_return;
        std::string line = co_await reader.read_line();
        auto command = obey(all, std::move(line));
        auto ended = end_of(reader);
        co_await simul::select(std::move(command), std::move(ended));
    }
}

}  // namespace

int main(int count, char** words) {
    const auto address = simul::ip_address::parse(count > 2 ? words[1] : "");
    const std::string_view text = count > 2 ? words[2] : "";
    std::uint16_t port = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
    if (!address || read.ec != std::errc{} || port == 0) {
        std::fprintf(stderr, "usage: bench_hold_load ADDRESS PORT\n");
        return 2;
    }
    simul::run(obey_input({*address, port}));
}
