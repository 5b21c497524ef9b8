// SPDX-License-Identifier: Apache-2.0
//
// The tokenizer against html5lib's tokenizer tests: tokens, and errors with their line and column.
//
// Every case is run from each state it names, fed whole and byte by byte. Inputs with lone
// surrogates (the doubleEscaped ones) enter in generalised UTF-8, where a surrogate is three bytes
// like its neighbours; the tokenizer passes them through, as it passes all bytes above 127. The
// cases of xmlViolation.test expect a tokenizer that mends its output for XML, which the standard
// leaves to those who make XML: they are counted and not run.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "simul/web/html_tokenizer.hpp"
#include "support/test_data.hpp"

namespace {

using nlohmann::json;
using simul::web::html_attribute;
using simul::web::html_comment;
using simul::web::html_doctype;
using simul::web::html_error;
using simul::web::html_sink;
using simul::web::html_tag;
using simul::web::html_tokenizer;
using simul::web::html_tokenizer_options;
using simul::web::html_tokenizer_state;

// Strings are compared as JSON text would be, but surrogates are no JSON text: so tokens are kept
// as lists of byte strings.
using token = std::vector<std::string>;
using position = std::tuple<int, int, std::string>;

class recorder : public html_sink {
public:
    std::vector<token> tokens;
    std::vector<std::pair<std::uint64_t, std::string>> errors;
    std::uint64_t text_bytes_misplaced = 0;
    int ends = 0;

    void start_tag(const html_tag& tag) override {
        token made{"StartTag", std::string{tag.name}};
        std::map<std::string, std::string> sorted;
        for (const html_attribute& attribute : tag.attributes) {
            sorted.emplace(attribute.name, attribute.value);
        }
        for (const auto& [name, value] : sorted) {
            made.push_back(name);
            made.push_back(value);
        }
        if (tag.self_closing) made.emplace_back("self-closing");
        tokens.push_back(made);
    }
    void end_tag(const html_tag& tag) override {
        tokens.push_back({"EndTag", std::string{tag.name}});
    }
    void characters(std::string_view text, std::uint64_t) override {
        EXPECT_FALSE(text.empty());
        if (tokens.empty() || tokens.back()[0] != "Character") tokens.push_back({"Character", ""});
        tokens.back()[1].append(text);
    }
    void comment(const html_comment& comment) override {
        tokens.push_back({"Comment", std::string{comment.data}});
    }
    void doctype(const html_doctype& doctype) override {
        const auto text = [](const std::optional<std::string_view>& part) {
            std::string made{part ? "=" : "none"};
            if (part) made.append(*part);
            return made;
        };
        tokens.push_back({"DOCTYPE", text(doctype.name), text(doctype.public_identifier),
                          text(doctype.system_identifier), doctype.force_quirks ? "quirks" : ""});
    }
    void end_of_file(std::uint64_t) override { ++ends; }
    void parse_error(html_error error, std::uint64_t offset) override {
        errors.emplace_back(offset, std::string{simul::web::name_of(error)});
    }
};

// UTF-8, of surrogates too.
void append_code_point(std::string& to, std::uint32_t value) {
    const auto put = [&](std::uint32_t byte) { to += static_cast<char>(byte); };
    if (value < 0x80) {
        put(value);
    } else if (value < 0x800) {
        put(0xC0 | value >> 6);
        put(0x80 | (value & 0x3F));
    } else {
        put(0xE0 | value >> 12);
        put(0x80 | (value >> 6 & 0x3F));
        put(0x80 | (value & 0x3F));
    }
}

std::string text_of(const json& value, bool double_escaped) {
    std::string text = value.get<std::string>();
    if (!double_escaped) return text;
    std::string made;
    for (std::size_t at = 0; at < text.size();) {
        if (text.compare(at, 2, "\\u") == 0) {
            append_code_point(
                made, static_cast<std::uint32_t>(std::stoul(text.substr(at + 2, 4), nullptr, 16)));
            at += 6;
        } else {
            made += text[at++];
        }
    }
    return made;
}

std::vector<token> expected_tokens(const json& test, bool double_escaped) {
    std::vector<token> expected;
    for (const json& output : test["output"]) {
        const std::string kind = output[0];
        const auto part = [&](std::size_t index) { return text_of(output[index], double_escaped); };
        token made{kind};
        if (kind == "DOCTYPE") {
            for (std::size_t i = 1; i <= 3; ++i) {
                std::string text{output[i].is_null() ? "none" : "="};
                if (!output[i].is_null()) text.append(part(i));
                made.push_back(text);
            }
            made.emplace_back(output[4].get<bool>() ? "" : "quirks");
        } else {
            made.push_back(part(1));
            if (kind == "StartTag") {
                for (const auto& [name, value] : output[2].items()) {
                    made.push_back(text_of(name, double_escaped));
                    made.push_back(text_of(value, double_escaped));
                }
                if (output.size() > 3) made.emplace_back("self-closing");
            }
        }
        expected.push_back(made);
    }
    return expected;
}

std::vector<position> expected_errors(const json& test) {
    std::vector<position> expected;
    if (test.contains("errors")) {
        for (const json& error : test["errors"]) {
            expected.emplace_back(error["line"], error["col"], error["code"]);
        }
    }
    std::ranges::sort(expected);
    return expected;
}

// Lines and columns of byte offsets; columns count UTF-16 units, as the file's
// do, and line ends are normalised.
std::vector<position> positions(const std::string& input, const recorder& from) {
    std::vector<position> found;
    for (const auto& [offset, code] : from.errors) {
        int line = 1;
        int column = 1;
        for (std::size_t i = 0; i < offset && i < input.size(); ++i) {
            const auto byte = static_cast<unsigned char>(input[i]);
            const bool before_feed = byte == '\r' && i + 1 < input.size() && input[i + 1] == '\n';
            if (byte == '\n' || (byte == '\r' && !before_feed)) {
                ++line;
                column = 1;
            } else if ((byte & 0xC0) != 0x80) {
                column += byte >= 0xF0 ? 2 : 1;
            }
        }
        found.emplace_back(line, column, code);
    }
    std::ranges::sort(found);
    return found;
}

html_tokenizer_state state_named(const std::string& name) {
    if (name == "PLAINTEXT state") return html_tokenizer_state::plaintext;
    if (name == "RCDATA state") return html_tokenizer_state::rcdata;
    if (name == "RAWTEXT state") return html_tokenizer_state::rawtext;
    if (name == "Script data state") return html_tokenizer_state::script_data;
    if (name == "CDATA section state") return html_tokenizer_state::cdata_section;
    EXPECT_EQ(name, "Data state");
    return html_tokenizer_state::data;
}

void tokenize(const std::string& input, const json& test, html_tokenizer_state state,
              bool byte_by_byte, recorder& into) {
    html_tokenizer_options options;
    options.report_errors = true;
    html_tokenizer tokenizer{into, options};
    tokenizer.set_state(state);
    if (test.contains("lastStartTag")) {
        tokenizer.set_last_start_tag(test["lastStartTag"].get<std::string>());
    }
    if (byte_by_byte) {
        for (const char& byte : input) tokenizer.feed({&byte, 1});
    } else {
        tokenizer.feed(input);
    }
    tokenizer.finish();
}

TEST(html_conformance, tokenizes_every_case_of_html5lib_whole_and_byte_by_byte) {
    const auto folder = simul::test::test_data("html5lib");
    if (!folder) GTEST_SKIP() << simul::test::no_test_data("html5lib");

    int cases = 0;
    int runs = 0;
    int coerced = 0;
    int misplaced = 0;
    for (const auto& entry : std::filesystem::directory_iterator{*folder}) {
        if (entry.path().extension() != ".test") continue;
        const json file = json::parse(simul::test::read_whole_file(entry.path()));
        if (file.contains("xmlViolationTests")) {
            coerced += static_cast<int>(file["xmlViolationTests"].size());
            continue;
        }
        for (const json& test : file["tests"]) {
            ++cases;
            const bool double_escaped = test.value("doubleEscaped", false);
            const std::string input = text_of(test["input"], double_escaped);
            const auto tokens = expected_tokens(test, double_escaped);
            const auto errors = expected_errors(test);
            const json states = test.value("initialStates", json::array({"Data state"}));
            for (const json& state : states) {
                ++runs;
                for (const bool byte_by_byte : {false, true}) {
                    recorder found;
                    tokenize(input, test, state_named(state), byte_by_byte, found);
                    const auto where = [&] {
                        return entry.path().filename().string() + ": " +
                               test["description"].get<std::string>() + " [" + input + "] " +
                               state.get<std::string>() + (byte_by_byte ? " byte by byte" : "");
                    };
                    EXPECT_EQ(found.tokens, tokens) << where();
                    EXPECT_EQ(found.ends, 1) << where();
                    const auto places = positions(input, found);
                    EXPECT_EQ(places, errors) << where();
                    if (places != errors) ++misplaced;
                }
            }
        }
    }
    std::printf("html tokenizer: %d cases in %d runs, %d need XML coercion and are not run\n",
                cases, runs, coerced);
    EXPECT_EQ(misplaced, 0);
    EXPECT_GT(cases, 6000);
}

}  // namespace
