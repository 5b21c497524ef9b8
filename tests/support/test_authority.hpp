// SPDX-License-Identifier: Apache-2.0
//
// support/test_authority.hpp: certificates of every kind, good and bad, made while the test runs.
//
// Nothing of it is kept: keys live in memory, and files only as long as a temporary_files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace simul::test {

/// What a certificate is to say.
class certificate_request {
public:
    certificate_request() {}

    std::string common_name = "a certificate of a test";
    std::vector<std::string> names;      ///< alternative names of hosts, any bytes
    std::vector<std::string> addresses;  ///< alternative addresses
    int valid_from_days = -1;            ///< counted from now
    int valid_until_days = 30;
    bool is_authority = false;
    int path_length = -1;            ///< -1 for no limit
    std::string key_usage;           ///< as in the configuration of OpenSSL; empty for none
    std::string extended_key_usage;  ///< likewise
    std::string name_constraints;    ///< likewise
    std::string digest = "SHA256";
    std::string key = "P-256";  ///< a curve, or "RSA" and a number of bits
    bool signature_is_wrong = false;
    std::string reused_key;  ///< PEM: take this key instead of a new one
};

/// A certificate and its key, both as PEM.
class issued_certificate {
public:
    issued_certificate() {}
    std::string certificate;
    std::string key;
};

/// A request for a root or intermediate authority, and one for a server of that name.
certificate_request authority_named(std::string name);
certificate_request server_named(std::string host);

/// Makes a certificate that is signed with its own key, or by another one.
issued_certificate self_signed(const certificate_request& wanted);
issued_certificate signed_by(const issued_certificate& issuer, const certificate_request& wanted);

/// A revocation list of the issuer, as PEM.
std::string revocation_list(const issued_certificate& issuer,
                            const std::vector<issued_certificate>& revoked,
                            int valid_until_days = 30);

/// An authority, an intermediate one, and the certificate of a server, `localhost` unless told
/// otherwise. Made once for each program.
class test_authority {
public:
    static const test_authority& shared();

    explicit test_authority(std::string_view name);

    /// A server's certificate, signed by the intermediate authority.
    [[nodiscard]] issued_certificate server(const certificate_request& wanted) const;

    /// The certificate and what leads to the root.
    [[nodiscard]] std::string chain_of(const issued_certificate& leaf) const;

    issued_certificate root;
    issued_certificate intermediate;
    issued_certificate localhost;  ///< localhost, *.example.test, 127.0.0.1 and ::1
};

/// A directory for files of mode 0600; both go when it is destroyed.
class temporary_files {
public:
    temporary_files();
    temporary_files(const temporary_files&) = delete;
    temporary_files& operator=(const temporary_files&) = delete;
    ~temporary_files();

    std::filesystem::path write(std::string_view name, std::string_view text) const;
    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }

private:
    std::filesystem::path directory_;
};

}  // namespace simul::test
