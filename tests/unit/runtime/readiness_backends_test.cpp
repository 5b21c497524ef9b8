// SPDX-License-Identifier: Apache-2.0
//
// What poll and select have to get right beside the contract of all backends: descriptors that
// select has no place for, that others close under us, and events it has no set for.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/backends/backends.hpp"
#include "simul/base/error.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/runtime/descriptor.hpp"
#include "support/connected_sockets.hpp"
#include "support/counted_operation.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {
namespace {

using namespace std::chrono_literals;

std::pair<unique_fd, unique_fd> socket_pair() {
    std::array<int, 2> made{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made.data()), 0);
    return {unique_fd{made[0]}, unique_fd{made[1]}};
}

// Allows a few descriptors beyond FD_SETSIZE, if the system does.
class many_descriptors {
public:
    many_descriptors() {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        ::rlimit wanted = before_;
        wanted.rlim_cur = std::max<::rlim_t>(before_.rlim_cur, FD_SETSIZE + 64);
        allowed_ = wanted.rlim_cur <= before_.rlim_max && ::setrlimit(RLIMIT_NOFILE, &wanted) == 0;
    }
    many_descriptors(const many_descriptors&) = delete;
    many_descriptors& operator=(const many_descriptors&) = delete;
    ~many_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

    [[nodiscard]] bool allowed() const noexcept { return allowed_; }

private:
    ::rlimit before_{};
    bool allowed_ = false;
};

class readiness_backends : public testing::TestWithParam<backend_kind> {
protected:
    readiness_backends() : backend_{make_backend(GetParam()).implementation} {}

    // What an operation ends with at once.
    int result_of(opcode code, int descriptor, unsigned events = 0) {
        char byte = 0;
        counted_operation request{code, descriptor, &byte, 1};
        request.flags = events;
        if (!backend_->submit(request)) {
            EXPECT_TRUE(backend_->cancel(request));
            return -EINPROGRESS;
        }
        return request.result;
    }

    // Whether it completes; a wait that is over by itself is long enough for anything to be seen.
    bool completes(const counted_operation& request) {
        const time_point limit = backend_->now() + 10s;
        while (request.completions == 0 && backend_->now() < limit) backend_->poll(limit);
        return request.completions == 1;
    }

    std::unique_ptr<backend> backend_;
};

INSTANTIATE_TEST_SUITE_P(all, readiness_backends,
                         testing::Values(backend_kind::poll, backend_kind::select),
                         [](const auto& of) { return std::string{name_of(of.param)}; });

TEST_P(readiness_backends, select_has_no_place_for_large_numbers_and_says_so_at_once) {
    const many_descriptors more;
    if (!more.allowed()) GTEST_SKIP() << "no descriptor may have such a number";
    const auto [near, far] = socket_pair();
    const unique_fd large{::fcntl(near.get(), F_DUPFD_CLOEXEC, FD_SETSIZE)};
    ASSERT_GE(large.get(), FD_SETSIZE);
    const bool is_poll = GetParam() == backend_kind::poll;
    EXPECT_EQ(result_of(opcode::receive, large.get()), is_poll ? -EINPROGRESS : -EOVERFLOW);
    EXPECT_EQ(result_of(opcode::poll, large.get(), POLLIN), is_poll ? -EINPROGRESS : -EOVERFLOW);
    EXPECT_EQ(result_of(opcode::send, large.get()), is_poll ? 1 : -EOVERFLOW) << "no luck in it";
    EXPECT_EQ(result_of(opcode::receive, FD_SETSIZE + 60), -EBADF) << "nothing is open there";
    EXPECT_EQ(result_of(opcode::receive, near.get()), -EINPROGRESS);
}

TEST_P(readiness_backends, select_cannot_be_made_when_its_own_descriptor_would_be_too_large) {
    const many_descriptors more;
    if (!more.allowed()) GTEST_SKIP() << "no descriptor may have such a number";
    std::vector<unique_fd> fill;
    while (fill.empty() || fill.back().get() < FD_SETSIZE) {
        fill.emplace_back(::fcntl(0, F_DUPFD_CLOEXEC, 0));
        ASSERT_TRUE(fill.back());
    }
    std::string said;
    try {
        static_cast<void>(make_backend(GetParam()));
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), errc::unavailable);
        said = failure.what();
    }
    if (GetParam() == backend_kind::poll) {
        EXPECT_EQ(said, "");
    } else {
        EXPECT_NE(said.find("must be below 1024"), std::string::npos) << said;
        EXPECT_NE(said.find("; ask for another, or for none to get what runs"), std::string::npos)
            << said;
    }
}

TEST_P(readiness_backends, what_waits_on_a_descriptor_that_somebody_closes_ends_with_ebadf) {
    for (const opcode code : {opcode::receive, opcode::poll}) {
        auto [near, far] = socket_pair();
        char byte = 0;
        counted_operation request{code, near.get(), &byte, 1};
        request.flags = code == opcode::poll ? POLLIN : 0;
        ASSERT_FALSE(backend_->submit(request));
        auto [other, other_peer] = socket_pair();
        counted_operation elsewhere{opcode::receive, other.get(), &byte, 1};
        ASSERT_FALSE(backend_->submit(elsewhere));
        near.reset();
        ASSERT_TRUE(completes(request));
        EXPECT_EQ(request.result, -EBADF);
        EXPECT_EQ(elsewhere.completions, 0);
        ASSERT_EQ(::write(other_peer.get(), "x", 1), 1);
        ASSERT_TRUE(completes(elsewhere));
        EXPECT_EQ(elsewhere.result, 1);
    }
}

TEST_P(readiness_backends, a_descriptor_that_nobody_waits_for_any_more_is_not_asked_for) {
    auto [near, far] = socket_pair();
    char byte = 0;
    counted_operation request{opcode::receive, near.get(), &byte, 1};
    ASSERT_FALSE(backend_->submit(request));
    backend_->poll(time_point::min());
    ASSERT_TRUE(backend_->cancel(request));
    backend_->forget(near.get());
    near.reset();
    // A question after the closed one would end each of these at once.
    auto [other, other_peer] = socket_pair();
    counted_operation elsewhere{opcode::receive, other.get(), &byte, 1};
    ASSERT_FALSE(backend_->submit(elsewhere));
    constexpr int signals_allowed = 8;
    int polls = 0;
    for (const time_point limit = backend_->now() + 3ms; backend_->now() < limit; ++polls)
        backend_->poll(limit);
    EXPECT_LE(polls, signals_allowed);
    ASSERT_TRUE(backend_->cancel(elsewhere));
}

TEST_P(readiness_backends, events_that_are_neither_bytes_nor_room_are_told_apart_from_them) {
    const auto [near, far] = socket_pair();
    ASSERT_EQ(::write(far.get(), "x", 1), 1);
    counted_operation end{opcode::poll, near.get(), nullptr, 0};
    end.flags = POLLRDHUP;
    counted_operation hang_up{opcode::poll, near.get(), nullptr, 0};
    ASSERT_FALSE(backend_->submit(end));
    ASSERT_FALSE(backend_->submit(hang_up));
    for (int i = 0; i < 8; ++i) backend_->poll(time_point::min());
    EXPECT_EQ(end.completions + hang_up.completions, 0) << "a byte is no end";
    ASSERT_EQ(::shutdown(far.get(), SHUT_WR), 0);
    ASSERT_TRUE(completes(end));
    EXPECT_EQ(end.result, POLLRDHUP);
    EXPECT_EQ(hang_up.completions, 0) << "it may still be written to";
    ASSERT_EQ(::shutdown(near.get(), SHUT_WR), 0);
    ASSERT_TRUE(completes(hang_up));
    EXPECT_EQ(hang_up.result, POLLHUP);
}

task<std::string> echo_through(int descriptor, std::size_t rounds) {
    std::string all;
    for (std::size_t round = 0; round != rounds; ++round) {
        std::array<std::byte, 16> bytes{};
        const std::size_t count = co_await receive_from(descriptor, bytes);
        for (std::size_t i = 0; i != count; ++i) all += static_cast<char>(bytes[i]);
        const std::span answer = std::span{bytes}.first(count);
        co_await send_to(descriptor, answer);
    }
    co_return all;
}

task<std::string> ask(int descriptor, std::string questions) {
    std::string answers;
    for (const char& each : questions) {
        co_await wait_writable(descriptor);
        const std::span question = std::as_bytes(std::span{&each, 1});
        co_await send_to(descriptor, question);
        co_await wait_readable(descriptor);
        std::array<std::byte, 1> answer{};
        co_await receive_from(descriptor, answer);
        answers += static_cast<char>(answer[0]);
    }
    co_return answers;
}

TEST_P(readiness_backends, programs_run_on_them_and_end) {
    auto program = []() -> task<std::string> {
        const auto [left, right] = connected_sockets();
        task_handle<std::string> echo = outermost_group().spawn(echo_through(right.get(), 5));
        const std::string answers = co_await ask(left.get(), "abcde");
        const std::string heard = co_await echo;
        EXPECT_EQ(heard, "abcde");
        co_return answers;
    };
    EXPECT_EQ(run(program(), options_for(GetParam())), "abcde");
}

}  // namespace
}  // namespace simul::test
