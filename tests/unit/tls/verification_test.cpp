// SPDX-License-Identifier: Apache-2.0
//
// What the client makes of certificates: each defect has a name of its own, and nothing else is
// refused. RELIABILITY (j).
#include "unit/tls/connections.hpp"

namespace simul {
namespace {

using namespace test;
using tls::errc;

const test_authority& authority() {
    return test_authority::shared();
}

// How a client that trusts the root of the tests ends with a server that shows this.
ending verdict_of(const tls::client_options& options, const issued_certificate& leaf,
                  const std::string& chain, const std::string& host = "localhost") {
    return simulate([&]() -> task<ending> {
        foreign_tls_options shown;
        shown.identity = leaf;
        shown.chain = chain;
        const tls::client_context client{options};
        co_return co_await connect_to(client, shown, host);
    });
}

std::error_code code_of_leaf(const certificate_request& wanted,
                             const std::string& host = "localhost") {
    return verdict_of(trusting_options(), authority().server(wanted),
                      authority().intermediate.certificate, host)
        .code;
}

// For defects of the intermediate authority, or of several.
std::error_code code_below(const std::vector<certificate_request>& authorities,
                           const certificate_request& leaf = server_named("localhost"),
                           const std::string& host = "localhost") {
    issued_certificate issuer = authority().root;
    std::string chain;
    for (const certificate_request& each : authorities) {
        issuer = signed_by(issuer, each);
        chain.insert(0, issuer.certificate);
    }
    return verdict_of(trusting_options(), signed_by(issuer, leaf), chain, host).code;
}

std::error_code code_for_names(const std::vector<std::string>& names, const std::string& host) {
    certificate_request wanted = server_named("unused");
    wanted.names = names;
    return code_of_leaf(wanted, host);
}

std::error_code code_for_addresses(const std::vector<std::string>& addresses,
                                   const std::string& host) {
    certificate_request wanted = server_named("unused.test");
    wanted.addresses = addresses;
    return code_of_leaf(wanted, host);
}

const std::error_code good{};

// --- dates --------------------------------------------------------------------------------------

TEST(tls_verification, accepts_a_good_certificate) {
    EXPECT_EQ(code_of_leaf(server_named("localhost")), good);
}

TEST(tls_verification, refuses_an_expired_certificate_and_says_whose) {
    certificate_request wanted = server_named("localhost");
    wanted.common_name = "an old server";
    wanted.valid_from_days = -20;
    wanted.valid_until_days = -1;
    const ending end = verdict_of(trusting_options(), authority().server(wanted),
                                  authority().intermediate.certificate);
    EXPECT_EQ(end.code, errc::certificate_expired);
    EXPECT_EQ(end.subject, "CN=an old server");
    EXPECT_EQ(end.depth, 0);
    EXPECT_NE(end.what.find("CN=an old server"), std::string::npos) << end.what;
}

TEST(tls_verification, refuses_one_that_is_not_valid_yet) {
    certificate_request wanted = server_named("localhost");
    wanted.valid_from_days = 2;
    EXPECT_EQ(code_of_leaf(wanted), errc::certificate_not_yet_valid);
}

TEST(tls_verification, refuses_an_expired_intermediate_authority) {
    certificate_request wanted = authority_named("an old authority");
    wanted.valid_from_days = -20;
    wanted.valid_until_days = -1;
    EXPECT_EQ(code_below({wanted}), errc::certificate_expired);
}

TEST(tls_verification, accepts_a_valid_alternative_to_an_expired_intermediate) {
    certificate_request wanted = authority_named("renewed");
    const issued_certificate valid = signed_by(authority().root, wanted);
    wanted.reused_key = valid.key;
    wanted.valid_from_days = -20;
    wanted.valid_until_days = -1;
    const issued_certificate expired = signed_by(authority().root, wanted);
    const issued_certificate leaf = signed_by(valid, server_named("localhost"));
    const ending end =
        verdict_of(trusting_options(), leaf, expired.certificate + valid.certificate);
    EXPECT_EQ(end.code, good) << end.what;
}

TEST(tls_verification, refuses_an_expired_root) {
    certificate_request wanted = authority_named("an old root");
    wanted.valid_from_days = -20;
    wanted.valid_until_days = -1;
    const issued_certificate root = self_signed(wanted);
    const issued_certificate leaf = signed_by(root, server_named("localhost"));
    tls::client_options options = trusting_options();
    options.authorities = root.certificate;
    EXPECT_EQ(verdict_of(options, leaf, "").code, errc::certificate_expired);
}

TEST(tls_verification, escapes_what_a_certificate_says_of_itself) {
    certificate_request wanted = server_named("elsewhere.test");
    wanted.common_name = "evil\x1b[31m\nline";
    const ending end = verdict_of(trusting_options(), authority().server(wanted),
                                  authority().intermediate.certificate);
    EXPECT_EQ(end.code, errc::host_mismatch);
    EXPECT_EQ(end.subject, "CN=evil\\1B[31m\\0Aline");
    EXPECT_EQ(end.what.find('\x1b'), std::string::npos);
}

// --- names --------------------------------------------------------------------------------------

TEST(tls_verification, refuses_another_host) {
    EXPECT_EQ(code_for_names({"other.test"}, "localhost"), errc::host_mismatch);
    EXPECT_EQ(code_for_names({"localhost"}, "sub.localhost"), errc::host_mismatch);
}

TEST(tls_verification, never_looks_at_the_common_name) {
    certificate_request wanted = server_named("other.test");
    wanted.common_name = "www.example.test";
    EXPECT_EQ(code_of_leaf(wanted, "www.example.test"), errc::host_mismatch);
    wanted.names.clear();
    EXPECT_EQ(code_of_leaf(wanted, "www.example.test"), errc::host_mismatch);
}

TEST(tls_verification, ignores_case_and_one_final_dot) {
    EXPECT_EQ(code_for_names({"WWW.Example.TEST"}, "www.example.test"), good);
    EXPECT_EQ(code_for_names({"www.example.test"}, "WWW.EXAMPLE.test"), good);
    EXPECT_EQ(code_for_names({"www.example.test"}, "www.example.test."), good);
}

TEST(tls_verification, a_wildcard_stands_for_one_whole_label) {
    EXPECT_EQ(code_for_names({"*.example.test"}, "www.example.test"), good);
    EXPECT_EQ(code_for_names({"*.example.test"}, "a.b.example.test"), errc::host_mismatch);
    EXPECT_EQ(code_for_names({"*.example.test"}, "example.test"), errc::host_mismatch);
    EXPECT_EQ(code_for_names({"w*.example.test"}, "www.example.test"), errc::host_mismatch);
    EXPECT_EQ(code_for_names({"*w.example.test"}, "www.example.test"), errc::host_mismatch);
    EXPECT_EQ(code_for_names({"www.*.test"}, "www.example.test"), errc::host_mismatch);
}

TEST(tls_verification, a_wildcard_stands_for_no_top_level_name) {
    EXPECT_EQ(code_for_names({"*.test"}, "example.test"), errc::host_mismatch);
    EXPECT_EQ(code_for_names({"*"}, "localhost"), errc::host_mismatch);
}

TEST(tls_verification, a_wildcard_does_not_complete_an_internationalised_label) {
    EXPECT_EQ(code_for_names({"xn--caf-*.example.test"}, "xn--caf-dma.example.test"),
              errc::host_mismatch);
    EXPECT_EQ(code_for_names({"x*.example.test"}, "xn--caf-dma.example.test"), errc::host_mismatch);
}

TEST(tls_verification, a_name_with_a_nul_in_it_is_not_its_beginning) {
    const std::string name{"www.example.test\0.evil.test", 27};
    EXPECT_EQ(code_for_names({name}, "www.example.test"), errc::host_mismatch);
}

TEST(tls_verification, an_address_is_compared_with_addresses_only) {
    EXPECT_EQ(code_for_addresses({"127.0.0.1"}, "127.0.0.1"), good);
    EXPECT_EQ(code_for_addresses({"127.0.0.1"}, "127.0.0.2"), errc::host_mismatch);
    EXPECT_EQ(code_for_addresses({"::1"}, "::1"), good);
    EXPECT_EQ(code_for_addresses({"::1"}, "[::1]"), good);
    EXPECT_EQ(code_for_addresses({"2001:db8::1"}, "2001:DB8:0::1"), good);
    EXPECT_EQ(code_for_names({"127.0.0.1"}, "127.0.0.1"), errc::host_mismatch) << "a name";
    EXPECT_EQ(code_for_names({"*.0.0.1"}, "127.0.0.1"), errc::host_mismatch) << "a wildcard";
}

// Ten thousand names do not fit into what a handshake may carry: see below.
TEST(tls_verification, finds_one_name_among_five_thousand) {
    certificate_request wanted = server_named("first.test");
    for (int i = 0; i < 4'998; ++i) {
        wanted.names.push_back(std::to_string(i).append(".test"));
    }
    wanted.names.emplace_back("last.test");
    EXPECT_EQ(code_of_leaf(wanted, "last.test"), good);
    EXPECT_EQ(code_of_leaf(wanted, "another.test"), errc::host_mismatch);
    for (int i = 0; i < 5'000; ++i) {
        wanted.names.push_back(std::to_string(i).append(".more.test"));
    }
    EXPECT_EQ(code_of_leaf(wanted, "last.test"), errc::message_too_long);
}

// --- chains -------------------------------------------------------------------------------------

TEST(tls_verification, refuses_a_certificate_that_signs_itself) {
    const ending end = verdict_of(trusting_options(), self_signed(server_named("localhost")), "");
    EXPECT_EQ(end.code, errc::self_signed);
}

TEST(tls_verification, refuses_an_authority_that_nobody_trusts) {
    const test_authority other{"another authority"};
    const ending end =
        verdict_of(trusting_options(), other.localhost, other.intermediate.certificate);
    EXPECT_EQ(end.code, errc::unknown_authority);
    const ending with_root = verdict_of(trusting_options(), other.localhost,
                                        other.intermediate.certificate + other.root.certificate);
    EXPECT_EQ(with_root.code, errc::unknown_authority);
}

TEST(tls_verification, an_authority_of_the_same_name_and_another_key_is_another_one) {
    const test_authority other{"the authority of the tests"};
    const ending end =
        verdict_of(trusting_options(), other.localhost, other.intermediate.certificate);
    EXPECT_TRUE(end.code == errc::unknown_authority || end.code == errc::bad_signature) << end.what;
}

TEST(tls_verification, says_that_an_intermediate_certificate_is_missing) {
    EXPECT_EQ(verdict_of(trusting_options(), authority().localhost, "").code,
              errc::incomplete_chain);
}

TEST(tls_verification, a_trusted_intermediate_alone_is_no_anchor) {
    tls::client_options options = trusting_options();
    options.authorities = authority().intermediate.certificate;
    const ending end =
        verdict_of(options, authority().localhost, authority().intermediate.certificate);
    EXPECT_EQ(end.code, errc::unknown_authority) << end.what;
}

TEST(tls_verification, accepts_a_chain_in_the_wrong_order_and_with_extras) {
    const issued_certificate second =
        signed_by(authority().intermediate, authority_named("the second"));
    const issued_certificate leaf = signed_by(second, server_named("localhost"));
    const test_authority other{"unneeded"};
    std::string chain = authority().root.certificate;
    chain.append(authority().intermediate.certificate).append(second.certificate);
    EXPECT_EQ(verdict_of(trusting_options(), leaf, chain).code, good);
    chain.append(other.root.certificate).append(other.intermediate.certificate);
    EXPECT_EQ(verdict_of(trusting_options(), leaf, chain).code, good);
}

TEST(tls_verification, an_authority_may_limit_how_deep_others_sign) {
    certificate_request wanted = authority_named("signs servers only");
    wanted.path_length = 0;
    EXPECT_EQ(code_below({wanted}), good);
    EXPECT_EQ(code_below({wanted, authority_named("too deep")}), errc::path_too_long);
}

TEST(tls_verification, a_server_signs_nobody) {
    certificate_request wanted = server_named("someone.test");
    wanted.common_name = "only a server";
    EXPECT_EQ(code_below({wanted}), errc::invalid_authority);
    certificate_request without_usage = authority_named("may not sign certificates");
    without_usage.key_usage = "critical,digitalSignature";
    EXPECT_EQ(code_below({without_usage}), errc::invalid_authority);
}

TEST(tls_verification, an_authority_may_be_kept_to_a_domain) {
    certificate_request wanted = authority_named("of example.test");
    wanted.name_constraints = "critical,permitted;DNS:example.test";
    EXPECT_EQ(code_below({wanted}, server_named("www.example.test"), "www.example.test"), good);
    EXPECT_EQ(code_below({wanted}), errc::name_constraint);
    wanted.name_constraints = "critical,excluded;DNS:localhost";
    EXPECT_EQ(code_below({wanted}), errc::name_constraint);
}

TEST(tls_verification, a_chain_may_have_ten_intermediate_certificates) {
    for (const int count : {9, 10, 11}) {
        std::vector<certificate_request> authorities;
        for (int i = 0; i < count; ++i) {
            authorities.push_back(
                authority_named(std::string{"authority "}.append(std::to_string(i))));
        }
        const std::error_code expected = count <= 10 ? good : make_error_code(errc::chain_too_long);
        EXPECT_EQ(code_below(authorities), expected) << count;
    }
}

TEST(tls_verification, the_depth_of_chains_is_an_option) {
    tls::client_options options = trusting_options();
    options.chain_depth = 0;
    const ending end =
        verdict_of(options, authority().localhost, authority().intermediate.certificate);
    EXPECT_EQ(end.code, errc::chain_too_long) << end.what;
    const issued_certificate direct = signed_by(authority().root, server_named("localhost"));
    EXPECT_EQ(verdict_of(options, direct, "").code, good);
}

TEST(tls_verification, refuses_a_chain_that_is_longer_than_a_hundred_kibibytes) {
    certificate_request padding = authority_named("padding");
    for (int i = 0; i < 1000; ++i) {
        padding.names.push_back(std::to_string(i).append(".padding.example.test"));
    }
    const std::string one = self_signed(padding).certificate;
    std::string chain = authority().intermediate.certificate;
    for (int i = 0; i < 5; ++i) chain.append(one);
    const ending end = verdict_of(trusting_options(), authority().localhost, chain);
    EXPECT_EQ(end.code, errc::message_too_long) << end.what;
}

// --- purpose, keys and signatures ---------------------------------------------------------------

TEST(tls_verification, refuses_a_certificate_for_another_use) {
    certificate_request wanted = server_named("localhost");
    wanted.extended_key_usage = "clientAuth";
    EXPECT_EQ(code_of_leaf(wanted), errc::wrong_purpose);
    wanted.extended_key_usage = "emailProtection";
    EXPECT_EQ(code_of_leaf(wanted), errc::wrong_purpose);
}

TEST(tls_verification, accepts_a_certificate_that_does_not_tell_its_use) {
    certificate_request wanted = server_named("localhost");
    wanted.key_usage.clear();
    wanted.extended_key_usage.clear();
    EXPECT_EQ(code_of_leaf(wanted), good);
}

TEST(tls_verification, refuses_weak_keys) {
    certificate_request wanted = server_named("localhost");
    wanted.key = "RSA1024";
    EXPECT_EQ(code_of_leaf(wanted), errc::weak_key);
    certificate_request weak_authority = authority_named("weak");
    weak_authority.key = "RSA1024";
    EXPECT_EQ(code_below({weak_authority}), errc::weak_key);
}

TEST(tls_verification, accepts_the_usual_keys) {
    for (const char* const key : {"RSA2048", "P-256", "P-384"}) {
        certificate_request wanted = server_named("localhost");
        wanted.key = key;
        EXPECT_EQ(code_of_leaf(wanted), good) << key;
    }
}

TEST(tls_verification, refuses_weak_digests_in_the_chain) {
    certificate_request wanted = server_named("localhost");
    wanted.digest = "SHA1";
    EXPECT_EQ(code_of_leaf(wanted), errc::weak_digest);
    certificate_request weak_authority = authority_named("weak");
    weak_authority.digest = "SHA1";
    EXPECT_EQ(code_below({weak_authority}), errc::weak_digest);
}

TEST(tls_verification, refuses_a_wrong_signature) {
    certificate_request wanted = server_named("localhost");
    wanted.signature_is_wrong = true;
    EXPECT_EQ(code_of_leaf(wanted), errc::bad_signature);
}

// --- revocation ---------------------------------------------------------------------------------

TEST(tls_verification, refuses_a_revoked_certificate_when_lists_are_given) {
    tls::client_options options = trusting_options();
    const issued_certificate leaf = authority().server(server_named("localhost"));
    const std::string& chain = authority().intermediate.certificate;
    options.revocation_lists = revocation_list(authority().intermediate, {leaf});
    EXPECT_EQ(verdict_of(options, leaf, chain).code, errc::revoked);
    EXPECT_EQ(verdict_of(options, authority().localhost, chain).code, good);
    options.revocation_lists = revocation_list(authority().root, {});
    EXPECT_EQ(verdict_of(options, leaf, chain).code, errc::revocation_unknown);
    options.revocation_lists = revocation_list(authority().intermediate, {}, -1 + 1);
    EXPECT_EQ(verdict_of(options, leaf, chain).code, errc::revocation_unknown) << "expired";
}

// --- who is trusted -----------------------------------------------------------------------------

TEST(tls_verification, the_authority_of_the_tests_is_not_one_of_the_system) {
    const ending end = verdict_of(tls::client_options{}, authority().localhost,
                                  authority().intermediate.certificate);
    EXPECT_EQ(end.code, errc::unknown_authority);
}

TEST(tls_verification, authorities_can_be_given_besides_those_of_the_system) {
    tls::client_options options;
    options.authorities = authority().root.certificate;
    const ending end =
        verdict_of(options, authority().localhost, authority().intermediate.certificate);
    EXPECT_EQ(end.code, good) << end.what;
}

TEST(tls_verification, an_insecure_client_believes_everybody) {
    tls::client_options options;
    options.use_system_authorities = false;
    options.verify = tls::verification::none_insecure;
    certificate_request wanted = server_named("other.test");
    wanted.valid_until_days = 0;
    EXPECT_EQ(verdict_of(options, self_signed(wanted), "").code, good);
}

}  // namespace
}  // namespace simul
