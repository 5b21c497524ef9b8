// SPDX-License-Identifier: Apache-2.0
#include "http/exchange.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/http/error.hpp"
#include "simul/http/wire/serializer.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/dns.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/tls/stream.hpp"
#include "simul/web/percent_encoding.hpp"

#include "http/base64.hpp"
#include "http/redirect.hpp"
#include "http/session_state.hpp"

namespace simul::http::detail {

namespace {

constexpr std::size_t drain_limit = std::size_t{64} * 1024;

std::string origin_of(const web::url& address) {
    std::string name{address.scheme()};
    name.append("://").append(address.host()).append(":");
    name.append(std::to_string(address.effective_port().value_or(0)));
    return name;
}

// Without the brackets of an IPv6 address.
std::string host_of(const web::url& address) {
    std::string_view host = address.host();
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    return std::string{host};
}

std::string authority_of(const web::url& address) {
    std::string authority{address.host()};
    if (const auto port = address.port()) authority.append(":").append(std::to_string(*port));
    return authority;
}

bool is_own_field(std::string_view name) noexcept {
    return equals_ignoring_case(name, "Host") || equals_ignoring_case(name, "Connection") ||
           equals_ignoring_case(name, "Content-Length") ||
           equals_ignoring_case(name, "Transfer-Encoding");
}

bool is_lost_connection(const std::error_code& cause) noexcept {
    return cause == std::errc::connection_reset || cause == std::errc::broken_pipe ||
           cause == errc::unexpected_end || cause == tls::errc::truncated;
}

}  // namespace

exchange::exchange(session_state& owner, web::url where, time_point deadline)
    : owner_{owner}, address_{std::move(where)}, deadline_{deadline} {}

void exchange::fail(std::error_code cause, stage where, std::string_view detail) const {
    throw request_error{cause, where, address_.without_credentials().href(), detail};
}

template <class Result>
task<Result> exchange::limited(stage where, duration limit, task<Result> work) {
    const duration left =
        deadline_ == time_point::max() ? duration::max() : deadline_ - loop::current().now();
    const duration shorter = std::min(left, limit);
    try {
        if constexpr (std::is_void_v<Result>) {
            co_await timeout(shorter, std::move(work));
            co_return;
        } else {
            Result result = co_await timeout(shorter, std::move(work));
            co_return result;
        }
    } catch (const request_error&) {
        throw;
    } catch (const timed_out& failure) {
        // The work may have had a limit of its own.
        const bool total_is_over = left < limit && loop::current().now() >= deadline_;
        fail(failure.code(), where, total_is_over ? "the time for the whole request is over" : "");
    } catch (const error& failure) {
        fail(failure.code(), where);
    } catch (const std::system_error& failure) {
        // A connector of the program's may look names up by itself.
        const bool is_name = failure.code().category() == dns_category();
        fail(failure.code(), is_name ? stage::resolving : where, failure.what());
    }
}

task<> exchange::send_request(request& wanted) {
    const bool repeatable = wanted.method.is_idempotent() && !wanted.stream;
    lease_ = co_await limited(stage::waiting_in_line, duration::max(),
                              owner_.pool.acquire(origin_of(address_)));
    bool reused = lease_.has_connection();
    while (true) {
        if (!lease_.has_connection()) co_await connect();
        ++owner_.counted.requests;
        if (reused) ++owner_.counted.reused;
        ++lease_.get().exchanges;
        bool was_lost = false;
        try {
            co_await write_request(wanted);
            co_await read_head(wanted.method == method::head);
        } catch (const request_error& failure) {
            // The server closed a connection that it had kept, as it may at any time.
            was_lost = reused && fresh_ && repeatable && is_lost_connection(failure.code());
            if (!was_lost) {
                lease_.release();
                throw;
            }
        }
        if (!was_lost) break;
        lease_.discard_connection();
        reused = false;
        ++owner_.counted.retries;
    }
    if (owner_.options.decode) choose_decoder();
    // A body that is empty is over at once, and its connection free.
    if (head().framing == wire::framing::none) co_await next_piece();
}

task<> exchange::connect() {
    const auto& options = owner_.options;
    const std::uint16_t port = address_.effective_port().value_or(0);
    any_stream transport = co_await open_transport(host_of(address_), port);
    if (address_.scheme() == "https") {
        const tls::client_context* trust = nullptr;
        try {
            trust = &owner_.trust();
        } catch (const std::system_error& failure) {
            fail(failure.code(), stage::handshaking, failure.what());
        }
        tls::stream secured =
            co_await limited(stage::handshaking, options.limits.handshake,
                             tls::connect(std::move(transport), *trust, host_of(address_)));
        transport = any_stream{std::move(secured)};
    }
    ++owner_.counted.connections;
    lease_.fill(std::make_unique<connection>(std::move(transport)));
}

task<any_stream> exchange::open_transport(std::string host, std::uint16_t port) {
    const auto& options = owner_.options;
    if (options.connect) {
        any_stream made = co_await limited(stage::connecting, options.limits.connect,
                                           options.connect(std::move(host), port));
        co_return made;
    }
    const std::vector<ip_address> addresses = co_await limited(
        stage::resolving, options.limits.resolve, owner_.names.resolve(std::move(host), port));
    std::vector<endpoint> candidates;
    candidates.reserve(addresses.size());
    for (const ip_address& address : addresses) candidates.emplace_back(address, port);
    tcp_stream connected = co_await limited(stage::connecting, options.limits.connect,
                                            simul::connect(std::move(candidates)));
    co_return any_stream{std::move(connected)};
}

task<> exchange::write_request(request& wanted) {
    headers fields;
    fields.reserve(wanted.headers.size() + 8, 512);
    fields.add("Host", authority_of(address_));
    const auto add_unless_set = [&](std::string_view name, std::string_view value) {
        const bool is_default =
            !is_credential(name) && owner_.options.default_headers.contains(name);
        if (!is_default && !wanted.headers.contains(name)) fields.add(name, value);
    };
    add_unless_set("User-Agent", owner_.options.user_agent);
    add_unless_set("Accept", "*/*");
    if (owner_.options.decode) add_unless_set("Accept-Encoding", accept_encoding());
    if (!address_.username().empty() || !address_.password().empty()) {
        std::string credentials = web::percent_decode(address_.username());
        credentials.append(":").append(web::percent_decode(address_.password()));
        add_unless_set("Authorization", basic_credentials(credentials));
    }
    for (const header_field field : owner_.options.default_headers) {
        // The session's credentials are among the request's own, or were dropped on the way.
        if (!is_own_field(field.name) && !is_credential(field.name) &&
            !wanted.headers.contains(field.name)) {
            fields.add(field.name, field.value);
        }
    }
    for (const header_field field : wanted.headers) {
        if (!is_own_field(field.name)) fields.add(field.name, field.value);
    }
    const bool takes_body = wanted.method == method::post || wanted.method == method::put ||
                            wanted.method == method::patch;
    if (wanted.stream) {
        fields.add("Transfer-Encoding", "chunked");
    } else if (!wanted.body.empty() || takes_body) {
        fields.add("Content-Length", std::to_string(wanted.body.size()));
    }

    fresh_ = true;
    sent_whole_ = false;
    std::string text;
    try {
        wire::append_request_head(text, wanted.method, address_.path_and_query(), fields);
    } catch (const std::system_error& failure) {
        fail(failure.code(), stage::preparing, failure.what());
    }
    text.append(wanted.body);
    // A server may answer before it has read everything, and close: its answer counts.
    std::optional<request_error> failed;
    try {
        co_await write(bytes_of(text));
        while (wanted.stream) {
            std::optional<std::string> content = co_await wanted.stream->next();
            if (!content) {
                text.clear();
                wire::append_last_chunk(text);
                co_await write(bytes_of(text));
                break;
            }
            if (content->empty()) continue;
            text.clear();
            wire::append_chunk(text, bytes_of(*content));
            co_await write(bytes_of(text));
        }
    } catch (const request_error& failure) {
        if (!is_lost_connection(failure.code())) throw;
        failed = failure;
    }
    if (failed && !lease_.get().stream.has_input()) throw request_error{*failed};
    sent_whole_ = !failed;
}

task<> exchange::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const std::size_t count = co_await limited(stage::sending, owner_.options.limits.idle,
                                                   lease_.get().stream.write_some(bytes));
        bytes = bytes.subspan(count);
    }
}

task<> exchange::read_head(bool to_head) {
    parser_.emplace(to_head ? wire::asked::head : wire::asked::ordinary, owner_.options.answer);
    connection& from = lease_.get();
    try {
        while (true) {
            const wire::step step = parser_->parse(from.unread());
            from.consume(step.consumed);
            if (step.what == wire::event::head) co_return;
            if (step.what != wire::event::need_more) continue;
            const stage where = fresh_ ? stage::waiting_for_answer : stage::reading_head;
            const auto& limits = owner_.options.limits;
            const duration limit = fresh_ ? limits.first_byte : limits.idle;
            const std::size_t count =
                co_await limited(where, limit, from.stream.read_some(from.room()));
            if (count == 0) parser_->finish();
            from.filled(count);
            fresh_ = false;
        }
    } catch (const request_error&) {
        throw;
    } catch (const std::system_error& failure) {
        fail(failure.code(), fresh_ ? stage::waiting_for_answer : stage::reading_head,
             failure.what());
    }
}

void exchange::choose_decoder() {
    const auto codings = head().headers.get_all("Content-Encoding");
    if (codings.empty() || head().framing == wire::framing::none) return;
    decoding_limits limits;
    limits.max_output = 0;  // the reader's own limit counts; a stream may be endless
    limits.max_ratio = owner_.options.max_ratio;
    try {
        decoder_.emplace(std::span<const std::string_view>{codings}, limits);
    } catch (const std::system_error& failure) {
        fail(failure.code(), stage::reading_body, failure.what());
    }
    if (decoder_->is_identity()) decoder_.reset();
}

// Where the next bytes may be read into, of what the reader gave: nowhere unless they are certainly
// body, and unless that takes no more reads than going by way of the connection's own buffer.
std::span<std::byte> exchange::direct_room(std::span<std::byte> wanted_in) const noexcept {
    const std::uint64_t certain = parser_->certain_body();
    if (wanted_in.size() < connection::input_size && wanted_in.size() < certain) return {};
    return wanted_in.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(wanted_in.size(), certain)));
}

// Makes piece_ the next part of the body; false at the end of the message. It may lie in
// `wanted_in`, at the front.
task<bool> exchange::next_piece(std::span<std::byte> wanted_in) {
    if (ended_) co_return false;
    connection& from = lease_.get();
    try {
        while (true) {
            const wire::step step = parser_->parse(from.unread());
            from.consume(step.consumed);
            if (step.what == wire::event::body) {
                piece_ = step.body;
                co_return true;
            }
            if (step.what == wire::event::complete) break;
            const std::span<std::byte> direct = direct_room(wanted_in);
            const std::span<std::byte> into = direct.empty() ? from.room() : direct;
            const std::size_t count = co_await limited(
                stage::reading_body, owner_.options.limits.idle, from.stream.read_some(into));
            if (count == 0) {
                parser_->finish();
                break;
            }
            if (direct.empty()) {
                from.filled(count);
            } else {
                piece_ = parser_->parse(direct.first(count)).body;
                co_return true;
            }
        }
    } catch (const request_error&) {
        throw;
    } catch (const std::system_error& failure) {
        fail(failure.code(), stage::reading_body, failure.what());
    }
    finish();
    co_return false;
}

void exchange::finish() noexcept {
    ended_ = true;
    if (sent_whole_ && head().keep_alive) lease_.keep();
    lease_.release();
}

task<std::size_t> exchange::read_some(std::span<std::byte> buffer) {
    while (!buffer.empty()) {
        const std::size_t count = decoder_ ? decode_piece(buffer) : copy_piece(buffer);
        if (count != 0) co_return count;
        const std::span<std::byte> direct = decoder_ ? std::span<std::byte>{} : buffer;
        const bool more = co_await next_piece(direct);
        if (more && piece_.data() == buffer.data()) co_return std::exchange(piece_, {}).size();
        if (more) continue;
        if (decoder_) {
            const std::error_code cause = decoder_->finish();
            if (cause) fail(cause, stage::reading_body);
        }
        co_return 0;
    }
    co_return 0;
}

std::size_t exchange::copy_piece(std::span<std::byte> buffer) {
    const std::size_t count = std::min(buffer.size(), piece_.size());
    std::copy_n(piece_.begin(), count, buffer.begin());
    piece_ = piece_.subspan(count);
    return count;
}

// Nothing is decoded that was not asked for: output waits in the decoder until the next call.
std::size_t exchange::decode_piece(std::span<std::byte> buffer) {
    while (true) {
        const decoder::result step = decoder_->decode(piece_, buffer);
        piece_ = piece_.subspan(step.consumed);
        if (step.error) fail(step.error, stage::reading_body);
        if (step.produced != 0) return step.produced;
        if (step.next == decoder::state::finished) {
            if (!piece_.empty()) fail(make_error_code(errc::decoding_failed), stage::reading_body);
            return 0;
        }
        if (step.next == decoder::state::need_input && piece_.empty()) return 0;
    }
}

task<> exchange::discard() {
    std::size_t drained = 0;
    try {
        piece_ = {};
        while (!ended_ && head().keep_alive && drained <= drain_limit) {
            const bool more = co_await next_piece();
            if (!more) co_return;
            drained += piece_.size();
            piece_ = {};
        }
    } catch (const request_error&) {
        // The connection is closed below, and nobody wanted its rest.
    }
    abandon();
}

void exchange::abandon() noexcept {
    ended_ = true;
    lease_.release();
}

std::size_t exchange::max_body() const noexcept {
    return owner_.options.max_body;
}

}  // namespace simul::http::detail
