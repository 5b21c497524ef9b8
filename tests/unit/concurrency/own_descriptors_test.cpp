// SPDX-License-Identifier: Apache-2.0
//
// Cores whose loops have tables of descriptors of their own. Those of the suite own_descriptors do
// not run with ThreadSanitizer, which takes a number for the same descriptor on every thread.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/cores.hpp"
#include "simul/concurrency/mt/queue.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/blocking.hpp"
#include "simul/runtime/descriptor.hpp"
#include "support/refuse_system_call.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

/// Runs the program on so many cores with tables of their own, on each backend that has threads.
template <class Program>
void on_cores(std::size_t count, const Program& program) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        cores_options options;
        options.count = count;
        options.own_descriptors = true;
        options.run = options_for(kind);
        run_on_cores(program, options);
    }
}

/// Lets a table have so many descriptors while it lives.
class limited_descriptors {
public:
    explicit limited_descriptors(::rlim_t count) {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        const rlimit fewer{count, before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &fewer), 0);
    }
    limited_descriptors(const limited_descriptors&) = delete;
    limited_descriptors& operator=(const limited_descriptors&) = delete;
    ~limited_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

std::ptrdiff_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/thread-self/fd"};
    return std::distance(begin(all), end(all));
}

bool is_open(int descriptor) {
    return ::fcntl(descriptor, F_GETFD) >= 0;
}

/// Opens so many; those for which there was no room are missing.
std::vector<unique_fd> opened(std::size_t count) {
    std::vector<unique_fd> made;
    while (made.size() != count) {
        unique_fd next{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        if (!next) break;
        made.push_back(std::move(next));
    }
    return made;
}

std::array<unique_fd, 2> connected_pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    return {unique_fd{ends[0]}, unique_fd{ends[1]}};
}

task<std::size_t> receive_one(int descriptor) {
    std::array<std::byte, 1> buffer;
    co_return co_await receive_from(descriptor, buffer);
}

task<> send_one(int descriptor) {
    const std::array<std::byte, 1> buffer{};
    co_await send_to(descriptor, buffer);
}

task<std::thread::id> this_thread_id() {
    co_return std::this_thread::get_id();
}

TEST(own_descriptors, may_have_as_many_descriptors_on_each_core_as_a_table_may) {
    const limited_descriptors limit{160};
    std::barrier all_have{3};
    std::atomic<std::size_t> sum{0};
    on_cores(3, [&](core&) -> task<> {
        const std::vector<unique_fd> made = opened(100);
        sum += made.size();
        all_have.arrive_and_wait();
        co_return;
    });
    EXPECT_EQ(sum.load(), 300U * real_backends().size());
}

TEST(own_descriptors, share_the_limit_on_descriptors_where_nobody_has_asked_for_more) {
    const limited_descriptors limit{160};
    std::atomic<std::size_t> sum{0};
    std::barrier all_have{3};
    cores_options options;
    options.count = 3;
    const auto program = [&](core&) -> task<> {
        const std::vector<unique_fd> made = opened(100);
        sum += made.size();
        all_have.arrive_and_wait();
        co_return;
    };
    run_on_cores(program, options);
    EXPECT_LT(sum.load(), 160U);
}

TEST(own_descriptors, have_descriptors_that_other_cores_do_not_know) {
    mt::queue<int> numbers;
    mt::queue<int> seen;
    on_cores(2, [&](core& here) -> task<> {
        if (here.index() == 0) {
            const int theirs = co_await numbers.async_get();
            EXPECT_FALSE(is_open(theirs));
            seen.put(theirs);
            co_return;
        }
        // A number that the first table does not reach.
        const unique_fd first{::eventfd(0, EFD_CLOEXEC)};
        const unique_fd made{::fcntl(first.get(), F_DUPFD_CLOEXEC, 150)};
        EXPECT_TRUE(is_open(made.get()));
        numbers.put(made.get());
        static_cast<void>(co_await seen.async_get());
        EXPECT_TRUE(is_open(made.get()));
    });
}

TEST(run_on_cores, have_what_was_open_before_on_each_core) {
    const unique_fd before{::eventfd(0, EFD_CLOEXEC)};
    std::atomic<int> count{0};
    on_cores(3, [&](core&) -> task<> {
        if (is_open(before.get())) ++count;
        co_return;
    });
    EXPECT_EQ(count.load(), 3 * static_cast<int>(real_backends().size()));
}

TEST(own_descriptors, have_nothing_on_one_core_that_the_program_of_another_has_opened) {
    std::barrier all_have{3};
    mt::queue<std::ptrdiff_t> growth;
    on_cores(3, [&](core&) -> task<> {
        const std::ptrdiff_t before = open_descriptors();
        const std::vector<unique_fd> mine = opened(20);
        all_have.arrive_and_wait();
        growth.put(open_descriptors() - before);
        co_return;
    });
    for (std::size_t each = 0; each != 3 * real_backends().size(); ++each) {
        EXPECT_EQ(growth.get(), 20);
    }
}

TEST(own_descriptors, tell_the_peer_at_once_when_a_core_closes_its_connection) {
    on_cores(3, [](core&) -> task<> {
        std::array<unique_fd, 2> ends = connected_pair();
        task_group group;
        std::size_t received = 1;
        group.spawn([&]() -> task<> { received = co_await receive_one(ends[0].get()); });
        group.spawn([&]() -> task<> { co_await close_descriptor(ends[1].release()); });
        co_await group.run();
        EXPECT_EQ(received, 0U);
        co_await close_descriptor(ends[0].release());
    });
}

TEST(own_descriptors, wait_and_transfer_on_descriptors_of_their_own) {
    on_cores(3, [](core&) -> task<> {
        const std::array<unique_fd, 2> ends = connected_pair();
        for (int round = 0; round != 50; ++round) {
            task_group group;
            group.spawn([&]() -> task<> {
                const std::size_t size = co_await receive_one(ends[0].get());
                EXPECT_EQ(size, 1U);
            });
            group.spawn(send_one(ends[1].get()));
            co_await group.run();
        }
    });
}

TEST(run_on_cores, call_one_another_from_table_to_table) {
    mt::queue<int> has_finished[3];
    on_cores(3, [&](core& here) -> task<> {
        for (int round = 0; round != 30; ++round) {
            for (std::size_t other = 0; other != here.count(); ++other) {
                const std::thread::id there = co_await here.call(other, this_thread_id);
                EXPECT_EQ(there == std::this_thread::get_id(), other == here.index());
            }
        }
        for (mt::queue<int>& each : has_finished) each.put(1);
        for (std::size_t each = 0; each != here.count(); ++each) {  // others may still call
            static_cast<void>(co_await has_finished[here.index()].async_get());
        }
    });
}

TEST(run_on_cores, are_woken_by_a_thread_that_was_there_before) {
    mt::queue<int> asked;
    mt::queue<int> answers[3];
    std::thread stranger{[&] {
        for (int core = asked.get(); core >= 0; core = asked.get()) {
            std::this_thread::yield();  // so that the core waits, mostly
            answers[core].put(core);
        }
    }};
    on_cores(3, [&](core& here) -> task<> {
        for (int round = 0; round != 30; ++round) {
            asked.put(static_cast<int>(here.index()));
            const int answer = co_await answers[here.index()].async_get();
            EXPECT_EQ(answer, static_cast<int>(here.index()));
        }
    });
    asked.put(-1);
    stranger.join();
}

TEST(own_descriptors, give_threads_of_offload_the_descriptors_of_their_core) {
    on_cores(2, [](core& here) -> task<> {
        const unique_fd first{::eventfd(0, EFD_CLOEXEC)};
        const int number = 150 + static_cast<int>(here.index());  // no other core has it
        const unique_fd mine{::fcntl(first.get(), F_DUPFD_CLOEXEC, number)};
        const bool is_known = co_await offload([&] { return is_open(mine.get()); });
        EXPECT_TRUE(is_known);
    });
}

TEST(own_descriptors, leave_no_descriptor_behind) {
    on_cores(1, [](core&) -> task<> { co_return; });  // what a program takes once
    const std::ptrdiff_t before = open_descriptors();
    on_cores(4, [](core&) -> task<> {
        const std::vector<unique_fd> made = opened(10);
        co_await yield_now();
    });
    EXPECT_EQ(open_descriptors(), before);
}

TEST(run_on_cores, leave_no_descriptor_behind_when_a_program_fails) {
    const std::ptrdiff_t before = open_descriptors();
    EXPECT_THROW(on_cores(3,
                          [](core& here) -> task<> {
                              if (here.index() == 1) throw std::runtime_error{"broken"};
                              co_await sleep_for(1000h);
                          }),
                 std::runtime_error);
    EXPECT_EQ(open_descriptors(), before);
}

/// What a program on cores of their own tables ends with where unshare(2) is refused.
int begin_without_unshare() {
    refuse_system_call(SYS_unshare, EPERM);
    const std::ptrdiff_t before = open_descriptors();
    std::atomic<int> begun{0};
    cores_options options;
    options.count = 3;
    options.own_descriptors = true;
    const auto program = [&](core&) -> task<> {
        ++begun;
        co_return;
    };
    try {
        run_on_cores(program, options);
    } catch (const std::system_error& error) {
        const bool names_call = std::string{error.what()}.find("unshare") != std::string::npos;
        if (error.code() != std::errc::operation_not_permitted || !names_call) return 3;
        if (begun.load() != 0) return 4;
        return open_descriptors() == before ? 0 : 5;
    }
    return 2;
}

TEST(own_descriptors, begin_no_program_where_the_system_gives_no_table) {
    const ::pid_t child = ::fork();
    if (child == 0) ::_exit(begin_without_unshare());
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace simul
