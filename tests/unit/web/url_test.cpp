// SPDX-License-Identifier: Apache-2.0
//
// The URL parser: every state and every error, with cases of our own; then what a url can tell.
#include "simul/web/url.hpp"

#include <gtest/gtest.h>

#include <concepts>
#include <iterator>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "web/domain.hpp"

namespace {

using namespace simul::web;

static_assert(std::regular<url>);
static_assert(std::totally_ordered<url>);
static_assert(std::is_nothrow_move_constructible_v<url>);

/// The address that comes out, or the message of the error.
std::string parsed(std::string_view input) {
    const auto address = url::parse(input);
    return address ? address->href() : address.error().message();
}

std::string resolved(std::string_view reference, std::string_view base_text) {
    const auto base = url::parse(base_text);
    if (!base) return "the base is no address";
    const auto address = url::parse(reference, *base);
    return address ? address->href() : address.error().message();
}

std::error_code failure(std::string_view input) {
    const auto address = url::parse(input);
    return address ? std::error_code{} : address.error();
}

url at(std::string_view input) {
    auto address = url::parse(input);
    EXPECT_TRUE(address) << input;
    return address ? *std::move(address) : url{};
}

std::string host_of(std::string_view host) {
    std::string text{"http://"};
    const auto address = url::parse(text.append(host).append("/"));
    return std::string{address ? address->host() : std::string_view{"none"}};
}

std::error_code host_failure(std::string_view host) {
    std::string text{"http://"};
    return failure(text.append(host).append("/"));
}

// --- schemes ------------------------------------------------------------------------------------

TEST(url_scheme, is_written_in_lower_case) {
    EXPECT_EQ(parsed("HtTpS://h"), "https://h/");
    EXPECT_EQ(parsed("View+Source-1.0:x"), "view+source-1.0:x");
}

TEST(url_scheme, may_not_be_missing_without_a_base) {
    EXPECT_EQ(failure("1http://h"), url_errc::missing_scheme);
    EXPECT_EQ(failure("://h"), url_errc::missing_scheme);
    EXPECT_EQ(failure("ht tp://h"), url_errc::missing_scheme);
    EXPECT_EQ(failure("example.org"), url_errc::relative_without_base);
    EXPECT_EQ(failure("/a:b"), url_errc::relative_without_base);
    EXPECT_EQ(failure("//h/x"), url_errc::relative_without_base);
    EXPECT_EQ(failure("#f"), url_errc::relative_without_base);
    EXPECT_EQ(failure(""), url_errc::relative_without_base);
}

TEST(url_scheme, that_is_special_forgives_the_number_and_kind_of_slashes) {
    EXPECT_EQ(parsed("http:h/p"), "http://h/p");
    EXPECT_EQ(parsed("http:/h/p"), "http://h/p");
    EXPECT_EQ(parsed("http:\\\\h\\p"), "http://h/p");
    EXPECT_EQ(parsed("http:////h/p"), "http://h/p");
}

TEST(url_scheme, that_is_not_special_takes_slashes_literally) {
    EXPECT_EQ(parsed("foo://h/p"), "foo://h/p");
    EXPECT_EQ(parsed("foo:///p"), "foo:///p");
    EXPECT_EQ(parsed("foo:/p"), "foo:/p");
    EXPECT_EQ(parsed("foo:\\\\h"), "foo:\\\\h");
    EXPECT_EQ(parsed("foo://h\\p"), parsed("foo://h^p"));  // both forbidden in a host
}

// --- blanks -------------------------------------------------------------------------------------

TEST(url_text, loses_blanks_around_and_tabs_and_line_ends_anywhere) {
    EXPECT_EQ(parsed(" \x01 http://h/p \x1F\n"), "http://h/p");
    EXPECT_EQ(parsed("ht\ntp:\t//h\r\n/p\tq"), "http://h/pq");
    EXPECT_EQ(parsed("http://h/a b"), "http://h/a%20b");
}

// --- authority ----------------------------------------------------------------------------------

TEST(url_credentials, end_at_the_last_at_sign) {
    const url address = at("http://us@er:pa:ss@h@x/");
    EXPECT_EQ(address.href(), "http://us%40er:pa%3Ass%40h@x/");
    EXPECT_EQ(address.username(), "us%40er");
    EXPECT_EQ(address.password(), "pa%3Ass%40h");
    EXPECT_EQ(address.host(), "x");
}

TEST(url_credentials, are_left_out_where_they_are_empty) {
    EXPECT_EQ(parsed("http://@h/"), "http://h/");
    EXPECT_EQ(parsed("http://:@h/"), "http://h/");
    EXPECT_EQ(parsed("http://u:@h/"), "http://u@h/");
    EXPECT_EQ(parsed("http://:p@h/"), "http://:p@h/");
    const url address = at("http://:p@h/");
    EXPECT_EQ(address.username(), "");
    EXPECT_EQ(address.password(), "p");
}

TEST(url_credentials, need_a_host) {
    EXPECT_EQ(failure("http://u@/p"), url_errc::missing_host);
    EXPECT_EQ(failure("foo://u@/p"), url_errc::missing_host);
    EXPECT_EQ(failure("foo://u@:1/p"), url_errc::missing_host);
}

TEST(url_port, is_dropped_where_it_is_the_default) {
    EXPECT_EQ(parsed("http://h:80/"), "http://h/");
    EXPECT_EQ(parsed("https://h:443/"), "https://h/");
    EXPECT_EQ(parsed("ws://h:80/"), "ws://h/");
    EXPECT_EQ(parsed("wss://h:443/"), "wss://h/");
    EXPECT_EQ(parsed("ftp://h:21/"), "ftp://h/");
    EXPECT_EQ(parsed("http://h:443/"), "http://h:443/");
    EXPECT_EQ(parsed("foo://h:80/"), "foo://h:80/");
    EXPECT_EQ(parsed("http://h:/"), "http://h/");
}

TEST(url_port, goes_to_65535) {
    EXPECT_EQ(at("http://h:65534/").port(), 65534);
    EXPECT_EQ(at("http://h:65535/").port(), 65535);
    EXPECT_EQ(failure("http://h:65536/"), url_errc::port_out_of_range);
    EXPECT_EQ(failure("http://h:18446744073709551617/"), url_errc::port_out_of_range);
    EXPECT_EQ(parsed("http://h:0000000008080/"), "http://h:8080/");
    EXPECT_EQ(at("http://h:0/").port(), 0);
}

TEST(url_port, is_made_of_digits) {
    EXPECT_EQ(failure("http://h:8a/"), url_errc::bad_port);
    EXPECT_EQ(failure("http://h:-1/"), url_errc::bad_port);
    EXPECT_EQ(failure("http://h:80:80/"), url_errc::bad_port);
    EXPECT_EQ(failure("http://h:99999x/"), url_errc::bad_port);
}

TEST(url_host, may_be_empty_only_where_the_scheme_is_not_special) {
    EXPECT_EQ(failure("http://"), url_errc::missing_host);
    EXPECT_EQ(failure("http://?q"), url_errc::missing_host);
    EXPECT_EQ(failure("http://:80/"), url_errc::missing_host);
    EXPECT_EQ(failure("foo://:80/"), url_errc::missing_host);
    EXPECT_EQ(parsed("foo://"), "foo://");
    EXPECT_EQ(parsed("foo://?q"), "foo://?q");
}

// --- hosts --------------------------------------------------------------------------------------

TEST(url_host, is_decoded_and_written_in_lower_case) {
    EXPECT_EQ(host_of("ExAmPlE.Org"), "example.org");
    EXPECT_EQ(host_of("%65xample.%4Frg"), "example.org");
    EXPECT_EQ(host_of("a_b.c!"), "a_b.c!");
    EXPECT_EQ(host_of("h."), "h.");
}

TEST(url_host, holds_no_forbidden_character) {
    for (const std::string_view host : {"a b", "a<b", "a>b", "a^b", "a|b", "a%", "a%2", "a%00b",
                                        "a%2Fb", "a%25b", "a\x7F", "a]b", "a%5Cb"}) {
        EXPECT_EQ(host_failure(host), url_errc::forbidden_host_character) << host;
    }
    EXPECT_EQ(failure("foo://a b/"), url_errc::forbidden_host_character);
    EXPECT_EQ(failure("foo://a[b/"), url_errc::forbidden_host_character);
}

TEST(url_host, of_other_schemes_is_opaque) {
    EXPECT_EQ(parsed("foo://ExAmPlE/"), "foo://ExAmPlE/");
    EXPECT_EQ(parsed("foo://a%2Fb%/"), "foo://a%2Fb%/");
    EXPECT_EQ(parsed("foo://\xC3\xBC\x7F/"), "foo://%C3%BC%7F/");
    EXPECT_EQ(parsed("foo://0x7f.1/"), "foo://0x7f.1/");
    EXPECT_EQ(parsed("foo://[::1]/"), "foo://[::1]/");
}

TEST(url_host, beyond_ascii_becomes_punycode) {
    EXPECT_EQ(host_of("b\xC3\xBC"
                      "cher.de"),
              "xn--bcher-kva.de");
    EXPECT_EQ(host_of("B%C3%9C"
                      "CHER.de"),
              "xn--bcher-kva.de");
    EXPECT_EQ(host_of("fa\xC3\x9F.de"), "xn--fa-hia.de");  // not transitional
    EXPECT_EQ(host_of("\xEF\xBC\xA7o.com"), "go.com");     // full width
    EXPECT_EQ(host_of("a\xE3\x80\x82"
                      "b"),
              "a.b");                                    // ideographic full stop
    EXPECT_EQ(host_of("a..\xC3\xBC-"), "a..xn----dha");  // lengths and hyphens are not checked
}

TEST(url_host, beyond_ascii_follows_unicode_16_whatever_the_tables_installed) {
    EXPECT_EQ(host_of("\xE1\xBA\x9E.de"), "xn--zca.de");                // capital sharp s
    EXPECT_EQ(host_of("\xE1\x82\xA0.ge"), host_of("\xE2\xB4\x80.ge"));  // Georgian
    EXPECT_EQ(host_of("\xE1\x83\x85.ge"), host_of("\xE2\xB4\xA5.ge"));
    EXPECT_EQ(host_of("a\xE1\xA0\x8E"
                      "b"),
              "ab");                                            // Mongolian vowel separator
    EXPECT_EQ(host_of("\xC3\xBC\xF0\x9D\x85\xB3"), "xn--tda");  // musical format control
    EXPECT_EQ(host_of("\xF0\xAF\xA1\xA8.com"), "xn--snl.com");
    EXPECT_EQ(host_of("\xF0\xAF\xA4\x9F.com"), host_of("\xF0\xA4\x8E\xAB.com"));
}

TEST(url_host, beyond_ascii_must_be_a_valid_name) {
    EXPECT_EQ(host_failure("\xEF\xBF\xBD"), url_errc::bad_domain);  // U+FFFD
    EXPECT_EQ(host_failure("a\xFF"), url_errc::bad_domain);         // not UTF-8
    EXPECT_EQ(host_failure("%C3"), url_errc::bad_domain);           // not UTF-8 once decoded
    EXPECT_EQ(host_failure("\xC2\xAD"), url_errc::bad_domain);      // nothing is left of it
    EXPECT_EQ(host_failure("\xD9\x8A"
                           "a"),
              url_errc::bad_domain);                                    // directions mixed
    EXPECT_EQ(host_failure("\xE2\x80\x8D.com"), url_errc::bad_domain);  // joins nothing
    EXPECT_EQ(host_failure("\xCC\x80"
                           "a"),
              url_errc::bad_domain);                                         // begins with a mark
    EXPECT_EQ(host_failure("xn--a.\xC3\xBC"), url_errc::bad_domain);         // no Punycode
    EXPECT_EQ(host_failure("xn--a-.\xC3\xBC"), url_errc::bad_domain);        // Punycode of ASCII
    EXPECT_EQ(host_failure("xn--.\xC3\xBC"), url_errc::bad_domain);          // Punycode of nothing
    EXPECT_EQ(host_failure("xn--xn---epa.\xC3\xBC"), url_errc::bad_domain);  // of another xn--
    EXPECT_EQ(host_failure("a\xE2\xA9\xB4"), url_errc::forbidden_host_character);  // maps to "::="
}

TEST(url_host, in_ascii_is_not_checked_for_punycode) {
    EXPECT_EQ(host_of("xn--a"), "xn--a");
    EXPECT_EQ(host_of("XN--"), "xn--");
}

TEST(url_host, beyond_ascii_has_a_limit_of_length) {
    std::string name;
    while (name.size() + 3 <= detail::longest_unicode_domain - 2) name.append("\xC3\xBC.");
    while (name.size() < detail::longest_unicode_domain - 1) name.push_back('a');
    EXPECT_NE(host_of(name), "none");
    EXPECT_NE(host_of(name.append("a")), "none");
    EXPECT_EQ(host_failure(name.append("a")), url_errc::bad_domain);
}

TEST(url_ipv4, is_read_in_every_notation_and_written_in_one) {
    EXPECT_EQ(host_of("127.0.0.1"), "127.0.0.1");
    EXPECT_EQ(host_of("127.1"), "127.0.0.1");
    EXPECT_EQ(host_of("0x7F.0.01"), "127.0.0.1");
    EXPECT_EQ(host_of("0300.168.0xF0"), "192.168.0.240");
    EXPECT_EQ(host_of("2130706433."), "127.0.0.1");
    EXPECT_EQ(host_of("4294967295"), "255.255.255.255");
    EXPECT_EQ(host_of("0x"), "0.0.0.0");
    EXPECT_EQ(host_of("1.65536"), "1.1.0.0");
    EXPECT_EQ(host_of("\xEF\xBC\x91.1"), "1.0.0.1");  // a full-width digit
}

TEST(url_ipv4, is_expected_where_the_last_label_is_a_number) {
    for (const std::string_view host : {"256.0.0.1", "1.2.3.256", "1.2.3.4.5", "4294967296", "1..2",
                                        "a.1", "1.2.65536", "09", "1.0x100000000", "a.0x1f."}) {
        EXPECT_EQ(host_failure(host), url_errc::bad_ipv4) << host;
    }
    EXPECT_EQ(host_of("1.2.a"), "1.2.a");
    EXPECT_EQ(host_of("1.0xg"), "1.0xg");
    EXPECT_EQ(host_of("1.2.."), "1.2..");
    EXPECT_EQ(host_of("1.2a"), "1.2a");
}

TEST(url_ipv6, is_written_in_its_shortest_form) {
    EXPECT_EQ(host_of("[::]"), "[::]");
    EXPECT_EQ(host_of("[::1]"), "[::1]");
    EXPECT_EQ(host_of("[1::]"), "[1::]");
    EXPECT_EQ(host_of("[2001:0DB8:0:0:1:0:0:1]"), "[2001:db8::1:0:0:1]");
    EXPECT_EQ(host_of("[1:0:0:2:0:0:0:3]"), "[1:0:0:2::3]");
    EXPECT_EQ(host_of("[1:0:2:3:4:5:6:7]"), "[1:0:2:3:4:5:6:7]");
    EXPECT_EQ(host_of("[1:2:3:4:5:6:7::]"), "[1:2:3:4:5:6:7:0]");
    EXPECT_EQ(host_of("[::2:3:4:5:6:7:8]"), "[0:2:3:4:5:6:7:8]");
    EXPECT_EQ(host_of("[::ffff:192.0.2.1]"), "[::ffff:c000:201]");
    EXPECT_EQ(host_of("[1:2:3:4:5:6:7.8.9.10]"), "[1:2:3:4:5:6:708:90a]");
}

TEST(url_ipv6, is_refused_where_it_is_malformed) {
    for (const std::string_view host : {"[::1",
                                        "[]",
                                        "[:]",
                                        "[:1]",
                                        "[1:]",
                                        "[1::2::3]",
                                        "[1:2:3:4:5:6:7]",
                                        "[1:2:3:4:5:6:7:8:9]",
                                        "[1:2:3:4:5:6:7:8::]",
                                        "[12345::]",
                                        "[g::]",
                                        "[::1.2.3]",
                                        "[::1.2.3.4.5]",
                                        "[::1.2.3.256]",
                                        "[::01.2.3.4]",
                                        "[::.1.2.3]",
                                        "[::1.2.3.4:5]",
                                        "[1:2:3:4:5:6:7:1.2.3.4]",
                                        "[::1.2.3.]",
                                        "[::1%25eth0]",
                                        "[1:2:3:4:5:6::1.2.3.4]",
                                        "[::1]x"}) {
        EXPECT_EQ(host_failure(host), url_errc::bad_ipv6) << host;
    }
}

// --- paths --------------------------------------------------------------------------------------

TEST(url_path, loses_its_dots) {
    EXPECT_EQ(parsed("http://h/a/./b/../c"), "http://h/a/c");
    EXPECT_EQ(parsed("http://h/a/b/.."), "http://h/a/");
    EXPECT_EQ(parsed("http://h/a/b/."), "http://h/a/b/");
    EXPECT_EQ(parsed("http://h/../../a"), "http://h/a");
    EXPECT_EQ(parsed("http://h/a/%2e%2E/b/.%2e/%2E"), "http://h/");
    EXPECT_EQ(parsed("http://h/a/.../b/..c/%2ed"), "http://h/a/.../b/..c/%2ed");
    EXPECT_EQ(parsed("http://h//a//../b"), "http://h//a/b");
}

TEST(url_path, knows_backslashes_where_the_scheme_is_special) {
    EXPECT_EQ(parsed("http://h\\a\\..\\b"), "http://h/b");
    EXPECT_EQ(parsed("foo://h/a\\..\\b"), "foo://h/a\\..\\b");
}

TEST(url_path, is_percent_encoded) {
    EXPECT_EQ(parsed("http://h/\"<>`{}^|'%zz%41"), "http://h/%22%3C%3E%60%7B%7D%5E|'%zz%41");
    EXPECT_EQ(parsed("http://h/\xE2\x98\x83\xFF"), "http://h/%E2%98%83%EF%BF%BD");
}

TEST(url_path, may_be_empty_where_the_scheme_is_not_special) {
    EXPECT_EQ(at("foo://h").path(), "");
    EXPECT_EQ(at("foo://h?q").path_and_query(), "?q");
    EXPECT_EQ(at("http://h").path(), "/");
}

TEST(url_path, cannot_be_taken_for_a_host) {
    const url address = at("foo:/.//p");
    EXPECT_EQ(address.href(), "foo:/.//p");
    EXPECT_EQ(address.path(), "//p");
    EXPECT_FALSE(address.has_host());
    EXPECT_EQ(parsed("foo:/a/..//p"), "foo:/.//p");
    EXPECT_EQ(resolved("", "foo:/.//p?q#f"), "foo:/.//p?q");
    EXPECT_EQ(resolved("?r", "foo:/.//p?q"), "foo:/.//p?r");
    EXPECT_EQ(resolved("#g", "foo:/.//p?q"), "foo:/.//p?q#g");
    EXPECT_EQ(resolved("x", "foo:/.//p"), "foo:/.//x");
    EXPECT_EQ(resolved("../x", "foo:/.//p"), "foo:/x");
    EXPECT_EQ(resolved("/x", "foo:/.//p"), "foo:/x");
}

TEST(url_path, is_opaque_where_nothing_begins_it) {
    const url address = at("mailto:A@b.c?subject=x#f");
    EXPECT_EQ(address.path(), "A@b.c");
    EXPECT_TRUE(address.has_opaque_path());
    EXPECT_EQ(parsed("data:a/../b \x01\xC3\xA9"), "data:a/../b %01%C3%A9");
    EXPECT_EQ(parsed("data:x  ?q"), "data:x %20?q");
    EXPECT_EQ(parsed("data: #f"), "data:%20#f");
    EXPECT_EQ(parsed("data:"), "data:");
}

TEST(url_query, is_percent_encoded_by_the_kind_of_scheme) {
    EXPECT_EQ(parsed("http://h?a'b \"<>^`{}?"), "http://h/?a%27b%20%22%3C%3E^`{}?");
    EXPECT_EQ(parsed("foo://h?a'b"), "foo://h?a'b");
}

TEST(url_fragment, is_percent_encoded) {
    EXPECT_EQ(parsed("http://h#a b\"<>`#?'"), "http://h/#a%20b%22%3C%3E%60#?'");
}

// --- references ---------------------------------------------------------------------------------

TEST(url_reference, is_resolved_against_its_base) {
    constexpr std::string_view base{"http://u:p@h:81/a/b/c?q#f"};
    EXPECT_EQ(resolved("", base), "http://u:p@h:81/a/b/c?q");
    EXPECT_EQ(resolved("#g", base), "http://u:p@h:81/a/b/c?q#g");
    EXPECT_EQ(resolved("?r", base), "http://u:p@h:81/a/b/c?r");
    EXPECT_EQ(resolved("d", base), "http://u:p@h:81/a/b/d");
    EXPECT_EQ(resolved("./", base), "http://u:p@h:81/a/b/");
    EXPECT_EQ(resolved("..", base), "http://u:p@h:81/a/");
    EXPECT_EQ(resolved("../../../d?r#g", base), "http://u:p@h:81/d?r#g");
    EXPECT_EQ(resolved("/d", base), "http://u:p@h:81/d");
    EXPECT_EQ(resolved("\\d", base), "http://u:p@h:81/d");
    EXPECT_EQ(resolved("//x:82/d", base), "http://x:82/d");
    EXPECT_EQ(resolved("///x/d", base), "http://x/d");
    EXPECT_EQ(resolved("1:2", base), "http://u:p@h:81/a/b/1:2");
    EXPECT_EQ(resolved("mailto:x", base), "mailto:x");
}

TEST(url_reference, may_repeat_the_scheme_of_its_base) {
    EXPECT_EQ(resolved("http:d", "http://h/a/b"), "http://h/a/d");
    EXPECT_EQ(resolved("http:/d", "http://h/a/b"), "http://h/d");
    EXPECT_EQ(resolved("http://d", "http://h/a/b"), "http://d/");
    EXPECT_EQ(resolved("https:d", "http://h/a/b"), "https://d/");
    EXPECT_EQ(resolved("foo:d", "foo://h/a/b"), "foo:d");
}

TEST(url_reference, is_resolved_against_other_schemes_too) {
    EXPECT_EQ(resolved("d", "foo://h/a/b"), "foo://h/a/d");
    EXPECT_EQ(resolved("d", "foo://h"), "foo://h/d");
    EXPECT_EQ(resolved("//x", "foo://h/a"), "foo://x");
    EXPECT_EQ(resolved("\\d", "foo://h/a/b"), "foo://h/a/\\d");
    EXPECT_EQ(resolved("..", "foo:/a"), "foo:/");
}

TEST(url_reference, against_an_opaque_base_is_a_fragment) {
    EXPECT_EQ(resolved("#g", "mailto:x?q#f"), "mailto:x?q#g");
    const auto refused = url::parse("y", at("mailto:x"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), url_errc::opaque_base);
    EXPECT_FALSE(url::parse("", at("mailto:x")));
}

// --- files --------------------------------------------------------------------------------------

TEST(url_file, has_a_host_that_is_mostly_empty) {
    EXPECT_EQ(parsed("file:a"), "file:///a");
    EXPECT_EQ(parsed("file:/a"), "file:///a");
    EXPECT_EQ(parsed("file:///a"), "file:///a");
    EXPECT_EQ(parsed("file://H/a"), "file://h/a");
    EXPECT_EQ(parsed("file://localhost/a"), "file:///a");
    EXPECT_EQ(parsed("file://"), "file:///");
    EXPECT_EQ(parsed("file:?q"), "file:///?q");
    EXPECT_EQ(failure("file://h:1/"), url_errc::forbidden_host_character);
    EXPECT_TRUE(at("file:///a").has_host());
    EXPECT_EQ(at("file:///a").effective_port(), std::nullopt);
}

TEST(url_file, keeps_its_drive) {
    EXPECT_EQ(parsed("file:C|/a"), "file:///C:/a");
    EXPECT_EQ(parsed("file://c:/a/../.."), "file:///c:/");
    EXPECT_EQ(parsed("file:///C|/.."), "file:///C:/");
    EXPECT_EQ(parsed("file:///C:a/.."), "file:///");
    EXPECT_EQ(resolved("/x", "file:///C:/a/b"), "file:///C:/x");
    EXPECT_EQ(resolved("/D:/x", "file:///C:/a/b"), "file:///D:/x");
    EXPECT_EQ(resolved("D|", "file:///C:/a/b"), "file:///D:");
    EXPECT_EQ(resolved("../../..", "file:///C:/a/b"), "file:///C:/");
}

TEST(url_file, is_a_base) {
    EXPECT_EQ(resolved("x", "file://h/a/b?q"), "file://h/a/x");
    EXPECT_EQ(resolved("", "file://h/a/b?q#f"), "file://h/a/b?q");
    EXPECT_EQ(resolved("?r", "file://h/a/b?q#f"), "file://h/a/b?r");
    EXPECT_EQ(resolved("#g", "file://h/a/b?q#f"), "file://h/a/b?q#g");
    EXPECT_EQ(resolved("/x", "file://h/a/b"), "file://h/x");
    EXPECT_EQ(resolved("//g/x", "file://h/a/b"), "file://g/x");
    EXPECT_EQ(resolved("file:x", "file://h/a/b"), "file://h/a/x");
    EXPECT_EQ(resolved("file:x", "http://h/a/b"), "file:///x");
}

// --- limits -------------------------------------------------------------------------------------

TEST(url_length, is_limited_to_64_kibibytes_unless_said_otherwise) {
    std::string text{"http://h/"};
    text.resize(64 * 1024 - 1, 'a');
    EXPECT_TRUE(url::parse(text));
    text.push_back('a');
    EXPECT_TRUE(url::parse(text));
    text.push_back('a');
    EXPECT_EQ(failure(text), url_errc::too_long);

    url_options options;
    options.max_length = text.size();
    EXPECT_TRUE(url::parse(text, options));
}

TEST(url_length, counts_what_comes_out_as_well) {
    url_options options;
    options.max_length = 24;
    const url base = at("http://h/a/");
    EXPECT_TRUE(url::parse("123456789012", base, options));
    EXPECT_TRUE(url::parse("1234567890123", base, options));
    const auto longer = url::parse("12345678901234", base, options);
    ASSERT_FALSE(longer);
    EXPECT_EQ(longer.error(), url_errc::too_long);
    EXPECT_FALSE(url::parse("http://h/          x", options));  // 20 bytes, 40 when encoded
}

// --- the value ----------------------------------------------------------------------------------

TEST(url, tells_its_parts) {
    const url address = at("https://user:pass@example.org:8080/a/b.html?q=1&r#top");
    EXPECT_EQ(address.scheme(), "https");
    EXPECT_EQ(address.username(), "user");
    EXPECT_EQ(address.password(), "pass");
    EXPECT_TRUE(address.has_host());
    EXPECT_EQ(address.host(), "example.org");
    EXPECT_EQ(address.port(), 8080);
    EXPECT_EQ(address.effective_port(), 8080);
    EXPECT_EQ(address.path(), "/a/b.html");
    EXPECT_EQ(address.query(), "q=1&r");
    EXPECT_EQ(address.fragment(), "top");
    EXPECT_EQ(address.path_and_query(), "/a/b.html?q=1&r");
    EXPECT_EQ(address.origin(), "https://example.org:8080");
    EXPECT_TRUE(address.is_special());
    EXPECT_FALSE(address.has_opaque_path());
    EXPECT_FALSE(address.is_ip_host());
}

TEST(url, tells_absent_parts_from_empty_ones) {
    const url empty = at("http://h/?#");
    EXPECT_TRUE(empty.has_query());
    EXPECT_TRUE(empty.has_fragment());
    EXPECT_EQ(empty.query(), "");
    EXPECT_EQ(empty.fragment(), "");
    EXPECT_EQ(empty.path_and_query(), "/?");
    EXPECT_EQ(empty.href(), "http://h/?#");
    const url absent = at("http://h/");
    EXPECT_FALSE(absent.has_query());
    EXPECT_FALSE(absent.has_fragment());
    EXPECT_EQ(absent.path_and_query(), "/");
    const url opaque = at("mailto:x");
    EXPECT_FALSE(opaque.has_host());
    EXPECT_EQ(opaque.host(), "");
    EXPECT_EQ(opaque.username(), "");
    EXPECT_EQ(opaque.password(), "");
    EXPECT_EQ(opaque.port(), std::nullopt);
}

TEST(url, knows_the_port_to_connect_to) {
    EXPECT_EQ(at("http://h").effective_port(), 80);
    EXPECT_EQ(at("https://h").effective_port(), 443);
    EXPECT_EQ(at("ws://h").effective_port(), 80);
    EXPECT_EQ(at("wss://h").effective_port(), 443);
    EXPECT_EQ(at("ftp://h").effective_port(), 21);
    EXPECT_EQ(at("foo://h").effective_port(), std::nullopt);
    EXPECT_EQ(at("foo://h:1").effective_port(), 1);
}

TEST(url, knows_whether_its_host_is_an_address) {
    EXPECT_TRUE(at("http://127.1/").is_ip_host());
    EXPECT_TRUE(at("http://[::1]:8080/").is_ip_host());
    EXPECT_TRUE(at("foo://[::1]/").is_ip_host());
    EXPECT_FALSE(at("http://a.b/").is_ip_host());
    EXPECT_FALSE(at("foo://127.0.0.1/").is_ip_host());
    EXPECT_FALSE(at("file:///x").is_ip_host());
}

TEST(url, knows_its_origin) {
    EXPECT_EQ(at("http://u@h:81/p").origin(), "http://h:81");
    EXPECT_EQ(at("wss://h").origin(), "wss://h");
    EXPECT_EQ(at("file:///x").origin(), "null");
    EXPECT_EQ(at("data:x").origin(), "null");
    EXPECT_EQ(at("foo://h").origin(), "null");
    EXPECT_EQ(at("blob:https://h:1/id").origin(), "https://h:1");
    EXPECT_EQ(at("blob:ftp://h/id").origin(), "null");
    EXPECT_EQ(at("blob:id").origin(), "null");
}

TEST(url, compares_origins) {
    EXPECT_TRUE(same_origin(at("http://h/a"), at("http://u:p@h:80/b?q")));
    EXPECT_TRUE(same_origin(at("blob:http://h/x"), at("http://h/")));
    EXPECT_FALSE(same_origin(at("http://h"), at("https://h")));
    EXPECT_FALSE(same_origin(at("http://h"), at("ws://h")));
    EXPECT_FALSE(same_origin(at("http://h"), at("http://h:81")));
    EXPECT_FALSE(same_origin(at("http://h"), at("http://g")));
    EXPECT_FALSE(same_origin(at("file:///x"), at("file:///x")));
    EXPECT_FALSE(same_origin(at("data:x"), at("data:x")));
}

TEST(url, can_be_had_without_its_fragment) {
    EXPECT_EQ(at("http://h/a?b#c").without_fragment(), at("http://h/a?b"));
    EXPECT_EQ(at("http://h/a").without_fragment(), at("http://h/a"));
    const url stripped = at("http://h/a#c").without_fragment();
    EXPECT_FALSE(stripped.has_fragment());
    EXPECT_EQ(stripped.path(), "/a");
}

TEST(url, can_be_had_without_its_credentials) {
    const url stripped = at("http://u:p@h:81/a?b#c").without_credentials();
    EXPECT_EQ(stripped.href(), "http://h:81/a?b#c");
    EXPECT_EQ(stripped.username(), "");
    EXPECT_EQ(stripped.password(), "");
    EXPECT_EQ(stripped.host(), "h");
    EXPECT_EQ(stripped.port(), 81);
    EXPECT_EQ(stripped.path(), "/a");
    EXPECT_EQ(stripped.query(), "b");
    EXPECT_EQ(stripped.fragment(), "c");
    EXPECT_EQ(at("mailto:u@h").without_credentials().href(), "mailto:u@h");
    EXPECT_EQ(at("http://h/").without_credentials().href(), "http://h/");
}

TEST(url, is_about_blank_by_default) {
    const url address;
    EXPECT_EQ(address, at("about:blank"));
    EXPECT_EQ(address.scheme(), "about");
    EXPECT_EQ(address.path(), "blank");
    EXPECT_TRUE(address.has_opaque_path());
    EXPECT_FALSE(address.has_host());
}

TEST(url, is_ordered_and_hashed_by_its_text) {
    const std::set<url> ordered{at("http://b"), at("http://a"), at("HTTP://A/")};
    EXPECT_EQ(ordered.size(), 2u);
    EXPECT_EQ(ordered.begin()->host(), "a");
    const std::unordered_set<url> hashed{at("http://b"), at("http://a"), at("HTTP://A/")};
    EXPECT_EQ(hashed.size(), 2u);
    EXPECT_LT(at("http://a"), at("http://b"));
}

TEST(url, keeps_its_parts_when_copied_and_moved) {
    const url original = at("https://user@example.org:8080/a/b.html?q=1#top");
    url copy = original;
    url moved = std::move(copy);
    copy = moved;
    EXPECT_EQ(copy.host(), "example.org");
    EXPECT_EQ(moved.fragment(), "top");
}

TEST(url_error, says_in_plain_words_what_is_wrong) {
    EXPECT_EQ(parsed("http://h:99999"), "the port is above 65535");
    EXPECT_STREQ(failure("x").category().name(), "simul.url");
    std::set<std::string> messages;
    for (int code = 1; code <= static_cast<int>(url_errc::too_long); ++code) {
        messages.insert(url_category().message(code));
    }
    EXPECT_EQ(messages.size(), 11u);
    EXPECT_EQ(messages.count("unknown URL error"), 0u);
    EXPECT_EQ(url_category().message(99), "unknown URL error");
}

/// What must hold of every address, whatever was parsed.
void expect_sound(const url& address) {
    const auto again = url::parse(address.href());
    ASSERT_TRUE(again) << address.href();
    EXPECT_EQ(again->href(), address.href());
    EXPECT_EQ(again->scheme(), address.scheme()) << address.href();
    EXPECT_EQ(again->username(), address.username()) << address.href();
    EXPECT_EQ(again->password(), address.password()) << address.href();
    EXPECT_EQ(again->host(), address.host()) << address.href();
    EXPECT_EQ(again->has_host(), address.has_host()) << address.href();
    EXPECT_EQ(again->port(), address.port()) << address.href();
    EXPECT_EQ(again->path(), address.path()) << address.href();
    EXPECT_EQ(again->has_query(), address.has_query()) << address.href();
    EXPECT_EQ(again->query(), address.query()) << address.href();
    EXPECT_EQ(again->fragment(), address.fragment()) << address.href();
    EXPECT_EQ(again->has_opaque_path(), address.has_opaque_path()) << address.href();
    for (const char c : address.href()) {
        ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F);
    }
    const url stripped = address.without_fragment().without_credentials();
    EXPECT_EQ(stripped.path_and_query(), address.path_and_query());
    EXPECT_EQ(stripped.host(), address.host());
    EXPECT_EQ(url::parse(stripped.href()), stripped) << address.href();
}

TEST(url, parses_to_itself_whatever_it_was_made_of) {
    constexpr std::string_view pieces[] = {
        "http:", "file:", "foo:", "/",       "//", "\\",    ".",  "..",        "%2e",  "C|",
        "C:",    "@",     ":",    "?",       "#",  "[::1]", "1",  "0x",        "a",    "\xC3\xBC",
        " ",     "\t",    "\xFF", "mailto:", "%",  "%41",   "80", "localhost", "xn--", "b.c"};
    std::mt19937 random{20261121};  // fixed: the same texts each time
    std::uniform_int_distribution<std::size_t> which{0, std::size(pieces) - 1};
    std::uniform_int_distribution<int> length{1, 9};
    url base;
    int parsed_without_base = 0;
    int parsed_with_base = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string text;
        for (int n = length(random); n > 0; --n) text.append(pieces[which(random)]);
        const auto absolute = url::parse(text);
        const auto relative = url::parse(text, base);
        if (relative) {
            ++parsed_with_base;
            expect_sound(*relative);
        }
        if (absolute) {
            ++parsed_without_base;
            expect_sound(*absolute);
            base = *absolute;
        }
        if (testing::Test::HasFailure()) FAIL() << text;
    }
    EXPECT_GT(parsed_without_base, 1000);
    EXPECT_GT(parsed_with_base, 1000);
}

}  // namespace
