// SPDX-License-Identifier: Apache-2.0
#include "simul/tls/context.hpp"

#include <sys/stat.h>

#include <functional>

#include "unit/tls/connections.hpp"

namespace simul {
namespace {

using namespace test;
using tls::errc;

const test_authority& authority() {
    return test_authority::shared();
}

std::error_code code_of_client(const tls::client_options& options) {
    try {
        const tls::client_context made{options};
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

std::error_code code_of_server(const tls::server_options& options) {
    try {
        const tls::server_context made{options};
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

TEST(tls_context, is_made_from_usable_options) {
    EXPECT_EQ(code_of_client(tls::client_options{}), std::error_code{});
    EXPECT_EQ(code_of_client(trusting_options()), std::error_code{});
    EXPECT_EQ(code_of_server(server_with(authority().localhost)), std::error_code{});
    const tls::client_context first;
    const tls::client_context copy = first;
    static_cast<void>(copy);
}

TEST(tls_context, says_that_a_certificate_cannot_be_read) {
    tls::client_options options;
    options.authorities = "no PEM at all";
    EXPECT_EQ(code_of_client(options), errc::invalid_certificate);
    options.authorities = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    EXPECT_EQ(code_of_client(options), errc::invalid_certificate);
    options.authorities = authority().root.certificate.substr(0, 300);
    EXPECT_EQ(code_of_client(options), errc::invalid_certificate);
    options.authorities = authority().root.key;
    EXPECT_EQ(code_of_client(options), errc::invalid_certificate) << "a key is none";
    options.authorities = authority().root.certificate;
    options.revocation_lists = authority().root.certificate;
    EXPECT_EQ(code_of_client(options), errc::invalid_certificate) << "no revocation list";
    EXPECT_EQ(code_of_server(tls::server_options{}), errc::invalid_certificate) << "no identity";
}

TEST(tls_context, says_that_a_key_cannot_be_read_or_is_another_ones) {
    const std::string chain = authority().chain_of(authority().localhost);
    EXPECT_EQ(code_of_server(tls::server_options{tls::identity{chain, "no key"}}),
              errc::invalid_key);
    EXPECT_EQ(code_of_server(tls::server_options{tls::identity{chain, authority().root.key}}),
              errc::key_mismatch);
    certificate_request wanted = server_named("localhost");
    wanted.key = "RSA2048";
    const issued_certificate other_kind = authority().server(wanted);
    EXPECT_EQ(code_of_server(tls::server_options{tls::identity{chain, other_kind.key}}),
              errc::key_mismatch);
}

TEST(tls_context, does_not_ask_for_the_password_of_a_key) {
    const std::string encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgYwTXnGEuO7wICCAAw\n"
        "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEHVF3MEDXAwR8e0P1nnJLDsEgZBX\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";
    const std::string chain = authority().chain_of(authority().localhost);
    EXPECT_EQ(code_of_server(tls::server_options{tls::identity{chain, encrypted}}),
              errc::invalid_key);
}

TEST(tls_context, refuses_a_weak_identity) {
    certificate_request wanted = server_named("localhost");
    wanted.key = "RSA1024";
    EXPECT_EQ(code_of_server(server_with(authority().server(wanted))), errc::weak_key);
    wanted.key = "P-256";
    wanted.digest = "SHA1";
    EXPECT_EQ(code_of_server(server_with(authority().server(wanted))), errc::weak_digest);
}

TEST(tls_context, an_application_protocol_has_1_to_255_bytes) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{254}, std::size_t{255}, std::size_t{256}}) {
        tls::client_options options = trusting_options();
        options.alpn = {std::string(size, 'x')};
        const bool is_good = size != 0 && size <= 255;
        EXPECT_EQ(code_of_client(options),
                  is_good ? std::error_code{} : make_error_code(errc::invalid_alpn))
            << size;
    }
}

TEST(tls_context, reads_an_identity_from_files) {
    const temporary_files files;
    const auto chain = files.write("chain.pem", authority().chain_of(authority().localhost));
    const auto key = files.write("key.pem", authority().localhost.key);
    const tls::identity read = tls::identity::from_files(chain, key);
    EXPECT_EQ(read.certificate_chain, authority().chain_of(authority().localhost));
    EXPECT_EQ(code_of_server(tls::server_options{read}), std::error_code{});
    try {
        static_cast<void>(tls::text_of_file(files.directory() / "missing.pem"));
        FAIL() << "there is no such file";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    }
    EXPECT_THROW(static_cast<void>(tls::text_of_file(files.directory())), std::system_error);
}

TEST(tls_context, reads_files_of_up_to_16_mebibytes) {
    const temporary_files files;
    constexpr std::size_t limit = std::size_t{16} << 20;
    for (const std::size_t size : {limit - 1, limit, limit + 1}) {
        const auto path = files.write(std::to_string(size), std::string(size, '\n'));
        std::size_t read = 0;
        try {
            read = tls::text_of_file(path).size();
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::file_too_large);
        }
        EXPECT_EQ(read, size <= limit ? size : 0U);
    }
}

TEST(tls_context, logs_keys_only_where_it_is_told_to_and_for_the_owner_only) {
    const temporary_files files;
    const auto path = files.directory() / "keys.log";
    tls::client_options options = trusting_options();
    ::setenv("SSLKEYLOGFILE", path.c_str(), 1);
    simulate([&]() -> task<> { co_await connected(tls::client_context{options}, usual_server()); });
    ::unsetenv("SSLKEYLOGFILE");
    EXPECT_FALSE(std::filesystem::exists(path));

    options.key_log_file = path;
    simulate([&]() -> task<> { co_await connected(tls::client_context{options}, usual_server()); });
    const std::string text = tls::text_of_file(path);
    EXPECT_NE(text.find("CLIENT_TRAFFIC_SECRET_0 "), std::string::npos);
    struct ::stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);

    const auto link = files.directory() / "link.log";
    std::filesystem::create_symlink(path, link);
    options.key_log_file = link;
    EXPECT_EQ(code_of_client(options), std::errc::too_many_symbolic_link_levels);
}

TEST(tls_context, lives_as_long_as_its_connections) {
    simulate([]() -> task<> {
        auto [client, server] = co_await connected(usual_client(), usual_server());
        co_await write_all(client, bytes_of("hello"));
        const std::string read = co_await read_count(server, 5);
        EXPECT_EQ(read, "hello");
    });
}

}  // namespace
}  // namespace simul
