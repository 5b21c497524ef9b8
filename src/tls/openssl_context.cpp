// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>
#include <system_error>

#include "simul/base/assert.hpp"
#include "tls/context_state.hpp"
#include "tls/openssl_failure.hpp"

namespace simul::tls {

namespace detail {

void free_context::operator()(ssl_ctx_st* owned) const noexcept {
    SSL_CTX_free(owned);
}

namespace {

struct freed {
    void operator()(BIO* owned) const noexcept { BIO_free(owned); }
    void operator()(X509* owned) const noexcept { X509_free(owned); }
    void operator()(X509_CRL* owned) const noexcept { X509_CRL_free(owned); }
    void operator()(EVP_PKEY* owned) const noexcept { EVP_PKEY_free(owned); }
};
template <class Type>
using owned = std::unique_ptr<Type, freed>;

// An encrypted key is an error; by default OpenSSL would ask at the terminal.
int give_no_password(char*, int, int, void*) {
    return -1;
}

owned<BIO> reader_of(const std::string& text) {
    if (text.size() > INT_MAX) throw std::system_error{errc::invalid_certificate, "too long"};
    owned<BIO> made{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
    if (!made) throw std::bad_alloc{};
    return made;
}

// Everything of one kind that a PEM text holds; other kinds are passed over.
template <class Type, class Read>
std::vector<owned<Type>> read_all(const std::string& text, Read read, const char* what) {
    ERR_clear_error();
    const owned<BIO> source = reader_of(text);
    std::vector<owned<Type>> all;
    while (owned<Type> next{read(source.get(), nullptr, &give_no_password, nullptr)}) {
        all.push_back(std::move(next));
    }
    const unsigned long last = ERR_peek_last_error();
    const bool is_end =
        ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    if (!is_end) throw_context_failure(errc::invalid_certificate, what);
    ERR_clear_error();
    if (all.empty()) {
        std::string detail{"there is none: "};
        throw std::system_error{errc::invalid_certificate, detail.append(what)};
    }
    return all;
}

std::vector<owned<X509>> read_certificates(const std::string& text, const char* what) {
    return read_all<X509>(text, &PEM_read_bio_X509, what);
}

void trust(SSL_CTX* context, const std::string& text, const char* what) {
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    for (const owned<X509>& each : read_certificates(text, what)) {
        if (X509_STORE_add_cert(store, each.get()) != 1) {
            throw_context_failure(errc::invalid_certificate, what);
        }
    }
}

void use_identity(SSL_CTX* context, const identity& shown) {
    const auto chain = read_certificates(shown.certificate_chain, "the own certificate");
    ERR_clear_error();
    const owned<BIO> source = reader_of(shown.private_key);
    const owned<EVP_PKEY> key{
        PEM_read_bio_PrivateKey(source.get(), nullptr, &give_no_password, nullptr)};
    if (!key) throw_context_failure(errc::invalid_key, "the own private key");
    if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
        ERR_clear_error();
        throw std::system_error{errc::key_mismatch};
    }
    bool is_good = SSL_CTX_use_certificate(context, chain.front().get()) == 1;
    for (std::size_t i = 1; is_good && i != chain.size(); ++i) {
        is_good = SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
    }
    is_good = is_good && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
    if (!is_good) throw_context_failure(errc::invalid_certificate, "the own certificate");
    // Without this OpenSSL would complete a chain from the trusted certificates.
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
}

void check_revocation(SSL_CTX* context, const std::string& text) {
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    const char* const what = "a revocation list";
    for (const owned<X509_CRL>& each : read_all<X509_CRL>(text, &PEM_read_bio_X509_CRL, what)) {
        if (X509_STORE_add_crl(store, each.get()) != 1) {
            throw_context_failure(errc::invalid_certificate, what);
        }
    }
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_CRL_CHECK);
}

int number_of(version spoken) noexcept {
    return spoken == version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

void keep_alpn(context_state& state, const std::vector<std::string>& protocols) {
    for (const std::string& each : protocols) {
        if (each.empty() || each.size() > 255) throw std::system_error{errc::invalid_alpn};
        state.alpn_list.push_back(static_cast<char>(each.size()));
        state.alpn_list.append(each);
    }
    if (state.alpn_list.size() > 65535) throw std::system_error{errc::invalid_alpn};
    state.alpn = protocols;
}

const unsigned char* unsigned_text(const std::string& text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

int choose_alpn(SSL*, const unsigned char** chosen, unsigned char* size,
                const unsigned char* offered, unsigned offered_size, void* state) {
    const std::string& ours = static_cast<const context_state*>(state)->alpn_list;
    const int found =
        SSL_select_next_proto(const_cast<unsigned char**>(chosen), size, unsigned_text(ours),
                              static_cast<unsigned>(ours.size()), offered, offered_size);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// One system call, so that lines of several connections do not mix. A failure has nobody to reach:
// the connection does not depend on its log.
void log_key(const SSL* connection, const char* line) {
    const auto* state =
        static_cast<const context_state*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
    char end = '\n';
    const std::array<::iovec, 2> parts{::iovec{const_cast<char*>(line), std::strlen(line)},
                                       ::iovec{&end, 1}};
    static_cast<void>(!::writev(state->key_log.get(), parts.data(), 2));
}

void open_key_log(context_state& state, const std::filesystem::path& path) {
    constexpr int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    state.key_log = unique_fd{::open(path.c_str(), flags, 0600)};
    // An existing log may be open to others, and the umask only takes away.
    if (!state.key_log || ::fchmod(state.key_log.get(), 0600) != 0) {
        throw std::system_error{errno, std::system_category(), path.string()};
    }
    SSL_CTX_set_keylog_callback(state.ssl.get(), &log_key);
}

// What clients and servers have in common.
template <class Options>
std::shared_ptr<context_state> make_state(const SSL_METHOD* method, const Options& options) {
    ERR_clear_error();
    auto state = std::make_shared<context_state>();
    state->ssl.reset(SSL_CTX_new(method));
    if (!state->ssl) throw_context_failure(errc::protocol_error, "OpenSSL cannot start");
    SSL_CTX* const context = state->ssl.get();
    SSL_CTX_set_app_data(context, state.get());
    // A system that asks for more than we do gets it.
    if (SSL_CTX_get_min_proto_version(context) < number_of(options.minimum)) {
        SSL_CTX_set_min_proto_version(context, number_of(options.minimum));
    }
    SSL_CTX_set_max_proto_version(context, number_of(options.maximum));
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify_depth(context, options.chain_depth);
    SSL_CTX_set_default_passwd_cb(context, &give_no_password);
    state->handshake_timeout = options.handshake_timeout;
    keep_alpn(*state, options.alpn);
    if (!options.key_log_file.empty()) open_key_log(*state, options.key_log_file);
    return state;
}

std::shared_ptr<const context_state> make_client(const client_options& options) {
    auto state = make_state(TLS_client_method(), options);
    SSL_CTX* const context = state->ssl.get();
    state->verifies_host = options.verify == verification::full;
    state->require_alpn = options.require_alpn;
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    if (options.use_system_authorities) SSL_CTX_set_default_verify_paths(context);
    if (!options.authorities.empty()) trust(context, options.authorities, "an authority");
    if (!options.revocation_lists.empty()) check_revocation(context, options.revocation_lists);
    const identity& shown = options.identity;
    if (!shown.certificate_chain.empty() || !shown.private_key.empty()) {
        use_identity(context, shown);
    }
    const std::string& list = state->alpn_list;
    if (!list.empty() && SSL_CTX_set_alpn_protos(context, unsigned_text(list),
                                                 static_cast<unsigned>(list.size())) != 0) {
        throw std::bad_alloc{};
    }
    ERR_clear_error();
    return state;
}

std::shared_ptr<const context_state> make_server(const server_options& options) {
    auto state = make_state(TLS_server_method(), options);
    SSL_CTX* const context = state->ssl.get();
    state->is_server = true;
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    use_identity(context, options.identity);
    if (!state->alpn.empty()) SSL_CTX_set_alpn_select_cb(context, &choose_alpn, state.get());
    if (!options.client_authorities.empty()) {
        trust(context, options.client_authorities, "an authority of clients");
        const auto named = read_certificates(options.client_authorities, "an authority");
        for (const owned<X509>& each : named) SSL_CTX_add_client_CA(context, each.get());
    }
    // A resumed session would not look at the client's certificate again.
    if (!options.session_tickets || options.clients != client_certificates::ignored) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    }
    static constexpr unsigned char session_context[] = "simul";
    SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
    int mode = SSL_VERIFY_NONE;
    if (options.clients != client_certificates::ignored) mode = SSL_VERIFY_PEER;
    if (options.clients == client_certificates::required) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context, mode, nullptr);
    ERR_clear_error();
    return state;
}

}  // namespace
}  // namespace detail

identity identity::from_files(const std::filesystem::path& chain,
                              const std::filesystem::path& key) {
    return identity{text_of_file(chain), text_of_file(key)};
}

std::string text_of_file(const std::filesystem::path& path) {
    constexpr std::size_t longest = std::size_t{16} << 20;
    const unique_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    std::string text;
    ::ssize_t count = file ? 0 : -1;
    while (file) {
        char buffer[16384];
        count = ::read(file.get(), buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        text.append(buffer, static_cast<std::size_t>(count));
        if (text.size() > longest) {
            throw std::system_error{EFBIG, std::system_category(), path.string()};
        }
    }
    if (count < 0) throw std::system_error{errno, std::system_category(), path.string()};
    return text;
}

client_context::client_context() : client_context{client_options{}} {}

client_context::client_context(const client_options& options)
    : state_{detail::make_client(options)} {}

server_context::server_context(const server_options& options)
    : state_{detail::make_server(options)} {}

}  // namespace simul::tls
