// SPDX-License-Identifier: Apache-2.0
#include "support/foreign_tls.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <stdexcept>

#include "simul/base/bytes.hpp"

namespace simul::test {

struct foreign_tls::machine {
    machine() = default;
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;
    ~machine() {
        SSL_free(ssl);
        SSL_CTX_free(context);
    }

    SSL_CTX* context = nullptr;
    SSL* ssl = nullptr;
    BIO* input = nullptr;
    BIO* output = nullptr;
    std::string chosen_alpn;
};

namespace {

[[noreturn]] void fail(const char* what) {
    std::string reason{what};
    const char* text = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    throw std::runtime_error{reason.append(": ").append(text != nullptr ? text : "failed")};
}

X509* read_next(BIO* source) {
    return PEM_read_bio_X509(source, nullptr, nullptr, nullptr);
}

void use_identity(SSL_CTX* context, const foreign_tls_options& options) {
    if (options.identity.certificate.empty()) return;
    std::string text = options.identity.certificate;
    text.append(options.chain);
    BIO* source = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
    X509* own = read_next(source);
    if (own == nullptr || SSL_CTX_use_certificate(context, own) != 1) fail("own certificate");
    X509_free(own);
    while (X509* each = read_next(source)) SSL_CTX_add0_chain_cert(context, each);
    BIO_free(source);
    const std::string& pem = options.identity.key;
    source = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(source, nullptr, nullptr, nullptr);
    if (SSL_CTX_use_PrivateKey(context, key) != 1) fail("own key");
    EVP_PKEY_free(key);
    BIO_free(source);
    ERR_clear_error();
}

int choose(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char*, unsigned,
           void* protocol) {
    const auto& text = *static_cast<const std::string*>(protocol);
    *chosen = reinterpret_cast<const unsigned char*>(text.data());
    *size = static_cast<unsigned char>(text.size());
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

foreign_tls::foreign_tls(any_stream transport, const foreign_tls_options& options)
    : transport_{std::move(transport)}, machine_{std::make_unique<machine>()} {
    machine& m = *machine_;
    m.context = SSL_CTX_new(TLS_method());
    SSL_CTX_set_security_level(m.context, 0);
    SSL_CTX_set_min_proto_version(m.context, options.minimum);
    SSL_CTX_set_max_proto_version(m.context, options.maximum);
    SSL_CTX_set_options(m.context, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    SSL_CTX_set_max_cert_list(m.context, 1 << 20);
    if (SSL_CTX_set_cipher_list(m.context, options.ciphers.c_str()) != 1) fail("ciphers");
    if (!options.ciphersuites.empty()) {
        SSL_CTX_set_ciphersuites(m.context, options.ciphersuites.c_str());
    }
    if (!options.groups.empty() &&
        SSL_CTX_set1_groups_list(m.context, options.groups.c_str()) != 1) {
        fail("groups");
    }
    use_identity(m.context, options);
    m.chosen_alpn = options.chosen_alpn;
    if (!m.chosen_alpn.empty()) SSL_CTX_set_alpn_select_cb(m.context, &choose, &m.chosen_alpn);
    m.ssl = SSL_new(m.context);
    m.input = BIO_new(BIO_s_mem());
    m.output = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(m.input, -1);
    BIO_set_mem_eof_return(m.output, -1);
    SSL_set_bio(m.ssl, m.input, m.output);
    if (options.is_server) {
        SSL_set_accept_state(m.ssl);
    } else {
        SSL_set_connect_state(m.ssl);
        if (!options.server_name.empty()) {
            SSL_set_tlsext_host_name(m.ssl, options.server_name.c_str());
        }
        if (!options.offered_alpn.empty()) {
            std::string list(1, static_cast<char>(options.offered_alpn.size()));
            list.append(options.offered_alpn);
            SSL_set_alpn_protos(m.ssl, reinterpret_cast<const unsigned char*>(list.data()),
                                static_cast<unsigned>(list.size()));
        }
    }
}

foreign_tls::~foreign_tls() = default;

std::string foreign_tls::take_output() {
    std::string made(BIO_ctrl_pending(machine_->output), '\0');
    if (!made.empty()) BIO_read(machine_->output, made.data(), static_cast<int>(made.size()));
    return made;
}

task<> foreign_tls::flush() {
    const std::string made = take_output();
    co_await write_all(transport_, bytes_of(made));
}

task<> foreign_tls::feed() {
    std::array<std::byte, 4096> buffer{};
    const std::size_t count = co_await transport_.read_some(buffer);
    if (count == 0) throw std::runtime_error{"the transport has ended"};
    BIO_write(machine_->input, buffer.data(), static_cast<int>(count));
}

std::string foreign_tls::answer(std::string_view bytes) {
    ERR_clear_error();
    BIO_write(machine_->input, bytes.data(), static_cast<int>(bytes.size()));
    SSL_do_handshake(machine_->ssl);
    ERR_clear_error();
    return take_output();
}

task<> foreign_tls::handshake() {
    while (true) {
        ERR_clear_error();
        const int result = SSL_do_handshake(machine_->ssl);
        const int kind = SSL_get_error(machine_->ssl, result);
        co_await flush();
        if (result == 1) co_return;
        if (kind != SSL_ERROR_WANT_READ) fail("handshake");
        co_await feed();
    }
}

void foreign_tls::write_unsent(std::string_view text) {
    ERR_clear_error();
    if (SSL_write(machine_->ssl, text.data(), static_cast<int>(text.size())) <= 0) fail("write");
}

task<> foreign_tls::write(std::string_view text) {
    write_unsent(text);
    co_await flush();
}

task<std::string> foreign_tls::read() {
    while (true) {
        ERR_clear_error();
        std::array<char, 4096> buffer{};
        const int count = SSL_read(machine_->ssl, buffer.data(), static_cast<int>(buffer.size()));
        if (count > 0) co_return std::string{buffer.data(), static_cast<std::size_t>(count)};
        const int kind = SSL_get_error(machine_->ssl, count);
        if (kind == SSL_ERROR_ZERO_RETURN) co_return std::string{};
        if (kind != SSL_ERROR_WANT_READ) fail("read");
        co_await flush();
        co_await feed();
    }
}

task<> foreign_tls::say_farewell() {
    ERR_clear_error();
    SSL_shutdown(machine_->ssl);
    co_await flush();
}

void foreign_tls::update_key(bool request_one) {
    SSL_key_update(machine_->ssl,
                   request_one ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(machine_->ssl);
}

void foreign_tls::renegotiate() {
    SSL_renegotiate(machine_->ssl);
    SSL_do_handshake(machine_->ssl);
}

bool foreign_tls::was_resumed() const {
    return SSL_session_reused(machine_->ssl) == 1;
}

}  // namespace simul::test
