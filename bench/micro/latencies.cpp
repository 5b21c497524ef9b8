// SPDX-License-Identifier: Apache-2.0
//
// How long a program waits for what, measured on this machine, and what that would be if a cycle of
// the processor were a second: everything beyond the first level of its memory is far away, and a
// disk or another machine is another age. That is what a thread that blocks waits out, and what a
// task leaves to others. `latencies [FOLDER]`; FOLDER is on the disk that is to be measured.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "simul/base/unique_fd.hpp"

namespace {

using simul::unique_fd;
using nanoseconds = std::chrono::duration<double, std::nano>;

[[noreturn]] void fail(const char* call) {
    throw std::system_error{errno, std::system_category(), call};
}

// The best of five, since whatever disturbs makes it longer: nanoseconds for one of `count`.
template <class Work>
double best_of_five(std::size_t count, Work work) {
    double best = 0;
    for (int i = 0; i < 5; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        work(count);
        const nanoseconds took = std::chrono::steady_clock::now() - begin;
        const double one = took.count() / static_cast<double>(count);
        best = i == 0 ? one : std::min(best, one);
    }
    return best;
}

// Additions each of which needs the one before: one cycle each.
void add_up(std::size_t count) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count; i += 20) {
        for (int unrolled = 0; unrolled < 20; ++unrolled) {
            ++sum;
            asm volatile("" : "+r"(sum));
        }
    }
}

// Loads each of which gives the address of the next one, in one circle through `bytes` of memory
// that no look-ahead can guess.
double load_from(std::size_t bytes) {
    constexpr std::size_t line = 64 / sizeof(std::size_t);
    const std::size_t lines = bytes / 64;
    std::vector<std::size_t> order(lines);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), std::mt19937{1});
    std::vector<std::size_t> next(lines * line);
    for (std::size_t i = 0; i < lines; ++i) next[order[i] * line] = order[(i + 1) % lines] * line;
    return best_of_five(2'000'000, [&next](std::size_t count) {
        std::size_t place = 0;
        for (; count != 0; --count) {
            place = next[place];
            asm volatile("" : "+r"(place));
        }
    });
}

void call_system(std::size_t count) {
    for (; count != 0; --count) ::syscall(SYS_getppid);
}

void pin_to_first_processor() {
    cpu_set_t all;
    if (::sched_getaffinity(0, sizeof all, &all) != 0) fail("sched_getaffinity");
    std::size_t first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) fail("sched_setaffinity");
}

// One byte there and back between two threads, `pinned` to one processor or not.
double exchange(const unique_fd& in, const unique_fd& out, const unique_fd& other_in,
                const unique_fd& other_out, bool pinned) {
    constexpr std::size_t count = 20'000;
    std::thread other{[&] {
        if (pinned) pin_to_first_processor();
        char byte = 0;
        while (::read(other_in.get(), &byte, 1) == 1 && byte != 0) {
            if (::write(other_out.get(), &byte, 1) != 1) return;
        }
    }};
    double one = 0;
    std::thread mine{[&] {
        if (pinned) pin_to_first_processor();
        one = best_of_five(count, [&](std::size_t rounds) {
            char byte = 1;
            for (; rounds != 0; --rounds) {
                if (::write(out.get(), &byte, 1) != 1 || ::read(in.get(), &byte, 1) != 1) return;
            }
        });
        const char end = 0;
        if (::write(out.get(), &end, 1) != 1) return;
    }};
    mine.join();
    other.join();
    return one;
}

// A switch there and one back, with a write and a read each.
double switch_threads() {
    int there[2];
    int back[2];
    if (::pipe2(there, O_CLOEXEC) != 0 || ::pipe2(back, O_CLOEXEC) != 0) fail("pipe2");
    const unique_fd there_out{there[1]};
    const unique_fd there_in{there[0]};
    const unique_fd back_out{back[1]};
    const unique_fd back_in{back[0]};
    return exchange(back_in, there_out, there_in, back_out, true) / 2;
}

double loopback_round_trip() {
    const unique_fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener.get(), generic, size) != 0) fail("bind");
    if (::listen(listener.get(), 1) != 0) fail("listen");
    if (::getsockname(listener.get(), generic, &size) != 0) fail("getsockname");
    const unique_fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (::connect(client.get(), generic, size) != 0) fail("connect");
    const unique_fd server{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!server) fail("accept4");
    const int on = 1;
    for (const unique_fd* end : {&client, &server})
        ::setsockopt(end->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return exchange(client, client, server, server, false);
}

// A file without a name, which is gone when it is closed.
class disk {
public:
    static constexpr std::size_t block = 4096;
    static constexpr std::size_t blocks = 4096;

    explicit disk(const std::string& folder)
        : file_{::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)} {
        if (!file_) fail("open");
        void* memory = nullptr;
        if (::posix_memalign(&memory, block, block) != 0) throw std::bad_alloc{};
        buffer_.reset(static_cast<char*>(memory));
        std::fill_n(buffer_.get(), block, 'x');
        for (std::size_t i = 0; i < blocks; ++i) write_block(i);
        if (::fdatasync(file_.get()) != 0) fail("fdatasync");
    }

    // Past the page cache. Not every file system lets a program do that.
    double read_one() {
        if (::fcntl(file_.get(), F_SETFL, O_DIRECT) != 0) return 0;
        std::mt19937 random{1};
        const double one = best_of_five(200, [&](std::size_t count) {
            for (; count != 0; --count) {
                const auto at = static_cast<off_t>(random() % blocks * block);
                if (::pread(file_.get(), buffer_.get(), block, at) < 0) fail("pread");
            }
        });
        if (::fcntl(file_.get(), F_SETFL, 0) != 0) fail("fcntl");
        return one;
    }

    double write_durably() {
        return best_of_five(20, [this](std::size_t count) {
            for (; count != 0; --count) {
                write_block(count);
                if (::fdatasync(file_.get()) != 0) fail("fdatasync");
            }
        });
    }

private:
    struct release {
        void operator()(char* memory) const noexcept { std::free(memory); }
    };

    void write_block(std::size_t index) {
        const auto at = static_cast<off_t>(index * block);
        if (::pwrite(file_.get(), buffer_.get(), block, at) != static_cast<ssize_t>(block))
            fail("pwrite");
    }

    unique_fd file_;
    std::unique_ptr<char, release> buffer_;
};

std::string in_words(double seconds) {
    struct unit {
        double seconds;
        const char* name;
    };
    constexpr std::array<unit, 5> units{{{86400.0 * 365.25, "years"},
                                         {86400.0, "days"},
                                         {3600.0, "hours"},
                                         {60.0, "minutes"},
                                         {1.0, "seconds"}}};
    const auto* largest = std::ranges::find_if(
        units, [seconds](const unit& each) { return seconds >= 2 * each.seconds; });
    if (largest == units.end()) --largest;
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.1f %s", seconds / largest->seconds, largest->name);
    return text.data();
}

void report(const char* what, double nanoseconds_taken, double cycle) {
    if (nanoseconds_taken == 0) {
        std::printf("| %s | – | – | not possible here |\n", what);
        return;
    }
    const double cycles = nanoseconds_taken / cycle;
    std::printf("| %s | %.1f | %.0f | %s |\n", what, nanoseconds_taken, cycles,
                in_words(cycles).c_str());
}

}  // namespace

int main(int count, char** words) try {
    const double cycle = best_of_five(20'000'000, &add_up);
    std::puts("| what | ns | cycles | if a cycle were a second |\n| --- | --: | --: | --- |");
    report("a cycle", cycle, cycle);
    report("load, first level (16 KiB)", load_from(std::size_t{16} << 10), cycle);
    report("load, second level (256 KiB)", load_from(std::size_t{256} << 10), cycle);
    report("load, memory (256 MiB)", load_from(std::size_t{256} << 20), cycle);
    report("the shortest system call", best_of_five(1'000'000, &call_system), cycle);
    report("switch to another thread", switch_threads(), cycle);
    report("round trip over loopback", loopback_round_trip(), cycle);
    report("2 KB over 1 Gbit/s, by arithmetic", 2000 * 8, cycle);
    disk measured{count > 1 ? words[1] : "."};
    report("read 4 KiB from the disk", measured.read_one(), cycle);
    report("write 4 KiB durably", measured.write_durably(), cycle);
    report("one second", 1e9, cycle);
} catch (const std::exception& failure) {
    std::fprintf(stderr, "latencies: %s\n", failure.what());
    return 1;
}
