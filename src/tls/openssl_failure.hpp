// SPDX-License-Identifier: Apache-2.0
//
// tls/openssl_failure.hpp: OpenSSL's reasons, translated.
#pragma once

#include <openssl/x509.h>

#include <string>

#include "tls/failure.hpp"

namespace simul::tls::detail {

/// What the error queue of this thread tells; empties it. `found_by_verification` is what the
/// verification of a certificate has noted, if it has.
failure take_failure(const failure* found_by_verification, bool is_handshake);

/// What the verification says at its present certificate.
failure verification_failure(X509_STORE_CTX* at);

/// The reason for a context that cannot be made, by the error queue; `otherwise` if that tells
/// nothing in particular. Empties the queue.
[[noreturn]] void throw_context_failure(errc otherwise, const char* what);

/// A distinguished name as in RFC 2253, with everything but printable ASCII escaped.
std::string text_of_name(const X509_NAME* name);

}  // namespace simul::tls::detail
