// SPDX-License-Identifier: Apache-2.0
//
// The URL parser against the cases of the web platform tests: urltestdata.json, toascii.json and
// percent-encoding.json. Every case of a file must be read and right.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <cstddef>
#include <cstdio>

#include "simul/web/percent_encoding.hpp"
#include "simul/web/url.hpp"
#include "support/test_data.hpp"

namespace {

using nlohmann::json;
using simul::web::url;

int hex_at(std::string_view text, std::size_t position) {
    int value = 0;
    if (position + 4 > text.size()) return -1;
    for (const char c : text.substr(position, 4)) {
        const std::size_t digit = std::string_view{"0123456789abcdef"}.find(
            c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c);
        if (digit == std::string_view::npos) return -1;
        value = value * 16 + static_cast<int>(digit);
    }
    return value;
}

bool is_escape(std::string_view text, std::size_t position, int first, int last) {
    if (!text.substr(position).starts_with("\\u")) return false;
    const int unit = hex_at(text, position + 2);
    return unit >= first && unit <= last;
}

/// The files hold surrogates without a partner, which the JSON library refuses and which reach a
/// parser of UTF-8 as U+FFFD.
std::string without_lone_surrogates(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        if (is_escape(text, i, 0xD800, 0xDBFF) && is_escape(text, i + 6, 0xDC00, 0xDFFF)) {
            out.append(text, i, 12);
            i += 12;
        } else if (is_escape(text, i, 0xD800, 0xDFFF)) {
            out.append("\\uFFFD");
            i += 6;
        } else {
            const std::size_t length = text[i] == '\\' ? 2 : 1;
            out.append(text, i, length);
            i += length;
        }
    }
    return out;
}

json read_cases(const std::filesystem::path& path) {
    return json::parse(without_lone_surrogates(simul::test::read_whole_file(path)));
}

/// The cases of a file; what is a string in it is a heading.
std::size_t number_of_cases(const json& file) {
    std::size_t number = 0;
    for (const json& entry : file) number += entry.is_object() ? 1u : 0u;
    return number;
}

/// A component as the case writes it: with its mark in front, and empty if it is empty.
std::string marked(char mark, std::string_view component) {
    std::string out;
    if (component.empty()) return out;
    out.push_back(mark);
    out.append(component);
    return out;
}

std::string port_text(const url& address) {
    const auto port = address.port();
    return port ? std::to_string(*port) : std::string{};
}

std::string component(const url& address, const std::string& name) {
    std::string host{address.host()};
    if (name == "href") return address.href();
    if (name == "origin") return address.origin();
    if (name == "protocol") return std::string{address.scheme()}.append(":");
    if (name == "username") return std::string{address.username()};
    if (name == "password") return std::string{address.password()};
    if (name == "hostname") return host;
    if (name == "host") return host.append(marked(':', port_text(address)));
    if (name == "port") return port_text(address);
    if (name == "pathname") return std::string{address.path()};
    if (name == "search") return marked('?', address.query());
    if (name == "hash") return marked('#', address.fragment());
    return "no component of that name";
}

std::expected<url, std::error_code> parse(const json& test) {
    const auto& input = test.at("input").get_ref<const std::string&>();
    if (test.at("base").is_null()) return url::parse(input);
    const auto base = url::parse(test.at("base").get_ref<const std::string&>());
    if (!base) return base;
    return url::parse(input, *base);
}

/// What is wrong with a case; empty if it is right.
std::string check(const json& test) {
    const auto address = parse(test);
    if (test.contains("failure")) {
        return address ? std::string{"is accepted as "}.append(address->href()) : std::string{};
    }
    if (!address) return std::string{"is refused: "}.append(address.error().message());
    std::string wrong;
    for (const auto& [name, expected] : test.items()) {
        if (name == "input" || name == "base" || name == "comment" || name == "searchParams" ||
            name == "relativeTo") {
            continue;
        }
        const std::string got = component(*address, name);
        if (got != expected.get_ref<const std::string&>()) {
            wrong.append(name).append(" is ").append(got).append(" instead of ");
            wrong.append(expected.get_ref<const std::string&>()).append("; ");
        }
    }
    const auto again = url::parse(address->href());
    if (!again || *again != *address) wrong.append("does not parse to itself; ");
    return wrong;
}

TEST(url_conformance, parses_every_case_of_the_web_platform_tests) {
    const auto path = simul::test::test_data("url/urltestdata.json");
    if (!path) GTEST_SKIP() << simul::test::no_test_data("url/urltestdata.json");
    const json file = read_cases(*path);

    std::size_t read = 0;
    std::size_t right = 0;
    for (const json& test : file) {
        if (!test.is_object()) continue;
        ++read;
        const std::string wrong = check(test);
        if (wrong.empty()) ++right;
        EXPECT_EQ(wrong, "") << test.dump();
    }

    std::printf("note: url: %zu of %zu cases\n", right, read);
    EXPECT_EQ(read, number_of_cases(file));
    EXPECT_GE(read, 891u);
    EXPECT_EQ(right, read);
}

TEST(url_conformance, resolves_nothing_but_fragments_against_an_opaque_base) {
    const auto path = simul::test::test_data("url/urltestdata.json");
    if (!path) GTEST_SKIP() << simul::test::no_test_data("url/urltestdata.json");
    const auto opaque = url::parse("mailto:a@b");
    ASSERT_TRUE(opaque);

    std::size_t read = 0;
    for (const json& test : read_cases(*path)) {
        if (!test.is_object() || !test.contains("relativeTo")) continue;
        ++read;
        const auto& input = test.at("input").get_ref<const std::string&>();
        const bool any_base = test.at("relativeTo") == "any-base";
        EXPECT_EQ(url::parse(input, *opaque).has_value(), any_base) << test.dump();
    }
    EXPECT_GT(read, 0u);
}

TEST(url_conformance, maps_every_domain_to_ascii_as_the_tests_say) {
    const auto path = simul::test::test_data("url/toascii.json");
    if (!path) GTEST_SKIP() << simul::test::no_test_data("url/toascii.json");
    const json file = read_cases(*path);

    std::size_t read = 0;
    std::size_t right = 0;
    for (const json& test : file) {
        if (!test.is_object()) continue;
        ++read;
        std::string text{"https://"};
        // Raw, a control is forbidden where the parser meets it; encoded, where the mapping is
        // done.
        text.append(simul::web::percent_encode(test.at("input").get_ref<const std::string&>(),
                                               simul::web::encode_set::component));
        const auto address = url::parse(text.append("/x"));
        const std::optional<std::string> got =
            address ? std::optional{std::string{address->host()}} : std::nullopt;
        const std::optional<std::string> expected =
            test.at("output").is_null() ? std::nullopt
                                        : std::optional{test.at("output").get<std::string>()};
        EXPECT_EQ(got, expected) << test.dump();
        if (got == expected) ++right;
    }

    std::printf("note: toascii: %zu of %zu cases\n", right, read);
    EXPECT_EQ(read, number_of_cases(file));
    EXPECT_GT(read, 0u);
    EXPECT_EQ(right, read);
}

TEST(url_conformance, percent_encodes_utf8_as_the_tests_say) {
    const auto path = simul::test::test_data("url/percent-encoding.json");
    if (!path) GTEST_SKIP() << simul::test::no_test_data("url/percent-encoding.json");
    const json file = read_cases(*path);

    std::size_t read = 0;
    std::size_t other_encodings = 0;
    for (const json& test : file) {
        if (!test.is_object()) continue;
        const auto& input = test.at("input").get_ref<const std::string&>();
        for (const auto& [encoding, expected] : test.at("output").items()) {
            if (encoding != "utf-8") {
                ++other_encodings;
                continue;
            }
            ++read;
            std::string text{"https://example.org/?"};
            const auto address = url::parse(text.append(input));
            ASSERT_TRUE(address) << test.dump();
            EXPECT_EQ(address->query(), expected.get_ref<const std::string&>()) << test.dump();
        }
    }

    std::printf(
        "note: percent-encoding: %zu of %zu cases in UTF-8, %zu in other encodings not run\n", read,
        number_of_cases(file), other_encodings);
    EXPECT_EQ(read, number_of_cases(file));
    EXPECT_GT(read, 0u);
}

}  // namespace
