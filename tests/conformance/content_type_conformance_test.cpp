// SPDX-License-Identifier: Apache-2.0
//
// The cases of web-platform-tests for parsing a MIME type.
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "simul/web/charset.hpp"
#include "simul/web/content_type.hpp"
#include "support/test_data.hpp"

namespace {

using simul::web::content_type;

// The cases are texts of code points, each of which stands for a byte. One beyond U+00FF stands for
// none: no field can hold such a text.
std::optional<std::string> bytes_of_code_points(std::string_view utf8) {
    std::string bytes;
    for (std::size_t at = 0; at < utf8.size(); ++at) {
        const auto first = static_cast<unsigned char>(utf8[at]);
        if (first < 0x80) {
            bytes.push_back(static_cast<char>(first));
            continue;
        }
        if (first > 0xc3) return std::nullopt;
        ++at;
        const auto second = static_cast<unsigned char>(utf8[at]);
        bytes.push_back(static_cast<char>(((first & 3U) << 6U) | (second & 0x3fU)));
    }
    return bytes;
}

void check_file(std::string_view relative, std::size_t at_least) {
    const auto path = simul::test::test_data(relative);
    if (!path) GTEST_SKIP() << simul::test::no_test_data(relative);
    const auto cases = nlohmann::json::parse(simul::test::read_whole_file(*path));
    std::size_t count = 0;
    for (const auto& entry : cases) {
        if (!entry.is_object()) continue;  // the headline of a section
        const std::string text = entry.at("input");
        const auto input = bytes_of_code_points(text);
        if (!input) continue;
        const auto parsed = content_type::parse(*input);
        ++count;
        if (entry.at("output").is_null()) {
            EXPECT_FALSE(parsed) << text;
            continue;
        }
        const std::string output = entry.at("output");
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->to_string(), bytes_of_code_points(output)) << text;
        if (!entry.contains("encoding")) continue;
        const auto encoding = simul::web::encoding_of_label(parsed->charset().value_or(""));
        if (entry.at("encoding").is_null()) {
            EXPECT_FALSE(encoding) << text;
        } else {
            ASSERT_TRUE(encoding) << text;
            const std::string name = entry.at("encoding");
            EXPECT_EQ(simul::web::name_of(*encoding), name) << text;
        }
    }
    EXPECT_GE(count, at_least);
}

TEST(content_type_conformance, agrees_with_the_cases_written_by_hand) {
    check_file("mime/mime-types.json", 70);
}

TEST(content_type_conformance, agrees_with_the_cases_for_every_character) {
    check_file("mime/generated-mime-types.json", 880);
}

}  // namespace
