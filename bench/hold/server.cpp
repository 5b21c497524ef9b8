// SPDX-License-Identifier: Apache-2.0
//
// The server that thousands of connections are held at, as a tutorial would write it: serve() with
// a task for each connection, which sends back what it receives. `bench_hold_server ADDRESS…` has a
// loop for each address, and each loop as many descriptors as a process may have; SIMUL_BACKEND
// says how. It prints the port of each, and at the end of its input it cancels everything and
// prints how that went, a line of JSON for each loop. bench/hold.py runs it.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <time.h>

#include "end_of_input.hpp"
#include "simul/concurrency/cores.hpp"
#include "simul/io/serve.hpp"
#include "simul/io/stream.hpp"

namespace {

using clock_type = std::chrono::steady_clock;

// A little longer than the messages are, so that a read that gives one whole is known to have given
// all there was. It lies in the frame of every connection, also of one that is idle.
constexpr std::size_t buffer_size = 72;

simul::task<> echo(simul::accepted connection) {
    std::array<std::byte, buffer_size> buffer;
    while (true) {
        const std::size_t size = co_await connection.stream.read_some(buffer);
        if (size == 0) co_return;
        co_await simul::write_all(connection.stream, std::span{buffer}.first(size));
    }
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/thread-self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// A client that closes by a reset ends the read, and so the handler, with that error.
bool is_reset(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::system_error& error) {
        return error.code() == std::errc::connection_reset ||
               error.code() == std::errc::broken_pipe;
    } catch (...) {
        return false;
    }
}

double cpu_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

struct ending {
    clock_type::time_point began;
    double cpu_began = 0;
    std::size_t held = 0;
};

simul::task<> cancel_when_told(simul::task_group& group, const simul::serve_counters& counters,
                               ending& noted) {
    co_await bench::end_of_input();
    noted.held = counters.active;
    noted.began = clock_type::now();
    noted.cpu_began = cpu_seconds();
    group.cancel();
}

simul::task<> serve_until_told(std::size_t core, simul::ip_address address) {
    const std::size_t descriptors = open_descriptors();
    simul::serve_counters counters;
    std::uint64_t errors = 0;
    ending noted;
    {
        auto listener = simul::tcp_listener::bind({address, 0});
        const unsigned port = listener.local_endpoint().port();
        std::printf("{\"core\": %zu, \"port\": %u}\n", core, port);
        std::fflush(stdout);
        simul::serve_options options;
        options.max_connections = 1'000'000;  // the limit on descriptors comes first
        options.counters = &counters;
        options.on_error = [&](const std::exception_ptr& failure, const simul::endpoint&) {
            if (!is_reset(failure)) ++errors;
        };
        simul::task_group group;
        group.spawn(simul::serve(listener, echo, options));
        group.spawn(cancel_when_told(group, counters, noted));
        co_await group.run();
    }
    const std::chrono::duration<double> taken = clock_type::now() - noted.began;
    const double cpu = cpu_seconds() - noted.cpu_began;
    const auto left = static_cast<long>(open_descriptors()) - static_cast<long>(descriptors);
    std::printf(
        "{\"held\": %zu, \"cancel_seconds\": %.6f, \"cancel_cpu\": %.6f, "
        "\"descriptors_left\": %ld, \"accepted\": %ju, \"active\": %zu, "
        "\"errors\": %ju, \"shortages\": %ju}\n",
        noted.held, taken.count(), cpu, left, std::uintmax_t{counters.accepted}, counters.active,
        std::uintmax_t{errors}, std::uintmax_t{counters.shortages});
    std::fflush(stdout);
}

int usage() {
    std::fprintf(stderr, "usage: bench_hold_server ADDRESS...\n");
    return 2;
}

}  // namespace

int main(int count, char** words) {
    std::vector<simul::ip_address> addresses;
    for (int each = 1; each < count; ++each) {
        const auto address = simul::ip_address::parse(words[each]);
        if (!address) return usage();
        addresses.push_back(*address);
    }
    if (addresses.empty()) return usage();
    simul::cores_options options;
    options.count = addresses.size();
    options.own_descriptors = true;
    simul::run_on_cores(
        [&](simul::core& here) { return serve_until_told(here.index(), addresses[here.index()]); },
        options);
}
