// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of operations on descriptors. After each run both ends are closed and read
// to the end, so that every byte and connection is accounted for.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "runtime/backends/simulated.hpp"
#include "simul/runtime/descriptor.hpp"
#include "support/cancellation_harness.hpp"
#include "support/simulated_names.hpp"

namespace simul::test {
namespace {

backend& io() {
    return loop::current().io();
}

simul::detail::simulated_backend& simulated_world() {
    return static_cast<simul::detail::simulated_backend&>(io());
}

// What the other side of the simulated world does, without a task.
struct quiet_operation : operation {
    quiet_operation(opcode what, int fd, void* data, std::size_t length) noexcept
        : operation{what, fd, data, length, [](operation&) noexcept {}} {}
    [[nodiscard]] bool is_over() const noexcept { return state == operation_state::completed; }
};

// Two connected ends; the subject works on `mine_`.
class pair_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    enum class shape { sockets, pipe };

    pair_world(stage where, shape wanted, bool subject_writes)
        : scenario_world{where}, is_socket_{wanted == shape::sockets} {
        int ends[2] = {-1, -1};
        if (is_simulated(where)) {
            const auto [left, right] = simulated_world().open_pair(64);
            ends[0] = left;
            ends[1] = right;
        } else if (is_socket_) {
            EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                      0);
            const int size = 4096;
            ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        } else {
            EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
            ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
        }
        mine_ = ends[subject_writes ? 1 : 0];
        other_ = ends[subject_writes ? 0 : 1];
        io().forget(mine_);
        io().forget(other_);
    }
    ~pair_world() override {
        EXPECT_EQ(mine_, -1);
        EXPECT_EQ(other_, -1);
    }

    [[nodiscard]] bool is_settled(const run_state&) override {
        return !by_other_ || by_other_->is_over();
    }

protected:
    // One byte from the other end.
    void feed() {
        if (is_simulated(where())) {
            start(opcode::send, other_, bytes_.data(), 1);
        } else {
            EXPECT_EQ(::write(other_, bytes_.data(), 1), 1);
        }
    }

    // Fills what the subject writes to.
    void fill() {
        if (is_simulated(where())) {
            start(opcode::send, mine_, bytes_.data(), 64);
            io().poll(time_point::min());
            EXPECT_TRUE(by_other_->is_over());
            written_ = 64;
            by_other_.reset();
            return;
        }
        for (::ssize_t count = 0; count >= 0;
             count = ::write(mine_, bytes_.data(), bytes_.size())) {
            written_ += static_cast<std::size_t>(count);
        }
        EXPECT_EQ(errno, EAGAIN);
    }

    // Takes out all that was written.
    void drain() {
        if (is_simulated(where())) {
            start(opcode::receive, other_, drained_bytes_.data(), 64);
            return;
        }
        while (true) {
            const ::ssize_t count = ::read(other_, drained_bytes_.data(), drained_bytes_.size());
            if (count <= 0) return;
            drained_ += static_cast<std::size_t>(count);
        }
    }

    // Closes the end that writes, and counts what the other one still reads.
    task<std::size_t> close_and_count(int& writer, int& reader) {
        co_await close_descriptor(std::exchange(writer, -1));
        std::size_t total = drained_;
        if (by_other_ && by_other_->code == opcode::receive) {
            total += static_cast<std::size_t>(by_other_->result);
        }
        std::array<std::byte, 512> buffer{};
        while (true) {
            const std::size_t count = co_await read_descriptor(reader, buffer);
            if (count == 0) break;
            total += count;
        }
        co_await close_descriptor(std::exchange(reader, -1));
        co_return total;
    }

    void start(opcode what, int descriptor, void* data, std::size_t size) {
        by_other_.emplace(what, descriptor, data, size);
        io().submit(*by_other_);
    }

    int mine_ = -1;
    int other_ = -1;
    bool is_socket_;
    std::size_t written_ = 0;
    std::size_t drained_ = 0;
    std::array<std::byte, 64> bytes_{};
    std::array<std::byte, 512> drained_bytes_{};
    std::optional<quiet_operation> by_other_;
};

// --- reading and writing ------------------------------------------------------------------------

template <pair_world::shape Shape>
class reading_world : public pair_world {
public:
    explicit reading_world(stage where) : pair_world{where, Shape, false} {}

    void received(std::size_t count) {
        EXPECT_EQ(count, 1U);
        ++received_;
    }
    void complete() override { feed(); }
    task<> verify(const run_state& run) override {
        const std::size_t left = co_await close_and_count(other_, mine_);
        EXPECT_EQ(left + received_ + static_cast<std::size_t>(run.lost()), 1U)
            << "bytes sent and bytes received: " << run.describe();
    }

protected:
    std::array<std::byte, 32> buffer_{};
    std::size_t received_ = 0;
};

class receiving : public reading_world<pair_world::shape::sockets> {
public:
    static constexpr const char* awaitable = "receive_from";

    using reading_world::reading_world;
    auto wait() { return receive_from(mine_, buffer_); }
};
const add_scenario<receiving> adds_receiving;

class reading : public reading_world<pair_world::shape::pipe> {
public:
    static constexpr const char* awaitable = "read_descriptor";

    using reading_world::reading_world;
    auto wait() { return read_descriptor(mine_, buffer_); }
};
const add_scenario<reading> adds_reading;

// The usual case: the buffer lies in a frame that is destroyed when the task is stopped.
class receiving_in_a_chain : public reading_world<pair_world::shape::sockets> {
public:
    static constexpr const char* awaitable = "receive_from";
    static constexpr const char* variant = "into a buffer of a frame";

    using reading_world::reading_world;
    auto wait() { return receive_twice(); }
    task<> verify(const run_state& run) override {
        const std::size_t left = co_await close_and_count(other_, mine_);
        EXPECT_EQ(left + counted_, 1U) << run.describe();
    }

private:
    task<std::size_t> receive_some() {
        std::array<std::byte, 128> buffer{};
        const std::size_t count = co_await receive_from(mine_, buffer);
        counted_ += count;
        co_return count;
    }
    task<std::size_t> receive_twice() {
        std::size_t count = co_await timeout(1h, receive_some());
        count += 0;
        co_return count;
    }
    std::size_t counted_ = 0;
};
const add_scenario<receiving_in_a_chain> adds_receiving_in_a_chain;

class receiving_until_closed : public pair_world {
public:
    static constexpr const char* awaitable = "receive_from";
    static constexpr const char* variant = "closed while it waits";
    static constexpr bool fails = true;
    static constexpr bool remembers = false;

    explicit receiving_until_closed(stage where) : pair_world{where, shape::sockets, false} {}

    auto wait() { return receive_from(mine_, buffer_); }
    static void received(std::size_t) { ADD_FAILURE() << "nothing was sent"; }
    void complete() override { closes_.set(); }
    task<> background() override {
        co_await closes_.wait();
        co_await close_descriptor(std::exchange(mine_, -1));
    }
    [[nodiscard]] bool is_settled(const run_state&) override {
        return mine_ == -1 && loop::current().statistics().operations == 0;
    }
    task<> verify(const run_state&) override {
        co_await close_descriptor(std::exchange(other_, -1));
    }

private:
    std::array<std::byte, 32> buffer_{};
    event closes_;
};
const add_scenario<receiving_until_closed> adds_receiving_until_closed;

template <pair_world::shape Shape>
class writing_world : public pair_world {
public:
    explicit writing_world(stage where) : pair_world{where, Shape, true} { fill(); }

    void received(std::size_t count) {
        EXPECT_GE(count, 1U);
        reported_ += count;
    }
    void complete() override { drain(); }
    task<> verify(const run_state& run) override {
        const std::size_t total = co_await close_and_count(mine_, other_);
        if (run.lost() == 0) {
            EXPECT_EQ(total, written_ + reported_) << run.describe();
        } else {
            EXPECT_EQ(total, written_ + text_.size()) << run.describe();
        }
    }

protected:
    std::array<std::byte, 8> text_{};
    std::size_t reported_ = 0;
};

class sending : public writing_world<pair_world::shape::sockets> {
public:
    static constexpr const char* awaitable = "send_to";

    using writing_world::writing_world;
    auto wait() { return send_to(mine_, text_); }
};
const add_scenario<sending> adds_sending;

class writing : public writing_world<pair_world::shape::pipe> {
public:
    static constexpr const char* awaitable = "write_descriptor";

    using writing_world::writing_world;
    auto wait() { return write_descriptor(mine_, text_); }
};
const add_scenario<writing> adds_writing;

// --- readiness ----------------------------------------------------------------------------------

class waiting_to_read : public pair_world {
public:
    static constexpr const char* awaitable = "wait_readable";

    explicit waiting_to_read(stage where) : pair_world{where, shape::sockets, false} {}

    auto wait() { return wait_readable(mine_); }
    static void received(std::monostate) {}
    void complete() override { feed(); }
    task<> verify(const run_state& run) override {
        const std::size_t left = co_await close_and_count(other_, mine_);
        EXPECT_EQ(left, 1U) << run.describe();
    }
};
const add_scenario<waiting_to_read> adds_waiting_to_read;

class waiting_to_write : public pair_world {
public:
    static constexpr const char* awaitable = "wait_writable";

    explicit waiting_to_write(stage where) : pair_world{where, shape::sockets, true} { fill(); }

    auto wait() { return wait_writable(mine_); }
    static void received(std::monostate) {}
    void complete() override { drain(); }
    task<> verify(const run_state& run) override {
        const std::size_t total = co_await close_and_count(mine_, other_);
        EXPECT_EQ(total, written_) << run.describe();
    }
};
const add_scenario<waiting_to_write> adds_waiting_to_write;

// --- closing ------------------------------------------------------------------------------------

// A receive that the kernel knows is in flight on the descriptor.
class closing : public pair_world {
public:
    static constexpr const char* awaitable = "close_descriptor";
    static constexpr rule obeys = rule::completes;

    explicit closing(stage where) : pair_world{where, shape::sockets, false} {
        start(opcode::receive, mine_, bytes_.data(), bytes_.size());
        io().poll(time_point::min());
    }

    auto wait() { return close_descriptor(mine_); }
    static void received(std::monostate) {}
    void complete() override {}
    [[nodiscard]] bool is_settled(const run_state& run) override {
        return !has_started(run) || by_other_->is_over();
    }
    task<> verify(const run_state& run) override {
        if (!has_started(run)) {
            co_await close_descriptor(mine_);
        } else if (!is_simulated(where())) {
            EXPECT_EQ(::fcntl(mine_, F_GETFD), -1) << "it is closed: " << run.describe();
        }
        EXPECT_TRUE(by_other_->is_over());
        EXPECT_EQ(by_other_->result, -ECANCELED);
        mine_ = -1;
        co_await close_descriptor(std::exchange(other_, -1));
    }

private:
    static bool has_started(const run_state& run) {
        const bool is_traced = run.traced.made != 0;
        return is_traced ? run.traced.starts != 0 : run.began != 0;
    }
};
const add_scenario<closing> adds_closing;

// --- connections --------------------------------------------------------------------------------

// A listener of either world.
class listener_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    listener_world(stage where, int family, int backlog) : scenario_world{where} {
        if (is_simulated(where)) {
            listener_ = simulated_world().open_listener(1);
            name_ = test::local_name_of(simulated_world(), listener_);
            return;
        }
        listener_ = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        address_.ss_family = static_cast<sa_family_t>(family);
        socklen_t size = sizeof(sa_family_t);  // a Unix socket then gets a name by itself
        if (family == AF_INET) {
            reinterpret_cast<sockaddr_in&>(address_).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            size = sizeof(sockaddr_in);
        }
        auto* address = reinterpret_cast<sockaddr*>(&address_);
        EXPECT_EQ(::bind(listener_, address, size), 0) << std::strerror(errno);
        EXPECT_EQ(::listen(listener_, backlog), 0);
        size_ = sizeof address_;
        EXPECT_EQ(::getsockname(listener_, address, &size_), 0);
        io().forget(listener_);
    }
    ~listener_world() override { EXPECT_EQ(listener_, -1); }

protected:
    int new_socket() {
        if (is_simulated(where())) return simulated_world().open_socket();
        const int made =
            ::socket(address_.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        io().forget(made);
        return made;
    }
    [[nodiscard]] std::span<const std::byte> address() const {
        if (is_simulated(where())) return name_.as_span();
        return std::as_bytes(std::span{&address_, 1}).first(size_);
    }
    // A client of the test's own.
    int connect_client() {
        const int client = new_socket();
        if (is_simulated(where())) {
            by_client_.emplace(opcode::connect, client, &name_.bytes, name_.size);
            io().submit(*by_client_);
        } else {
            ::connect(client, reinterpret_cast<const sockaddr*>(&address_), size_);
        }
        return client;
    }
    task<> close_listener() { co_await close_descriptor(std::exchange(listener_, -1)); }

    int listener_ = -1;
    sockaddr_storage address_{};
    socklen_t size_ = 0;
    test::simulated_name name_;
    std::optional<quiet_operation> by_client_;
};

class accepting : public listener_world {
public:
    static constexpr const char* awaitable = "accept_descriptor";

    explicit accepting(stage where) : listener_world{where, AF_UNIX, 8} {}

    auto wait() { return accept_descriptor(listener_); }
    void received(unique_fd connection) { connection_ = std::move(connection); }
    void complete() override { client_ = connect_client(); }
    [[nodiscard]] bool is_settled(const run_state&) override {
        return !by_client_ || by_client_->is_over();
    }
    task<> verify(const run_state& run) override {
        if (!connection_ && run.lost() == 0) {  // then it still waits for somebody
            std::optional<unique_fd> left =
                co_await move_on_after(5s, accept_descriptor(listener_));
            EXPECT_TRUE(left.has_value()) << "a connection was lost: " << run.describe();
            if (left) connection_ = *std::move(left);
        }
        if (connection_) co_await close_descriptor(connection_.release());
        co_await close_descriptor(client_);
        co_await close_listener();
    }

private:
    unique_fd connection_;
    int client_ = -1;
};
const add_scenario<accepting> adds_accepting;

// In the simulated world the backlog is full until complete() accepts; a real connect over the
// loopback device ends by itself.
class connecting : public listener_world {
public:
    static constexpr const char* awaitable = "connect_descriptor";
    static constexpr bool remembers = false;

    explicit connecting(stage where) : listener_world{where, AF_INET, 8} {
        if (is_simulated(where)) {
            first_ = connect_client();
            io().poll(time_point::min());
        }
        mine_ = new_socket();
    }

    auto wait() { return connect_descriptor(mine_, address()); }
    static void received(std::monostate) {}
    void complete() override {
        if (!is_simulated(where())) return;
        by_server_.emplace(opcode::accept, listener_, nullptr, std::size_t{0});
        io().submit(*by_server_);
    }
    [[nodiscard]] bool is_settled(const run_state&) override {
        return !by_server_ || by_server_->is_over();
    }
    task<> verify(const run_state& run) override {
        if (run.values == 1 && !is_simulated(where())) {
            int error = -1;
            socklen_t length = sizeof error;
            ::getsockopt(mine_, SOL_SOCKET, SO_ERROR, &error, &length);
            EXPECT_EQ(error, 0) << run.describe();
        }
        co_await close_descriptor(mine_);
        if (by_server_) co_await close_descriptor(by_server_->result);
        if (first_ != -1) co_await close_descriptor(first_);
        co_await close_listener();
    }

private:
    int mine_ = -1;
    int first_ = -1;
    std::optional<quiet_operation> by_server_;
};
const add_scenario<connecting> adds_connecting;

// The listener's backlog is full and nobody accepts: such a connect can only be cancelled.
class connecting_in_vain : public listener_world {
public:
    static constexpr const char* awaitable = "connect_descriptor";
    static constexpr const char* variant = "without an answer";
    static constexpr bool can_complete = false;
    static constexpr bool runs_on(stage where) noexcept { return !is_simulated(where); }

    explicit connecting_in_vain(stage where) : listener_world{where, AF_INET, 0} {
        for (int& client : clients_) client = connect_client();
        mine_ = new_socket();
    }

    auto wait() { return connect_descriptor(mine_, address()); }
    static void received(std::monostate) {}
    void complete() override {}
    task<> verify(const run_state&) override {
        co_await close_descriptor(mine_);
        for (const int client : clients_) co_await close_descriptor(client);
        co_await close_listener();
    }

private:
    std::array<int, 3> clients_{};
    int mine_ = -1;
};
const add_scenario<connecting_in_vain> adds_connecting_in_vain;

}  // namespace
}  // namespace simul::test
