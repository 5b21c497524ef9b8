// SPDX-License-Identifier: Apache-2.0
//
// What a call of a file costs when the kernel makes it on io_uring, and when a thread does, as on
// epoll: CPU time of the whole process, workers included, and time.
//
//     bench_files [FOLDER]         the folder for the file, by default where temporary files go
//
// Both ways take turns for five rounds; printed is the median of each, and the best and worst.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "measure.hpp"
#include "simul/base/bytes.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/file.hpp"

namespace {

using simul::file;
using simul::task;

constexpr std::size_t rounds = 5;
constexpr std::size_t longest = std::size_t{1} << 20;

struct scene {
    std::filesystem::path path;
    file& opened;
    std::span<std::byte> buffer;
};

task<> write_64k(scene& at) {
    co_await at.opened.write_at(0, at.buffer.first(65'536));
}
task<> read(scene& at, std::size_t size) {
    std::size_t count = co_await at.opened.read_at(0, at.buffer.first(size));
    bench::keep(count);
}
task<> read_4k(scene& at) {
    return read(at, 4096);
}
task<> read_64k(scene& at) {
    return read(at, 65'536);
}
task<> read_1m(scene& at) {
    return read(at, longest);
}
task<> ask_for_size(scene& at) {
    std::uint64_t size = co_await at.opened.size();
    bench::keep(size);
}
task<> sync(scene& at) {
    co_await at.opened.sync();
}
task<> open_and_finish(scene& at) {
    file opened = co_await file::open(at.path);
    co_await opened.finish();
}

struct operation {
    const char* name;
    task<> (*once)(scene&);
    std::size_t times;
};

constexpr operation operations[] = {
    {"write_at, 64 KiB", write_64k, 4000},
    {"read_at, 4 KiB", read_4k, 8000},
    {"read_at, 64 KiB", read_64k, 4000},
    {"read_at, 1 MiB", read_1m, 800},
    {"size", ask_for_size, 8000},
    {"sync, nothing written", sync, 4000},
    {"open and finish", open_and_finish, 4000},
};

task<> repeat(std::filesystem::path path, const operation& what, std::size_t times) {
    file opened = co_await file::open(path, simul::open_mode::read_write);
    std::vector<std::byte> buffer(longest);
    scene at{path, opened, buffer};
    for (std::size_t i = 0; i != times; ++i) co_await what.once(at);
}

// Each task has an open file of its own.
task<> side_by_side(const std::filesystem::path& path, const operation& what, std::size_t tasks) {
    simul::task_group group;
    for (std::size_t i = 0; i != tasks; ++i) group.spawn(repeat(path, what, what.times / tasks));
    co_await group.run();
}

struct cost {
    std::vector<double> cpu;
    std::vector<double> time;
};

void measure(const std::filesystem::path& path, const operation& what, std::size_t tasks,
             simul::backend_kind kind, cost& into) {
    simul::run_options options;
    options.loop.backend = kind;
    const double cpu = bench::cpu_nanoseconds();
    const auto start = std::chrono::steady_clock::now();
    simul::run(side_by_side(path, what, tasks), options);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    const auto times = static_cast<double>(what.times);
    into.cpu.push_back((bench::cpu_nanoseconds() - cpu) / 1000 / times);
    into.time.push_back(time.count() / times);
}

void print(std::string_view name, const char* kind, std::size_t tasks, cost& seen) {
    std::ranges::sort(seen.cpu);
    std::ranges::sort(seen.time);
    std::printf(
        "%-22s %2zu tasks  %-8s  CPU %6.1f us (%.1f to %.1f)  time %6.1f us (%.1f to %.1f)\n",
        name.data(), tasks, kind, seen.cpu[rounds / 2], seen.cpu.front(), seen.cpu.back(),
        seen.time[rounds / 2], seen.time.front(), seen.time.back());
}

}  // namespace

int main(int count, char** arguments) {
    const std::filesystem::path folder =
        count > 1 ? std::filesystem::path{arguments[1]} : std::filesystem::temp_directory_path();
    const std::filesystem::path path = folder / "simul-bench-files";
    const std::string content(longest, 'x');
    simul::run(simul::write_file(path, simul::bytes_of(content)));
    for (const std::size_t tasks : {std::size_t{1}, std::size_t{16}}) {
        for (const operation& each : operations) {
            cost ring;
            cost threads;
            for (std::size_t round = 0; round != rounds; ++round) {
                measure(path, each, tasks, simul::backend_kind::io_uring, ring);
                measure(path, each, tasks, simul::backend_kind::epoll, threads);
            }
            print(each.name, "io_uring", tasks, ring);
            print(each.name, "threads", tasks, threads);
        }
    }
    std::filesystem::remove(path);
}
