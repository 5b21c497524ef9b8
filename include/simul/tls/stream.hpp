// SPDX-License-Identifier: Apache-2.0
//
// simul/tls/stream.hpp: an encrypted stream over any other one.
//
//      program        stream                                transport
//                    ┌────────────────────────────────┐
//      read_some  ◀──┤ plain text ◀── OpenSSL ◀─ input├──◀  read_some
//      write_some ──▶├─ plain text ──▶ OpenSSL ─▶ output├──▶ write_some
//                    └────────────────────────────────┘
//
// OpenSSL works in memory only and never waits; all waiting is on the transport. Reading never
// writes: what the protocol wants answered goes out in front of the next write, as RFC 8446 allows.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simul/coro/task.hpp"
#include "simul/io/stream.hpp"
#include "simul/tls/context.hpp"
#include "simul/tls/error.hpp"

namespace simul::tls {

namespace detail {
class session;
}  // namespace detail

/// What the peer's certificate says of itself. Names of hosts are as they stand in the certificate:
/// escape them before they are shown to anybody.
class certificate_summary {
public:
    certificate_summary() {}

    std::string subject;  ///< as in RFC 2253, escaped
    std::string issuer;   ///< as in RFC 2253, escaped
    std::chrono::sys_seconds not_before;
    std::chrono::sys_seconds not_after;
    std::vector<std::string> names;      ///< alternative names of hosts
    std::vector<std::string> addresses;  ///< alternative names that are addresses
};

/// An encrypted, authenticated stream; a byte_stream. connect() and accept() make them.
///
/// It owns its transport. The end of the stream is told by the peer's farewell (close_notify) only:
/// a connection that merely ends is errc::truncated, because anybody on the way can end it.
///
/// Threads       the loop's thread. One task may read while another one writes.
/// Lifetime      moved only while nobody waits on it. Destroying it closes the transport without a
///               farewell; await shutdown() first to be polite. Nobody may wait then, but what a
///               close() has ended may still be on its way out.
/// Source        RFC 8446, RFC 5246.
class stream {
public:
    stream(stream&& other) noexcept;
    stream& operator=(stream&& other) noexcept;
    ~stream();

    /// Reads and decrypts what is there, up to `buffer.size()` bytes.
    ///
    /// Returns       how many bytes; 0 after the peer's farewell, and from then on.
    /// Errors        errc::truncated, bad_record, protocol_error, and handshake_error if the peer
    ///               sent a fatal alert; each stays. Errors of the transport. simul::errc::busy if
    ///               another task reads; simul::errc::closed after close().
    /// Suspends      while no whole record of data is there.
    /// Cancellation  clean if reading the transport is: no byte that was received is lost.
    /// Threads       the loop's thread.
    /// Lifetime      `buffer` must stay valid and untouched until the await has ended.
    [[nodiscard]] task<std::size_t> read_some(std::span<std::byte> buffer);

    /// Encrypts and sends up to 64 KiB of `bytes`.
    ///
    /// Returns       how many were taken, at least 1 unless `bytes` is empty. All of them have been
    ///               given to the transport.
    /// Errors        errors of the transport; those of read_some if the connection has failed.
    ///               simul::errc::busy if another task writes. simul::errc::closed after close(),
    ///               after shutdown(), and after a write that was cancelled or failed.
    /// Suspends      while the transport takes no more.
    /// Cancellation  partial. A part may have been sent, so nothing can follow: every later write
    ///               fails with simul::errc::closed. Reading goes on. A write that was waiting for
    ///               shutdown() to end changes nothing.
    /// Threads       the loop's thread.
    /// Lifetime      `bytes` must stay valid and unchanged until the await has ended.
    [[nodiscard]] task<std::size_t> write_some(std::span<const std::byte> bytes);

    /// Says farewell (close_notify): the peer reads the end. Reading goes on, and the transport
    /// stays open in both directions. A second call does nothing.
    ///
    /// Errors        errors of the transport; simul::errc::closed after close(), and after a
    ///               write that was cancelled or failed.
    /// Suspends      while the transport takes no more, or another task writes.
    /// Cancellation  partial. The farewell may have been sent; nothing can be written any more.
    /// Threads       the loop's thread.
    [[nodiscard]] task<> shutdown();

    /// shutdown(), and waits for the peer's farewell, at most `limit`. Data that arrives meanwhile
    /// is thrown away, up to 256 KiB.
    ///
    /// Returns       true if the peer said farewell in time; then it has taken every byte of ours.
    /// Errors        those of shutdown(); simul::errc::busy if another task reads.
    /// Suspends      until the farewell, the limit, or the end of the transport.
    /// Cancellation  partial, as for shutdown().
    /// Threads       the loop's thread.
    [[nodiscard]] task<bool> shutdown_and_wait(duration limit = std::chrono::seconds{2});

    /// Closes the transport at once, without a farewell. What waits ends with simul::errc::closed.
    void close() noexcept;

    /// True when a read may have something: decrypted bytes, a whole record, the end, an error, or
    /// anything in the transport. It can be a message of the protocol that carries no data.
    [[nodiscard]] bool has_input() const noexcept;

    /// The application protocol that was agreed on, or nothing.
    ///
    /// Lifetime      that of the connection.
    [[nodiscard]] std::string_view alpn() const noexcept;

    /// The version that is spoken.
    [[nodiscard]] version protocol_version() const noexcept;

    /// The name of the cipher suite, as in "TLS_AES_256_GCM_SHA384".
    [[nodiscard]] std::string_view cipher() const noexcept;

    /// For a server: the name that the client asked for, or nothing.
    ///
    /// Lifetime      that of the connection.
    [[nodiscard]] std::string_view server_name() const noexcept;

    /// What the peer's certificate says; empty if it showed none.
    [[nodiscard]] std::optional<certificate_summary> peer_certificate() const;

private:
    friend class detail::session;
    explicit stream(std::shared_ptr<detail::session> connected) noexcept;

    std::shared_ptr<detail::session> session_;
};

/// Opens the client's side: shakes hands, and verifies that the server is `host`.
///
/// `host` is a name in ASCII, in any case and with or without the final dot, or an address. A name
/// is sent to the server (SNI) and compared with the certificate's alternative names, the subject
/// never; an address is compared with alternative addresses only and not sent.
///
/// For a conversation that changes to TLS in the middle (STARTTLS) `already_read` is what was read
/// behind the server's consent, such as a buffered_reader's buffered(). It must be nothing: a
/// server waits for the client to begin, so what is there comes from somebody on the way. Then the
/// call fails with errc::protocol_error before it has sent anything.
///
/// Returns       the stream, which owns the transport.
/// Errors        handshake_error with the cause; errc::invalid_host before anything is sent;
///               simul::timed_out after the context's limit; errors of the transport. The transport
///               is closed then.
/// Suspends      while it waits for the server.
/// Cancellation  partial. The transport is closed.
/// Threads       the loop's thread.
/// Lifetime      the context is copied; the bytes are looked at in the call itself.
[[nodiscard]] task<stream> connect(any_stream transport, const client_context& context,
                                   std::string host, std::span<const std::byte> already_read = {});

/// Opens the server's side: shakes hands with a client.
///
/// For a conversation that changes to TLS in the middle (STARTTLS) `already_read` is what was read
/// from the transport and belongs behind the change: a client that does not wait for the answer has
/// sent its hello by then, and it lies in the buffer of who read the request.
///
///     buffered_reader reader{connection};
///     …                                  // up to the line that asks for TLS
///     any_stream transport{std::move(connection)};
///     auto secure = co_await tls::accept(std::move(transport), context, reader.buffered());
///
/// These bytes go through the handshake as if they came from the transport now. So whatever was
/// smuggled in without encryption makes it fail, and can never be taken for what the peer says
/// afterwards. Throwing them away would lose the hello; keeping the reader, and reading on through
/// it, would be the hole that RFC 3207 warns of.
///
/// Returns       the stream, which owns the transport.
/// Errors        handshake_error with the cause; simul::timed_out after the context's limit; errors
///               of the transport. The transport is closed then.
/// Suspends      while it waits for the client.
/// Cancellation  partial. The transport is closed.
/// Threads       the loop's thread.
/// Lifetime      context and bytes are copied by the call itself.
/// Source        RFC 3207 section 6; asyncio's loop.start_tls.
[[nodiscard]] task<stream> accept(any_stream transport, const server_context& context,
                                  std::span<const std::byte> already_read = {});

}  // namespace simul::tls
