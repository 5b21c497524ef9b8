// SPDX-License-Identifier: Apache-2.0
#include "simul/http/headers.hpp"

#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "simul/http/error.hpp"

namespace simul::http {
namespace {

static_assert(std::ranges::forward_range<headers>);

std::string written(const headers& fields) {
    std::string out;
    for (const header_field field : fields) {
        out.append(field.name).append("=").append(field.value).append(";");
    }
    return out;
}

std::error_code error_of_adding(std::string_view name, std::string_view value) {
    headers fields{{"Kept", "yes"}};
    std::error_code added;
    try {
        fields.add(name, value);
    } catch (const std::system_error& error) {
        added = error.code();
    }
    std::error_code set;
    try {
        fields.set(name, value);
    } catch (const std::system_error& error) {
        set = error.code();
    }
    EXPECT_EQ(added, set);
    if (added) {
        EXPECT_EQ(written(fields), "Kept=yes;");
    }
    return added;
}

TEST(headers, keep_fields_in_their_order) {
    headers fields;
    EXPECT_TRUE(fields.empty());
    fields.add("B", "1");
    fields.add("A", "2");
    fields.add("b", "3");
    EXPECT_EQ(written(fields), "B=1;A=2;b=3;");
    EXPECT_EQ(fields.size(), 3U);
    EXPECT_EQ(fields[1].name, "A");
}

TEST(headers, find_names_without_regard_to_case) {
    const headers fields{{"Content-Type", "text/html"}, {"content-length", "5"}};
    EXPECT_EQ(fields.get("content-type"), "text/html");
    EXPECT_EQ(fields.get("CONTENT-LENGTH"), "5");
    EXPECT_EQ(fields.get("Content"), std::nullopt);
    EXPECT_TRUE(fields.contains("CONTENT-type"));
    EXPECT_FALSE(fields.contains(""));
}

TEST(headers, do_not_take_other_characters_for_letters) {
    const headers fields{{"a^b", "1"}, {"x`y", "2"}};
    EXPECT_FALSE(fields.contains("a~b"));
    EXPECT_FALSE(fields.contains("x@y"));
    EXPECT_TRUE(fields.contains("A^B"));
}

TEST(headers, give_the_first_value_or_all_of_them) {
    const headers fields{{"Set-Cookie", "a=1"}, {"X", ""}, {"set-cookie", "b=2"}};
    EXPECT_EQ(fields.get("Set-Cookie"), "a=1");
    EXPECT_EQ(fields.get_all("Set-Cookie"), (std::vector<std::string_view>{"a=1", "b=2"}));
    EXPECT_EQ(fields.count("Set-Cookie"), 2U);
    EXPECT_EQ(fields.get("X"), "");
    EXPECT_TRUE(fields.get_all("Y").empty());
}

TEST(headers, set_replaces_all_of_a_name_in_the_place_of_the_first) {
    headers fields{{"A", "1"}, {"B", "2"}, {"a", "3"}, {"C", "4"}, {"A", "5"}};
    fields.set("a", "new");
    EXPECT_EQ(written(fields), "a=new;B=2;C=4;");
    fields.set("D", "6");
    EXPECT_EQ(written(fields), "a=new;B=2;C=4;D=6;");
}

TEST(headers, remove_takes_all_of_a_name_away) {
    headers fields{{"A", "1"}, {"B", "2"}, {"a", "3"}};
    EXPECT_EQ(fields.remove("a"), 2U);
    EXPECT_EQ(fields.remove("a"), 0U);
    EXPECT_EQ(written(fields), "B=2;");
    EXPECT_EQ(fields.remove("b"), 1U);
    EXPECT_TRUE(fields.empty());
    fields.add("C", "3");
    EXPECT_EQ(written(fields), "C=3;");
}

TEST(headers, clear_takes_everything_away) {
    headers fields{{"A", "1"}};
    fields.clear();
    EXPECT_TRUE(fields.empty());
    EXPECT_EQ(fields.get("A"), std::nullopt);
}

TEST(headers, may_be_given_their_own_text) {
    headers fields{{"A", "some value that is not short"}};
    for (int i = 0; i < 100; ++i) fields.add(fields[0].name, *fields.get("A"));
    EXPECT_EQ(fields.count("A"), 101U);
    EXPECT_EQ(fields[100].value, "some value that is not short");
    fields.set(fields[50].name, fields[99].value);
    EXPECT_EQ(written(fields), "A=some value that is not short;");
    EXPECT_EQ(fields.remove(fields[0].name), 1U);
}

TEST(headers, do_not_grow_when_a_field_is_set_again_and_again) {
    headers fields{{"Other", "x"}};
    for (int i = 0; i < 10'000; ++i) fields.set("Date", std::to_string(i));
    EXPECT_EQ(written(fields), "Other=x;Date=9999;");
}

TEST(headers, are_copied_and_moved_as_values) {
    headers fields{{"A", "1"}};
    headers copy{fields};
    copy.set("A", "2");
    EXPECT_EQ(fields.get("A"), "1");
    const headers moved{std::move(fields)};
    EXPECT_EQ(moved.get("A"), "1");
}

TEST(headers, are_equal_with_equal_fields_in_equal_order) {
    const headers fields{{"A", "1"}, {"B", "2"}};
    EXPECT_EQ(fields, (headers{{"a", "1"}, {"b", "2"}}));
    EXPECT_NE(fields, (headers{{"B", "2"}, {"A", "1"}}));
    EXPECT_NE(fields, (headers{{"A", "1"}}));
    EXPECT_NE(fields, (headers{{"A", "1"}, {"B", "3"}}));
}

TEST(headers, cut_blanks_around_values) {
    headers fields;
    fields.add("A", " \t v a l \t");
    fields.set("B", "\t");
    EXPECT_EQ(fields.get("A"), "v a l");
    EXPECT_EQ(fields.get("B"), "");
}

TEST(headers, refuse_names_that_are_no_tokens) {
    for (std::string_view name :
         {"", " ", "A B", "A:", "A\r\nB", "A\n", "\tA", "A\x7F", "\xC3\x84", "A\"", "(A)", "A/B"}) {
        EXPECT_EQ(error_of_adding(name, "value"), errc::bad_header_name) << name;
    }
    EXPECT_EQ(error_of_adding(std::string_view{"A\0", 2}, "value"), errc::bad_header_name);
    EXPECT_FALSE(error_of_adding("!#$%&'*+-.^_`|~09azAZ", "value"));
}

TEST(headers, refuse_values_that_could_end_the_line) {
    for (std::string_view value : {"a\r\nX: y", "a\nb", "a\rb", "\r", "\n", "a\r\n", "a\x01",
                                   "\x7F", "long enough for eight at a time \n", "1234567\n"}) {
        EXPECT_EQ(error_of_adding("A", value), errc::bad_header_value) << value;
    }
    EXPECT_EQ(error_of_adding("A", std::string_view{"a\0b", 3}), errc::bad_header_value);
    EXPECT_FALSE(error_of_adding("A", ""));
    EXPECT_FALSE(error_of_adding("A", "tab\tand \xC3\xA4 \xFF \x80 bytes"));
}

TEST(headers, find_a_control_at_every_place_of_a_value) {
    for (std::size_t size = 1; size < 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (int c = 0; c < 256; ++c) {
                std::string value(size, 'v');
                value[at] = static_cast<char>(c);
                const bool is_control = (c < 0x20 && c != '\t') || c == 0x7F;
                ASSERT_EQ(is_field_value(value), !is_control) << size << " " << at << " " << c;
            }
        }
    }
}

TEST(headers, tell_which_field_has_a_bad_value) {
    headers fields;
    try {
        fields.add("X-Name", "a\nb");
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_NE(std::string_view{error.what()}.find("X-Name"), std::string_view::npos);
    }
}

TEST(headers, split_lists_over_all_fields) {
    const headers fields{{"L", "a, b ,,c"}, {"X", "z"}, {"l", ","}, {"L", "\"d,\\\"e\", f"}};
    EXPECT_EQ(fields.get_list("L"),
              (std::vector<std::string_view>{"a", "b", "c", "\"d,\\\"e\"", "f"}));
    EXPECT_TRUE(fields.get_list("Y").empty());
}

TEST(headers, split_lists_with_open_quotes_without_leaving_the_text) {
    EXPECT_EQ((headers{{"L", "\"a,b"}}.get_list("L").size()), 1U);
    EXPECT_EQ((headers{{"L", "\"a,b\\"}}.get_list("L").size()), 1U);
    EXPECT_EQ((headers{{"L", ""}}.get_list("L").size()), 0U);
}

TEST(headers, find_tokens_in_lists) {
    const headers fields{{"Connection", "Keep-Alive, x"}, {"connection", "\tCLOSE "}};
    EXPECT_TRUE(fields.has_token("connection", "close"));
    EXPECT_TRUE(fields.has_token("Connection", "keep-alive"));
    EXPECT_FALSE(fields.has_token("connection", "clos"));
    EXPECT_FALSE(fields.has_token("connection", "closed"));
    EXPECT_FALSE(fields.has_token("te", "close"));
    EXPECT_FALSE((headers{{"C", "\"a, close\""}}.has_token("C", "close")));
}

TEST(headers, hold_many_fields) {
    headers fields;
    fields.reserve(4, 64);
    for (int i = 0; i < 1000; ++i)
        fields.add(std::string{"X-"}.append(std::to_string(i)), std::to_string(i));
    EXPECT_EQ(fields.size(), 1000U);
    EXPECT_EQ(fields.get("x-999"), "999");
    EXPECT_EQ(std::ranges::distance(fields), 1000);
}

}  // namespace
}  // namespace simul::http
