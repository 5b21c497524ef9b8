// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <limits>
#include <new>

#include "tls/engine.hpp"
#include "tls/openssl_failure.hpp"

namespace simul::tls::detail {

void engine::free_ssl::operator()(ssl_st* owned) const noexcept {
    SSL_free(owned);
}

engine::engine(std::shared_ptr<const context_state> context) : context_{std::move(context)} {
    ERR_clear_error();
    ssl_.reset(SSL_new(context_->ssl.get()));
    BIO* const bio = BIO_new(bio_method());
    if (!ssl_ || bio == nullptr) {
        BIO_free(bio);
        ERR_clear_error();
        throw std::bad_alloc{};
    }
    BIO_set_data(bio, this);
    SSL_set_bio(ssl_.get(), bio, bio);  // owned once, although it serves both directions
    SSL_set_app_data(ssl_.get(), this);
    if (context_->is_server) {
        SSL_set_accept_state(ssl_.get());
        SSL_set_verify(ssl_.get(), SSL_get_verify_mode(ssl_.get()), &verified);
    } else {
        SSL_set_connect_state(ssl_.get());
    }
}

engine::~engine() = default;

// --- the connection to OpenSSL ------------------------------------------------------------------

const bio_method_st* engine::bio_method() {
    // Made once and never freed: connections may outlive the destructors of static objects.
    static const BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "simul");
        if (made == nullptr) throw std::bad_alloc{};
        BIO_meth_set_write_ex(made, &bio_write);
        BIO_meth_set_read_ex(made, &bio_read);
        BIO_meth_set_ctrl(made, [](BIO*, int what, long, void*) -> long {
            return what == BIO_CTRL_FLUSH ? 1 : 0;
        });
        BIO_meth_set_create(made, [](BIO* bio) {
            BIO_set_init(bio, 1);
            return 1;
        });
        return made;
    }();
    return method;
}

int engine::bio_write(bio_st* bio, const char* data, std::size_t size, std::size_t* count) {
    auto& output = static_cast<engine*>(BIO_get_data(bio))->output_;
    try {
        const auto* bytes = reinterpret_cast<const std::byte*>(data);
        output.insert(output.end(), bytes, bytes + size);
    } catch (const std::bad_alloc&) {
        return 0;  // C code is between us and the caller; it ends as a protocol_error
    }
    *count = size;
    return 1;
}

int engine::bio_read(bio_st* bio, char* data, std::size_t size, std::size_t* count) {
    auto& self = *static_cast<engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t there = self.input_end_ - self.input_begin_;
    if (there == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *count = std::min(size, there);
    std::memcpy(data, self.input_.get() + self.input_begin_, *count);
    self.input_begin_ += *count;
    return 1;
}

std::span<std::byte> engine::space() {
    if (!input_) input_ = std::make_unique_for_overwrite<std::byte[]>(input_size);
    if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
    if (input_begin_ != 0) {
        std::memmove(input_.get(), input_.get() + input_begin_, input_end_ - input_begin_);
        input_end_ -= std::exchange(input_begin_, 0);
    }
    is_filling_ = true;
    return std::span{input_.get(), input_size}.subspan(input_end_);
}

void engine::received(std::size_t count) noexcept {
    is_filling_ = false;
    const std::span<const std::byte> fresh{input_.get() + input_end_, count};
    input_end_ += count;
    for (const std::byte each : fresh) {
        if (first_bytes_seen_ == 2) return;
        look_at_first_byte(static_cast<unsigned>(each));
    }
}

// A record of a handshake or an alert, of any version since SSL 3. Looking ourselves finds out at
// the first byte; OpenSSL waits for a whole header, which a short greeting may never fill.
void engine::look_at_first_byte(unsigned value) noexcept {
    if (first_bytes_seen_++ == 0) {
        is_not_tls_ = value != SSL3_RT_HANDSHAKE && value != SSL3_RT_ALERT;
    } else if (value != SSL3_VERSION_MAJOR) {
        is_not_tls_ = true;
    }
}

// --- the host and its certificate ---------------------------------------------------------------

void engine::expect(const host_name& host) {
    SSL* const ssl = ssl_.get();
    bool is_set = true;
    if (host.is_address()) {
        const auto address = host.address();
        is_set = X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), address.data(), address.size());
    } else {
        SSL_set_hostflags(
            ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        is_set = SSL_set1_host(ssl, host.name().c_str()) == 1 &&
                 SSL_set_tlsext_host_name(ssl, host.name().c_str()) == 1;
    }
    if (!is_set) {
        ERR_clear_error();
        throw std::bad_alloc{};
    }
    if (context_->verifies_host) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, &verified);
    } else {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
    }
}

int engine::verified(int is_good, x509_store_ctx_st* at) {
    if (is_good == 1) return 1;
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(at, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& self = *static_cast<engine*>(SSL_get_app_data(ssl));
    try {
        if (!self.rejected_) self.rejected_ = verification_failure(at);
    } catch (const std::bad_alloc&) {
        self.rejected_.reset();  // the handshake fails all the same, with less to tell
    }
    return 0;
}

// --- steps --------------------------------------------------------------------------------------

progress engine::fail(failure why) {
    if (!failed_) failed_ = std::move(why);
    return progress::failed;
}

// Every call into OpenSSL begins with an empty error queue of this thread and ends here.
progress engine::conclude(int result) {
    const int kind = SSL_get_error(ssl_.get(), result);
    if (kind == SSL_ERROR_NONE) return progress::done;
    if (kind == SSL_ERROR_WANT_READ) return progress::wants_input;
    if (kind == SSL_ERROR_ZERO_RETURN) return progress::ended;
    return fail(take_failure(rejected_ ? &*rejected_ : nullptr, !is_connected_));
}

progress engine::handshake() {
    if (failed_) return progress::failed;
    if (is_not_tls_) return fail(failure{errc::not_tls});
    ERR_clear_error();
    const progress got = conclude(SSL_do_handshake(ssl_.get()));
    if (got == progress::ended) return fail(failure{errc::closed_during_handshake});
    return got == progress::done ? check_handshake() : got;
}

// Once more what OpenSSL has decided, now that it has: the result of the verification, and that the
// server chose from our list.
progress engine::check_handshake() {
    if (!context_->is_server) {
        const long result = SSL_get_verify_result(ssl_.get());
        const bool shown = SSL_get0_peer_certificate(ssl_.get()) != nullptr;
        if (context_->verifies_host && (result != X509_V_OK || !shown)) {
            return fail(failure{errc::certificate_rejected});
        }
        const std::string_view agreed = alpn();
        if (agreed.empty() && context_->require_alpn) return fail(failure{errc::no_alpn_agreed});
        if (!agreed.empty() && std::ranges::find(context_->alpn, agreed) == context_->alpn.end()) {
            return fail(failure{errc::alpn_not_offered});
        }
    }
    is_connected_ = true;
    return progress::done;
}

progress engine::read(std::span<std::byte> buffer, std::size_t& count) {
    if (failed_) return progress::failed;
    ERR_clear_error();
    const progress got =
        conclude(SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count) == 1 ? 1 : 0);
    if (input_begin_ == input_end_ && !is_filling_ && got == progress::done) input_.reset();
    return got;
}

progress engine::write(std::span<const std::byte> bytes, std::size_t& count) {
    if (failed_) return progress::failed;
    ERR_clear_error();
    return conclude(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count) == 1 ? 1 : 0);
}

progress engine::say_farewell() {
    if (failed_) return progress::failed;
    // OpenSSL refuses in the middle of a message such as a ticket; reading on completes it.
    ERR_clear_error();
    if (SSL_in_init(ssl_.get()) != 0) {
        const progress got = conclude(SSL_do_handshake(ssl_.get()));
        if (got != progress::done) return got;
    }
    ERR_clear_error();
    const int result = SSL_shutdown(ssl_.get());
    return result >= 0 ? progress::done : conclude(result);
}

bool engine::has_input() const noexcept {
    if (failed_ || SSL_pending(ssl_.get()) > 0) return true;
    if ((SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) return true;
    const std::size_t there = input_end_ - input_begin_;
    if (there < SSL3_RT_HEADER_LENGTH) return false;
    const auto high = static_cast<std::size_t>(input_[input_begin_ + 3]);
    const auto low = static_cast<std::size_t>(input_[input_begin_ + 4]);
    return there >= SSL3_RT_HEADER_LENGTH + (high << 8) + low;
}

// --- what was agreed on -------------------------------------------------------------------------

std::string_view engine::alpn() const noexcept {
    const unsigned char* text = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &text, &size);
    return {reinterpret_cast<const char*>(text), size};
}

version engine::protocol_version() const noexcept {
    return SSL_version(ssl_.get()) == TLS1_3_VERSION ? version::tls_1_3 : version::tls_1_2;
}

std::string_view engine::cipher() const noexcept {
    const char* name = SSL_get_cipher_name(ssl_.get());
    return name != nullptr ? name : "";
}

std::string_view engine::server_name() const noexcept {
    if (!context_->is_server) return {};
    const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    return name != nullptr ? name : "";
}

namespace {

std::chrono::sys_seconds time_of(const ASN1_TIME* stated) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(stated, &parts) != 1) return {};
    return std::chrono::sys_seconds{std::chrono::seconds{::timegm(&parts)}};
}

std::string text_of_address(const ASN1_OCTET_STRING& bytes) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int size = ASN1_STRING_length(&bytes);
    if (size != 4 && size != 16) return {};
    ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(&bytes), text.data(),
                text.size());
    return text.data();
}

void add_alternative_names(const X509& certificate, certificate_summary& summary) {
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> all{
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
        &GENERAL_NAMES_free};
    for (int i = 0; all && i != sk_GENERAL_NAME_num(all.get()); ++i) {
        const GENERAL_NAME& each = *sk_GENERAL_NAME_value(all.get(), i);
        if (each.type == GEN_DNS) {
            const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(each.d.dNSName));
            const auto size = static_cast<std::size_t>(ASN1_STRING_length(each.d.dNSName));
            summary.names.emplace_back(text, size);
        } else if (each.type == GEN_IPADD) {
            std::string text = text_of_address(*each.d.iPAddress);
            if (!text.empty()) summary.addresses.push_back(std::move(text));
        }
    }
}

}  // namespace

std::optional<certificate_summary> engine::peer_certificate() const {
    const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return std::nullopt;
    certificate_summary summary;
    summary.subject = text_of_name(X509_get_subject_name(certificate));
    summary.issuer = text_of_name(X509_get_issuer_name(certificate));
    summary.not_before = time_of(X509_get0_notBefore(certificate));
    summary.not_after = time_of(X509_get0_notAfter(certificate));
    add_alternative_names(*certificate, summary);
    ERR_clear_error();
    return summary;
}

}  // namespace simul::tls::detail
