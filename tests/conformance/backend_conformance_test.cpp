// SPDX-License-Identifier: Apache-2.0
//
// The contract of simul/runtime/backend.hpp, run on every backend. The suite talks to a backend
// only through the interface; a `world` opens the descriptors, real or simulated, that it needs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/backends/backends.hpp"
#include "runtime/backends/simulated.hpp"
#include "simul/runtime/buffer_lease.hpp"
#include "support/scoped_variable.hpp"
#include "support/simulated_names.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;

// An operation that counts how often it was completed, by whichever of the three ways.
struct counted : operation {
    counted(opcode what, int fd, void* data, std::size_t length) noexcept
        : operation{what, fd, data, length, &counted::on_complete} {}

    static void on_complete(operation& self) noexcept {
        auto& counter = static_cast<counted&>(self);
        ++counter.completions;
        ++counter.through_poll;
        counter.order = ++completions_so_far;
        EXPECT_TRUE(inside_poll) << "complete was called outside of poll";
        EXPECT_EQ(self.state, operation_state::completed);
    }

    int completions = 0;
    int through_poll = 0;
    int order = 0;

    static inline int completions_so_far = 0;
    static inline bool inside_poll = false;
};

// A socket address of either world.
struct any_address {
    alignas(8) std::array<std::byte, sizeof(sockaddr_storage)> bytes{};
    std::size_t size = 0;

    template <class Address>
    static any_address of(const Address& address) {
        any_address result;
        std::memcpy(result.bytes.data(), &address, sizeof address);
        result.size = sizeof address;
        return result;
    }
};

// Where descriptors come from.
class world {
public:
    virtual ~world() = default;
    virtual std::pair<int, int> pair() = 0;  // a small capacity in each direction
    virtual int listener(any_address& where) = 0;
    virtual int socket() = 0;
    virtual any_address address_of_nobody() = 0;
    virtual void shutdown_write(int descriptor) = 0;
    virtual void close(int descriptor) = 0;
};

class real_world final : public world {
public:
    ~real_world() override {
        for (const int descriptor : open_) ::close(descriptor);
    }
    std::pair<int, int> pair() override {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0)
            << std::strerror(errno);
        return {keep(ends[0]), keep(ends[1])};
    }
    int listener(any_address& where) override {
        const int descriptor = bound(where);
        EXPECT_EQ(::listen(descriptor, 16), 0);
        return descriptor;
    }
    int socket() override {
        return keep(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    }
    // Bound, so that nobody else gets the port, and not listening.
    any_address address_of_nobody() override {
        any_address where;
        bound(where);
        return where;
    }
    void shutdown_write(int descriptor) override { ::shutdown(descriptor, SHUT_WR); }
    void close(int descriptor) override {
        std::erase(open_, descriptor);
        ::close(descriptor);
    }

private:
    int keep(int descriptor) {
        EXPECT_GE(descriptor, 0) << std::strerror(errno);
        open_.push_back(descriptor);
        return descriptor;
    }
    int bound(any_address& where) {
        const int descriptor = socket();
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), length), 0);
        EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length), 0);
        where = any_address::of(address);
        return descriptor;
    }

    std::vector<int> open_;
};

class simulated_world final : public world {
public:
    explicit simulated_world(detail::simulated_backend& inside) : inside_{inside} {}
    std::pair<int, int> pair() override { return inside_.open_pair(); }
    int listener(any_address& where) override {
        const int descriptor = inside_.open_listener();
        where = address_of(descriptor);
        return descriptor;
    }
    int socket() override { return inside_.open_socket(); }
    any_address address_of_nobody() override {
        const int closed = inside_.open_listener();
        const any_address where = address_of(closed);
        inside_.close(closed);
        return where;
    }
    void shutdown_write(int descriptor) override { inside_.shutdown_write(descriptor); }
    void close(int descriptor) override { inside_.close(descriptor); }

private:
    any_address address_of(int descriptor) {
        const test::simulated_name name = test::local_name_of(inside_, descriptor);
        sockaddr_in address{};
        std::memcpy(&address, &name.bytes, sizeof address);
        return any_address::of(address);
    }

    detail::simulated_backend& inside_;
};

// One way to run the suite.
struct variant {
    const char* name;
    backend_kind kind;
    const char* setting = nullptr;  // an environment variable while the backend is made
    const char* value = nullptr;
    bool completions = false;  // the shape of a simulated backend
};

// Found by GoogleTest, which would print the bytes.
void PrintTo(const variant& chosen, std::ostream* stream) {
    *stream << chosen.name;
}

std::string name_of(const testing::TestParamInfo<variant>& info) {
    return info.param.name;
}

class backend_conformance : public testing::TestWithParam<variant> {
protected:
    void SetUp() override {
        const variant& chosen = GetParam();
        if (chosen.setting != nullptr) ::setenv(chosen.setting, chosen.value, 1);
        std::string reason;
        switch (chosen.kind) {
            case backend_kind::epoll: backend_ = detail::make_epoll_backend(); break;
            case backend_kind::poll: backend_ = detail::make_poll_backend(); break;
            case backend_kind::select: backend_ = detail::make_select_backend(); break;
            case backend_kind::io_uring:
                backend_ = detail::make_io_uring_backend(waited_for_by::itself, reason);
                break;
            case backend_kind::automatic: choose(); break;
            case backend_kind::simulated: backend_ = detail::make_simulated_backend(); break;
        }
        if (chosen.setting != nullptr) ::unsetenv(chosen.setting);
        if (backend_ == nullptr) GTEST_SKIP() << reason;
        if (chosen.kind == backend_kind::simulated) {
            simulated_ = static_cast<detail::simulated_backend*>(backend_.get());
            simulated_->set_completion_shape(chosen.completions);
            world_ = std::make_unique<simulated_world>(*simulated_);
        } else {
            world_ = std::make_unique<real_world>();
        }
    }

    void TearDown() override {
        if (backend_ != nullptr && !ends_in_flight_) {
            EXPECT_EQ(backend_->in_flight(), 0U);
        }
        backend_.reset();
        world_.reset();
    }

    // As for a program, whatever the environment of the tests asks for.
    void choose() {
        const test::scoped_variable nothing_asked{"SIMUL_BACKEND", nullptr};
        chosen_backend chosen = make_backend(backend_kind::automatic);
        backend_ = std::move(chosen.implementation);
        reason_ = std::move(chosen.reason);
    }

    // Submits and counts a completion at once.
    bool submit(counted& request) {
        request.completions = 0;
        request.through_poll = 0;
        const bool at_once = backend_->submit(request);
        if (at_once) ++request.completions;
        EXPECT_EQ(at_once, request.state == operation_state::completed);
        return at_once;
    }

    bool cancel(counted& request) {
        const bool confirmed = backend_->cancel(request);
        if (confirmed) {
            ++request.completions;
            EXPECT_EQ(request.state, operation_state::completed);
            EXPECT_EQ(request.result, -ECANCELED);
        } else {
            EXPECT_EQ(request.state, operation_state::cancelling);
        }
        return confirmed;
    }

    void poll(time_point deadline = time_point::min()) {
        counted::inside_poll = true;
        backend_->poll(deadline);
        counted::inside_poll = false;
    }

    // Polls until `done` holds, in fact a few times only; fails after ten seconds without it.
    template <class Condition>
    bool poll_until(Condition done) {
        const time_point limit = backend_->now() + 10s;
        while (!done()) {
            if (backend_->now() >= limit) return false;
            poll(limit);
        }
        return true;
    }

    bool complete(counted& request) {
        return poll_until([&] { return request.completions != 0; });
    }

    // Gives the backend the chance to take submissions, and to complete what it wrongly might.
    void let_it_look() {
        for (int i = 0; i < 8; ++i) poll();
    }

    // Runs one operation from start to end and gives its result.
    int run(opcode code, int descriptor, void* data, std::size_t size, unsigned flags = 0) {
        counted request{code, descriptor, data, size};
        request.flags = flags;
        if (!submit(request)) {
            EXPECT_TRUE(complete(request));
        }
        EXPECT_EQ(request.completions, 1);
        if (request.completions == 0) std::abort();  // it may not be destroyed in flight
        return request.result;
    }

    int send(int descriptor, std::string text) {
        return run(opcode::send, descriptor, text.data(), text.size());
    }

    std::string receive(int descriptor, std::size_t most = 64) {
        std::string text(most, '\0');
        const int count = run(opcode::receive, descriptor, text.data(), text.size());
        if (count < 0) return "error " + std::to_string(-count);
        text.resize(static_cast<std::size_t>(count));
        return text;
    }

    // What a completed receive has brought, whose buffer is given back.
    std::string taken_from(counted& request) {
        auto* const bytes = static_cast<std::byte*>(std::exchange(request.buffer, nullptr));
        if (bytes == nullptr) return "error " + std::to_string(-request.result);
        std::string text(static_cast<std::size_t>(request.result), '\0');
        std::memcpy(text.data(), bytes, text.size());
        detail::give_back_lease_buffer(backend_->lender_of(bytes), bytes);
        return text;
    }

    // Sends until no byte more fits, cancelling the send that waits. Returns the bytes sent.
    std::size_t fill(int descriptor) {
        std::string block(4096, 'f');
        std::size_t sent = 0;
        while (true) {
            counted request{opcode::send, descriptor, block.data(), block.size()};
            if (!submit(request)) {
                let_it_look();
                if (request.completions == 0 && !cancel(request)) {
                    EXPECT_TRUE(complete(request));
                }
            }
            if (request.result < 0) {
                EXPECT_EQ(request.result, -ECANCELED);
                return sent;
            }
            sent += static_cast<std::size_t>(request.result);
        }
    }

    // Polls with a deadline until it has passed, and counts how many polls that takes. One would
    // do, but a signal may end a wait: a ring that an earlier test has closed is taken down by the
    // kernel later, and for that it interrupts this thread. Polls that do not wait are hundreds.
    int polls_until(time_point deadline) {
        int polls = 0;
        for (; backend_->now() < deadline; ++polls) poll(deadline);
        return polls;
    }
    static constexpr int interruptions = 8;

    // Whether the operations of this run may be confirmed cancelled once poll has seen them.
    bool confirms_in_flight() const {
        return backend_->name() != "io_uring" && !GetParam().completions;
    }

    std::unique_ptr<world> world_;
    std::unique_ptr<backend> backend_;
    std::string reason_;  // of an automatic choice
    detail::simulated_backend* simulated_ = nullptr;
    bool ends_in_flight_ = false;
};

// Claims about descriptors that exist outside of the backend.
class real_backend_conformance : public backend_conformance {};

const variant real_variants[] = {
    {"automatic", backend_kind::automatic},
    {"epoll", backend_kind::epoll},
    {"poll", backend_kind::poll},
    {"select", backend_kind::select},
    {"io_uring", backend_kind::io_uring},
    {"io_uring_delayed", backend_kind::io_uring, "SIMUL_IO_URING_DELAY", "3"},
    {"io_uring_of_linux_5_19", backend_kind::io_uring, "SIMUL_IO_URING_LEVEL", "1"},
    {"io_uring_of_linux_5_11", backend_kind::io_uring, "SIMUL_IO_URING_LEVEL", "2"}};

const variant simulated_variants[] = {
    {"simulated", backend_kind::simulated},
    {"simulated_completions", backend_kind::simulated, nullptr, nullptr, true}};

INSTANTIATE_TEST_SUITE_P(system, backend_conformance, testing::ValuesIn(real_variants), name_of);
INSTANTIATE_TEST_SUITE_P(simulated, backend_conformance, testing::ValuesIn(simulated_variants),
                         name_of);
INSTANTIATE_TEST_SUITE_P(system, real_backend_conformance, testing::ValuesIn(real_variants),
                         name_of);

// The choice.

TEST_P(real_backend_conformance, is_the_one_asked_for_or_can_say_why_it_was_chosen) {
    if (GetParam().kind != backend_kind::automatic) {
        EXPECT_TRUE(std::string_view{GetParam().name}.starts_with(backend_->name()));
        return;
    }
    std::string why;
    if (detail::make_io_uring_backend(waited_for_by::itself, why) != nullptr) {
        EXPECT_EQ(reason_, "io_uring: preferred, and the kernel allows it");
    } else {
        EXPECT_EQ(reason_, "epoll: io_uring cannot run here, because " + why);
    }
    EXPECT_TRUE(reason_.starts_with(std::string{backend_->name()} + ": ")) << reason_;
}

// Transfers.

TEST_P(backend_conformance, receive_gets_the_bytes_that_were_sent_before) {
    auto [left, right] = world_->pair();
    EXPECT_EQ(send(left, "hello"), 5);
    EXPECT_EQ(receive(right), "hello");
}

TEST_P(backend_conformance, receive_waits_for_bytes_that_are_sent_later) {
    auto [left, right] = world_->pair();
    std::array<char, 16> buffer{};
    counted request{opcode::receive, right, buffer.data(), buffer.size()};
    EXPECT_FALSE(submit(request));
    let_it_look();
    EXPECT_EQ(request.completions, 0);
    EXPECT_EQ(request.state, operation_state::in_flight);
    EXPECT_EQ(backend_->in_flight(), 1U);

    EXPECT_EQ(send(left, "late"), 4);
    ASSERT_TRUE(complete(request));
    EXPECT_EQ(request.completions, 1);
    ASSERT_EQ(request.result, 4);
    EXPECT_EQ(std::string(buffer.data(), 4), "late");
}

TEST_P(backend_conformance, receive_takes_no_more_than_its_size_and_leaves_the_rest) {
    auto [left, right] = world_->pair();
    EXPECT_EQ(send(left, "abcdef"), 6);
    EXPECT_EQ(receive(right, 4), "abcd");
    EXPECT_EQ(receive(right, 4), "ef");
}

TEST_P(backend_conformance, receive_gives_zero_at_the_end_of_the_stream) {
    auto [left, right] = world_->pair();
    EXPECT_EQ(send(left, "last"), 4);
    world_->shutdown_write(left);
    EXPECT_EQ(receive(right), "last");
    EXPECT_EQ(receive(right), "");
    EXPECT_EQ(receive(right), "");
}

// A receive that brings its buffer.

TEST_P(backend_conformance, a_receive_without_a_buffer_is_lent_one_when_bytes_come) {
    auto [left, right] = world_->pair();
    for (int round = 0; round < 3; ++round) {
        counted request{opcode::receive, right, nullptr, detail::lease_size};
        request.flags = operation::lends_buffer;
        EXPECT_FALSE(submit(request));
        let_it_look();
        EXPECT_EQ(request.completions, 0);
        EXPECT_EQ(request.buffer, nullptr);
        EXPECT_EQ(send(left, "lent"), 4);
        ASSERT_TRUE(complete(request));
        EXPECT_EQ(taken_from(request), "lent");
    }
}

TEST_P(backend_conformance, a_buffer_that_is_lent_is_nobody_elses_until_it_is_given_back) {
    auto [left, right] = world_->pair();
    std::deque<counted> requests;
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(send(left, std::to_string(i)), i < 10 ? 1 : 2);
        requests.emplace_back(opcode::receive, right, nullptr, detail::lease_size);
        requests.back().flags = operation::lends_buffer;
        if (!submit(requests.back())) {
            ASSERT_TRUE(complete(requests.back()));
        }
    }
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(taken_from(requests[static_cast<std::size_t>(i)]), std::to_string(i));
    }
}

TEST_P(backend_conformance, a_receive_that_ends_without_bytes_keeps_no_buffer) {
    auto [left, right] = world_->pair();
    counted request{opcode::receive, right, nullptr, detail::lease_size};
    request.flags = operation::lends_buffer;
    EXPECT_FALSE(submit(request));
    let_it_look();
    if (!cancel(request)) {
        ASSERT_TRUE(complete(request));
    }
    EXPECT_EQ(request.result, -ECANCELED);
    EXPECT_EQ(request.buffer, nullptr);
    world_->close(left);
    if (!submit(request)) {
        ASSERT_TRUE(complete(request));
    }
    EXPECT_EQ(request.result, 0);
    EXPECT_EQ(request.buffer, nullptr);
}

TEST_P(backend_conformance, a_backend_may_end_while_a_receive_is_about_to_be_lent_a_buffer) {
    auto [left, right] = world_->pair();
    counted request{opcode::receive, right, nullptr, detail::lease_size};
    request.flags = operation::lends_buffer;
    EXPECT_FALSE(submit(request));
    let_it_look();
    if (simulated_ == nullptr) {
        EXPECT_EQ(::send(left, "late", 4, 0), 4);
    }
    ends_in_flight_ = true;
    backend_.reset();
    EXPECT_EQ(request.completions, 0);
    EXPECT_EQ(request.buffer, nullptr);
}

TEST_P(backend_conformance, a_waiting_receive_ends_when_the_peer_closes) {
    auto [left, right] = world_->pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(submit(request));
    let_it_look();
    backend_->forget(left);
    world_->close(left);
    ASSERT_TRUE(complete(request));
    EXPECT_EQ(request.result, 0);
}

TEST_P(backend_conformance, read_and_write_move_bytes_like_receive_and_send) {
    auto [left, right] = world_->pair();
    std::string text = "written";
    EXPECT_EQ(run(opcode::write, left, text.data(), text.size()), 7);
    std::string back(16, '\0');
    ASSERT_EQ(run(opcode::read, right, back.data(), back.size()), 7);
    EXPECT_EQ(back.substr(0, 7), text);
}

TEST_P(backend_conformance, two_receives_on_one_descriptor_are_served_in_order) {
    auto [left, right] = world_->pair();
    std::array<char, 3> first_buffer{};
    std::array<char, 3> second_buffer{};
    counted first{opcode::receive, right, first_buffer.data(), 3};
    counted second{opcode::receive, right, second_buffer.data(), 3};
    EXPECT_FALSE(submit(first));
    let_it_look();
    EXPECT_FALSE(submit(second));
    let_it_look();

    EXPECT_EQ(send(left, "one"), 3);
    ASSERT_TRUE(complete(first));
    let_it_look();
    EXPECT_EQ(second.completions, 0);
    EXPECT_EQ(send(left, "two"), 3);
    ASSERT_TRUE(complete(second));
    EXPECT_EQ(std::string(first_buffer.data(), 3), "one");
    EXPECT_EQ(std::string(second_buffer.data(), 3), "two");
    EXPECT_LT(first.order, second.order);
}

TEST_P(backend_conformance, a_new_receive_does_not_overtake_one_that_waits) {
    auto [left, right] = world_->pair();
    char bytes[2] = {};
    counted first{opcode::receive, right, &bytes[0], 1};
    counted second{opcode::receive, right, &bytes[1], 1};
    EXPECT_FALSE(submit(first));
    let_it_look();
    std::string text = "1";
    counted sending{opcode::send, left, text.data(), 1};
    submit(sending);
    EXPECT_FALSE(submit(second)) << "the byte belongs to the first";
    ASSERT_TRUE(complete(first));
    EXPECT_EQ(bytes[0], '1');
    EXPECT_EQ(second.completions, 0);
    if (sending.completions == 0) {
        ASSERT_TRUE(complete(sending));
    }
    EXPECT_EQ(send(left, "2"), 1);
    ASSERT_TRUE(complete(second));
    EXPECT_EQ(bytes[1], '2');
}

TEST_P(backend_conformance, bytes_that_arrive_at_once_go_to_waiting_receives_in_order) {
    auto [left, right] = world_->pair();
    std::array<char, 8> bytes{};
    std::deque<counted> requests;
    for (char& byte : bytes) submit(requests.emplace_back(opcode::receive, right, &byte, 1U));
    let_it_look();
    EXPECT_EQ(send(left, "abcdefgh"), 8);
    ASSERT_TRUE(complete(requests.back()));
    for (const counted& request : requests) EXPECT_EQ(request.completions, 1);
    EXPECT_EQ(std::string(bytes.data(), bytes.size()), "abcdefgh");
}

TEST_P(backend_conformance, send_into_a_full_buffer_waits_and_then_goes_on) {
    auto [left, right] = world_->pair();
    const std::size_t filled = fill(left);
    EXPECT_GT(filled, 0U);
    std::string tail = "tail";
    counted request{opcode::send, left, tail.data(), tail.size()};
    EXPECT_FALSE(submit(request));
    let_it_look();
    EXPECT_EQ(request.completions, 0);

    std::size_t received = 0;
    while (received < filled) {
        const std::size_t count = receive(right, filled - received).size();
        ASSERT_NE(count, 0U);
        received += count;
    }
    if (request.completions == 0) {
        ASSERT_TRUE(complete(request));
    }
    EXPECT_EQ(request.result, 4);
    EXPECT_EQ(receive(right), "tail");
}

TEST_P(backend_conformance, a_receive_and_a_send_wait_on_one_descriptor_independently) {
    auto [left, right] = world_->pair();
    fill(left);
    std::string text = "x";
    counted sender{opcode::send, left, text.data(), 1};
    char byte = 0;
    counted receiver{opcode::receive, left, &byte, 1};
    EXPECT_FALSE(submit(sender));
    EXPECT_FALSE(submit(receiver));
    let_it_look();
    EXPECT_EQ(send(right, "y"), 1);
    ASSERT_TRUE(complete(receiver));
    EXPECT_EQ(byte, 'y');
    EXPECT_EQ(sender.completions, 0);
    if (!cancel(sender)) {
        ASSERT_TRUE(complete(sender));
    }
    EXPECT_EQ(sender.result, -ECANCELED);
}

TEST_P(backend_conformance, send_to_a_closed_peer_gives_epipe_and_no_signal) {
    auto [left, right] = world_->pair();
    backend_->forget(right);
    world_->close(right);
    EXPECT_EQ(send(left, "x"), -EPIPE);  // SIGPIPE would end the test program
}

TEST_P(backend_conformance, operations_on_a_bad_descriptor_give_ebadf) {
    char byte = 0;
    EXPECT_EQ(run(opcode::receive, -1, &byte, 1), -EBADF);
    EXPECT_EQ(run(opcode::send, 987'654, &byte, 1), -EBADF);
    EXPECT_EQ(run(opcode::receive, 2'147'483'647, &byte, 1), -EBADF);
    EXPECT_EQ(run(opcode::poll, 987'654, nullptr, 0, POLLIN), -EBADF);
}

TEST_P(backend_conformance, a_completed_operation_may_be_submitted_again) {
    auto [left, right] = world_->pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    for (const char expected : {'a', 'b', 'c'}) {
        EXPECT_FALSE(submit(request));
        EXPECT_EQ(send(left, std::string(1, expected)), 1);
        ASSERT_TRUE(complete(request));
        EXPECT_EQ(request.completions, 1);
        EXPECT_EQ(byte, expected);
    }
}

// Connections.

TEST_P(backend_conformance, accept_and_connect_make_a_connection) {
    any_address where;
    const int listener = world_->listener(where);
    counted accepting{opcode::accept, listener, nullptr, 0};
    EXPECT_FALSE(submit(accepting));
    let_it_look();
    EXPECT_EQ(accepting.completions, 0);

    const int client = world_->socket();
    EXPECT_EQ(run(opcode::connect, client, where.bytes.data(), where.size), 0);
    if (accepting.completions == 0) {
        ASSERT_TRUE(complete(accepting));
    }
    EXPECT_EQ(accepting.completions, 1);
    ASSERT_GE(accepting.result, 0);
    const int server = accepting.result;
    if (simulated_ == nullptr) {
        EXPECT_NE(::fcntl(server, F_GETFL) & O_NONBLOCK, 0);
        EXPECT_NE(::fcntl(server, F_GETFD) & FD_CLOEXEC, 0);
    }
    EXPECT_EQ(send(client, "ping"), 4);
    EXPECT_EQ(receive(server), "ping");
    EXPECT_EQ(send(server, "pong"), 4);
    EXPECT_EQ(receive(client), "pong");
    backend_->forget(server);
    world_->close(server);
}

TEST_P(backend_conformance, a_connection_that_was_made_before_is_accepted) {
    any_address where;
    const int listener = world_->listener(where);
    const int client = world_->socket();
    EXPECT_EQ(run(opcode::connect, client, where.bytes.data(), where.size), 0);
    const int server = run(opcode::accept, listener, nullptr, 0);
    ASSERT_GE(server, 0);
    backend_->forget(server);
    world_->close(server);
}

TEST_P(backend_conformance, two_accepts_take_one_connection_each_in_order) {
    any_address where;
    const int listener = world_->listener(where);
    counted first{opcode::accept, listener, nullptr, 0};
    counted second{opcode::accept, listener, nullptr, 0};
    EXPECT_FALSE(submit(first));
    EXPECT_FALSE(submit(second));
    const int clients[] = {world_->socket(), world_->socket()};
    for (const int client : clients)
        EXPECT_EQ(run(opcode::connect, client, where.bytes.data(), where.size), 0);
    ASSERT_TRUE(poll_until([&] { return first.completions + second.completions == 2; }));
    EXPECT_LT(first.order, second.order);
    EXPECT_NE(first.result, second.result);
    for (const int server : {first.result, second.result}) {
        ASSERT_GE(server, 0);
        backend_->forget(server);
        world_->close(server);
    }
}

TEST_P(backend_conformance, connect_to_nobody_is_refused) {
    any_address where = world_->address_of_nobody();
    EXPECT_EQ(run(opcode::connect, world_->socket(), where.bytes.data(), where.size),
              -ECONNREFUSED);
}

TEST_P(backend_conformance, a_connection_is_not_lost_by_the_cancel_of_an_accept) {
    any_address where;
    const int listener = world_->listener(where);
    counted accepting{opcode::accept, listener, nullptr, 0};
    EXPECT_FALSE(submit(accepting));
    let_it_look();
    const int client = world_->socket();
    EXPECT_EQ(run(opcode::connect, client, where.bytes.data(), where.size), 0);
    if (accepting.completions == 0 && !cancel(accepting)) {
        ASSERT_TRUE(complete(accepting));
    }
    EXPECT_EQ(accepting.completions, 1);
    int server = accepting.result;
    if (server == -ECANCELED) server = run(opcode::accept, listener, nullptr, 0);
    ASSERT_GE(server, 0);
    EXPECT_EQ(send(client, "kept"), 4);
    EXPECT_EQ(receive(server), "kept");
    backend_->forget(server);
    world_->close(server);
}

// Readiness.

TEST_P(backend_conformance, poll_reports_a_readable_descriptor) {
    auto [left, right] = world_->pair();
    counted request{opcode::poll, right, nullptr, 0};
    request.flags = POLLIN;
    EXPECT_FALSE(submit(request));
    let_it_look();
    EXPECT_EQ(request.completions, 0);
    EXPECT_EQ(send(left, "x"), 1);
    ASSERT_TRUE(complete(request));
    EXPECT_EQ(request.result, POLLIN);
    EXPECT_EQ(run(opcode::poll, right, nullptr, 0, POLLIN), POLLIN) << "the byte is still there";
    EXPECT_EQ(receive(right), "x");
}

TEST_P(backend_conformance, poll_reports_a_writable_descriptor) {
    auto [left, right] = world_->pair();
    EXPECT_EQ(run(opcode::poll, left, nullptr, 0, POLLOUT), POLLOUT);
    const std::size_t filled = fill(left);
    counted request{opcode::poll, left, nullptr, 0};
    request.flags = POLLOUT;
    EXPECT_FALSE(submit(request));
    let_it_look();
    EXPECT_EQ(request.completions, 0);
    for (std::size_t received = 0; received < filled;) received += receive(right, filled).size();
    if (request.completions == 0) {
        ASSERT_TRUE(complete(request));
    }
    EXPECT_EQ(request.result, POLLOUT);
}

TEST_P(backend_conformance, poll_reports_a_hang_up_that_was_not_asked_for) {
    auto [left, right] = world_->pair();
    counted request{opcode::poll, right, nullptr, 0};
    request.flags = POLLIN;
    EXPECT_FALSE(submit(request));
    let_it_look();
    backend_->forget(left);
    world_->close(left);
    ASSERT_TRUE(complete(request));
    EXPECT_EQ(request.result & (POLLIN | POLLHUP), POLLIN | POLLHUP);
}

TEST_P(backend_conformance, many_polls_of_one_descriptor_all_report) {
    auto [left, right] = world_->pair();
    std::deque<counted> requests;
    for (int i = 0; i < 5; ++i) {
        counted& request = requests.emplace_back(opcode::poll, right, nullptr, 0U);
        request.flags = POLLIN;
        EXPECT_FALSE(submit(request));
    }
    let_it_look();
    EXPECT_EQ(send(left, "x"), 1);
    for (counted& request : requests) {
        if (request.completions == 0) {
            ASSERT_TRUE(complete(request));
        }
        EXPECT_EQ(request.completions, 1);
        EXPECT_EQ(request.result, POLLIN);
    }
}

TEST_P(real_backend_conformance, poll_survives_a_descriptor_number_that_others_reuse) {
    auto [left, right] = world_->pair();
    counted first{opcode::poll, right, nullptr, 0};
    first.flags = POLLIN;
    EXPECT_FALSE(submit(first));
    let_it_look();
    if (!cancel(first)) {
        ASSERT_TRUE(complete(first));
    }
    // Somebody else closes the descriptor and gets its number for another file: no forget.
    auto [other_left, other_right] = world_->pair();
    ASSERT_EQ(::dup2(other_right, right), right);
    counted second{opcode::poll, right, nullptr, 0};
    second.flags = POLLIN;
    EXPECT_FALSE(submit(second));
    let_it_look();
    EXPECT_EQ(second.completions, 0);
    EXPECT_EQ(send(other_left, "x"), 1);
    ASSERT_TRUE(complete(second));
    EXPECT_EQ(second.result, POLLIN);
}

// Cancel.

TEST_P(backend_conformance, cancel_before_the_first_poll_is_confirmed_and_leaves_no_trace) {
    auto [left, right] = world_->pair();
    char byte = 'u';
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(submit(request));
    EXPECT_TRUE(cancel(request));
    EXPECT_EQ(backend_->in_flight(), 0U);
    let_it_look();
    EXPECT_EQ(request.completions, 1);
    EXPECT_EQ(send(left, "v"), 1);
    let_it_look();
    EXPECT_EQ(request.completions, 1);
    EXPECT_EQ(receive(right), "v");
}

TEST_P(backend_conformance, cancel_in_flight_ends_with_ecanceled) {
    auto [left, right] = world_->pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(submit(request));
    let_it_look();
    const bool confirmed = cancel(request);
    EXPECT_EQ(confirmed, confirms_in_flight());
    if (!confirmed) {
        EXPECT_EQ(backend_->in_flight(), 1U);
        ASSERT_TRUE(complete(request));
    }
    EXPECT_EQ(request.result, -ECANCELED);
    EXPECT_EQ(request.completions, 1);
    EXPECT_EQ(send(left, "z"), 1);
    EXPECT_EQ(receive(right), "z");
}

TEST_P(backend_conformance, cancel_of_every_opcode_in_flight_ends_it_once) {
    auto [left, right] = world_->pair();
    fill(left);
    any_address where;
    const int listener = world_->listener(where);
    char bytes[3] = {};
    std::deque<counted> requests;
    requests.emplace_back(opcode::receive, left, &bytes[0], 1U);
    requests.emplace_back(opcode::read, left, &bytes[1], 1U);
    requests.emplace_back(opcode::send, left, &bytes[2], 1U);
    requests.emplace_back(opcode::write, left, &bytes[2], 1U);
    requests.emplace_back(opcode::accept, listener, nullptr, 0U);
    requests.emplace_back(opcode::poll, left, nullptr, 0U).flags = POLLIN;
    for (counted& request : requests) EXPECT_FALSE(submit(request));
    let_it_look();
    EXPECT_EQ(backend_->in_flight(), requests.size());
    for (counted& request : requests) cancel(request);
    ASSERT_TRUE(poll_until([&] { return backend_->in_flight() == 0; }));
    for (const counted& request : requests) {
        EXPECT_EQ(request.completions, 1);
        EXPECT_EQ(request.result, -ECANCELED);
    }
}

TEST_P(backend_conformance, bytes_are_not_lost_by_a_cancel_that_comes_after_them) {
    auto [left, right] = world_->pair();
    for (int round = 0; round < 4; ++round) {
        // The number of polls between the arrival and the cancel grows by one each round.
        std::array<char, 8> buffer{};
        counted request{opcode::receive, right, buffer.data(), buffer.size()};
        EXPECT_FALSE(submit(request));
        let_it_look();
        EXPECT_EQ(send(left, "data"), 4);
        for (int i = 0; i < round && request.completions == 0; ++i) poll();
        if (request.completions == 0 && !cancel(request)) {
            ASSERT_TRUE(complete(request));
        }
        EXPECT_EQ(request.completions, 1);
        if (request.result == -ECANCELED) {
            EXPECT_EQ(receive(right), "data");
        } else {
            ASSERT_EQ(request.result, 4);
            EXPECT_EQ(std::string(buffer.data(), 4), "data");
        }
    }
}

TEST_P(backend_conformance, bytes_are_not_lost_when_they_come_after_the_cancel) {
    auto [left, right] = world_->pair();
    std::array<char, 8> buffer{};
    counted request{opcode::receive, right, buffer.data(), buffer.size()};
    EXPECT_FALSE(submit(request));
    let_it_look();
    const bool confirmed = cancel(request);
    std::string text = "data";
    counted sending{opcode::send, left, text.data(), text.size()};
    submit(sending);
    if (!confirmed) {
        ASSERT_TRUE(complete(request));
    }
    if (sending.completions == 0) {
        ASSERT_TRUE(complete(sending));
    }
    EXPECT_EQ(request.completions, 1);
    if (request.result == -ECANCELED) {
        EXPECT_EQ(receive(right), "data");
    } else {
        ASSERT_EQ(request.result, 4);
        EXPECT_EQ(std::string(buffer.data(), 4), "data");
    }
}

TEST_P(backend_conformance, a_second_cancel_of_one_operation_changes_nothing) {
    auto [left, right] = world_->pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(submit(request));
    let_it_look();
    if (!cancel(request)) {
        EXPECT_FALSE(cancel(request));
        poll();
        if (request.completions == 0) {
            EXPECT_FALSE(cancel(request));
            ASSERT_TRUE(complete(request));
        }
    }
    let_it_look();
    EXPECT_EQ(request.completions, 1);
    EXPECT_EQ(request.result, -ECANCELED);
}

TEST_P(backend_conformance, an_operation_behind_a_cancelled_one_takes_its_place) {
    auto [left, right] = world_->pair();
    std::array<char, 2> bytes{};
    counted first{opcode::receive, right, &bytes[0], 1};
    counted second{opcode::receive, right, &bytes[1], 1};
    EXPECT_FALSE(submit(first));
    EXPECT_FALSE(submit(second));
    let_it_look();
    if (!cancel(first)) {
        ASSERT_TRUE(complete(first));
    }
    EXPECT_EQ(first.result, -ECANCELED);
    EXPECT_EQ(send(left, "2"), 1);
    ASSERT_TRUE(complete(second));
    EXPECT_EQ(bytes[1], '2');
}

TEST_P(backend_conformance, a_new_operation_in_the_same_record_is_not_hit_by_an_old_cancel) {
    auto [left, right] = world_->pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(submit(request));
    let_it_look();
    EXPECT_EQ(send(left, "1"), 1);
    if (request.completions == 0 && !cancel(request)) {
        ASSERT_TRUE(complete(request));
    }
    if (request.result == -ECANCELED) {
        EXPECT_EQ(receive(right), "1");
    }
    EXPECT_FALSE(submit(request));
    let_it_look();
    EXPECT_EQ(request.completions, 0);
    EXPECT_EQ(send(left, "2"), 1);
    ASSERT_TRUE(complete(request));
    EXPECT_EQ(request.result, 1);
    EXPECT_EQ(byte, '2');
}

// Numbers.

TEST_P(backend_conformance, ten_thousand_operations_on_many_descriptors_complete_once_each) {
    constexpr std::size_t pairs = 100;
    constexpr std::size_t per_pair = 100;
    std::vector<std::pair<int, int>> ends;
    std::vector<char> bytes(pairs * per_pair);
    std::deque<counted> requests;
    for (std::size_t i = 0; i < pairs; ++i) ends.push_back(world_->pair());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        submit(requests.emplace_back(opcode::receive, ends[i % pairs].second, &bytes[i], 1U));
        ASSERT_EQ(requests.back().completions, 0);
    }
    let_it_look();
    EXPECT_EQ(backend_->in_flight(), requests.size());
    std::string text;
    for (std::size_t i = 0; i < per_pair; ++i) text += static_cast<char>('!' + i % 90);
    for (auto [left, right] : ends) ASSERT_EQ(send(left, text), static_cast<int>(per_pair));
    ASSERT_TRUE(poll_until([&] { return backend_->in_flight() == 0; }));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        ASSERT_EQ(requests[i].completions, 1);
        ASSERT_EQ(requests[i].result, 1);
        ASSERT_EQ(bytes[i], text[i / pairs]) << "of receive " << i;
    }
}

TEST_P(backend_conformance, ten_thousand_polls_complete_in_one_burst) {
    auto [left, right] = world_->pair();
    std::deque<counted> requests;
    for (int i = 0; i < 10'000; ++i) {
        counted& request = requests.emplace_back(opcode::poll, right, nullptr, 0U);
        request.flags = POLLIN;
        submit(request);
        ASSERT_EQ(request.completions, 0);
    }
    let_it_look();
    EXPECT_EQ(send(left, "x"), 1);
    ASSERT_TRUE(poll_until([&] { return backend_->in_flight() == 0; }));
    for (const counted& request : requests) {
        ASSERT_EQ(request.completions, 1);
        ASSERT_EQ(request.result, POLLIN);
    }
}

TEST_P(backend_conformance, ten_thousand_operations_in_flight_are_cancelled_once_each) {
    auto [left, right] = world_->pair();
    std::vector<char> bytes(10'000);
    std::deque<counted> requests;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const opcode code = i % 2 == 0 ? opcode::receive : opcode::poll;
        counted& request = requests.emplace_back(code, right, &bytes[i], 1U);
        request.flags = POLLIN;
        submit(request);
        ASSERT_EQ(request.completions, 0);
    }
    let_it_look();
    for (counted& request : requests) cancel(request);
    ASSERT_TRUE(poll_until([&] { return backend_->in_flight() == 0; }));
    for (const counted& request : requests) {
        ASSERT_EQ(request.completions, 1);
        ASSERT_EQ(request.result, -ECANCELED);
    }
    EXPECT_EQ(send(left, "x"), 1);
    EXPECT_EQ(receive(right), "x");
}

// Closing.

TEST_P(backend_conformance, for_each_in_flight_finds_what_is_on_a_descriptor_so_that_it_ends) {
    auto [left, right] = world_->pair();
    fill(left);
    char bytes[3] = {};
    std::deque<counted> on_left;
    on_left.emplace_back(opcode::receive, left, &bytes[0], 1U);
    on_left.emplace_back(opcode::receive, left, &bytes[1], 1U);
    on_left.emplace_back(opcode::send, left, &bytes[2], 1U);
    on_left.emplace_back(opcode::poll, left, nullptr, 0U).flags = POLLIN;
    auto [other, other_peer] = world_->pair();
    char byte = 0;
    counted elsewhere{opcode::receive, other, &byte, 1};
    EXPECT_FALSE(submit(elsewhere));
    for (counted& request : on_left) EXPECT_FALSE(submit(request));
    let_it_look();
    counted fresh{opcode::receive, left, &bytes[0], 1};  // no poll has seen this one
    EXPECT_FALSE(submit(fresh));

    std::size_t visits = 0;
    auto visit = [&](operation& request) {
        ++visits;
        cancel(static_cast<counted&>(request));
    };
    backend_->for_each_in_flight(
        left,
        [](operation& request, void* context) {
            (*static_cast<decltype(visit)*>(context))(request);
        },
        &visit);
    EXPECT_EQ(visits, on_left.size() + 1);
    ASSERT_TRUE(poll_until([&] { return backend_->in_flight() == 1; }));
    for (const counted& request : on_left) {
        EXPECT_EQ(request.completions, 1);
        EXPECT_EQ(request.result, -ECANCELED);
    }
    EXPECT_EQ(fresh.completions, 1);
    EXPECT_EQ(elsewhere.completions, 0);

    backend_->forget(left);
    world_->close(left);
    if (!cancel(elsewhere)) {
        ASSERT_TRUE(complete(elsewhere));
    }
}

TEST_P(backend_conformance, for_each_in_flight_of_an_idle_or_unknown_descriptor_visits_nothing) {
    auto [left, right] = world_->pair();
    for (const int descriptor : {left, -1, 2'000'000'000}) {
        backend_->for_each_in_flight(descriptor, [](operation&, void*) { FAIL(); }, nullptr);
        backend_->forget(descriptor);
    }
}

TEST_P(backend_conformance, destroying_the_backend_ends_what_is_in_flight_without_complete) {
    ends_in_flight_ = true;
    auto [left, right] = world_->pair();
    fill(left);
    std::array<char, 5> bytes{};
    std::deque<counted> requests;
    requests.emplace_back(opcode::receive, left, &bytes[0], 1U);
    requests.emplace_back(opcode::receive, left, &bytes[1], 1U);
    requests.emplace_back(opcode::send, left, &bytes[2], 1U);
    requests.emplace_back(opcode::poll, left, nullptr, 0U).flags = POLLIN;
    for (counted& request : requests) EXPECT_FALSE(submit(request));
    let_it_look();
    cancel(requests[0]);
    requests.emplace_back(opcode::receive, left, &bytes[3], 1U);
    EXPECT_FALSE(submit(requests.back()));
    backend_.reset();
    for (const counted& request : requests) {
        EXPECT_EQ(request.state, operation_state::completed);
        EXPECT_EQ(request.result, -ECANCELED);
        EXPECT_EQ(request.through_poll, 0);
    }
}

// Time and waking.

TEST_P(backend_conformance, poll_with_a_deadline_returns_no_earlier) {
    for (const duration delay : {duration{1us}, duration{333us}, duration{1'700us}}) {
        EXPECT_LE(polls_until(backend_->now() + delay), interruptions + 1) << "it woke up early";
    }
}

TEST_P(backend_conformance, poll_without_a_wait_returns_at_once_though_something_is_in_flight) {
    auto [left, right] = world_->pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(submit(request));
    const time_point before = backend_->now();
    for (int i = 0; i < 1000; ++i) poll(time_point::min());
    if (simulated_ != nullptr) {
        EXPECT_EQ(backend_->now(), before);
    }
    EXPECT_EQ(request.completions, 0);
    if (!cancel(request)) {
        ASSERT_TRUE(complete(request));
    }
}

TEST_P(backend_conformance, poll_with_a_deadline_in_the_past_does_not_wait) {
    const time_point before = backend_->now();
    poll(before - 1h);
    if (simulated_ != nullptr) {
        EXPECT_EQ(backend_->now(), before);
    }
}

TEST_P(backend_conformance, wake_from_another_thread_ends_a_poll_without_limit) {
    if (simulated_ != nullptr) simulated_->expect_external_events(true);
    for (int round = 0; round < 50; ++round) {
        std::atomic<bool> published{false};
        std::thread other{[&] {
            published.store(true, std::memory_order_relaxed);
            backend_->wake();
        }};
        // A backend may return for reasons of its own; without the wake this would never end.
        while (!published.load(std::memory_order_relaxed)) poll(time_point::max());
        other.join();
    }
}

TEST_P(backend_conformance, a_wake_before_the_poll_ends_the_next_poll) {
    if (simulated_ != nullptr) simulated_->expect_external_events(true);
    for (int round = 0; round < 10; ++round) {
        backend_->wake();
        backend_->wake();
        poll(time_point::max());
    }
}

TEST_P(backend_conformance, one_wake_does_not_end_polls_for_ever) {
    backend_->wake();
    poll(backend_->now() + 1s);
    let_it_look();
    EXPECT_LE(polls_until(backend_->now() + 2ms), interruptions + 1);
}

TEST_P(backend_conformance, wakes_from_many_threads_are_never_lost) {
    if (simulated_ != nullptr) simulated_->expect_external_events(true);
    constexpr int threads = 4;
    constexpr int rounds = 500;
    std::atomic<int> posted{0};
    std::vector<std::thread> others;
    for (int i = 0; i < threads; ++i) {
        others.emplace_back([&] {
            for (int round = 0; round < rounds; ++round) {
                posted.fetch_add(1, std::memory_order_relaxed);
                backend_->wake();
            }
        });
    }
    while (posted.load(std::memory_order_relaxed) < threads * rounds) poll(time_point::max());
    for (std::thread& other : others) other.join();
}

TEST_P(real_backend_conformance, a_completion_ends_a_poll_without_limit) {
    auto [left, right] = world_->pair();
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(submit(request));
    std::thread other{[end = left] { EXPECT_EQ(::write(end, "x", 1), 1); }};
    while (request.completions == 0) poll(time_point::max());
    other.join();
    EXPECT_EQ(byte, 'x');
}

// Real descriptors that are not sockets.

TEST_P(real_backend_conformance, read_waits_on_an_empty_pipe_that_does_not_block) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    std::array<char, 8> buffer{};
    counted request{opcode::read, ends[0], buffer.data(), buffer.size()};
    EXPECT_FALSE(submit(request));
    let_it_look();
    EXPECT_EQ(request.completions, 0);
    char text[] = "pipe";
    EXPECT_EQ(run(opcode::write, ends[1], text, 4), 4);
    ASSERT_TRUE(complete(request));
    EXPECT_EQ(request.result, 4);
    EXPECT_FALSE(submit(request));
    let_it_look();
    if (!cancel(request)) {
        ASSERT_TRUE(complete(request));
    }
    EXPECT_EQ(request.result, -ECANCELED);
    for (const int end : ends) {
        backend_->forget(end);
        ::close(end);
    }
}

TEST_P(real_backend_conformance, read_and_write_of_a_regular_file_use_the_current_position) {
    const int file = ::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0) GTEST_SKIP() << "no unnamed files here";
    char text[] = "abcdef";
    EXPECT_EQ(run(opcode::write, file, text, 3), 3);
    EXPECT_EQ(run(opcode::write, file, text + 3, 3), 3);
    EXPECT_EQ(::lseek(file, 0, SEEK_SET), 0);
    std::string back(4, '\0');
    EXPECT_EQ(run(opcode::read, file, back.data(), 4), 4);
    EXPECT_EQ(back, "abcd");
    EXPECT_EQ(run(opcode::read, file, back.data(), 4), 2);
    EXPECT_EQ(run(opcode::read, file, back.data(), 4), 0);
    EXPECT_EQ(run(opcode::poll, file, nullptr, 0, POLLIN) & POLLIN, POLLIN);
    backend_->forget(file);
    ::close(file);
}

TEST_P(real_backend_conformance, receive_on_a_blocking_socket_does_not_block_the_loop) {
    auto [left, right] = world_->pair();
    ASSERT_EQ(::fcntl(right, F_SETFL, 0), 0);
    char byte = 0;
    counted request{opcode::receive, right, &byte, 1};
    EXPECT_FALSE(submit(request));
    let_it_look();
    EXPECT_EQ(request.completions, 0);
    EXPECT_EQ(send(left, "x"), 1);
    ASSERT_TRUE(complete(request));
    EXPECT_EQ(byte, 'x');
}

// The aid for the allocator of frames.

TEST(operations_in_flight, overlap_their_record_and_buffer_while_completions_are_delayed) {
    ::setenv("SIMUL_IO_URING_DELAY", "2", 1);
    std::string reason;
    auto backend = detail::make_io_uring_backend(waited_for_by::itself, reason);
    ::unsetenv("SIMUL_IO_URING_DELAY");
    if (backend == nullptr) GTEST_SKIP() << reason;
    real_world real;
    auto [left, right] = real.pair();
    std::array<char, 64> memory{};
    counted request{opcode::receive, right, memory.data() + 16, 16};
    EXPECT_FALSE(detail::overlaps_operation_in_flight(memory.data(), memory.size()));
    EXPECT_FALSE(backend->submit(request));
    const auto overlaps = [&](std::size_t offset, std::size_t size) {
        return detail::overlaps_operation_in_flight(memory.data() + offset, size);
    };
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(overlaps(0, 64));
        EXPECT_TRUE(overlaps(31, 1));
        EXPECT_TRUE(overlaps(0, 17));
        EXPECT_FALSE(overlaps(0, 16));
        EXPECT_FALSE(overlaps(32, 32));
        EXPECT_TRUE(detail::overlaps_operation_in_flight(&request, sizeof request));
        backend->poll(time_point::min());  // now the kernel has it
    }
    EXPECT_FALSE(backend->cancel(request));
    counted::inside_poll = true;
    while (request.completions == 0) backend->poll(time_point::max());
    counted::inside_poll = false;
    EXPECT_FALSE(overlaps(0, 64));
    EXPECT_FALSE(detail::overlaps_operation_in_flight(&request, sizeof request));
}

}  // namespace
}  // namespace simul
