// SPDX-License-Identifier: Apache-2.0
#include "simul/tls/error.hpp"

namespace simul::tls {

namespace {

const char* text(errc code) noexcept {
    switch (code) {
        case errc::certificate_expired: return "the certificate has expired";
        case errc::certificate_not_yet_valid: return "the certificate is not valid yet";
        case errc::host_mismatch: return "the certificate is for other hosts";
        case errc::self_signed: return "the certificate is signed by itself only";
        case errc::unknown_authority: return "the certificate's authority is not trusted";
        case errc::incomplete_chain: return "the issuer's certificate is missing";
        case errc::wrong_purpose: return "the certificate is not for this use";
        case errc::revoked: return "the certificate was revoked";
        case errc::revocation_unknown: return "no valid revocation list covers the certificate";
        case errc::weak_key: return "the key is too short";
        case errc::weak_digest: return "the signature uses a weak digest";
        case errc::path_too_long: return "an authority signed deeper than it may";
        case errc::chain_too_long: return "the chain of certificates is too long";
        case errc::invalid_authority: return "the issuer may not issue certificates";
        case errc::name_constraint: return "an authority signed names that it may not sign";
        case errc::bad_signature: return "a signature is wrong";
        case errc::certificate_rejected: return "the certificate is defective";
        case errc::certificate_required: return "a certificate of the client is required";
        case errc::protocol_version: return "there is no common version of TLS";
        case errc::no_common_cipher: return "there is no common cipher suite";
        case errc::no_alpn_agreed: return "there is no common application protocol";
        case errc::alpn_not_offered: return "the server chose a protocol that was not offered";
        case errc::handshake_failed: return "the peer refused the handshake";
        case errc::not_tls: return "the peer does not speak TLS";
        case errc::message_too_long: return "a handshake message is too long";
        case errc::closed_during_handshake: return "the connection ended during the handshake";
        case errc::truncated: return "the connection ended without close_notify";
        case errc::bad_record: return "a record was altered";
        case errc::protocol_error: return "the peer broke the rules of TLS";
        case errc::invalid_host: return "this is neither an ASCII host name nor an address";
        case errc::invalid_certificate: return "the certificate cannot be read";
        case errc::invalid_key: return "the private key cannot be read";
        case errc::key_mismatch: return "the private key is not that of the certificate";
        case errc::invalid_alpn: return "an application protocol has 1 to 255 bytes";
    }
    return "unknown TLS error";
}

class tls_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "simul.tls"; }
    std::string message(int code) const override { return text(static_cast<errc>(code)); }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const tls_category category;
    return category;
}

std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

}  // namespace simul::tls
