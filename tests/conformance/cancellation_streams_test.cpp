// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of streams, listeners and the buffered reader. Each run counts the bytes
// and connections that went in and those that came out.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <variant>

#include "io/socket_address.hpp"
#include "runtime/backends/simulated.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/tcp.hpp"
#include "support/cancellation_harness.hpp"
#include "support/connected_streams.hpp"
#include "support/stream_tools.hpp"

namespace simul::test {
namespace {

// --- two ends -----------------------------------------------------------------------------------

// What complete() does at the other end must happen without a task, and at once.
class memory_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;
    static constexpr bool at_once = true;
    static constexpr std::size_t capacity = 64;

    explicit memory_world(stage where) : scenario_world{where} {
        std::tie(mine_, other_) = memory_stream_pair(capacity);
    }

    // The scenarios of what needs no backend run on one of each kind.
    static constexpr bool runs_on(stage where) noexcept {
        return where == stage::simulated || where == stage::io_uring;
    }

protected:
    using stream = memory_stream;

    // Outside of any task; the operation completes in its start.
    template <awaitable Awaitable>
    static auto act(Awaitable awaited) {
        cancel_scope free;
        waiter nobody{[](waiter&, notice) noexcept { ADD_FAILURE() << "it should not wait"; }};
        nobody.scope = &free;
        auto operation = simul::detail::make_operation(std::move(awaited));
        EXPECT_EQ(operation.start(nobody), started::done);
        return operation.take();
    }

    // Bytes from the other end.
    void feed(std::string_view text) {
        EXPECT_EQ(act(other_.write_some(bytes_of(text))), text.size());
    }
    // Fills what the subject writes to.
    void fill() { written_ = act(mine_.write_some(std::as_bytes(std::span{bytes_}))); }
    // Takes out what was written.
    void drain() { drained_ += act(other_.read_some(std::as_writable_bytes(std::span{bytes_}))); }

    task<std::size_t> count_unread(memory_stream& writer, memory_stream& reader) {
        writer.close();
        const std::string rest = co_await read_to_end(reader);
        co_return rest.size() + drained_;
    }

    memory_stream mine_;
    memory_stream other_;
    std::size_t written_ = 0;
    std::size_t drained_ = 0;

private:
    std::array<char, capacity> bytes_{};
};

// Over a socketpair, or a simulated one.
class tcp_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;
    static constexpr bool receives_ahead = true;

    explicit tcp_world(stage where) : scenario_world{where} {
        int ends[2] = {-1, -1};
        if (is_simulated(where)) {
            const auto [left, right] = world().open_pair(64);
            ends[0] = left;
            ends[1] = right;
        } else if (where == stage::io_uring_ahead) {
            auto [mine, other] = connected_tcp_sockets();
            ends[0] = mine.release();
            ends[1] = other.release();
            const int size = 4096;
            ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
            ::setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        } else {
            EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                      0);
            const int size = 4096;
            ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        }
        mine_ = tcp_stream::adopt(unique_fd{ends[0]});
        other_ = tcp_stream::adopt(unique_fd{ends[1]});
        mine_number_ = ends[0];
        other_number_ = ends[1];
    }
    [[nodiscard]] bool is_settled(const run_state&) override {
        return !by_other_ || by_other_->state == operation_state::completed;
    }

protected:
    using stream = tcp_stream;

    static simul::detail::simulated_backend& world() {
        return static_cast<simul::detail::simulated_backend&>(loop::current().io());
    }

    void feed(std::string_view text) {
        std::copy(text.begin(), text.end(), bytes_.begin());
        if (is_simulated(where())) {
            start(opcode::send, other_number_, text.size());
        } else {
            EXPECT_EQ(::send(other_number_, text.data(), text.size(), 0),
                      static_cast<::ssize_t>(text.size()));
        }
    }
    void fill() {
        if (is_simulated(where())) {
            start(opcode::send, mine_number_, 64);
            loop::current().io().poll(time_point::min());
            written_ = 64;
            by_other_.reset();
            return;
        }
        for (::ssize_t count = 0; count >= 0;
             count = ::send(mine_number_, bytes_.data(), bytes_.size(), MSG_DONTWAIT)) {
            written_ += static_cast<std::size_t>(count);
        }
        EXPECT_EQ(errno, EAGAIN);
    }
    void drain() {
        if (is_simulated(where())) {
            start(opcode::receive, other_number_, 64);
            return;
        }
        std::array<char, 512> taken{};
        while (true) {
            const ::ssize_t count = ::recv(other_number_, taken.data(), taken.size(), MSG_DONTWAIT);
            if (count <= 0) return;
            drained_ += static_cast<std::size_t>(count);
        }
    }

    task<std::size_t> count_unread(tcp_stream& writer, tcp_stream& reader) {
        if (by_other_ && by_other_->code == opcode::receive) {
            drained_ += static_cast<std::size_t>(by_other_->result);
        }
        writer.close();
        const std::string rest = co_await read_to_end(reader);
        reader.close();
        co_return rest.size() + drained_;
    }

    tcp_stream mine_;
    tcp_stream other_;
    std::size_t written_ = 0;
    std::size_t drained_ = 0;

private:
    struct quiet_operation : operation {
        quiet_operation(opcode what, int fd, void* data, std::size_t length) noexcept
            : operation{what, fd, data, length, [](operation&) noexcept {}} {}
    };

    void start(opcode what, int descriptor, std::size_t size) {
        by_other_.emplace(what, descriptor, bytes_.data(), size);
        loop::current().io().submit(*by_other_);
    }

    int mine_number_ = -1;
    int other_number_ = -1;
    std::array<char, 64> bytes_{};
    std::optional<quiet_operation> by_other_;
};

// --- reading ------------------------------------------------------------------------------------

template <class Base>
class reading : public Base {
public:
    using Base::Base;

    void received(std::size_t count) {
        EXPECT_EQ(count, 1U);
        received_ += count;
    }
    void complete() override { this->feed("x"); }
    task<> verify(const run_state& run) override {
        const std::size_t left = co_await this->count_unread(this->other_, this->mine_);
        EXPECT_EQ(left + received_ + static_cast<std::size_t>(run.lost()), 1U)
            << "bytes sent and bytes received: " << run.describe();
    }

protected:
    std::array<std::byte, 32> buffer_{};
    std::size_t received_ = 0;
};

class reading_memory : public reading<memory_world> {
public:
    static constexpr const char* awaitable = "memory_stream::read_some";
    using reading::reading;
    auto wait() { return mine_.read_some(buffer_); }
};
const add_scenario<reading_memory> adds_reading_memory;

class reading_tcp : public reading<tcp_world> {
public:
    static constexpr const char* awaitable = "tcp_stream::read_some";
    using reading::reading;
    auto wait() { return mine_.read_some(buffer_); }
};
const add_scenario<reading_tcp> adds_reading_tcp;

class reading_leased : public reading<tcp_world> {
public:
    static constexpr const char* awaitable = "tcp_stream::read_leased";
    using reading::reading;
    auto wait() { return mine_.read_leased(); }
    void received(const buffer_lease& piece) { reading::received(piece.size()); }
};
const add_scenario<reading_leased> adds_reading_leased;

class waiting_readable : public reading<tcp_world> {
public:
    static constexpr const char* awaitable = "tcp_stream::wait_readable";
    using reading::reading;
    auto wait() { return mine_.wait_readable(); }
    void received(std::monostate) const { EXPECT_TRUE(mine_.has_input()); }
    task<> verify(const run_state& run) override {
        const std::size_t left = co_await count_unread(other_, mine_);
        EXPECT_EQ(left, 1U) << run.describe();
    }
};
const add_scenario<waiting_readable> adds_waiting_readable;

// A read that the stream's own close() ends.
class reading_until_closed : public tcp_world {
public:
    static constexpr const char* awaitable = "tcp_stream::read_some";
    static constexpr const char* variant = "closed while it waits";
    static constexpr bool fails = true;

    using tcp_world::tcp_world;
    auto wait() { return mine_.read_some(buffer_); }
    static void received(std::size_t) { ADD_FAILURE() << "nothing was sent"; }
    void complete() override { mine_.close(); }

private:
    std::array<std::byte, 32> buffer_{};
};
const add_scenario<reading_until_closed> adds_reading_until_closed;

template <class Base>
class reading_any : public Base {
public:
    static constexpr const char* awaitable = "any_stream::read_some";

    explicit reading_any(stage where) : Base{where}, any_{std::move(this->mine_)} {}
    auto wait() { return any_.read_some(this->buffer_); }
    task<> verify(const run_state& run) override {
        this->other_.close();
        const std::string rest = co_await read_to_end(any_);
        EXPECT_EQ(rest.size() + this->received_ + static_cast<std::size_t>(run.lost()), 1U)
            << run.describe();
    }

private:
    any_stream any_;
};

class reading_any_memory : public reading_any<reading<memory_world>> {
public:
    static constexpr const char* variant = "memory";
    using reading_any::reading_any;
};
const add_scenario<reading_any_memory> adds_reading_any_memory;

class reading_any_tcp : public reading_any<reading<tcp_world>> {
public:
    static constexpr const char* variant = "tcp";
    using reading_any::reading_any;
};
const add_scenario<reading_any_tcp> adds_reading_any_tcp;

// --- writing ------------------------------------------------------------------------------------

template <class Base>
class writing : public Base {
public:
    explicit writing(stage where) : Base{where} { this->fill(); }

    void received(std::size_t count) {
        EXPECT_GE(count, 1U);
        reported_ += count;
    }
    void complete() override { this->drain(); }
    task<> verify(const run_state& run) override {
        const std::size_t total = co_await this->count_unread(this->mine_, this->other_);
        const std::size_t unseen = run.lost() == 0 ? 0 : text_.size();
        EXPECT_EQ(total, this->written_ + reported_ + unseen) << run.describe();
    }

protected:
    std::array<std::byte, 8> text_{};
    std::size_t reported_ = 0;
};

class writing_memory : public writing<memory_world> {
public:
    static constexpr const char* awaitable = "memory_stream::write_some";
    using writing::writing;
    auto wait() { return mine_.write_some(text_); }
};
const add_scenario<writing_memory> adds_writing_memory;

class writing_tcp : public writing<tcp_world> {
public:
    static constexpr const char* awaitable = "tcp_stream::write_some";
    using writing::writing;
    auto wait() { return mine_.write_some(text_); }
};
const add_scenario<writing_tcp> adds_writing_tcp;

class writing_any : public writing<memory_world> {
public:
    static constexpr const char* awaitable = "any_stream::write_some";
    explicit writing_any(stage where) : writing{where}, any_{std::move(mine_)} {}
    auto wait() { return any_.write_some(text_); }
    task<> verify(const run_state& run) override {
        any_.close();
        co_await writing::verify(run);
    }

private:
    any_stream any_;
};
const add_scenario<writing_any> adds_writing_any;

class writing_all : public writing<memory_world> {
public:
    static constexpr const char* awaitable = "write_all";
    using writing::writing;
    auto wait() { return write_all(mine_, text_); }
    static void received(std::monostate) {}
    task<> verify(const run_state& run) override {
        const std::size_t total = co_await count_unread(mine_, other_);
        EXPECT_GE(total, written_) << run.describe();
        EXPECT_LE(total, written_ + text_.size()) << run.describe();
        if (run.values == 1) {
            EXPECT_EQ(total, written_ + text_.size()) << run.describe();
        }
    }
};
const add_scenario<writing_all> adds_writing_all;

// --- shutting down ------------------------------------------------------------------------------

// Never waits: either it happened, or the scope was cancelled before.
template <class Base>
class shutting_down : public Base {
public:
    static constexpr bool at_once = false;

    using Base::Base;

    static void received(std::monostate) {}
    void complete() override {}
    task<> verify(const run_state& run) override {
        if (run.values == 0) co_return;
        const std::string end = co_await read_to_end(this->other_);
        EXPECT_EQ(end, "") << run.describe();
    }
};

class shutting_down_memory : public shutting_down<memory_world> {
public:
    static constexpr const char* awaitable = "memory_stream::shutdown";
    using shutting_down::shutting_down;
    auto wait() { return mine_.shutdown(); }
};
const add_scenario<shutting_down_memory> adds_shutting_down_memory;

class shutting_down_tcp : public shutting_down<tcp_world> {
public:
    static constexpr const char* awaitable = "tcp_stream::shutdown";
    using shutting_down::shutting_down;
    auto wait() { return mine_.shutdown(); }
};
const add_scenario<shutting_down_tcp> adds_shutting_down_tcp;

class shutting_down_any : public shutting_down<memory_world> {
public:
    static constexpr const char* awaitable = "any_stream::shutdown";
    explicit shutting_down_any(stage where) : shutting_down{where}, any_{std::move(mine_)} {}
    auto wait() { return any_.shutdown(); }

private:
    any_stream any_;
};
const add_scenario<shutting_down_any> adds_shutting_down_any;

// --- listeners ----------------------------------------------------------------------------------

class accepting : public scenario_world {
public:
    static constexpr const char* awaitable = "tcp_listener::accept";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool runs_on(stage where) noexcept { return !is_simulated(where); }

    explicit accepting(stage where)
        : scenario_world{where},
          listener_{tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0})} {}

    auto wait() { return listener_.accept(); }
    void received(accepted connection) { connection_.emplace(std::move(connection)); }
    void complete() override {
        const simul::detail::socket_address address{listener_.local_endpoint()};
        client_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(client_.get(), address.data(), address.size()), 0);
    }
    task<> verify(const run_state& run) override {
        if (!connection_ && run.lost() == 0) {  // then it is in the queue, or the listener kept it
            auto left = co_await move_on_after(5s, listener_.accept());
            EXPECT_TRUE(left.has_value()) << "a connection was lost: " << run.describe();
            if (left) connection_.emplace(*std::move(left));
        }
        if (connection_) {
            EXPECT_EQ(connection_->peer, simul::detail::local_endpoint_of(client_.get()))
                << run.describe();
        }
    }

private:
    tcp_listener listener_;
    unique_fd client_;
    std::optional<accepted> connection_;
};
const add_scenario<accepting> adds_accepting;

// --- the buffered reader ------------------------------------------------------------------------

// A part of the bytes is there before, the rest comes with complete(). Whatever happens, those that
// were not returned are still there.
class buffered_world : public memory_world {
public:
    static constexpr bool at_once = false;  // bytes that have come stay if a request is there, too

    explicit buffered_world(stage where, std::size_t early = 3)
        : memory_world{where}, reader_{mine_}, early_{early} {
        feed(sent.substr(0, early_));
    }

    void complete() override { feed(sent.substr(early_)); }
    task<> verify(const run_state& run) override {
        if (run.lost() != 0) co_return;
        other_.close();
        std::string rest;
        while (true) {
            const auto next = co_await reader_.peek();
            if (next.empty()) break;
            rest += text_of(next);
            reader_.consume(next.size());
        }
        const std::string_view expected = run.is_completed ? sent : sent.substr(0, early_);
        EXPECT_EQ(returned_ + rest, expected) << run.describe();
    }

protected:
    static constexpr std::string_view sent = "abcdef\n";

    void returned(std::string_view text) { returned_ += text; }

    buffered_reader<memory_stream> reader_;
    std::array<std::byte, 7> into_{};
    std::string returned_;

private:
    std::size_t early_;
};

class reading_buffered_some : public buffered_world {
public:
    static constexpr const char* awaitable = "buffered_reader::read_some";
    static constexpr bool at_once = true;
    explicit reading_buffered_some(stage where) : buffered_world{where, 0} {}
    auto wait() { return reader_.read_some(into_); }
    void received(std::size_t count) { returned(text_of(std::span{into_}.first(count))); }
};
const add_scenario<reading_buffered_some> adds_reading_buffered_some;

class reading_exactly : public buffered_world {
public:
    static constexpr const char* awaitable = "buffered_reader::read_exactly";
    using buffered_world::buffered_world;
    auto wait() { return reader_.read_exactly(7); }
    void received(const std::vector<std::byte>& bytes) { returned(text_of(bytes)); }
};
const add_scenario<reading_exactly> adds_reading_exactly;

class reading_exactly_into : public buffered_world {
public:
    static constexpr const char* awaitable = "buffered_reader::read_exactly";
    static constexpr const char* variant = "into a span";
    using buffered_world::buffered_world;
    auto wait() { return reader_.read_exactly(into_); }
    void received(std::monostate) { returned(text_of(into_)); }
};
const add_scenario<reading_exactly_into> adds_reading_exactly_into;

class reading_until : public buffered_world {
public:
    static constexpr const char* awaitable = "buffered_reader::read_until";
    using buffered_world::buffered_world;
    auto wait() { return reader_.read_until("\n"); }
    void received(const std::string& text) { returned(text); }
};
const add_scenario<reading_until> adds_reading_until;

class reading_line : public buffered_world {
public:
    static constexpr const char* awaitable = "buffered_reader::read_line";
    using buffered_world::buffered_world;
    auto wait() { return reader_.read_line(); }
    void received(const std::string& text) {
        returned(text);
        returned("\n");
    }
};
const add_scenario<reading_line> adds_reading_line;

class peeking : public buffered_world {
public:
    static constexpr const char* awaitable = "buffered_reader::peek";
    static constexpr bool at_once = true;
    using buffered_world::buffered_world;
    auto wait() { return reader_.peek(7); }
    static void received(std::span<const std::byte> bytes) { EXPECT_EQ(text_of(bytes), sent); }
};
const add_scenario<peeking> adds_peeking;

}  // namespace
}  // namespace simul::test
