// SPDX-License-Identifier: Apache-2.0
#include "simul/tls/stream.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "simul/base/assert.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/timeout.hpp"
#include "tls/session.hpp"

namespace simul::tls {

namespace detail {

namespace {

constexpr std::size_t most_at_once = 65536;      // plain text in one write
constexpr std::size_t most_answers = 65536;      // bytes a peer may make us owe it while we read
constexpr std::size_t most_lingering = 262'144;  // data thrown away while waiting for a farewell
constexpr std::chrono::seconds alert_limit{1};   // a peer that does not read gets no alert

// Sets a flag for as long as it lives.
class flag_guard {
public:
    explicit flag_guard(bool& flag) : flag_{flag} {
        if (flag) throw error{simul::errc::busy};
        flag = true;
    }
    flag_guard(const flag_guard&) = delete;
    flag_guard& operator=(const flag_guard&) = delete;
    ~flag_guard() { flag_ = false; }

private:
    bool& flag_;
};

// Breaks the connection unless it is told that all went well.
class breaking_guard {
public:
    explicit breaking_guard(bool& is_broken) noexcept : is_broken_{is_broken} {}
    breaking_guard(const breaking_guard&) = delete;
    breaking_guard& operator=(const breaking_guard&) = delete;
    ~breaking_guard() {
        if (!is_committed_) is_broken_ = true;
    }
    void commit() noexcept { is_committed_ = true; }

private:
    bool& is_broken_;
    bool is_committed_ = false;
};

class space_guard {
public:
    explicit space_guard(engine& filled) noexcept : filled_{filled} {}
    space_guard(const space_guard&) = delete;
    space_guard& operator=(const space_guard&) = delete;
    ~space_guard() { filled_.abandon_space(); }

private:
    engine& filled_;
};

}  // namespace

session::session(any_stream transport, std::shared_ptr<const context_state> context,
                 std::vector<std::byte> already_read)
    : engine_{std::move(context)},
      transport_{std::move(transport)},
      already_read_{std::move(already_read)} {}

void session::check_open() const {
    if (is_closed_) throw closed{};
}

void session::check_writable() const {
    if (is_closed_ || is_broken_ || said_farewell_) throw closed{};
}

// Waits until the input has grown since `seen`, or ended.
task<> session::receive(std::uint64_t seen) {
    const mutex_guard held = co_await receiving_.acquire();
    check_open();
    if (receptions_ != seen) co_return;
    const std::span<std::byte> space = engine_.space();
    const space_guard guard{engine_};
    std::size_t count = take_already_read(space);
    if (count == 0) count = co_await transport_.read_some(space);
    engine_.received(count);
    ++receptions_;
    if (count == 0) has_ended_ = true;
}

std::size_t session::take_already_read(std::span<std::byte> space) noexcept {
    const auto rest = std::span<const std::byte>{already_read_}.subspan(already_taken_);
    const std::size_t count = std::min(rest.size(), space.size());
    std::ranges::copy(rest.first(count), space.begin());
    already_taken_ += count;
    if (count == rest.size()) {
        already_read_ = std::vector<std::byte>{};
        already_taken_ = 0;
    }
    return count;
}

// Sends what the engine has made; `sending_` is held. The breaking_guard is the caller's, because a
// stop can come before this task has begun.
task<> session::flush() {
    while (engine_.output_size() != 0) {
        const std::vector<std::byte> batch = engine_.take_output();
        co_await write_all(transport_, batch);
    }
}

task<> session::send_locked() {
    const mutex_guard held = co_await sending_.acquire();
    if (is_closed_ || is_broken_) co_return;
    breaking_guard guard{is_broken_};
    co_await flush();
    guard.commit();
}

// Tells the peer what is wrong, if it listens.
task<> session::send_alert() {
    if (engine_.output_size() == 0) co_return;
    try {
        static_cast<void>(co_await move_on_after(alert_limit, send_locked()));
    } catch (const std::exception&) {
        co_return;  // the failure that the alert is about is the one to report
    }
}

task<> session::handshake() {
    while (true) {
        const std::uint64_t seen = receptions_;
        const progress got = engine_.handshake();
        if (got == progress::failed) {
            co_await send_alert();
            engine_.why().raise(true);
        }
        if (got == progress::done && engine_.owes_tickets_only()) co_return;
        co_await flush();
        if (got == progress::done) co_return;
        if (has_ended_) failure{errc::closed_during_handshake}.raise(true);
        co_await receive(seen);
    }
}

task<std::size_t> session::read_some(std::span<std::byte> buffer) {
    const std::shared_ptr<session> alive = shared_from_this();
    check_open();
    if (buffer.empty()) co_return 0;
    const flag_guard alone{is_reading_};
    while (true) {
        std::size_t count = 0;
        const std::uint64_t seen = receptions_;
        progress got = engine_.read(buffer, count);
        if (got == progress::done) co_return count;
        if (got == progress::ended) co_return 0;
        if (got == progress::wants_input && engine_.output_size() > most_answers) {
            got = engine_.fail(failure{errc::protocol_error, "too many messages to be answered"});
        }
        if (got == progress::failed) {
            co_await send_alert();
            engine_.why().raise(false);
        }
        if (has_ended_) throw std::system_error{errc::truncated};
        co_await receive(seen);
        check_open();
    }
}

task<std::size_t> session::write_some(std::span<const std::byte> bytes) {
    const std::shared_ptr<session> alive = shared_from_this();
    check_writable();
    if (bytes.empty()) co_return 0;
    const flag_guard alone{is_writing_};
    const mutex_guard held = co_await sending_.acquire();
    check_writable();
    bytes = bytes.first(std::min(bytes.size(), most_at_once));
    std::size_t taken = 0;
    while (true) {
        const std::uint64_t seen = receptions_;
        progress got = progress::done;
        while (got == progress::done && taken != bytes.size()) {
            std::size_t count = 0;
            got = engine_.write(bytes.subspan(taken), count);
            if (got == progress::done) taken += count;
        }
        if (got == progress::failed) engine_.why().raise(false);
        breaking_guard guard{is_broken_};
        co_await flush();
        guard.commit();
        if (taken != 0) co_return taken;
        // The peer is in the middle of a message that must be complete before we may write.
        if (has_ended_) throw std::system_error{errc::truncated};
        co_await receive(seen);
        check_writable();
    }
}

task<> session::shutdown() {
    const std::shared_ptr<session> alive = shared_from_this();
    if (is_closed_ || is_broken_) throw closed{};
    if (said_farewell_) co_return;
    const mutex_guard held = co_await sending_.acquire();
    if (is_closed_ || is_broken_) throw closed{};
    while (!said_farewell_) {
        const std::uint64_t seen = receptions_;
        const progress got = engine_.say_farewell();
        if (got == progress::failed) engine_.why().raise(false);
        said_farewell_ = got == progress::done;
        breaking_guard guard{is_broken_};
        co_await flush();
        guard.commit();
        if (said_farewell_) co_return;
        if (has_ended_) throw std::system_error{errc::truncated};
        co_await receive(seen);
    }
}

task<bool> session::wait_for_farewell() {
    const std::shared_ptr<session> alive = shared_from_this();
    co_await shutdown();
    std::array<std::byte, 4096> thrown_away;
    std::size_t total = 0;
    while (total <= most_lingering) {
        std::size_t count = 0;
        try {
            count = co_await read_some(thrown_away);
        } catch (const std::system_error&) {
            co_return false;
        }
        if (count == 0) co_return true;
        total += count;
    }
    co_return false;
}

task<bool> session::shutdown_and_wait(duration limit) {
    const std::optional<bool> said = co_await move_on_after(limit, wait_for_farewell());
    co_return said.value_or(false);
}

void session::close() noexcept {
    is_closed_ = true;
    transport_.close();
}

bool session::has_input() const noexcept {
    return is_closed_ || has_ended_ || engine_.has_input() || !already_read_.empty() ||
           transport_.has_input();
}

namespace {

// The session lies behind a pointer, so it stays where it is when the stream is returned.
task<stream> shake_hands(std::shared_ptr<session> begun) {
    const duration limit = begun->machine().handshake_timeout();
    if (limit == duration::max()) {
        co_await begun->handshake();
    } else {
        co_await timeout(limit, begun->handshake());
    }
    co_return session::make_stream(std::move(begun));
}

task<stream> connect_with(any_stream transport, std::shared_ptr<const context_state> context,
                          std::string host, bool has_read) {
    const host_name wanted{host};
    if (has_read) {
        failure{errc::protocol_error, "the server spoke before the handshake"}.raise(true);
    }
    std::vector<std::byte> nothing;
    auto begun =
        std::make_shared<session>(std::move(transport), std::move(context), std::move(nothing));
    begun->machine().expect(wanted);
    co_return co_await shake_hands(std::move(begun));
}

task<stream> accept_with(any_stream transport, std::shared_ptr<const context_state> context,
                         std::vector<std::byte> already_read) {
    auto begun = std::make_shared<session>(std::move(transport), std::move(context),
                                           std::move(already_read));
    co_return co_await shake_hands(std::move(begun));
}

}  // namespace
}  // namespace detail

stream::stream(std::shared_ptr<detail::session> connected) noexcept
    : session_{std::move(connected)} {}
stream::stream(stream&& other) noexcept = default;
stream& stream::operator=(stream&& other) noexcept = default;
stream::~stream() = default;

task<std::size_t> stream::read_some(std::span<std::byte> buffer) {
    return session_->read_some(buffer);
}

task<std::size_t> stream::write_some(std::span<const std::byte> bytes) {
    return session_->write_some(bytes);
}

task<> stream::shutdown() {
    return session_->shutdown();
}

task<bool> stream::shutdown_and_wait(duration limit) {
    return session_->shutdown_and_wait(limit);
}

void stream::close() noexcept {
    if (session_) session_->close();
}

bool stream::has_input() const noexcept {
    return session_->has_input();
}

std::string_view stream::alpn() const noexcept {
    return session_->machine().alpn();
}

version stream::protocol_version() const noexcept {
    return session_->machine().protocol_version();
}

std::string_view stream::cipher() const noexcept {
    return session_->machine().cipher();
}

std::string_view stream::server_name() const noexcept {
    return session_->machine().server_name();
}

std::optional<certificate_summary> stream::peer_certificate() const {
    return session_->machine().peer_certificate();
}

task<stream> connect(any_stream transport, const client_context& context, std::string host,
                     std::span<const std::byte> already_read) {
    SIMUL_ASSERT(transport.has_value(), "tls::connect needs a stream to talk over");
    return detail::connect_with(std::move(transport), detail::context_access::state(context),
                                std::move(host), !already_read.empty());
}

task<stream> accept(any_stream transport, const server_context& context,
                    std::span<const std::byte> already_read) {
    SIMUL_ASSERT(transport.has_value(), "tls::accept needs a stream to talk over");
    return detail::accept_with(std::move(transport), detail::context_access::state(context),
                               std::vector<std::byte>{already_read.begin(), already_read.end()});
}

}  // namespace simul::tls
