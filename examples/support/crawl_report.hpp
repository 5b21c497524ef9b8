// SPDX-License-Identifier: Apache-2.0
//
// examples/support/crawl_report.hpp: what the programs of the crawler ladder fetch, and how they
// say what came of it.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "slow_server.hpp"

namespace examples {

/// The ten pages: "/", "/1" to "/9".
inline const std::vector<std::string> ten_pages{"/",  "/1", "/2", "/3", "/4",
                                                "/5", "/6", "/7", "/8", "/9"};

/// Reads the one argument that these programs take: `--delay MILLISECONDS`, 430 if it is not given.
inline std::chrono::milliseconds delay_argument(int argc, char** argv) {
    if (argc == 1) return std::chrono::milliseconds{430};
    if (argc != 3 || std::string_view{argv[1]} != "--delay") {
        usage_error("usage: " + std::string{argv[0]} + " [--delay MILLISECONDS]");
    }
    const int delay = parse_number("--delay", argv[2]);
    if (delay == 0) usage_error("argument --delay: must be 1 or more");
    return std::chrono::milliseconds{delay};
}

/// Measures a crawl from its own construction to print().
class crawl_report {
public:
    explicit crawl_report(const slow_server& server)
        : server_{server}, requests_{server.requests()}, usage_{usage_of_this_thread()} {}

    /// Prints on standard output what is the same each time, and on standard error what is not:
    /// the time, the time on the processor, and how often the system put the crawler to sleep.
    void print(std::size_t bytes) const {
        const auto end = std::chrono::steady_clock::now();
        const ::rusage usage = usage_of_this_thread();
        const int pages = server_.requests() - requests_;
        const int at_once = server_.most_at_once();
        const int delays = (pages + at_once - 1) / at_once;
        std::printf("%d page%s, %zu bytes\n", pages, pages == 1 ? "" : "s", bytes);
        std::printf("requests at once: %d, so it takes about %d delay%s\n", at_once, delays,
                    delays == 1 ? "" : "s");
        std::fflush(stdout);

        const std::chrono::duration<double> length = end - begin_;
        const double working = seconds_of(usage) - seconds_of(usage_);
        std::fprintf(stderr, "%.3f s, %.2f delays, CPU %.4f s (%.0f %%), waits: %ld\n",
                     length.count(), length / server_.delay(), working,
                     100 * working / length.count(), usage.ru_nvcsw - usage_.ru_nvcsw);
    }

private:
    static ::rusage usage_of_this_thread() {
        ::rusage usage{};
        ::getrusage(RUSAGE_THREAD, &usage);
        return usage;
    }
    static double seconds_of(const ::rusage& usage) {
        return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    }

    const slow_server& server_;
    int requests_;
    ::rusage usage_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace examples
