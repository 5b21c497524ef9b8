// SPDX-License-Identifier: Apache-2.0
//
// simul/tls/error.hpp: what can go wrong in a TLS connection, one name for each cause.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace simul::tls {

/// Conditions of TLS. Those about a certificate are about the other side's, unless a context is
/// being made.
enum class errc {
    // The certificate of the peer.
    certificate_expired = 1,    ///< a certificate of the chain is no longer valid
    certificate_not_yet_valid,  ///< a certificate of the chain is not valid yet
    host_mismatch,              ///< the certificate is for other hosts
    self_signed,                ///< the certificate vouches for itself only
    unknown_authority,          ///< the chain ends at an authority that is not trusted here
    incomplete_chain,           ///< the peer sent one certificate and not its issuer's
    wrong_purpose,              ///< the certificate is not for this use, such as a client's
    revoked,                    ///< the authority took the certificate back
    revocation_unknown,         ///< revocation is to be checked, and no valid list covers it
    weak_key,                   ///< a key is too short for the security level
    weak_digest,                ///< a signature uses a digest too weak for the security level
    path_too_long,              ///< an authority signed deeper than it may
    chain_too_long,             ///< more intermediate certificates than this side follows
    invalid_authority,          ///< the issuer of a certificate may not issue certificates
    name_constraint,            ///< an authority signed names outside of its domain
    bad_signature,              ///< a signature is wrong
    certificate_rejected,       ///< another defect, told in the message
    certificate_required,       ///< the server wants a certificate of the client
    // The handshake.
    protocol_version,         ///< no version of TLS that both sides speak
    no_common_cipher,         ///< no cipher suite, group or signature that both sides accept
    no_alpn_agreed,           ///< no application protocol that both sides speak
    alpn_not_offered,         ///< the server chose an application protocol nobody offered
    handshake_failed,         ///< the peer gave up; its alert is in the message
    not_tls,                  ///< what the peer sends is not TLS
    message_too_long,         ///< a handshake message, such as a chain, exceeds the limits
    closed_during_handshake,  ///< the connection ended before the handshake had
    // The connection.
    truncated,       ///< the connection ended without the peer's farewell
    bad_record,      ///< a record was altered on its way
    protocol_error,  ///< the peer broke the rules; the message says how
    // What the program gave.
    invalid_host,         ///< the host is neither a name in ASCII nor an address
    invalid_certificate,  ///< a certificate or revocation list cannot be read
    invalid_key,          ///< a private key cannot be read, or is encrypted
    key_mismatch,         ///< the private key is not that of the certificate
    invalid_alpn,         ///< an application protocol is empty or longer than 255 bytes
};

/// The category of errc, named "simul.tls".
const std::error_category& error_category() noexcept;

/// Makes an error_code of errc; found by argument-dependent lookup.
std::error_code make_error_code(errc code) noexcept;

/// A connection that TLS refused, with what is known about it.
///
/// It is what a handshake throws. An alert of the peer is reported with it while reading, too: in
/// TLS 1.3 a client learns what the server thinks of its certificate only then. Text that comes
/// from certificates is escaped in what() and in subject().
class handshake_error : public std::system_error {
public:
    handshake_error(std::error_code code, const std::string& detail, int alert,
                    std::string alert_name, std::string subject, int depth)
        : std::system_error{code, detail},
          alert_{alert},
          alert_name_{std::move(alert_name)},
          subject_{std::move(subject)},
          depth_{depth} {}

    /// The number of the alert that the peer sent, or -1.
    [[nodiscard]] int alert() const noexcept { return alert_; }

    /// The name of that alert, or nothing.
    ///
    /// Lifetime      that of the exception.
    [[nodiscard]] std::string_view alert_name() const noexcept { return alert_name_; }

    /// The subject of the certificate that was refused, or nothing.
    ///
    /// Lifetime      that of the exception.
    [[nodiscard]] std::string_view subject() const noexcept { return subject_; }

    /// Where in the chain it stands: 0 is the peer's own; -1 if it is not about a certificate.
    [[nodiscard]] int depth() const noexcept { return depth_; }

private:
    int alert_;
    std::string alert_name_;
    std::string subject_;
    int depth_;
};

}  // namespace simul::tls

template <>
struct std::is_error_code_enum<simul::tls::errc> : std::true_type {};
