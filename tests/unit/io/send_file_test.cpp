// SPDX-License-Identifier: Apache-2.0
#include "simul/io/send_file.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <semaphore>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/file_calls.hpp"
#include "simul/base/bytes.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/connected_streams.hpp"
#include "support/file_to_send.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using namespace test;

static_assert(awaitable<decltype(send_file(std::declval<tcp_stream&>(), std::declval<file&>()))>);

const std::string& text_of_file() {
    static const std::string text = numbered_text(300'000);
    return text;
}

const std::filesystem::path& path_of_file() {
    static const file_to_send made{text_of_file()};
    static const std::filesystem::path path = made.path();
    return path;
}

// With both ends, and the file open.
template <class Body>
void run_with_file(Body body) {
    run_on_each_backend([&]() -> task<> {
        auto ends = narrow_connection();
        file source = co_await file::open(path_of_file());
        co_await body(ends.first, ends.second, source);
    });
}

// The same where the kernel does the sending.
template <class Body>
void run_where_the_kernel_sends(Body body) {
    run_with_file([&](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        if (!loop::current().is_simulated()) co_await body(near, far, source);
    });
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

template <byte_stream Stream>
task<std::uint64_t> send_and_shut_down(Stream& to, file& from, std::uint64_t offset = 0,
                                       std::uint64_t count = to_end_of_file) {
    const std::uint64_t sent = co_await send_file(to, from, offset, count);
    co_await to.shutdown();
    co_return sent;
}

// Puts other system calls in place, for as long as it lives.
class replaced_call {
public:
    using call = ::ssize_t (*)(int, int, ::off_t*, std::size_t);

    explicit replaced_call(call by) {
        calls_.sendfile = by;
        times = 0;
        detail::file_calls = &calls_;
    }
    replaced_call(const replaced_call&) = delete;
    replaced_call& operator=(const replaced_call&) = delete;
    ~replaced_call() { detail::file_calls = &detail::system_file_calls; }

    static inline std::atomic<int> times = 0;

private:
    detail::file_system_calls calls_ = detail::system_file_calls;
};

// --- what is sent -------------------------------------------------------------------------------

TEST(send_file, sends_a_whole_file) {
    run_with_file([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        auto [sent, read] = co_await gather(send_and_shut_down(near, source), read_to_end(far));
        EXPECT_EQ(sent, text_of_file().size());
        EXPECT_TRUE(read == text_of_file());
    });
}

TEST(send_file, sends_several_megabytes_over_tcp) {
    const std::string text = numbered_text(std::size_t{9} << 20);
    const file_to_send large{text};
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        const auto body = [&]() -> task<> {
            auto [near, far] = co_await connected_tcp_streams();
            file source = co_await file::open(large.path());
            auto [sent, read] = co_await gather(send_and_shut_down(near, source), read_to_end(far));
            EXPECT_EQ(sent, text.size());
            EXPECT_TRUE(read == text);
        };
        run(body(), options_for(kind));
    }
}

TEST(send_file, sends_the_piece_that_is_asked_for) {
    run_with_file([](tcp_stream&, tcp_stream&, file& source) -> task<> {
        const std::string& text = text_of_file();
        struct piece {
            std::uint64_t offset;
            std::uint64_t count;
        };
        for (const piece each :
             {piece{0, 0}, piece{0, 1}, piece{7, 100'000}, piece{299'999, 1}, piece{299'990, 100},
              piece{300'000, 1}, piece{1'000'000, 1}, piece{100'000, to_end_of_file}}) {
            auto ends = narrow_connection();
            auto [sent, read] =
                co_await gather(send_and_shut_down(ends.first, source, each.offset, each.count),
                                read_to_end(ends.second));
            const std::size_t begin = std::min<std::uint64_t>(each.offset, text.size());
            const std::string expected = text.substr(begin, each.count);
            EXPECT_EQ(sent, expected.size()) << each.offset << " " << each.count;
            EXPECT_TRUE(read == expected) << each.offset << " " << each.count;
        }
    });
}

TEST(send_file, leaves_the_position_of_the_file_alone) {
    run_with_file([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        std::array<std::byte, 10> first{};
        co_await source.read_some(first);
        auto [sent, read] =
            co_await gather(send_and_shut_down(near, source, 5, 20'000), read_to_end(far));
        EXPECT_EQ(sent, 20'000U);
        EXPECT_TRUE(read == text_of_file().substr(5, 20'000));
        co_await source.read_some(first);
        EXPECT_EQ(text_of(first), text_of_file().substr(10, 10));
    });
}

TEST(send_file, sends_an_empty_file) {
    const file_to_send empty{""};
    run_on_each_backend([&]() -> task<> {
        auto [near, far] = narrow_connection();
        file source = co_await file::open(empty.path());
        auto [sent, read] = co_await gather(send_and_shut_down(near, source), read_to_end(far));
        EXPECT_EQ(sent, 0U);
        EXPECT_EQ(read, "");
    });
}

TEST(send_file, sends_over_streams_of_every_kind) {
    run_with_file([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        auto [left, right] = memory_stream_pair(1000);
        auto [sent, read] =
            co_await gather(send_and_shut_down(left, source, 1, 200'000), read_to_end(right));
        EXPECT_EQ(sent, 200'000U);
        EXPECT_TRUE(read == text_of_file().substr(1, 200'000));
        any_stream held{std::move(near)};
        auto [again, also] = co_await gather(send_and_shut_down(held, source), read_to_end(far));
        EXPECT_EQ(again, text_of_file().size());
        EXPECT_TRUE(also == text_of_file());
    });
}

// --- what the kernel refuses --------------------------------------------------------------------

TEST(send_file, sends_files_that_the_kernel_cannot_send_by_itself) {
    run_where_the_kernel_sends([](tcp_stream& near, tcp_stream& far, file&) -> task<> {
        file made_when_read = co_await file::open("/proc/self/maps");
        auto [sent, read] =
            co_await gather(send_and_shut_down(near, made_when_read), read_to_end(far));
        EXPECT_GT(sent, 0U);
        EXPECT_EQ(read.size(), sent);
        EXPECT_NE(read.find("r-xp"), std::string::npos);
    });
}

TEST(send_file, goes_on_by_itself_where_the_kernel_gives_up) {
    for (const int refusal : {EINVAL, ENOSYS}) {
        static int error = 0;
        error = refusal;
        run_where_the_kernel_sends([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
            const replaced_call call{
                [](int to, int from, ::off_t* position, std::size_t size) -> ::ssize_t {
                    if (++replaced_call::times == 1) {
                        return ::sendfile(to, from, position, std::min<std::size_t>(size, 1000));
                    }
                    errno = error;
                    return -1;
                }};
            auto [sent, read] =
                co_await gather(send_and_shut_down(near, source, 0, 50'000), read_to_end(far));
            EXPECT_EQ(sent, 50'000U);
            EXPECT_TRUE(read == text_of_file().substr(0, 50'000));
            EXPECT_EQ(call.times, 2);
        });
    }
}

TEST(send_file, takes_short_counts_and_interruptions_for_what_they_are) {
    run_where_the_kernel_sends([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        const replaced_call call{
            [](int to, int from, ::off_t* position, std::size_t size) -> ::ssize_t {
                errno = ++replaced_call::times % 3 == 0 ? EINTR : EAGAIN;
                if (replaced_call::times % 3 != 1) return -1;
                return ::sendfile(to, from, position, std::min<std::size_t>(size, 777));
            }};
        auto [sent, read] =
            co_await gather(send_and_shut_down(near, source, 3, 20'000), read_to_end(far));
        EXPECT_EQ(sent, 20'000U);
        EXPECT_TRUE(read == text_of_file().substr(3, 20'000));
    });
}

TEST(send_file, does_not_let_a_blocking_socket_keep_a_thread) {
    for (const backend_kind kind : real_backends()) {
        SCOPED_TRACE(name_of(kind));
        const auto body = []() -> task<> {
            int ends[2] = {-1, -1};
            EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
            tcp_stream near = tcp_stream::adopt(unique_fd{ends[0]});
            tcp_stream far = tcp_stream::adopt(unique_fd{ends[1]});
            file source = co_await file::open(path_of_file());
            const replaced_call call{[](int, int, ::off_t*, std::size_t) -> ::ssize_t {
                return ++replaced_call::times;
            }};
            auto [sent, read] = co_await gather(send_and_shut_down(near, source), read_to_end(far));
            EXPECT_EQ(sent, text_of_file().size());
            EXPECT_TRUE(read == text_of_file());
            EXPECT_EQ(call.times, 0);
        };
        run(body(), options_for(kind));
    }
}

// --- errors -------------------------------------------------------------------------------------

TEST(send_file, reports_what_the_disk_says) {
    run_where_the_kernel_sends([](tcp_stream& near, tcp_stream&, file& source) -> task<> {
        const replaced_call call{[](int, int, ::off_t*, std::size_t) -> ::ssize_t {
            errno = EIO;
            return -1;
        }};
        const std::error_code code = co_await code_of(send_file(near, source));
        EXPECT_EQ(code, std::errc::io_error);
        co_await write_all(near, bytes_of("the stream is free again"));
    });
}

TEST(send_file, refuses_a_file_that_is_not_open_for_reading) {
    const file_to_send written{"text"};
    run_on_each_backend([&]() -> task<> {
        auto [near, far] = narrow_connection();
        file source = co_await file::open(written.path(), open_mode::append);
        const std::error_code code = co_await code_of(send_file(near, source));
        EXPECT_EQ(code, std::errc::bad_file_descriptor);
    });
}

TEST(send_file, refuses_an_offset_that_no_file_has) {
    run_with_file([](tcp_stream& near, tcp_stream&, file& source) -> task<> {
        const std::error_code code =
            co_await code_of(send_file(near, source, to_end_of_file - 5, 3));
        EXPECT_EQ(code, std::errc::invalid_argument);
    });
}

TEST(send_file, refuses_what_is_closed) {
    run_with_file([](tcp_stream& near, tcp_stream&, file& source) -> task<> {
        file never;
        std::error_code code = co_await code_of(send_file(near, never));
        EXPECT_EQ(code, errc::closed);
        tcp_stream nowhere;
        code = co_await code_of(send_file(nowhere, source));
        EXPECT_EQ(code, errc::closed);
        near.close();
        code = co_await code_of(send_file(near, source));
        EXPECT_EQ(code, errc::closed);
    });
}

TEST(send_file, fails_when_the_peer_has_gone) {
    run_with_file([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        task_handle<std::error_code> sending =
            outermost_group().spawn(code_of(send_file(near, source)));
        co_await testing::wait_until_all_blocked();
        co_await read_count(far, 10'000);
        far.close();
        const std::error_code code = co_await sending;
        EXPECT_TRUE(code == std::errc::broken_pipe || code == std::errc::connection_reset)
            << code.message();
    });
}

TEST(send_file, ends_when_the_stream_is_closed) {
    run_with_file([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        const std::size_t before = open_descriptors();
        task_handle<std::error_code> sending =
            outermost_group().spawn(code_of(send_file(near, source)));
        co_await read_count(far, 10'000);
        near.close();
        const std::error_code code = co_await sending;
        EXPECT_EQ(code, errc::closed);
        const std::string rest = co_await read_to_end(far);
        EXPECT_TRUE(rest == text_of_file().substr(10'000, rest.size()));
        EXPECT_LT(rest.size(), 200'000U);
        if (!loop::current().is_simulated()) {
            EXPECT_EQ(open_descriptors(), before - 1);
        }
    });
}

TEST(send_file, ends_when_the_file_is_closed) {
    run_with_file([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        task_handle<std::error_code> sending =
            outermost_group().spawn(code_of(send_file(near, source)));
        co_await read_count(far, 10'000);
        source.close();
        task_handle<std::string> reading = outermost_group().spawn(read_to_end(far));
        const std::error_code code = co_await sending;
        co_await near.shutdown();
        const std::string rest = co_await reading;
        EXPECT_TRUE(rest == text_of_file().substr(10'000, rest.size()));
        // A thread that was at work when the file was closed may have sent all of it meanwhile.
        const bool sent_all = !loop::current().is_simulated() && !code;
        EXPECT_TRUE(sent_all || code == errc::closed) << code;
        EXPECT_EQ(sent_all, rest.size() == text_of_file().size() - 10'000);
    });
}

// --- one at a time ------------------------------------------------------------------------------

TEST(send_file, has_the_outgoing_direction_to_itself) {
    run_with_file([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        task_handle<std::uint64_t> sending = outermost_group().spawn(send_file(near, source));
        co_await testing::wait_until_all_blocked();
        std::error_code code = co_await code_of(near.write_some(bytes_of("x")));
        EXPECT_EQ(code, errc::busy);
        code = co_await code_of(send_file(near, source));
        EXPECT_EQ(code, errc::busy);
        code = co_await code_of(near.shutdown());
        EXPECT_EQ(code, errc::busy);
        co_await write_all(far, bytes_of("reading goes on"));
        const std::string incoming = co_await read_count(near, 15);
        EXPECT_EQ(incoming, "reading goes on");
        const std::string read = co_await read_count(far, text_of_file().size());
        EXPECT_TRUE(read == text_of_file());
        const std::uint64_t sent = co_await sending;
        EXPECT_EQ(sent, text_of_file().size());
        co_await write_and_shut_down(near, "what follows");
        const std::string rest = co_await read_to_end(far);
        EXPECT_EQ(rest, "what follows");
    });
}

TEST(send_file, is_refused_while_another_task_writes) {
    run_with_file([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        task_handle<> writing = outermost_group().spawn(write_and_shut_down(near, text_of_file()));
        co_await testing::wait_until_all_blocked();
        const std::error_code code = co_await code_of(send_file(near, source));
        EXPECT_EQ(code, errc::busy);
        const std::string read = co_await read_to_end(far);
        EXPECT_TRUE(read == text_of_file());
        co_await writing;
    });
}

// --- a thread that is at work -------------------------------------------------------------------

// A call that is held back until it may go on.
struct held_back {
    static inline std::binary_semaphore* begun = nullptr;
    static inline std::binary_semaphore* may_end = nullptr;

    static ::ssize_t call(int to, int from, ::off_t* position, std::size_t size) {
        begun->release();
        may_end->acquire();
        may_end->release();
        return ::sendfile(to, from, position, size);
    }

    held_back() {
        begun = &begun_;
        may_end = &may_end_;
    }
    held_back(const held_back&) = delete;
    held_back& operator=(const held_back&) = delete;
    ~held_back() = default;

private:
    std::binary_semaphore begun_{0};
    std::binary_semaphore may_end_{0};
    replaced_call replaced_{&call};
};

TEST(send_file, keeps_both_descriptors_open_while_a_thread_works_with_them) {
    run_where_the_kernel_sends([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        const held_back call;
        const std::size_t before = open_descriptors();
        task_handle<std::error_code> sending =
            outermost_group().spawn(code_of(send_file(near, source, 0, 100)));
        co_await testing::wait_until_all_blocked();
        call.begun->acquire();
        near.close();
        source.close();
        EXPECT_EQ(open_descriptors(), before);
        call.may_end->release();
        const std::error_code code = co_await sending;
        EXPECT_EQ(code, errc::closed);
        EXPECT_EQ(open_descriptors(), before - 2);
        const std::string last = co_await read_to_end(far);
        EXPECT_TRUE(last == text_of_file().substr(0, 100));
    });
}

TEST(send_file, is_waited_for_when_it_is_cancelled_while_a_thread_works) {
    run_where_the_kernel_sends([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        const held_back call;
        task_handle<std::uint64_t> sending = outermost_group().spawn(send_file(near, source));
        co_await testing::wait_until_all_blocked();
        call.begun->acquire();
        sending.cancel();
        co_await testing::wait_until_all_blocked();
        EXPECT_FALSE(sending.done());
        call.may_end->release();
        co_await until_ended(sending);
        EXPECT_TRUE(sending.was_cancelled());
        co_await near.shutdown();
        const std::string read = co_await read_to_end(far);
        EXPECT_TRUE(read == text_of_file().substr(0, read.size()));
        EXPECT_FALSE(read.empty());
    });
}

TEST(send_file, that_was_cancelled_while_it_waits_lets_others_write) {
    run_with_file([](tcp_stream& near, tcp_stream& far, file& source) -> task<> {
        task_handle<std::uint64_t> sending = outermost_group().spawn(send_file(near, source));
        co_await read_count(far, 10'000);
        sending.cancel();
        co_await until_ended(sending);
        EXPECT_TRUE(sending.was_cancelled());
        auto [nothing, rest] = co_await gather(write_and_shut_down(near, "END"), read_to_end(far));
        EXPECT_TRUE(rest.ends_with("END"));
        EXPECT_TRUE(text_of_file().substr(10'000).starts_with(
            std::string_view{rest}.substr(0, rest.size() - 3)));
    });
}

}  // namespace
}  // namespace simul
