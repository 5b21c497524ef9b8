// SPDX-License-Identifier: Apache-2.0
#include "simul/tls/error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "simul/base/error.hpp"

namespace simul {
namespace {

TEST(tls_error, has_a_category_of_its_own) {
    const std::error_code code = tls::errc::truncated;
    EXPECT_STREQ(code.category().name(), "simul.tls");
    EXPECT_EQ(code, tls::errc::truncated);
    EXPECT_NE(code, make_error_code(errc::closed));
    EXPECT_EQ(code.message(), "the connection ended without close_notify");
}

TEST(tls_error, every_condition_has_a_text_of_its_own) {
    std::set<std::string> texts;
    const int last = static_cast<int>(tls::errc::invalid_alpn);
    for (int value = 1; value <= last; ++value) {
        texts.insert(tls::error_category().message(value));
    }
    EXPECT_EQ(texts.size(), static_cast<std::size_t>(last));
    EXPECT_FALSE(texts.contains("unknown TLS error"));
    EXPECT_EQ(tls::error_category().message(0), "unknown TLS error");
    EXPECT_EQ(tls::error_category().message(last + 1), "unknown TLS error");
}

TEST(tls_error, a_handshake_error_tells_what_is_known) {
    const tls::handshake_error error{
        tls::errc::handshake_failed, "alert 48, unknown CA", 48, "unknown CA", "CN=a", 1};
    EXPECT_EQ(error.code(), tls::errc::handshake_failed);
    EXPECT_STREQ(error.what(), "alert 48, unknown CA: the peer refused the handshake");
    EXPECT_EQ(error.alert(), 48);
    EXPECT_EQ(error.alert_name(), "unknown CA");
    EXPECT_EQ(error.subject(), "CN=a");
    EXPECT_EQ(error.depth(), 1);
}

}  // namespace
}  // namespace simul
