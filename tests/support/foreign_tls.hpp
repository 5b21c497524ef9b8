// SPDX-License-Identifier: Apache-2.0
//
// support/foreign_tls.hpp: the other side of a TLS connection, with bad manners.
//
// It talks to OpenSSL directly and can do what simul::tls never would: show weak certificates,
// speak old versions, choose an application protocol that nobody offered, update keys, renegotiate.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "simul/io/stream.hpp"
#include "support/test_authority.hpp"

namespace simul::test {

class foreign_tls_options {
public:
    foreign_tls_options() {}

    bool is_server = true;
    issued_certificate identity;
    std::string chain;                        ///< PEM: sent behind the certificate
    std::string ciphers = "ALL:@SECLEVEL=0";  ///< of TLS 1.2 and older
    std::string ciphersuites;                 ///< of TLS 1.3; empty for all
    std::string groups;                       ///< empty for all
    int minimum = 0;                          ///< as in TLS1_VERSION; 0 for any
    int maximum = 0;
    std::string chosen_alpn;   ///< a server's, whatever is offered
    std::string offered_alpn;  ///< a client's
    std::string server_name;   ///< a client's
};

/// Threads       the loop's thread.
class foreign_tls {
public:
    foreign_tls(any_stream transport, const foreign_tls_options& options);
    foreign_tls(const foreign_tls&) = delete;
    foreign_tls& operator=(const foreign_tls&) = delete;
    ~foreign_tls();

    /// Each throws std::runtime_error with OpenSSL's reason.
    task<> handshake();
    task<> write(std::string_view text);
    task<std::string> read();  ///< what is there; nothing at the end
    task<> say_farewell();

    /// Adds messages to what goes out with the next flush().
    void update_key(bool request_one);
    void renegotiate();
    void write_unsent(std::string_view text);
    task<> flush();

    /// One step of a handshake without the transport: takes bytes and gives the answer.
    std::string answer(std::string_view bytes);

    /// Encrypted bytes that were made and not sent.
    std::string take_output();
    [[nodiscard]] bool was_resumed() const;
    void close() { transport_.close(); }
    [[nodiscard]] any_stream& transport() noexcept { return transport_; }

private:
    struct machine;
    task<> feed();

    any_stream transport_;
    std::unique_ptr<machine> machine_;
};

}  // namespace simul::test
