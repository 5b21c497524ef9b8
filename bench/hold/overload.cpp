// SPDX-License-Identifier: Apache-2.0
//
// A server that is asked for more than it can do, as a tutorial would write it: an HTTP server
// whose work takes 10 ms and is done for 50 requests at once, which makes 5,000 a second. A request
// that finds more than 250 others waiting is told at once, with 503, that there is too much to do.
// `bench_hold_overload ADDRESS`; SIMUL_BACKEND says how. It prints its port, and at the end of its
// input what it did; either is one line of JSON. bench/hold.py runs it.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>

#include "end_of_input.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/http/server.hpp"
#include "simul/http/status.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/sleep.hpp"

namespace {

using simul::http::server_request;
using simul::http::server_response;

constexpr std::size_t at_once = 50;
constexpr std::size_t longest_line = 250;
constexpr std::chrono::milliseconds length_of_work{10};

class limited_work {
public:
    simul::task<> answer(server_response& response) {
        if (permits_.waiting() >= longest_line) {
            ++refused;
            response.status = simul::http::status::service_unavailable;
            response.body = "busy\n";
            co_return;
        }
        longest_seen = std::max(longest_seen, permits_.waiting() + 1);
        const auto permit = co_await permits_.acquire();
        co_await simul::sleep_for(length_of_work);
        ++done;
        response.body = "done\n";
    }

    std::uint64_t done = 0;
    std::uint64_t refused = 0;
    std::size_t longest_seen = 0;

private:
    simul::semaphore permits_{at_once};
};

simul::task<> serve_until_told(simul::ip_address address) {
    auto listener = simul::tcp_listener::bind({address, 0});
    std::printf("{\"port\": %u}\n", unsigned{listener.local_endpoint().port()});
    std::fflush(stdout);
    limited_work work;
    simul::http::server_options options;
    options.max_requests = std::numeric_limits<std::size_t>::max();
    options.connections.max_per_address = options.connections.max_connections;
    const auto handler = [&](const server_request&, server_response& response) {
        return work.answer(response);
    };
    auto serving = simul::http::serve(listener, handler, options);
    auto told = bench::end_of_input();
    co_await simul::select(std::move(serving), std::move(told));
    std::printf("{\"done\": %ju, \"refused\": %ju, \"longest_line\": %zu}\n",
                std::uintmax_t{work.done}, std::uintmax_t{work.refused}, work.longest_seen);
    std::fflush(stdout);
}

}  // namespace

int main(int count, char** words) {
    const auto address = simul::ip_address::parse(count > 1 ? words[1] : "");
    if (!address) {
        std::fprintf(stderr, "usage: bench_hold_overload ADDRESS\n");
        return 2;
    }
    simul::run(serve_until_told(*address));
}
