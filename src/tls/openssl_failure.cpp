// SPDX-License-Identifier: Apache-2.0
#include "tls/openssl_failure.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <memory>
#include <optional>
#include <string_view>

namespace simul::tls::detail {

namespace {

errc code_of_alert(int alert, bool is_handshake) noexcept {
    switch (alert) {
        case SSL_AD_PROTOCOL_VERSION: return errc::protocol_version;
        case SSL_AD_INSUFFICIENT_SECURITY: return errc::no_common_cipher;
        case SSL_AD_CERTIFICATE_REQUIRED: return errc::certificate_required;
        case SSL_AD_NO_APPLICATION_PROTOCOL: return errc::no_alpn_agreed;
        // In TLS 1.3 these come after the client believes that it is connected.
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_REVOKED:
        case SSL_AD_CERTIFICATE_EXPIRED:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_UNKNOWN_CA:
        case SSL_AD_ACCESS_DENIED:
        case SSL_AD_HANDSHAKE_FAILURE: return errc::handshake_failed;
        default: return is_handshake ? errc::handshake_failed : errc::protocol_error;
    }
}

// Nothing for reasons that only say where in the code it went wrong.
std::optional<errc> code_of_reason(int reason) noexcept {
    switch (reason) {
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_VERSION_TOO_HIGH:
        case SSL_R_INAPPROPRIATE_FALLBACK: return errc::protocol_version;
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_CIPHERS_AVAILABLE:
        case SSL_R_NO_SHARED_GROUPS:
        case SSL_R_NO_SUITABLE_GROUPS:
        case SSL_R_NO_SUITABLE_KEY_SHARE:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        case SSL_R_WRONG_CURVE:
        case SSL_R_WRONG_SIGNATURE_TYPE: return errc::no_common_cipher;
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST: return errc::not_tls;
        case SSL_R_EXCESSIVE_MESSAGE_SIZE: return errc::message_too_long;
        case SSL_R_DH_KEY_TOO_SMALL:
        case SSL_R_EE_KEY_TOO_SMALL:
        case SSL_R_CA_KEY_TOO_SMALL: return errc::weak_key;
        case SSL_R_CA_MD_TOO_WEAK: return errc::weak_digest;
        case SSL_R_NO_APPLICATION_PROTOCOL: return errc::no_alpn_agreed;
        case SSL_R_BAD_SIGNATURE: return errc::bad_signature;
        case SSL_R_DECRYPTION_FAILED:
        case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC: return errc::bad_record;
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return errc::certificate_required;
        default: return std::nullopt;
    }
}

// Since 3.0.14 OpenSSL looks itself whether the server's choice was offered, and has no reason for
// it but that the extension is bad.
bool is_about_alpn(int reason, const char* function) noexcept {
    return (reason == SSL_R_BAD_EXTENSION || reason == SSL_R_UNSOLICITED_EXTENSION) &&
           function != nullptr && std::string_view{function} == "tls_parse_stoc_alpn";
}

errc code_of_verification(int error, bool chain_was_sent) noexcept {
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED: return errc::certificate_expired;
        case X509_V_ERR_CERT_NOT_YET_VALID: return errc::certificate_not_yet_valid;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return errc::host_mismatch;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return errc::self_signed;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return chain_was_sent ? errc::unknown_authority : errc::incomplete_chain;
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_CERT_UNTRUSTED: return errc::unknown_authority;
        case X509_V_ERR_INVALID_PURPOSE: return errc::wrong_purpose;
        case X509_V_ERR_CERT_REVOKED: return errc::revoked;
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN: return errc::revocation_unknown;
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL: return errc::weak_key;
        case X509_V_ERR_CA_MD_TOO_WEAK: return errc::weak_digest;
        case X509_V_ERR_PATH_LENGTH_EXCEEDED: return errc::path_too_long;
        case X509_V_ERR_CERT_CHAIN_TOO_LONG: return errc::chain_too_long;
        case X509_V_ERR_INVALID_CA:
        case X509_V_ERR_INVALID_NON_CA:
        case X509_V_ERR_KEYUSAGE_NO_CERTSIGN: return errc::invalid_authority;
        case X509_V_ERR_PERMITTED_VIOLATION:
        case X509_V_ERR_EXCLUDED_VIOLATION:
        case X509_V_ERR_SUBTREE_MINMAX:
        case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
        case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
        case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX: return errc::name_constraint;
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE: return errc::bad_signature;
        default: return errc::certificate_rejected;
    }
}

std::string reason_text(unsigned long error) {
    const char* reason = ERR_reason_error_string(error);
    return reason != nullptr ? reason : "unknown reason";
}

failure alert_failure(int alert, bool is_handshake) {
    failure found{code_of_alert(alert, is_handshake)};
    found.alert = alert;
    found.alert_name = SSL_alert_desc_string_long(alert);
    found.detail = "alert ";
    found.detail.append(std::to_string(alert)).append(", ").append(found.alert_name);
    return found;
}

// The first error is the cause, and what follows it tells who was calling; but only some of them
// have a name of ours.
failure failure_in_queue(bool is_handshake) {
    failure found;
    std::optional<errc> code;
    const char* function = nullptr;
    while (const unsigned long error =
               ERR_get_error_all(nullptr, nullptr, &function, nullptr, nullptr)) {
        const int reason = ERR_GET_REASON(error);
        if (found.detail.empty()) found.detail = reason_text(error);
        if (ERR_GET_LIB(error) != ERR_LIB_SSL) continue;
        if (reason > SSL_AD_REASON_OFFSET) {
            found = alert_failure(reason - SSL_AD_REASON_OFFSET, is_handshake);
            ERR_clear_error();
            return found;
        }
        if (!code) {
            code = code_of_reason(reason);
            if (is_about_alpn(reason, function)) code = errc::alpn_not_offered;
            if (code) found.detail = reason_text(error);
        }
    }
    found.code = code.value_or(errc::protocol_error);
    return found;
}

}  // namespace

failure take_failure(const failure* found_by_verification, bool is_handshake) {
    failure found = failure_in_queue(is_handshake);
    if (found_by_verification != nullptr) return *found_by_verification;
    return found;
}

failure verification_failure(X509_STORE_CTX* at) {
    const int error = X509_STORE_CTX_get_error(at);
    const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(at);
    failure found{code_of_verification(error, sent != nullptr && sk_X509_num(sent) > 1)};
    found.depth = X509_STORE_CTX_get_error_depth(at);
    found.detail = X509_verify_cert_error_string(error);
    if (const X509* certificate = X509_STORE_CTX_get_current_cert(at)) {
        found.subject = text_of_name(X509_get_subject_name(certificate));
        found.detail.append(", certificate ").append(std::to_string(found.depth));
        found.detail.append(" of \"").append(found.subject).append("\"");
    }
    return found;
}

void throw_context_failure(errc otherwise, const char* what) {
    std::string detail{what};
    errc code = otherwise;
    bool is_first = true;
    while (const unsigned long error = ERR_get_error()) {
        if (is_first) detail.append(": ").append(reason_text(error));
        is_first = false;
        if (ERR_GET_LIB(error) != ERR_LIB_SSL) continue;
        const std::optional<errc> found = code_of_reason(ERR_GET_REASON(error));
        if (found == errc::weak_key || found == errc::weak_digest) code = *found;
    }
    throw std::system_error{code, detail};
}

std::string text_of_name(const X509_NAME* name) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> printed{BIO_new(BIO_s_mem()), &BIO_free};
    if (!printed || name == nullptr) return {};
    X509_NAME_print_ex(printed.get(), name, 0, XN_FLAG_RFC2253);
    char* text = nullptr;
    const long size = BIO_get_mem_data(printed.get(), &text);
    return size > 0 ? std::string{text, static_cast<std::size_t>(size)} : std::string{};
}

}  // namespace simul::tls::detail
