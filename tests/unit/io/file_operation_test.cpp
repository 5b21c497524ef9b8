// SPDX-License-Identifier: Apache-2.0
//
// Calls of files that io_uring makes, and when threads make them instead. What the calls do is
// tested in file_test.cpp, on every backend.
#include "io/file_operation.hpp"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <future>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "runtime/blocking_pool.hpp"
#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/file.hpp"
#include "simul/runtime/blocking.hpp"
#include "support/guest_host.hpp"
#include "support/run_on_backends.hpp"
#include "support/scoped_variable.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_data.hpp"

namespace simul {
namespace {

using namespace test;

constexpr opcode file_opcodes[] = {opcode::open,        opcode::read_at, opcode::write_at,
                                   opcode::synchronize, opcode::status,  opcode::close};

void put(const std::filesystem::path& path, std::string_view text) {
    std::ofstream{path, std::ios::binary} << text;
}

// As long as it lives, every thread of the loop's pool has something else to do.
class busy_threads {
public:
    explicit busy_threads(task_group& group) {
        const std::size_t threads = simul::detail::blocking_pool::default_threads();
        for (std::size_t each = 0; each != threads; ++each) group.spawn(keep_busy(gate_));
    }
    [[nodiscard]] static task<> all() {
        const std::size_t threads = simul::detail::blocking_pool::default_threads();
        while (loop::current().blocking_threads().statistics().running != threads) {
            co_await yield_now();
        }
    }
    void release() { opened_.set_value(); }

private:
    static void wait_for(std::shared_future<void> gate) { gate.wait(); }
    static task<> keep_busy(std::shared_future<void> gate) {
        co_await offload(&wait_for, std::move(gate));
    }

    std::promise<void> opened_;
    std::shared_future<void> gate_{opened_.get_future()};
};

task<> every_call_but_truncate(file& opened) {
    std::array<std::byte, 4> buffer{};
    co_await opened.write_at(2, bytes_of("ab"));
    const std::size_t at = co_await opened.read_at(1, buffer);
    EXPECT_EQ(text_of(std::span{buffer}.first(at)), "1ab4");
    const std::size_t some = co_await opened.read_some(buffer);
    EXPECT_EQ(text_of(std::span{buffer}.first(some)), "01ab");
    const std::size_t written = co_await opened.write_some(bytes_of("cd"));
    EXPECT_EQ(written, 2U);
    co_await opened.write_all(bytes_of("ef"));
    const std::uint64_t size = co_await opened.size();
    EXPECT_EQ(size, 10U);
    co_await opened.sync();
    co_await opened.finish();
}

TEST(file_operations, are_what_only_io_uring_can_do) {
    for (const backend_kind kind : test_backends()) {
        const chosen_backend chosen = make_backend(kind);
        EXPECT_TRUE(chosen.implementation->can(opcode::receive)) << chosen.reason;
        EXPECT_TRUE(chosen.implementation->can(opcode::poll)) << chosen.reason;
        for (const opcode each : file_opcodes) {
            EXPECT_EQ(chosen.implementation->can(each), kind == backend_kind::io_uring)
                << chosen.reason;
        }
    }
}

TEST(file_operations, need_no_thread_on_io_uring) {
    if (!io_uring_runs_here()) GTEST_SKIP() << "io_uring cannot run here";
    const temporary_folder folder;
    put(folder / "text", "0123456789");
    const auto body = [&]() -> task<> {
        task_group group;
        busy_threads busy{group};
        group.spawn([&]() -> task<> {
            co_await busy_threads::all();
            file opened = co_await file::open(folder / "text", open_mode::read_write);
            co_await every_call_but_truncate(opened);
            EXPECT_EQ(descriptor_of(folder / "text"), -1);
            file made = co_await file::open(folder / "new", open_mode::create_new);
            co_await made.write_all(bytes_of("new"));
            busy.release();
        });
        co_await group.run();
        EXPECT_EQ(read_whole_file(folder / "text"), "01abcdef89");
        EXPECT_EQ(read_whole_file(folder / "new"), "new");
    };
    run(body(), options_for(backend_kind::io_uring));
}

// How many calls of the pool's threads `call` takes.
template <class Call>
task<std::uint64_t> calls_of_threads(Call call) {
    simul::detail::blocking_pool& pool = loop::current().blocking_threads();
    const std::uint64_t before = pool.statistics().completed;
    co_await call();
    co_return pool.statistics().completed - before;
}

TEST(file_operations, that_the_ring_lacks_are_made_by_threads_and_the_reason_says_so) {
    if (!io_uring_runs_here()) GTEST_SKIP() << "io_uring cannot run here";
    struct lacking {
        const char* name;
        opcode code;
        const char* call;
    };
    constexpr lacking all[] = {{"IORING_OP_OPENAT", opcode::open, "open"},
                               {"IORING_OP_FSYNC", opcode::synchronize, "fdatasync"},
                               {"IORING_OP_STATX", opcode::status, "fstat"},
                               {"IORING_OP_CLOSE", opcode::close, "close"}};
    const temporary_folder folder;
    const scoped_variable no_wish{"SIMUL_BACKEND", nullptr};
    for (const lacking& each : all) {
        const scoped_variable refuse{"SIMUL_IO_URING_REFUSE", each.name};
        const std::string text = std::string{"; threads call "} + each.call +
                                 " for files, because the kernel's io_uring lacks " + each.name;
        for (const backend_kind kind : {backend_kind::io_uring, backend_kind::automatic}) {
            const chosen_backend chosen = make_backend(kind);
            EXPECT_EQ(chosen.implementation->name(), "io_uring");
            EXPECT_TRUE(chosen.reason.ends_with(text)) << chosen.reason;
            for (const opcode code : file_opcodes) {
                EXPECT_EQ(chosen.implementation->can(code), code != each.code) << each.name;
            }
        }
        put(folder / "text", "0123456789");
        const auto body = [&]() -> task<> {
            file opened;
            std::vector<std::uint64_t> counts;
            counts.push_back(co_await calls_of_threads([&]() -> task<> {
                opened = co_await file::open(folder / "text", open_mode::read_write);
            }));
            counts.push_back(co_await calls_of_threads([&] { return opened.sync(); }));
            counts.push_back(co_await calls_of_threads([&]() -> task<> {
                const std::uint64_t size = co_await opened.size();
                EXPECT_EQ(size, 10U);
            }));
            counts.push_back(co_await calls_of_threads([&] { return opened.finish(); }));
            const bool opens = each.code == opcode::open || each.code == opcode::status;
            EXPECT_EQ(counts, (std::vector<std::uint64_t>{opens, each.code == opcode::synchronize,
                                                          each.code == opcode::status,
                                                          each.code == opcode::close}));
            EXPECT_EQ(descriptor_of(folder / "text"), -1);
            opened = co_await file::open(folder / "text", open_mode::read_write);
            co_await every_call_but_truncate(opened);
        };
        run(body(), options_for(backend_kind::io_uring));
    }
    EXPECT_EQ(make_backend(backend_kind::io_uring).reason, "io_uring: asked for by the program");
}

TEST(file_operations, on_devices_are_made_by_threads) {
    for (const backend_kind kind : real_backends()) {
        const auto body = []() -> task<> {
            file null = co_await file::open("/dev/null", open_mode::read_write);
            std::array<std::byte, 4> buffer{};
            std::vector<std::uint64_t> counts;
            counts.push_back(co_await calls_of_threads([&]() -> task<> {
                const std::size_t count = co_await null.read_some(buffer);
                EXPECT_EQ(count, 0U);
            }));
            counts.push_back(
                co_await calls_of_threads([&] { return null.write_all(bytes_of("abc")); }));
            counts.push_back(co_await calls_of_threads([&] { return null.finish(); }));
            EXPECT_EQ(counts, (std::vector<std::uint64_t>{1, 1, 1}));
        };
        run(body(), options_for(kind));
    }
}

// With O_NONBLOCK io_uring says EAGAIN on file systems such as /proc; without it a terminal would
// hold a thread.
TEST(file_operations, find_regular_files_blocking_and_devices_not) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        file log = co_await file::open(folder / "log", open_mode::append);
        const int log_flags = ::fcntl(descriptor_of(folder / "log"), F_GETFL);
        EXPECT_EQ(log_flags & (O_NONBLOCK | O_APPEND), O_APPEND);
        const file null = co_await file::open("/dev/null");
        const int null_flags = ::fcntl(descriptor_of("/dev/null"), F_GETFL);
        EXPECT_EQ(null_flags & O_NONBLOCK, O_NONBLOCK);
        file version = co_await file::open("/proc/version");
        std::array<std::byte, 4096> buffer{};
        const std::size_t count = co_await version.read_at(0, buffer);
        EXPECT_EQ(text_of(std::span{buffer}.first(count)), read_whole_file("/proc/version"));
    });
}

TEST(file_operations, read_and_write_more_than_is_copied_at_once) {
    const temporary_folder folder;
    std::string text(1'000'000, '\0');
    for (std::size_t each = 0; each != text.size(); ++each) {
        text[each] = static_cast<char>(each * 7 + each / 256);
    }
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        co_await opened.write_at(0, bytes_of(text));
        std::vector<std::byte> buffer(text.size() + 10);
        const std::size_t count = co_await opened.read_at(0, buffer);
        EXPECT_EQ(count, text.size());
        EXPECT_TRUE(text_of(std::span{buffer}.first(count)) == text);
    });
}

// Somebody else waits for the ring, whose workers must make its descriptor readable.
TEST(file_operations, end_on_a_loop_that_is_a_guest) {
    const temporary_folder folder;
    run_on_each_guest([&]() -> task<> {
        put(folder / "text", "0123456789");
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        co_await every_call_but_truncate(opened);
        EXPECT_EQ(read_whole_file(folder / "text"), "01abcdef89");
    });
}

TEST(file_operations, of_one_file_at_offsets_run_side_by_side) {
    const temporary_folder folder;
    put(folder / "text", "0123456789");
    run_on_real_backends([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        std::array<std::byte, 100> read{};
        task_group group;
        for (std::size_t each = 0; each != read.size(); ++each) {
            group.spawn([&opened, &read, each]() -> task<> {
                const auto room = std::span{read}.subspan(each, 1);
                const std::size_t count = co_await opened.read_at(each % 10, room);
                EXPECT_EQ(count, 1U);
            });
        }
        group.spawn(opened.sync());
        co_await group.run();
        for (std::size_t each = 0; each != read.size(); ++each) {
            EXPECT_EQ(static_cast<char>(read[each]), static_cast<char>('0' + each % 10));
        }
    });
}

}  // namespace
}  // namespace simul
