// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of encrypted streams, over memory. They do no input or output of the
// system, so one stage tells as much as all of them.
#include <optional>
#include <string>

#include "simul/base/bytes.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/tls/stream.hpp"
#include "support/cancellation_harness.hpp"
#include "support/test_authority.hpp"

namespace simul::test {
namespace {

const tls::client_context& client_context() {
    static const tls::client_context made = [] {
        tls::client_options options;
        options.use_system_authorities = false;
        options.authorities = test_authority::shared().root.certificate;
        options.handshake_timeout = duration::max();
        return tls::client_context{options};
    }();
    return made;
}

const tls::server_context& server_context() {
    static const tls::server_context made = [] {
        const test_authority& authority = test_authority::shared();
        tls::server_options options{
            tls::identity{authority.chain_of(authority.localhost), authority.localhost.key}};
        options.handshake_timeout = duration::max();
        options.session_tickets = false;  // nobody is to wait for room for them
        return tls::server_context{options};
    }();
    return made;
}

// Small, so that writers wait.
constexpr std::size_t capacity = 64;

class tls_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;
    static constexpr bool runs_on(stage where) noexcept { return where == stage::simulated; }

    using scenario_world::scenario_world;

    void complete() override { happens_.set(); }
    task<> background() override {
        co_await happens_.wait();
        has_begun_ = true;
        const auto ended = co_await as_outcome(act());
        has_ended_ = !ended.is_cancelled();
    }
    [[nodiscard]] bool is_settled(const run_state&) override {
        return !happens_.is_set() || has_ended_;
    }

protected:
    // What makes the awaitable complete.
    virtual task<> act() = 0;

    event happens_;
    bool has_begun_ = false;
    bool has_ended_ = false;
};

// --- shaking hands ------------------------------------------------------------------------------

class handshake_world : public tls_world {
public:
    explicit handshake_world(stage where) : tls_world{where} {
        auto [near, far] = memory_stream_pair(capacity);
        near_ = any_stream{std::move(near)};
        far_ = any_stream{std::move(far)};
    }

    void received(tls::stream connected) {
        EXPECT_EQ(connected.protocol_version(), tls::version::tls_1_3);
    }
    // If it has not begun, the other side would wait for it for ever.
    void subject_ended(const run_state&) override { near_.close(); }

protected:
    any_stream near_;
    any_stream far_;
};

class connecting : public handshake_world {
public:
    static constexpr const char* awaitable = "tls::connect";

    using handshake_world::handshake_world;
    auto wait() { return tls::connect(std::move(near_), client_context(), "localhost"); }

private:
    task<> act() override {
        static_cast<void>(co_await tls::accept(std::move(far_), server_context()));
    }
};
const add_scenario<connecting> adds_connecting;

class accepting : public handshake_world {
public:
    static constexpr const char* awaitable = "tls::accept";

    using handshake_world::handshake_world;
    auto wait() { return tls::accept(std::move(near_), server_context()); }

private:
    task<> act() override {
        static_cast<void>(co_await tls::connect(std::move(far_), client_context(), "localhost"));
    }
};
const add_scenario<accepting> adds_accepting;

class accepting_a_stranger : public handshake_world {
public:
    static constexpr const char* awaitable = "tls::accept";
    static constexpr const char* variant = "somebody who does not speak it";
    static constexpr bool fails = true;

    using handshake_world::handshake_world;
    auto wait() { return tls::accept(std::move(near_), server_context()); }
    static void received(const tls::stream&) { ADD_FAILURE() << "that was no handshake"; }

private:
    task<> act() override { co_await write_all(far_, bytes_of("GET / HTTP/1.1\r\n\r\n")); }
};
const add_scenario<accepting_a_stranger> adds_accepting_a_stranger;

// --- connected streams --------------------------------------------------------------------------

class connected_world : public tls_world {
public:
    explicit connected_world(stage where) : tls_world{where} {
        run_options options;
        options.handle_interrupt = false;
        run_on(loop::current(), open(), options);
    }

protected:
    task<> open() {
        auto [near, far] = memory_stream_pair(capacity);
        any_stream near_end{std::move(near)};
        any_stream far_end{std::move(far)};
        auto opening = tls::connect(std::move(near_end), client_context(), "localhost");
        auto answering = tls::accept(std::move(far_end), server_context());
        auto [client, server] = co_await gather(std::move(opening), std::move(answering));
        mine_.emplace(std::move(client));
        other_.emplace(std::move(server));
    }

    static task<std::size_t> count_to_end(tls::stream& from) {
        std::array<std::byte, 256> buffer{};
        std::size_t total = 0;
        while (true) {
            const auto count = co_await as_result(from.read_some(buffer));
            if (!count || *count == 0) break;
            total += *count;
        }
        co_return total;
    }

    std::optional<tls::stream> mine_;
    std::optional<tls::stream> other_;
};

class reading : public connected_world {
public:
    static constexpr const char* awaitable = "tls::stream::read_some";

    using connected_world::connected_world;
    auto wait() { return mine_->read_some(buffer_); }
    void received(std::size_t count) {
        EXPECT_EQ(count, 1U);
        received_ += count;
    }
    task<> verify(const run_state& run) override {
        other_->close();
        const std::size_t left = co_await count_to_end(*mine_);
        const std::size_t sent = has_ended_ ? 1U : 0U;
        EXPECT_EQ(left + received_ + static_cast<std::size_t>(run.lost()), sent)
            << "bytes sent and bytes received: " << run.describe();
    }

private:
    task<> act() override { co_await write_all(*other_, bytes_of("x")); }

    std::array<std::byte, 8> buffer_{};
    std::size_t received_ = 0;
};
const add_scenario<reading> adds_reading;

class writing : public connected_world {
public:
    static constexpr const char* awaitable = "tls::stream::write_some";

    using connected_world::connected_world;
    auto wait() { return mine_->write_some(bytes_of(text_)); }
    void received(std::size_t count) {
        EXPECT_EQ(count, text_.size());
        reported_ += count;
    }
    task<> verify(const run_state& run) override {
        const auto later = co_await as_result(mine_->write_some(bytes_of("x")));
        if (run.values == 1) {
            EXPECT_TRUE(later.has_value()) << run.describe();
            EXPECT_EQ(read_, reported_) << run.describe();
        } else if (!later) {
            EXPECT_EQ(later.error(), errc::closed) << run.describe();
        }
        mine_->close();
        read_ += co_await count_to_end(*other_);
        const std::size_t whole = read_ - (later ? 1U : 0U);
        EXPECT_TRUE(whole == 0 || whole == text_.size()) << "no half record: " << run.describe();
    }

private:
    task<> act() override {
        std::array<std::byte, 256> buffer{};
        while (read_ < text_.size()) read_ += co_await other_->read_some(buffer);
    }
    // Nothing to read comes from a writer that was stopped first.
    [[nodiscard]] bool is_settled(const run_state& run) override {
        return run.values == 0 || tls_world::is_settled(run);
    }

    std::string text_ = std::string(200, 'x');
    std::size_t reported_ = 0;
    std::size_t read_ = 0;
};
const add_scenario<writing> adds_writing;

// The farewell does not fit behind what was written.
class shutting_down : public connected_world {
public:
    static constexpr const char* awaitable = "tls::stream::shutdown";

    explicit shutting_down(stage where) : connected_world{where} {
        run_options options;
        options.handle_interrupt = false;
        run_on(loop::current(), write_all(*mine_, bytes_of("thirty bytes of some plaintext")),
               options);
    }
    auto wait() { return mine_->shutdown(); }
    static void received(std::monostate) {}
    [[nodiscard]] bool is_settled(const run_state& run) override {
        return run.values == 0 || tls_world::is_settled(run);
    }
    task<> verify(const run_state& run) override {
        if (run.values == 1) {
            EXPECT_EQ(read_, 30U) << run.describe();
            EXPECT_TRUE(has_read_end_) << run.describe();
        }
        co_return;
    }

private:
    task<> act() override {
        std::array<std::byte, 64> buffer{};
        while (!has_read_end_) {
            const std::size_t count = co_await other_->read_some(buffer);
            read_ += count;
            has_read_end_ = count == 0;
        }
    }

    std::size_t read_ = 0;
    bool has_read_end_ = false;
};
const add_scenario<shutting_down> adds_shutting_down;

class waiting_for_a_farewell : public connected_world {
public:
    static constexpr const char* awaitable = "tls::stream::shutdown_and_wait";

    using connected_world::connected_world;
    auto wait() { return mine_->shutdown_and_wait(24h); }
    void received(bool said) const { EXPECT_TRUE(said && has_ended_); }

private:
    task<> act() override { co_await other_->shutdown(); }
};
const add_scenario<waiting_for_a_farewell> adds_waiting_for_a_farewell;

}  // namespace
}  // namespace simul::test
