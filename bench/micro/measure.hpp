// SPDX-License-Identifier: Apache-2.0
//
// bench/micro/measure.hpp: the CPU time of what is done many times, and memory.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <time.h>

namespace bench {

/// Nanoseconds of CPU time that this process has used, system calls included.
inline double cpu_nanoseconds() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// Prints the CPU time from its making to report(), divided by the number of operations, as one
/// line of JSON: bench/run.py gathers them.
class stopwatch {
public:
    void report(std::string_view operation, std::size_t count) const {
        const double each = (cpu_nanoseconds() - began_) / static_cast<double>(count);
        std::printf("{\"operation\": \"%.*s\", \"nanoseconds\": %.2f, \"count\": %zu}\n",
                    static_cast<int>(operation.size()), operation.data(), each, count);
        std::fflush(stdout);
    }

private:
    double began_ = cpu_nanoseconds();
};

/// Bytes of this process that are in memory.
inline double resident_bytes() {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    if (file == nullptr) std::abort();
    long total = 0;
    long resident = 0;
    const int read = std::fscanf(file, "%ld %ld", &total, &resident);
    std::fclose(file);
    if (read != 2) std::abort();
    return static_cast<double>(resident) * 4096;
}

/// Prints an amount of memory in the same way.
inline void report_bytes(std::string_view what, double bytes) {
    std::printf("{\"operation\": \"%.*s\", \"bytes\": %.1f}\n", static_cast<int>(what.size()),
                what.data(), bytes);
    std::fflush(stdout);
}

/// Keeps the compiler from computing `value` ahead of time, or not at all.
template <class Value>
void keep(Value& value) {
    asm volatile("" : "+m"(value) : : "memory");
}

}  // namespace bench
