// SPDX-License-Identifier: Apache-2.0
//
// Calls of files that io_uring makes, cancelled at moments that can be told apart: before the
// kernel has seen them, when they have happened and nobody knows, and between their parts. Every
// moment there is: tests/conformance/cancellation_files_test.cpp.
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/file.hpp"
#include "support/run_on_backends.hpp"
#include "support/scoped_variable.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_data.hpp"

namespace simul {
namespace {

using namespace test;

void put(const std::filesystem::path& path, std::string_view text) {
    std::ofstream{path, std::ios::binary} << text;
}

TEST(file_operations_cancelled, that_the_kernel_has_not_seen_are_withdrawn) {
    const temporary_folder folder;
    run_on_real_backends([&]() -> task<> {
        put(folder / "text", "0123456789");
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        bool went_on = false;
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            co_await opened.write_all(bytes_of("abc"));
            went_on = true;
        });
        group.spawn([&]() -> task<> {  // in the same pass
            handle.cancel();
            co_return;
        });
        co_await group.run();
        if (loop::current().io().can(opcode::write_at)) {
            EXPECT_FALSE(went_on);
            EXPECT_EQ(read_whole_file(folder / "text"), "0123456789");
        }
        EXPECT_EQ(read_whole_file(folder / "text"), went_on ? "abc3456789" : "0123456789");
        co_await opened.write_all(bytes_of("z"));  // usable, and where it was
        EXPECT_EQ(read_whole_file(folder / "text").find('z'), went_on ? 3U : 0U);
    });
}

TEST(file_operations_cancelled, that_have_happened_when_the_request_comes_deliver_their_result) {
    if (!io_uring_runs_here()) GTEST_SKIP() << "io_uring cannot run here";
    const scoped_variable hold_back{"SIMUL_IO_URING_DELAY", "3"};
    const temporary_folder folder;
    put(folder / "text", "0123456789");
    const auto body = [&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        std::size_t count = 0;
        std::array<std::byte, 4> buffer{};
        bool went_on = false;
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            count = co_await opened.read_some(buffer);
            co_await yield_now();
            went_on = true;
        });
        group.spawn([&]() -> task<> {
            while (static_cast<char>(buffer[3]) != '3') co_await yield_now();
            EXPECT_EQ(count, 0U);
            handle.cancel();
        });
        co_await group.run();
        EXPECT_EQ(text_of(std::span{buffer}.first(count)), "0123");
        EXPECT_FALSE(went_on);
    };
    run(body(), options_for(backend_kind::io_uring));
}

TEST(file_operations_cancelled, that_open_leave_nothing_open_whenever_they_are_cancelled) {
    const temporary_folder folder;
    for (int passes = 0; passes != 12; ++passes) {
        run_on_real_backends([&]() -> task<> {
            bool has_file = false;
            task_group group;
            auto handle = group.spawn([&]() -> task<> {
                const file opened = co_await file::open(folder / "text", open_mode::write);
                has_file = true;
                co_await yield_now();
                ADD_FAILURE() << "it was asked to end";
            });
            group.spawn([&]() -> task<> {
                for (int left = passes; left != 0 && !has_file; --left) co_await yield_now();
                handle.cancel();
            });
            co_await group.run();
            EXPECT_EQ(descriptor_of(folder / "text"), -1) << passes;
        });
    }
}

// Cancelled while the kernel has opened it and nobody knows: the file is delivered, and destroyed.
TEST(file_operations_cancelled, that_have_opened_when_the_request_comes_deliver_the_file) {
    if (!io_uring_runs_here()) GTEST_SKIP() << "io_uring cannot run here";
    const scoped_variable hold_back{"SIMUL_IO_URING_DELAY", "3"};
    const temporary_folder folder;
    put(folder / "text", "0123456789");
    const auto body = [&]() -> task<> {
        bool has_file = false;
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            const file opened = co_await file::open(folder / "text", open_mode::write);
            has_file = opened.is_open();
            co_await yield_now();
            ADD_FAILURE() << "it was asked to end";
        });
        group.spawn([&]() -> task<> {
            while (descriptor_of(folder / "text") < 0) co_await yield_now();
            EXPECT_FALSE(has_file);
            handle.cancel();
        });
        co_await group.run();
        EXPECT_TRUE(has_file);
        EXPECT_EQ(descriptor_of(folder / "text"), -1);
        EXPECT_EQ(read_whole_file(folder / "text"), "");
    };
    run(body(), options_for(backend_kind::io_uring));
}

// The system takes one byte of two, and none in the second call, which is made although the task
// has been asked to end by then: all is written, or there is an error.
TEST(file_operations_cancelled, of_which_a_part_has_happened_go_on_to_their_end) {
    if (!io_uring_runs_here()) GTEST_SKIP() << "io_uring cannot run here";
    const scoped_variable hold_back{"SIMUL_IO_URING_DELAY", "3"};
    const temporary_folder folder;
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    struct rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    for (const bool at_offset : {false, true}) {
        const auto body = [&]() -> task<> {
            file opened = co_await file::open(folder / "text", open_mode::write);
            const std::string most(999, 'x');
            co_await opened.write_all(bytes_of(most));
            const struct rlimit small{1000, before.rlim_max};
            EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
            std::error_code failed;
            task_group group;
            auto handle = group.spawn([&]() -> task<> {
                try {
                    if (at_offset) {
                        co_await opened.write_at(999, bytes_of("yz"));
                    } else {
                        co_await opened.write_all(bytes_of("yz"));
                    }
                } catch (const std::system_error& error) {
                    failed = error.code();
                }
            });
            group.spawn([&]() -> task<> {
                while (std::filesystem::file_size(folder / "text") != 1000) co_await yield_now();
                handle.cancel();
            });
            co_await group.run();
            EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
            EXPECT_EQ(failed, std::errc::file_too_large);
            EXPECT_EQ(read_whole_file(folder / "text").substr(998), "xy");
        };
        run(body(), options_for(backend_kind::io_uring));
    }
    std::signal(SIGXFSZ, old_handler);
}

// The number is free as soon as the system has closed the file, and nobody closes it once more.
TEST(file_operations_cancelled, that_close_close_once_whenever_they_are_cancelled) {
    const temporary_folder folder;
    for (int passes = 0; passes != 6; ++passes) {
        run_on_real_backends([&]() -> task<> {
            file opened = co_await file::open(folder / "text", open_mode::write);
            const int descriptor = descriptor_of(folder / "text");
            int again = -1;
            bool was_told = false;
            task_group group;
            auto handle = group.spawn([&]() -> task<> {
                co_await opened.finish();
                was_told = true;
            });
            group.spawn([&]() -> task<> {
                while (again < 0) {
                    if (descriptor_of(folder / "text") < 0) {
                        again = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
                    } else {
                        co_await yield_now();
                    }
                }
            });
            group.spawn([&]() -> task<> {
                for (int left = passes; left != 0; --left) co_await yield_now();
                handle.cancel();
            });
            co_await group.run();
            EXPECT_EQ(again, descriptor);
            EXPECT_EQ(::close(again), 0);
            if (loop::current().io().can(opcode::close)) {
                EXPECT_TRUE(was_told) << "it had begun";
            }
        });
    }
}

TEST(file_operations_cancelled, that_the_end_of_the_program_finds_running_leave_nothing_open) {
    const temporary_folder folder;
    put(folder / "text", "0123456789");
    run_on_real_backends([&]() -> task<> {
        outermost_group().spawn([&]() -> task<> {
            file opened = co_await file::open(folder / "text", open_mode::read_write);
            std::array<std::byte, 4> in_frame{};
            while (true) co_await opened.read_at(0, in_frame);
        });
        while (descriptor_of(folder / "text") < 0) co_await yield_now();
    });
    EXPECT_EQ(descriptor_of(folder / "text"), -1);
}

}  // namespace
}  // namespace simul
