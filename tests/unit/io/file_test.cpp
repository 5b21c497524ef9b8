// SPDX-License-Identifier: Apache-2.0
#include "simul/io/file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file_calls.hpp"
#include "simul/base/bytes.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "support/run_on_backends.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_data.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
namespace fs = std::filesystem;

void put(const fs::path& path, std::string_view text) {
    std::ofstream{path, std::ios::binary} << text;
}

unsigned permissions_of(const fs::path& path) {
    struct stat about{};
    EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
    return about.st_mode & 07777U;
}

std::error_code code_of(const std::exception_ptr& failure) {
    if (!failure) return {};
    try {
        std::rethrow_exception(failure);
    } catch (const std::system_error& caught) {
        return caught.code();
    } catch (const error& caught) {
        return caught.code();
    }
}

// How awaiting something failed; no code if it did not.
template <class Awaitable>
task<std::error_code> code_from(Awaitable awaited) {
    auto ended = co_await as_outcome(std::move(awaited));
    co_return code_of(ended.error());
}

// Puts other system calls in place until it is destroyed.
class replaced_calls {
public:
    replaced_calls() { simul::detail::file_calls = &calls; }
    replaced_calls(const replaced_calls&) = delete;
    replaced_calls& operator=(const replaced_calls&) = delete;
    ~replaced_calls() { simul::detail::file_calls = &simul::detail::system_file_calls; }

    simul::detail::file_system_calls calls = simul::detail::system_file_calls;
};

template <int Code, class... Arguments>
auto fail_with(Arguments...) {
    errno = Code;
    return -1;
}

template <int Code>
::ssize_t write_fails(int, const void*, std::size_t) {
    errno = Code;
    return -1;
}
template <int Code>
::ssize_t read_fails(int, void*, std::size_t) {
    errno = Code;
    return -1;
}

// Holds calls back until it is opened. The pass is counted before and after.
class gate {
public:
    void open() {
        const std::lock_guard held{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock held{mutex_};
        ++waiting;
        changed_.wait(held, [this] { return is_open_; });
        ++passed;
    }
    task<> has_waiter() {
        while (waiting == 0) co_await yield_now();
    }

    std::atomic<int> waiting{0};
    std::atomic<int> passed{0};

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = false;
};

gate* held_back = nullptr;

::ssize_t gated_write(int descriptor, const void* data, std::size_t size) {
    held_back->pass();
    return ::write(descriptor, data, size);
}
::ssize_t gated_read(int descriptor, void* data, std::size_t size) {
    held_back->pass();
    return ::read(descriptor, data, size);
}

// Runs `body(gate&)` on the backends where a call can be held back, with writes and reads gated.
template <class Body>
void run_with_gate(Body body) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;  // it would hold back the loop
        SCOPED_TRACE(name_of(kind));
        gate closed_gate;
        replaced_calls fake;
        held_back = &closed_gate;
        fake.calls.write = &gated_write;
        fake.calls.read = &gated_read;
        run(body(closed_gate), options_for(kind));
        held_back = nullptr;
    }
}

task<std::string> read_to_end(file& from) {
    std::string text;
    std::array<std::byte, 7> buffer{};
    while (true) {
        const std::size_t count = co_await from.read_some(buffer);
        if (count == 0) break;
        text += text_of(std::span{buffer}.first(count));
    }
    co_return text;
}

// --- opening -----------------------------------------------------------------------------------

TEST(file, is_read_to_its_end_and_the_end_stays) {
    const temporary_folder folder;
    put(folder / "text", "twenty-one characters");
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text");
        EXPECT_TRUE(opened.is_open());
        const std::string text = co_await read_to_end(opened);
        EXPECT_EQ(text, "twenty-one characters");
        const std::string more = co_await read_to_end(opened);
        EXPECT_EQ(more, "");
    });
}

TEST(file, opened_to_write_is_made_or_emptied) {
    const temporary_folder folder;
    put(folder / "old", "something longer");
    run_on_each_backend([&]() -> task<> {
        for (const char* name : {"old", "new"}) {
            file opened = co_await file::open(folder / name, open_mode::write);
            co_await opened.write_all(bytes_of("short"));
            opened.close();
            EXPECT_EQ(read_whole_file(folder / name), "short");
        }
        fs::remove(folder / "new");
    });
}

TEST(file, opened_to_append_writes_at_the_end_wherever_that_is_by_then) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        fs::remove(folder / "log");
        file first = co_await file::open(folder / "log", open_mode::append);
        file second = co_await file::open(folder / "log", open_mode::append);
        co_await first.write_all(bytes_of("one "));
        co_await second.write_all(bytes_of("two "));
        co_await first.write_all(bytes_of("three"));
        EXPECT_EQ(read_whole_file(folder / "log"), "one two three");
    });
}

TEST(file, opened_as_new_must_not_exist_not_even_as_a_link) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        fs::remove(folder / "new");
        fs::remove(folder / "link");
        file made = co_await file::open(folder / "new", open_mode::create_new);
        co_await made.write_all(bytes_of("mine"));
        const auto again = co_await code_from(file::open(folder / "new", open_mode::create_new));
        EXPECT_EQ(again, std::errc::file_exists);
        fs::create_symlink("nowhere", folder / "link");
        const auto link = co_await code_from(file::open(folder / "link", open_mode::create_new));
        EXPECT_EQ(link, std::errc::file_exists);
        EXPECT_EQ(read_whole_file(folder / "new"), "mine");
    });
}

TEST(file, opened_to_read_and_write_keeps_its_content) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        put(folder / "text", "Hello, world");
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        co_await opened.write_all(bytes_of("J"));
        const std::string rest = co_await read_to_end(opened);
        EXPECT_EQ(rest, "ello, world");
        EXPECT_EQ(read_whole_file(folder / "text"), "Jello, world");
    });
}

TEST(file, has_the_permissions_asked_for_less_the_umask) {
    const temporary_folder folder;
    const ::mode_t before = ::umask(027);
    run_on_each_backend([&]() -> task<> {
        file common = co_await file::open(folder / "common", open_mode::write);
        open_options options;
        options.permissions = 0600;
        file secret = co_await file::open(folder / "secret", open_mode::create_new, options);
        EXPECT_EQ(permissions_of(folder / "common"), 0640U);
        EXPECT_EQ(permissions_of(folder / "secret"), 0600U);
        fs::remove(folder / "common");
        fs::remove(folder / "secret");
    });
    ::umask(before);
}

TEST(file, follows_a_symbolic_link_unless_told_not_to) {
    const temporary_folder folder;
    put(folder / "target", "content");
    fs::create_symlink(folder / "target", folder / "link");
    run_on_each_backend([&]() -> task<> {
        file followed = co_await file::open(folder / "link");
        const std::string text = co_await read_to_end(followed);
        EXPECT_EQ(text, "content");
        open_options options;
        options.no_follow = true;
        const auto refused =
            co_await code_from(file::open(folder / "link", open_mode::read, options));
        EXPECT_EQ(refused, std::errc::too_many_symbolic_link_levels);
    });
}

TEST(file, is_not_inherited_by_child_processes) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::write);
        const int descriptor = descriptor_of(folder / "text");
        EXPECT_GE(descriptor, 0);
        EXPECT_EQ(::fcntl(descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        opened.close();
        EXPECT_EQ(descriptor_of(folder / "text"), -1);
    });
}

TEST(file, names_the_path_in_the_error_of_an_open_that_failed) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        std::optional<fs::filesystem_error> caught;
        try {
            file none = co_await file::open(folder / "missing");
        } catch (const fs::filesystem_error& failure) {
            caught = failure;
        }
        EXPECT_TRUE(caught.has_value());
        if (!caught) co_return;
        EXPECT_EQ(caught->path1(), folder / "missing");
        EXPECT_EQ(caught->code(), std::errc::no_such_file_or_directory);
        EXPECT_EQ(caught->code().category(), std::system_category());
    });
}

TEST(file, refuses_what_is_no_file) {
    const temporary_folder folder;
    EXPECT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    run_on_each_backend([&]() -> task<> {
        const auto directory = co_await code_from(file::open(folder.path()));
        EXPECT_EQ(directory, std::errc::is_a_directory);
        // Neither of these two may wait for another end.
        const auto pipe = co_await code_from(file::open(folder / "pipe"));
        EXPECT_EQ(pipe, std::errc::invalid_argument);
        const auto writer = co_await code_from(file::open(folder / "pipe", open_mode::append));
        EXPECT_EQ(writer, std::errc::no_such_device_or_address);
        const fs::path with_zero{std::string_view{"/tmp\0/x", 7}};
        const auto zero = co_await code_from(file::open(with_zero));
        EXPECT_EQ(zero, std::errc::invalid_argument);
        const auto empty = co_await code_from(file::open(fs::path{}));
        EXPECT_EQ(empty, std::errc::no_such_file_or_directory);
    });
}

// The kernel sends SIGIO to the holder of a lease, and lets the opener wait until it gives it up.
int leased = -1;
void give_up_lease(int) {
    const int interrupted = errno;
    ::fcntl(leased, F_SETLEASE, F_UNLCK);
    errno = interrupted;
}

TEST(file, waits_for_a_lease_that_another_one_holds) {
    const temporary_folder folder;
    put(folder / "text", "leased");
    const auto old_handler = std::signal(SIGIO, &give_up_lease);
    run_on_each_backend([&]() -> task<> {
        leased = ::open((folder / "text").c_str(), O_RDONLY | O_CLOEXEC);
        if (::fcntl(leased, F_SETLEASE, F_RDLCK) == 0) {
            file opened = co_await file::open(folder / "text", open_mode::read_write);
            EXPECT_TRUE(opened.is_open());
        } else {
            std::puts("note: this file system has no leases");
        }
        ::close(leased);
    });
    std::signal(SIGIO, old_handler);
}

// --- reading and writing -----------------------------------------------------------------------

TEST(file, suspends_at_every_call_except_with_an_empty_buffer) {
    const temporary_folder folder;
    put(folder / "text", "0123456789");
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        std::array<std::byte, 4> buffer{};
        int turns = 0;
        // How often its sibling has had a turn when the call has ended.
        const auto turns_during = [&turns](auto call) -> task<int> {
            const int before = turns;
            co_await std::move(call);
            co_return turns - before;
        };
        bool is_over = false;
        const auto count = [&]() -> task<> {
            while (!is_over) {
                ++turns;
                co_await yield_now();
            }
        };
        task_group group;
        group.spawn([&]() -> task<> {
            for (const bool empty : {false, true}) {
                const std::size_t size = empty ? 0 : 4;
                const std::span<std::byte> room = std::span{buffer}.first(size);
                std::vector<int> seen;
                seen.push_back(co_await turns_during(opened.read_some(room)));
                seen.push_back(co_await turns_during(opened.read_at(0, room)));
                seen.push_back(co_await turns_during(opened.write_some(room)));
                seen.push_back(co_await turns_during(opened.write_all(room)));
                seen.push_back(co_await turns_during(opened.write_at(0, room)));
                for (const int each : seen) EXPECT_EQ(each == 0, empty);
            }
            std::vector<int> others;
            others.push_back(co_await turns_during(opened.size()));
            others.push_back(co_await turns_during(opened.truncate(3)));
            others.push_back(co_await turns_during(opened.sync()));
            others.push_back(co_await turns_during(opened.finish()));
            for (const int each : others) EXPECT_GT(each, 0);
            is_over = true;
        });
        group.spawn(count);
        co_await group.run();
    });
}

TEST(file, reads_and_writes_at_an_offset_without_moving_the_position) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        co_await opened.truncate(0);
        co_await opened.write_all(bytes_of("0123456789"));
        co_await opened.write_at(2, bytes_of("ab"));
        co_await opened.write_at(12, bytes_of("!"));  // leaves a hole of two zeros
        std::array<std::byte, 6> buffer{};
        const std::size_t inside = co_await opened.read_at(1, buffer);
        EXPECT_EQ(text_of(std::span{buffer}.first(inside)), "1ab456");
        const std::size_t at_end = co_await opened.read_at(10, buffer);
        EXPECT_EQ(text_of(std::span{buffer}.first(at_end)), (std::string_view{"\0\0!", 3}));
        const std::size_t beyond = co_await opened.read_at(1000, buffer);
        EXPECT_EQ(beyond, 0U);
        co_await opened.write_all(bytes_of("xy"));  // where the first write had ended
        const std::uint64_t size = co_await opened.size();
        EXPECT_EQ(size, 13U);
        EXPECT_EQ(read_whole_file(folder / "text"), "01ab456789xy!");
    });
}

TEST(file, refuses_offsets_that_the_system_cannot_count) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        std::array<std::byte, 4> buffer{};
        constexpr std::uint64_t first_too_large = std::uint64_t{1} << 63;
        const auto read = co_await code_from(opened.read_at(first_too_large, buffer));
        EXPECT_EQ(read, std::errc::invalid_argument);
        const auto write = co_await code_from(opened.write_at(first_too_large, buffer));
        EXPECT_EQ(write, std::errc::invalid_argument);
        const auto cut = co_await code_from(opened.truncate(first_too_large));
        EXPECT_EQ(cut, std::errc::invalid_argument);
        const std::size_t last = co_await opened.read_at(first_too_large - 5, buffer);
        EXPECT_EQ(last, 0U);
    });
}

TEST(file, refuses_to_write_at_an_offset_when_opened_to_append) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        put(folder / "log", "abc");
        file opened = co_await file::open(folder / "log", open_mode::append);
        const auto refused = co_await code_from(opened.write_at(0, bytes_of("x")));
        EXPECT_EQ(refused, std::errc::invalid_argument);
        co_await opened.truncate(1);
        co_await opened.write_all(bytes_of("z"));
        EXPECT_EQ(read_whole_file(folder / "log"), "az");
    });
}

TEST(file, is_cut_and_extended_with_zeros) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        put(folder / "text", "abcdef");
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        co_await opened.truncate(2);
        co_await opened.truncate(4);
        const std::uint64_t size = co_await opened.size();
        EXPECT_EQ(size, 4U);
        EXPECT_EQ(read_whole_file(folder / "text"), (std::string{"ab\0\0", 4}));
    });
}

TEST(file, reports_what_its_mode_does_not_allow) {
    const temporary_folder folder;
    put(folder / "text", "abc");
    run_on_each_backend([&]() -> task<> {
        file reading = co_await file::open(folder / "text");
        const auto write = co_await code_from(reading.write_some(bytes_of("x")));
        EXPECT_EQ(write, std::errc::bad_file_descriptor);
        file writing = co_await file::open(folder / "text", open_mode::append);
        std::array<std::byte, 4> buffer{};
        const auto read = co_await code_from(writing.read_some(buffer));
        EXPECT_EQ(read, std::errc::bad_file_descriptor);
    });
}

::ssize_t write_three_at_most(int descriptor, const void* data, std::size_t size) {
    return ::write(descriptor, data, std::min<std::size_t>(size, 3));
}
::ssize_t pwrite_three_at_most(int descriptor, const void* data, std::size_t size, ::off_t offset) {
    return ::pwrite(descriptor, data, std::min<std::size_t>(size, 3), offset);
}

TEST(file, tells_of_a_short_write_or_goes_on_until_all_is_written) {
    const temporary_folder folder;
    replaced_calls fake;
    fake.calls.write = &write_three_at_most;
    fake.calls.pwrite = &pwrite_three_at_most;
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::write);
        const std::size_t some = co_await opened.write_some(bytes_of("abcdefgh"));
        EXPECT_EQ(some, 3U);
        co_await opened.write_all(bytes_of("0123456789"));
        co_await opened.write_at(13, bytes_of("ABCDEFG"));
        EXPECT_EQ(read_whole_file(folder / "text"), "abc0123456789ABCDEFG");
    });
}

std::atomic<int> interruptions{0};

::ssize_t interrupted_write(int descriptor, const void* data, std::size_t size) {
    if (interruptions++ % 3 != 2) {
        errno = EINTR;
        return -1;
    }
    return ::write(descriptor, data, std::min<std::size_t>(size, 3));
}

TEST(file, goes_on_when_a_signal_interrupts_a_write) {
    const temporary_folder folder;
    replaced_calls fake;
    fake.calls.write = &interrupted_write;
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::write);
        co_await opened.write_all(bytes_of("01234567"));
        EXPECT_EQ(read_whole_file(folder / "text"), "01234567");
    });
}

TEST(file, reports_a_full_disk) {
    run_on_each_backend([]() -> task<> {
        file full = co_await file::open("/dev/full", open_mode::append);
        const auto some = co_await code_from(full.write_some(bytes_of("x")));
        EXPECT_EQ(some, std::errc::no_space_on_device);
        const auto all = co_await code_from(full.write_all(bytes_of("x")));
        EXPECT_EQ(all, std::errc::no_space_on_device);
    });
}

TEST(file, reports_the_limit_on_the_size_of_files_and_keeps_what_was_written) {
    const temporary_folder folder;
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    struct rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::write);
        const struct rlimit small{1000, before.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
        const std::string exactly(1000, 'x');
        co_await opened.write_all(bytes_of(exactly));
        const auto beyond = co_await code_from(opened.write_some(bytes_of("y")));
        co_await opened.truncate(999);
        co_await opened.write_at(998, bytes_of("y"));
        const auto half = co_await code_from(opened.write_at(999, bytes_of("zz")));
        EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
        EXPECT_EQ(beyond, std::errc::file_too_large);
        EXPECT_EQ(half, std::errc::file_too_large);
        const std::string text = read_whole_file(folder / "text");
        EXPECT_EQ(text.size(), 1000U);
        EXPECT_EQ(text.substr(997), "xyz");
    });
    std::signal(SIGXFSZ, old_handler);
}

::ssize_t takes_nothing(int, const void*, std::size_t) {
    return 0;
}

TEST(file, reports_broken_hardware_and_stays_usable) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        put(folder / "text", "abc");
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        std::array<std::byte, 8> buffer{};
        {
            replaced_calls fake;
            fake.calls.read = &read_fails<EIO>;
            fake.calls.write = &write_fails<EIO>;
            fake.calls.pwrite = [](int, const void*, std::size_t, ::off_t) -> ::ssize_t {
                return fail_with<EIO>();
            };
            fake.calls.fdatasync = [](int) { return fail_with<EIO>(); };
            const auto read = co_await code_from(opened.read_some(buffer));
            EXPECT_EQ(read, std::errc::io_error);
            const auto some = co_await code_from(opened.write_some(bytes_of("x")));
            EXPECT_EQ(some, std::errc::io_error);
            const auto all = co_await code_from(opened.write_all(bytes_of("x")));
            EXPECT_EQ(all, std::errc::io_error);
            const auto at = co_await code_from(opened.write_at(0, bytes_of("x")));
            EXPECT_EQ(at, std::errc::io_error);
            const auto sync = co_await code_from(opened.sync());
            EXPECT_EQ(sync, std::errc::io_error);
            fake.calls.write = &takes_nothing;
            const auto nothing = co_await code_from(opened.write_all(bytes_of("x")));
            EXPECT_EQ(nothing, std::errc::io_error);
        }
        const std::string text = co_await read_to_end(opened);
        EXPECT_EQ(text, "abc");
    });
}

// --- one at a time -----------------------------------------------------------------------------

TEST(file, refuses_a_second_write_and_whatever_else_uses_the_position) {
    const temporary_folder folder;
    run_with_gate([&](gate& closed_gate) -> task<> {
        put(folder / "text", "0123456789");
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        task_group group;
        group.spawn(opened.write_all(bytes_of("ab")));
        group.spawn([&]() -> task<> {
            co_await closed_gate.has_waiter();
            std::array<std::byte, 2> buffer{};
            std::vector<std::error_code> refused;
            refused.push_back(co_await code_from(opened.write_all(bytes_of("c"))));
            refused.push_back(co_await code_from(opened.write_some(bytes_of("c"))));
            refused.push_back(co_await code_from(opened.write_at(5, bytes_of("c"))));
            refused.push_back(co_await code_from(opened.truncate(1)));
            refused.push_back(co_await code_from(opened.read_some(buffer)));
            refused.push_back(co_await code_from(opened.finish()));
            for (const std::error_code& each : refused) EXPECT_EQ(each, errc::busy);
            EXPECT_TRUE(opened.is_open());
            // These do not meddle.
            const std::size_t count = co_await opened.read_at(4, buffer);
            EXPECT_EQ(text_of(std::span{buffer}.first(count)), "45");
            const std::uint64_t size = co_await opened.size();
            EXPECT_EQ(size, 10U);
            co_await opened.sync();
            closed_gate.open();
        });
        co_await group.run();
        const std::string rest = co_await read_to_end(opened);
        EXPECT_EQ(rest, "23456789");
        co_await opened.write_at(0, bytes_of("x"));
        EXPECT_EQ(read_whole_file(folder / "text"), "xb23456789");
    });
}

TEST(file, may_be_changed_at_an_offset_while_it_is_read) {
    const temporary_folder folder;
    run_with_gate([&](gate& closed_gate) -> task<> {
        put(folder / "text", "0123456789");
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        std::array<std::byte, 16> buffer{};
        std::size_t count = 0;
        task_group group;
        group.spawn([&]() -> task<> { count = co_await opened.read_some(buffer); });
        group.spawn([&]() -> task<> {
            co_await closed_gate.has_waiter();
            const auto second = co_await code_from(opened.read_some(buffer));
            EXPECT_EQ(second, errc::busy);
            co_await opened.write_at(9, bytes_of("!"));
            closed_gate.open();
        });
        co_await group.run();
        EXPECT_EQ(text_of(std::span{buffer}.first(count)), "012345678!");
    });
}

// --- closing -----------------------------------------------------------------------------------

task<> expect_closed(file& gone) {
    EXPECT_FALSE(gone.is_open());
    std::array<std::byte, 2> buffer{};
    std::vector<std::error_code> codes;
    codes.push_back(co_await code_from(gone.read_some(buffer)));
    codes.push_back(co_await code_from(gone.read_some(std::span<std::byte>{})));
    codes.push_back(co_await code_from(gone.read_at(0, buffer)));
    codes.push_back(co_await code_from(gone.write_some(buffer)));
    codes.push_back(co_await code_from(gone.write_all(buffer)));
    codes.push_back(co_await code_from(gone.write_at(0, buffer)));
    codes.push_back(co_await code_from(gone.size()));
    codes.push_back(co_await code_from(gone.truncate(0)));
    codes.push_back(co_await code_from(gone.sync()));
    codes.push_back(co_await code_from(gone.finish()));
    for (const std::error_code& each : codes) EXPECT_EQ(each, errc::closed);
    gone.close();
}

TEST(file, ends_every_call_with_closed_after_it_was_closed_moved_or_finished) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        file never;
        co_await expect_closed(never);
        file opened = co_await file::open(folder / "text", open_mode::read_write);
        file moved = std::move(opened);
        EXPECT_TRUE(moved.is_open());
        co_await expect_closed(opened);
        moved.close();
        co_await expect_closed(moved);
        opened = co_await file::open(folder / "text", open_mode::read_write);
        co_await opened.finish();
        EXPECT_EQ(descriptor_of(folder / "text"), -1);
        co_await expect_closed(opened);
    });
}

TEST(file, is_closed_by_its_destructor_and_by_assignment) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        {
            file opened = co_await file::open(folder / "one", open_mode::write);
            EXPECT_GE(descriptor_of(folder / "one"), 0);
        }
        EXPECT_EQ(descriptor_of(folder / "one"), -1);
        file opened = co_await file::open(folder / "one", open_mode::write);
        opened = co_await file::open(folder / "two", open_mode::write);
        EXPECT_EQ(descriptor_of(folder / "one"), -1);
        EXPECT_GE(descriptor_of(folder / "two"), 0);
    });
}

TEST(file, closed_while_a_call_runs_keeps_its_descriptor_until_that_has_returned) {
    const temporary_folder folder;
    run_with_gate([&](gate& closed_gate) -> task<> {
        std::optional<file> opened = co_await file::open(folder / "text", open_mode::write);
        const int descriptor = descriptor_of(folder / "text");
        std::size_t written = 0;
        task_group group;
        group.spawn([&]() -> task<> { written = co_await opened->write_some(bytes_of("abc")); });
        group.spawn([&]() -> task<> {
            co_await closed_gate.has_waiter();
            opened->close();
            EXPECT_FALSE(opened->is_open());
            EXPECT_EQ(descriptor_of(folder / "text"), descriptor);
            opened.reset();
            EXPECT_EQ(descriptor_of(folder / "text"), descriptor);
            closed_gate.open();
        });
        co_await group.run();
        EXPECT_EQ(written, 3U);
        EXPECT_EQ(descriptor_of(folder / "text"), -1);
        EXPECT_EQ(read_whole_file(folder / "text"), "abc");
    });
}

TEST(file, closed_before_a_call_was_awaited_is_closed_for_it) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::write);
        auto later = opened.write_all(bytes_of("abc"));
        file moved = std::move(opened);
        moved.close();
        EXPECT_EQ(descriptor_of(folder / "text"), -1);
        const auto refused = co_await code_from(std::move(later));
        EXPECT_EQ(refused, errc::closed);
    });
}

TEST(file, finish_reports_what_closing_found_out) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::write);
        replaced_calls fake;
        fake.calls.close = [](int descriptor) {
            ::close(descriptor);
            return fail_with<EDQUOT>();
        };
        const auto failed = co_await code_from(opened.finish());
        EXPECT_EQ(failed.value(), EDQUOT);
        EXPECT_FALSE(opened.is_open());
        EXPECT_EQ(descriptor_of(folder / "text"), -1);
    });
}

// --- cancellation ------------------------------------------------------------------------------

TEST(file, lets_a_write_that_has_begun_come_to_its_end_when_it_is_cancelled) {
    const temporary_folder folder;
    run_with_gate([&](gate& closed_gate) -> task<> {
        file opened = co_await file::open(folder / "text", open_mode::write);
        std::size_t written = 0;
        bool went_on = false;
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            const std::array<char, 3> in_frame{'a', 'b', 'c'};
            written = co_await opened.write_some(std::as_bytes(std::span{in_frame}));
            co_await yield_now();
            went_on = true;
        });
        group.spawn([&]() -> task<> {
            co_await closed_gate.has_waiter();
            handle.cancel();
            co_await yield_now();
            co_await yield_now();
            EXPECT_EQ(written, 0U);
            closed_gate.open();
        });
        co_await group.run();
        EXPECT_EQ(written, 3U);
        EXPECT_FALSE(went_on);
        EXPECT_EQ(read_whole_file(folder / "text"), "abc");
        co_await opened.write_all(bytes_of("d"));  // usable as before
        EXPECT_EQ(read_whole_file(folder / "text"), "abcd");
    });
}

TEST(file, whose_open_was_cancelled_is_closed) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        task_group group;
        auto handle = group.spawn([&]() -> task<> {
            file opened = co_await file::open(folder / "text", open_mode::write);
            co_await sleep_for(1h);
        });
        group.spawn([&]() -> task<> {
            co_await yield_now();
            handle.cancel();
        });
        co_await group.run();
        EXPECT_EQ(descriptor_of(folder / "text"), -1);
    });
}

// --- whole files -------------------------------------------------------------------------------

TEST(read_file, gives_all_bytes_up_to_its_limit) {
    const temporary_folder folder;
    std::string text(40'000, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7);
    put(folder / "text", text);
    put(folder / "empty", "");
    run_on_each_backend([&]() -> task<> {
        const std::string whole = co_await read_file(folder / "text");
        EXPECT_EQ(whole, text);
        const std::string exactly = co_await read_file(folder / "text", 40'000);
        EXPECT_EQ(exactly, text);
        const std::string more = co_await read_file(folder / "text", 40'001);
        EXPECT_EQ(more, text);
        const auto less = co_await code_from(read_file(folder / "text", 39'999));
        EXPECT_EQ(less, std::errc::file_too_large);
        const std::string empty = co_await read_file(folder / "empty", 0);
        EXPECT_EQ(empty, "");
        const auto none = co_await code_from(read_file(folder / "text", 0));
        EXPECT_EQ(none, std::errc::file_too_large);
    });
}

TEST(read_file, reads_files_that_do_not_know_their_length) {
    run_on_each_backend([]() -> task<> {
        const std::string expected = read_whole_file("/proc/version");
        EXPECT_FALSE(expected.empty());
        const std::string whole = co_await read_file("/proc/version");
        EXPECT_EQ(whole, expected);
        const std::string exactly = co_await read_file("/proc/version", expected.size());
        EXPECT_EQ(exactly, expected);
        const auto less = co_await code_from(read_file("/proc/version", expected.size() - 1));
        EXPECT_EQ(less, std::errc::file_too_large);
        const auto endless = co_await code_from(read_file("/dev/zero", 100'000));
        EXPECT_EQ(endless, std::errc::file_too_large);
    });
}

// The length is told wrongly: the file grows while it is read.
std::atomic<int> reads_left{0};
::ssize_t grows(int, void* data, std::size_t size) {
    if (reads_left-- <= 0) return 0;
    std::fill_n(static_cast<char*>(data), size, 'g');
    return static_cast<::ssize_t>(size);
}

TEST(read_file, reads_on_when_the_file_has_grown_meanwhile) {
    const temporary_folder folder;
    put(folder / "text", "12345");
    run_on_each_backend([&]() -> task<> {
        replaced_calls fake;
        fake.calls.read = &grows;
        reads_left = 6;
        const std::string grown = co_await read_file(folder / "text", 1'000'000);
        EXPECT_GT(grown.size(), 16'384U);
        EXPECT_EQ(grown.find_first_not_of('g'), std::string::npos);
        reads_left = 2;
        const auto beyond = co_await code_from(read_file(folder / "text", 5));
        EXPECT_EQ(beyond, std::errc::file_too_large);
        reads_left = 1;
        const std::string exactly = co_await read_file(folder / "text", 5);
        EXPECT_EQ(exactly, "ggggg");
    });
}

TEST(read_file, names_the_path_in_its_errors) {
    const temporary_folder folder;
    put(folder / "text", "abc");
    run_on_each_backend([&]() -> task<> {
        replaced_calls fake;
        fake.calls.read = &read_fails<EIO>;
        fs::path named;
        try {
            const std::string none = co_await read_file(folder / "text");
        } catch (const fs::filesystem_error& failure) {
            named = failure.path1();
            EXPECT_EQ(failure.code(), std::errc::io_error);
        }
        EXPECT_EQ(named, folder / "text");
    });
}

TEST(write_file, makes_a_file_and_replaces_it) {
    const temporary_folder folder;
    const ::mode_t before = ::umask(022);
    run_on_each_backend([&]() -> task<> {
        fs::remove(folder / "text");
        co_await write_file(folder / "text", bytes_of("first"));
        EXPECT_EQ(read_whole_file(folder / "text"), "first");
        EXPECT_EQ(permissions_of(folder / "text"), 0644U);
        const std::ifstream reader{folder / "text"};  // has the old one in hand
        co_await write_file(folder / "text", bytes_of("second"));
        EXPECT_EQ(read_whole_file(folder / "text"), "second");
        std::string old;
        EXPECT_TRUE(std::getline(const_cast<std::ifstream&>(reader), old));
        EXPECT_EQ(old, "first");
        co_await write_file(folder / "text", {});
        EXPECT_EQ(read_whole_file(folder / "text"), "");
        EXPECT_EQ(folder.names(), (std::vector<std::string>{"text"}));
    });
    ::umask(before);
}

TEST(write_file, keeps_the_permissions_of_the_old_file_or_takes_those_asked_for) {
    const temporary_folder folder;
    const ::mode_t before = ::umask(077);
    run_on_each_backend([&]() -> task<> {
        put(folder / "text", "old");
        EXPECT_EQ(::chmod((folder / "text").c_str(), 0624), 0);
        co_await write_file(folder / "text", bytes_of("new"));
        EXPECT_EQ(permissions_of(folder / "text"), 0624U);
        write_options options;
        options.permissions = 0666;
        co_await write_file(folder / "text", bytes_of("newer"), options);
        EXPECT_EQ(permissions_of(folder / "text"), 0666U);
        co_await write_file(folder / "other", bytes_of("newer"), options);
        EXPECT_EQ(permissions_of(folder / "other"), 0666U);
        options.permissions = 0600;
        co_await write_file(folder / "other", bytes_of("newer"), options);
        EXPECT_EQ(permissions_of(folder / "other"), 0600U);
        fs::remove(folder / "other");
    });
    ::umask(before);
}

TEST(write_file, that_fails_leaves_the_old_file_and_nothing_else) {
    const temporary_folder folder;
    put(folder / "text", "old");
    run_on_each_backend([&]() -> task<> {
        for (int step = 0; step < 4; ++step) {
            replaced_calls fake;
            switch (step) {
                case 0: fake.calls.write = &write_fails<ENOSPC>; break;
                case 1: fake.calls.fsync = [](int) { return fail_with<ENOSPC>(); }; break;
                case 2:
                    fake.calls.close = [](int descriptor) {
                        ::close(descriptor);
                        return fail_with<ENOSPC>();
                    };
                    break;
                default:
                    fake.calls.rename = [](int, const char*, int, const char*) {
                        return fail_with<ENOSPC>();
                    };
            }
            fs::path named;
            try {
                co_await write_file(folder / "text", bytes_of("new"));
                ADD_FAILURE() << "step " << step;
            } catch (const fs::filesystem_error& failure) {
                named = failure.path1();
                EXPECT_EQ(failure.code(), std::errc::no_space_on_device);
            }
            EXPECT_EQ(named, folder / "text");
            EXPECT_EQ(read_whole_file(folder / "text"), "old") << step;
            EXPECT_EQ(folder.names(), (std::vector<std::string>{"text"})) << step;
        }
    });
}

::ssize_t fills_up(int descriptor, const void* data, std::size_t size) {
    if (interruptions++ != 0) {
        errno = ENOSPC;
        return -1;
    }
    return ::write(descriptor, data, size / 2);
}

TEST(write_file, on_a_disk_that_fills_up_half_way_leaves_the_old_file) {
    const temporary_folder folder;
    put(folder / "text", "old");
    run_on_each_backend([&]() -> task<> {
        replaced_calls fake;
        fake.calls.write = &fills_up;
        interruptions = 0;
        const auto failed = co_await code_from(write_file(folder / "text", bytes_of("newer")));
        EXPECT_EQ(failed, std::errc::no_space_on_device);
        EXPECT_EQ(read_whole_file(folder / "text"), "old");
        EXPECT_EQ(folder.names(), (std::vector<std::string>{"text"}));
    });
}

TEST(write_file, reports_a_directory_that_does_not_reach_the_disk) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        put(folder / "text", "old");
        replaced_calls fake;
        fake.calls.fsync = [](int descriptor) {
            struct stat about{};
            ::fstat(descriptor, &about);
            return S_ISDIR(about.st_mode) ? fail_with<EIO>() : 0;
        };
        const auto failed = co_await code_from(write_file(folder / "text", bytes_of("new")));
        EXPECT_EQ(failed, std::errc::io_error);
        EXPECT_EQ(read_whole_file(folder / "text"), "new");
        EXPECT_EQ(folder.names(), (std::vector<std::string>{"text"}));
        fake.calls.fsync = [](int descriptor) {
            struct stat about{};
            ::fstat(descriptor, &about);
            return S_ISDIR(about.st_mode) ? fail_with<EINVAL>() : 0;
        };
        co_await write_file(folder / "text", bytes_of("newer"));
        EXPECT_EQ(read_whole_file(folder / "text"), "newer");
    });
}

TEST(write_file, replaces_regular_files_only) {
    const temporary_folder folder;
    put(folder / "target", "content");
    fs::create_symlink("target", folder / "link");
    fs::create_directory(folder / "directory");
    EXPECT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    const std::vector<std::string> names = folder.names();
    run_on_each_backend([&]() -> task<> {
        const auto text = bytes_of("x");
        const auto link = co_await code_from(write_file(folder / "link", text));
        EXPECT_EQ(link, std::errc::too_many_symbolic_link_levels);
        const auto directory = co_await code_from(write_file(folder / "directory", text));
        EXPECT_EQ(directory, std::errc::is_a_directory);
        const auto slash = co_await code_from(write_file(folder / "directory/", text));
        EXPECT_EQ(slash, std::errc::is_a_directory);
        const auto dots = co_await code_from(write_file(folder / "directory/..", text));
        EXPECT_EQ(dots, std::errc::is_a_directory);
        const auto pipe = co_await code_from(write_file(folder / "pipe", text));
        EXPECT_EQ(pipe, std::errc::invalid_argument);
        const auto missing = co_await code_from(write_file(folder / "missing/text", text));
        EXPECT_EQ(missing, std::errc::no_such_file_or_directory);
        const auto beneath = co_await code_from(write_file(folder / "target/text", text));
        EXPECT_EQ(beneath, std::errc::not_a_directory);
        const auto empty = co_await code_from(write_file(fs::path{}, text));
        EXPECT_EQ(empty, std::errc::no_such_file_or_directory);
        const fs::path with_zero{std::string_view{"/tmp/a\0b", 8}};
        const auto zero = co_await code_from(write_file(with_zero, text));
        EXPECT_EQ(zero, std::errc::invalid_argument);
        EXPECT_EQ(folder.names(), names);
        EXPECT_EQ(read_whole_file(folder / "target"), "content");
    });
}

TEST(write_file, takes_a_name_as_long_as_names_may_be_and_one_without_a_directory) {
    const temporary_folder folder;
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    run_on_each_backend([&]() -> task<> {
        co_await write_file(std::string(255, 'n'), bytes_of("long"));
        EXPECT_EQ(read_whole_file(std::string(255, 'n')), "long");
        const auto longer = co_await code_from(write_file(std::string(256, 'n'), bytes_of("x")));
        EXPECT_EQ(longer, std::errc::filename_too_long);
        EXPECT_EQ(folder.names().size(), 1U);
    });
    fs::current_path(before);
}

TEST(append_file, adds_at_the_end_and_makes_what_is_missing) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        fs::remove(folder / "log");
        open_options options;
        options.permissions = 0600;
        co_await append_file(folder / "log", bytes_of("one\n"), options);
        co_await append_file(folder / "log", bytes_of("two\n"));
        EXPECT_EQ(read_whole_file(folder / "log"), "one\ntwo\n");
        EXPECT_EQ(permissions_of(folder / "log"), 0600U);
    });
}

TEST(append_file, reports_errors_with_the_path) {
    run_on_each_backend([]() -> task<> {
        fs::path named;
        try {
            co_await append_file("/dev/full", bytes_of("x"));
        } catch (const fs::filesystem_error& failure) {
            named = failure.path1();
            EXPECT_EQ(failure.code(), std::errc::no_space_on_device);
        }
        EXPECT_EQ(named, "/dev/full");
        const auto missing = co_await code_from(append_file("/nowhere/at/all", bytes_of("x")));
        EXPECT_EQ(missing, std::errc::no_such_file_or_directory);
    });
}

TEST(append_file, from_many_tasks_at_once_loses_nothing) {
    const temporary_folder folder;
    run_on_each_backend([&]() -> task<> {
        fs::remove(folder / "log");
        task_group group;
        for (int i = 0; i < 50; ++i) {
            group.spawn(
                [&]() -> task<> { co_await append_file(folder / "log", bytes_of("line\n")); });
        }
        co_await group.run();
        std::string expected;
        for (int i = 0; i < 50; ++i) expected += "line\n";
        EXPECT_EQ(read_whole_file(folder / "log"), expected);
    });
}

}  // namespace
}  // namespace simul
