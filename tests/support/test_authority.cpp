// SPDX-License-Identifier: Apache-2.0
#include "support/test_authority.hpp"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <utility>

namespace simul::test {

namespace {

struct freed {
    void operator()(BIO* owned) const { BIO_free(owned); }
    void operator()(EVP_PKEY* owned) const { EVP_PKEY_free(owned); }
    void operator()(X509* owned) const { X509_free(owned); }
    void operator()(X509_CRL* owned) const { X509_CRL_free(owned); }
    void operator()(X509_EXTENSION* owned) const { X509_EXTENSION_free(owned); }
    void operator()(X509_REVOKED* owned) const { X509_REVOKED_free(owned); }
    void operator()(ASN1_TIME* owned) const { ASN1_TIME_free(owned); }
    void operator()(GENERAL_NAMES* owned) const { GENERAL_NAMES_free(owned); }
};
template <class Type>
using owned = std::unique_ptr<Type, freed>;

void require(bool is_good, const char* what) {
    if (is_good) return;
    std::string reason{what};
    const char* text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    throw std::runtime_error{reason.append(": ").append(text != nullptr ? text : "failed")};
}

template <class Write>
std::string pem_of(Write write) {
    const owned<BIO> printed{BIO_new(BIO_s_mem())};
    require(write(printed.get()) == 1, "writing PEM");
    char* text = nullptr;
    const long size = BIO_get_mem_data(printed.get(), &text);
    return std::string{text, static_cast<std::size_t>(size)};
}

owned<BIO> reader_of(const std::string& text) {
    return owned<BIO>{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

owned<EVP_PKEY> read_key(const std::string& text) {
    const owned<BIO> source = reader_of(text);
    owned<EVP_PKEY> key{PEM_read_bio_PrivateKey(source.get(), nullptr, nullptr, nullptr)};
    require(key != nullptr, "reading a key");
    return key;
}

owned<X509> read_certificate(const std::string& text) {
    const owned<BIO> source = reader_of(text);
    owned<X509> certificate{PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr)};
    require(certificate != nullptr, "reading a certificate");
    return certificate;
}

owned<EVP_PKEY> make_key(const certificate_request& wanted) {
    if (!wanted.reused_key.empty()) return read_key(wanted.reused_key);
    const std::string& kind = wanted.key;
    owned<EVP_PKEY> key;
    if (kind.starts_with("RSA")) {
        key.reset(EVP_RSA_gen(static_cast<unsigned>(std::stoi(kind.substr(3)))));
    } else {
        key.reset(EVP_EC_gen(kind.c_str()));
    }
    require(key != nullptr, "making a key");
    return key;
}

void add_extension(X509& certificate, X509& issuer, int kind, const std::string& value) {
    if (value.empty()) return;
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
    const owned<X509_EXTENSION> made{X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())};
    require(made != nullptr && X509_add_ext(&certificate, made.get(), -1) == 1, "an extension");
}

void add_name(GENERAL_NAMES& all, int kind, ASN1_STRING* value) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    require(name != nullptr && value != nullptr, "an alternative name");
    GENERAL_NAME_set0_value(name, kind, value);
    sk_GENERAL_NAME_push(&all, name);
}

void add_alternatives(X509& certificate, const certificate_request& wanted) {
    if (wanted.names.empty() && wanted.addresses.empty()) return;
    const owned<GENERAL_NAMES> all{GENERAL_NAMES_new()};
    for (const std::string& each : wanted.names) {
        ASN1_IA5STRING* text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, each.data(), static_cast<int>(each.size()));
        add_name(*all, GEN_DNS, text);
    }
    for (const std::string& each : wanted.addresses) {
        add_name(*all, GEN_IPADD, a2i_IPADDRESS(each.c_str()));
    }
    require(X509_add1_ext_i2d(&certificate, NID_subject_alt_name, all.get(), 0, 0) == 1, "names");
}

void set_dates(X509& certificate, const certificate_request& wanted) {
    X509_time_adj_ex(X509_getm_notBefore(&certificate), wanted.valid_from_days, 0, nullptr);
    X509_time_adj_ex(X509_getm_notAfter(&certificate), wanted.valid_until_days, 0, nullptr);
}

void set_serial(X509& certificate) {
    static long next = 1000;
    ASN1_INTEGER_set(X509_get_serialNumber(&certificate), ++next);
}

// With no issuer it signs itself.
issued_certificate make(const certificate_request& wanted, const issued_certificate* by) {
    ERR_clear_error();
    const owned<EVP_PKEY> key = make_key(wanted);
    const owned<X509> certificate{X509_new()};
    X509_set_version(certificate.get(), X509_VERSION_3);
    set_serial(*certificate);
    set_dates(*certificate, wanted);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    const auto* text = reinterpret_cast<const unsigned char*>(wanted.common_name.data());
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, text,
                               static_cast<int>(wanted.common_name.size()), -1, 0);

    const owned<X509> issuer = by != nullptr ? read_certificate(by->certificate) : owned<X509>{};
    const owned<EVP_PKEY> issuer_key = by != nullptr ? read_key(by->key) : owned<EVP_PKEY>{};
    X509& signer = issuer ? *issuer : *certificate;
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(&signer));

    std::string constraints{wanted.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE"};
    if (wanted.path_length >= 0) {
        constraints.append(",pathlen:").append(std::to_string(wanted.path_length));
    }
    add_extension(*certificate, signer, NID_basic_constraints, constraints);
    add_extension(*certificate, signer, NID_key_usage, wanted.key_usage);
    add_extension(*certificate, signer, NID_ext_key_usage, wanted.extended_key_usage);
    add_extension(*certificate, signer, NID_name_constraints, wanted.name_constraints);
    add_extension(*certificate, signer, NID_subject_key_identifier, "hash");
    add_alternatives(*certificate, wanted);

    EVP_PKEY* signing_key = issuer_key ? issuer_key.get() : key.get();
    const owned<EVP_PKEY> foreign_key =
        wanted.signature_is_wrong ? owned<EVP_PKEY>{EVP_EC_gen("P-256")} : owned<EVP_PKEY>{};
    if (foreign_key) signing_key = foreign_key.get();
    const EVP_MD* digest = EVP_get_digestbyname(wanted.digest.c_str());
    require(X509_sign(certificate.get(), signing_key, digest) > 0, "signing");

    issued_certificate made;
    made.certificate = pem_of([&](BIO* to) { return PEM_write_bio_X509(to, certificate.get()); });
    made.key = pem_of([&](BIO* to) {
        return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return made;
}

}  // namespace

certificate_request authority_named(std::string name) {
    certificate_request wanted;
    wanted.common_name = std::move(name);
    wanted.is_authority = true;
    wanted.key_usage = "critical,keyCertSign,cRLSign";
    return wanted;
}

certificate_request server_named(std::string host) {
    certificate_request wanted;
    wanted.common_name = "a server";
    wanted.names.push_back(std::move(host));
    wanted.key_usage = "critical,digitalSignature";
    wanted.extended_key_usage = "serverAuth";
    return wanted;
}

issued_certificate self_signed(const certificate_request& wanted) {
    return make(wanted, nullptr);
}

issued_certificate signed_by(const issued_certificate& issuer, const certificate_request& wanted) {
    return make(wanted, &issuer);
}

std::string revocation_list(const issued_certificate& issuer,
                            const std::vector<issued_certificate>& revoked, int valid_until_days) {
    const owned<X509> by = read_certificate(issuer.certificate);
    const owned<X509_CRL> list{X509_CRL_new()};
    X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(by.get()));
    const owned<ASN1_TIME> since{X509_time_adj_ex(nullptr, -1, 0, nullptr)};
    const owned<ASN1_TIME> until{X509_time_adj_ex(nullptr, valid_until_days, 0, nullptr)};
    X509_CRL_set1_lastUpdate(list.get(), since.get());
    X509_CRL_set1_nextUpdate(list.get(), until.get());
    for (const issued_certificate& each : revoked) {
        const owned<X509> certificate = read_certificate(each.certificate);
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.get()));
        X509_REVOKED_set_revocationDate(entry, since.get());
        X509_CRL_add0_revoked(list.get(), entry);
    }
    X509_CRL_sort(list.get());
    const owned<EVP_PKEY> key = read_key(issuer.key);
    require(X509_CRL_sign(list.get(), key.get(), EVP_sha256()) > 0, "signing a list");
    return pem_of([&](BIO* to) { return PEM_write_bio_X509_CRL(to, list.get()); });
}

const test_authority& test_authority::shared() {
    static const test_authority made{"the authority of the tests"};
    return made;
}

test_authority::test_authority(std::string_view name) {
    root = self_signed(authority_named(std::string{name}));
    intermediate = signed_by(root, authority_named(std::string{name}.append(", intermediate")));
    certificate_request wanted = server_named("localhost");
    wanted.names.emplace_back("*.example.test");
    wanted.addresses = {"127.0.0.1", "::1"};
    localhost = server(wanted);
}

issued_certificate test_authority::server(const certificate_request& wanted) const {
    return signed_by(intermediate, wanted);
}

std::string test_authority::chain_of(const issued_certificate& leaf) const {
    std::string chain = leaf.certificate;
    return chain.append(intermediate.certificate);
}

temporary_files::temporary_files() {
    std::string pattern = (std::filesystem::temp_directory_path() / "simul-test-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "a temporary directory");
    directory_ = pattern;
}

temporary_files::~temporary_files() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

std::filesystem::path temporary_files::write(std::string_view name, std::string_view text) const {
    std::filesystem::path path = directory_ / name;
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    require(file >= 0, "a temporary file");
    const bool is_written =
        ::write(file, text.data(), text.size()) == static_cast<::ssize_t>(text.size());
    ::close(file);
    require(is_written, "writing a temporary file");
    return path;
}

}  // namespace simul::test
