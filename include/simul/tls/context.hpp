// SPDX-License-Identifier: Apache-2.0
//
// simul/tls/context.hpp: whom to trust, who we are, and what to speak: made once, used by many.
//
// Text in PEM form is given as a string; text_of_file() reads one. Nothing is read from the
// environment but the place of the system's authorities, and no key is logged unless asked for.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "simul/base/time.hpp"

namespace simul::tls {

namespace detail {
struct context_state;
struct context_access;
}  // namespace detail

/// Versions of the protocol. Older ones are not spoken.
enum class version : unsigned char { tls_1_2, tls_1_3 };

/// What a client does with the server's certificate.
enum class verification : unsigned char {
    full,           ///< chain, dates, purpose and host name must be right
    none_insecure,  ///< anybody is believed to be anybody; for tests and for looking only
};

/// What a server does about certificates of clients.
enum class client_certificates : unsigned char {
    ignored,   ///< none is asked for
    optional,  ///< one is asked for, and verified if it comes
    required,  ///< without a valid one there is no connection
};

/// A certificate with its chain, and the private key that belongs to it.
class identity {
public:
    identity() noexcept {}
    identity(std::string chain, std::string key) noexcept
        : certificate_chain{std::move(chain)}, private_key{std::move(key)} {}

    /// Reads both from files, which may be one and the same.
    ///
    /// Errors        std::system_error of the system if a file cannot be read.
    static identity from_files(const std::filesystem::path& chain,
                               const std::filesystem::path& key);

    std::string certificate_chain;  ///< PEM: the own one first, then the intermediates
    std::string private_key;        ///< PEM, not encrypted
};

/// The whole text of a file, for the options below. Blocks: call it while starting up.
///
/// Errors        std::system_error of the system if it cannot be read; file_too_large above
///               16 MiB.
[[nodiscard]] std::string text_of_file(const std::filesystem::path& path);

/// How a client behaves.
class client_options {
public:
    client_options() {}

    verification verify = verification::full;
    bool use_system_authorities = true;
    std::string authorities;       ///< PEM: trusted besides the system's, or instead of them
    std::string revocation_lists;  ///< PEM: given, the server's own certificate is checked
    std::vector<std::string> alpn{"http/1.1"};  ///< application protocols, the best first
    bool require_alpn = false;                  ///< refuse a server that agrees to none
    version minimum = version::tls_1_2;
    version maximum = version::tls_1_3;
    tls::identity identity;  ///< shown to a server that asks; empty for none
    int chain_depth = 10;    ///< how many intermediate certificates are followed
    duration handshake_timeout = std::chrono::seconds{10};  ///< duration::max() for no limit
    std::filesystem::path key_log_file;  ///< UNSAFE: session secrets for a network analyser
};

/// How a server behaves.
class server_options {
public:
    server_options() {}
    explicit server_options(tls::identity shown) : identity{std::move(shown)} {}

    tls::identity identity;
    std::vector<std::string> alpn{"http/1.1"};  ///< application protocols, the best first
    version minimum = version::tls_1_2;
    version maximum = version::tls_1_3;
    client_certificates clients = client_certificates::ignored;
    std::string client_authorities;  ///< PEM: whose certificates of clients are believed
    bool session_tickets = true;     ///< off by itself where clients show certificates
    int chain_depth = 10;
    duration handshake_timeout = std::chrono::seconds{10};
    std::filesystem::path key_log_file;
};

/// What all connections of a client share: trust, identity, versions. Copies share one state.
///
/// Verification is never inherited: no session is resumed, so that each handshake looks at the
/// certificate anew. Compression and renegotiation are off, early data is never sent, and the
/// security level is that of the system.
///
/// Errors        std::system_error with errc::invalid_certificate, invalid_key, key_mismatch,
///               weak_key, weak_digest, invalid_alpn; of the system if the key log cannot be
///               opened.
/// Threads       immutable once made; connections on any thread may share it.
class client_context {
public:
    client_context();
    explicit client_context(const client_options& options);

private:
    friend detail::context_access;
    std::shared_ptr<const detail::context_state> state_;
};

/// What all connections of a server share. Copies share one state.
///
/// A client that offers application protocols of which the server speaks none is refused; one that
/// offers none is not. Sessions are resumed by tickets only, and not at all where clients show
/// certificates.
///
/// Errors        as for client_context; an identity must be given.
/// Threads       immutable once made; connections on any thread may share it.
class server_context {
public:
    explicit server_context(const server_options& options);

private:
    friend detail::context_access;
    std::shared_ptr<const detail::context_state> state_;
};

}  // namespace simul::tls
