// SPDX-License-Identifier: Apache-2.0
//
// web/html_machine.hpp: the state machine behind html_tokenizer.
//
// Invariants
//   1. Every state can stop behind any byte: what was read and is not yet decided lies in
//      members (pending_, tag_text_, comment_ ...), never in the chunk alone.
//   2. A CR is never the last byte that run() sees: feed() holds it back until it knows whether LF
//      follows. So states that keep line ends may look one byte ahead of a CR.
//   3. Before the sink is called all state is written back, so that it may call set_state().
//
// The functions are named after what they read; the states are those of the standard, with the ten
// states for "</" in the kinds of raw text folded into three (raw_end_tag_open and its neighbours).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simul/web/html_tokenizer.hpp"
#include "web/html_character_references.hpp"
#include "web/html_scan.hpp"

namespace simul::web {

class html_tokenizer::machine {
public:
    machine(html_sink& sink, const html_tokenizer_options& options)
        : sink_{sink}, options_{options} {}

    void feed(std::string_view chunk);
    void finish();
    void set_state(html_tokenizer_state state) noexcept;

    void set_last_start_tag(std::string_view name) {
        last_start_tag_.assign(name);
        plain_start_tag_ = {};
    }

    html_limit_counts counts;
    bool in_foreign_content = false;
    std::uint64_t fed = 0;

private:
    enum class step : std::uint8_t {
        // text
        data,
        rcdata,
        rawtext,
        plaintext,
        cdata_section,
        cdata_section_bracket,
        cdata_section_end,
        // "<" in text that holds no markup
        raw_less_than_sign,
        raw_end_tag_open,
        raw_end_tag_name,
        // scripts
        script_data,
        script_data_less_than_sign,
        script_data_escape_start,
        script_data_escape_start_dash,
        script_data_escaped,
        script_data_escaped_dash,
        script_data_escaped_dash_dash,
        script_data_escaped_less_than_sign,
        script_data_double_escape_start,
        script_data_double_escaped,
        script_data_double_escaped_dash,
        script_data_double_escaped_dash_dash,
        script_data_double_escaped_less_than_sign,
        script_data_double_escape_end,
        // tags
        tag_open,
        end_tag_open,
        tag_name,
        before_attribute_name,
        attribute_name,
        after_attribute_name,
        before_attribute_value,
        attribute_value_double_quoted,
        attribute_value_single_quoted,
        attribute_value_unquoted,
        after_attribute_value_quoted,
        self_closing_start_tag,
        // comments
        bogus_comment,
        markup_declaration_open,
        comment_start,
        comment_start_dash,
        comment,
        comment_less_than_sign,
        comment_less_than_sign_bang,
        comment_less_than_sign_bang_dash,
        comment_less_than_sign_bang_dash_dash,
        comment_end_dash,
        comment_end,
        comment_end_bang,
        // doctypes
        doctype,
        before_doctype_name,
        doctype_name,
        after_doctype_name,
        after_doctype_public_keyword,
        before_doctype_public_identifier,
        doctype_public_identifier_double_quoted,
        doctype_public_identifier_single_quoted,
        after_doctype_public_identifier,
        between_doctype_public_and_system_identifiers,
        after_doctype_system_keyword,
        before_doctype_system_identifier,
        doctype_system_identifier_double_quoted,
        doctype_system_identifier_single_quoted,
        after_doctype_system_identifier,
        bogus_doctype,
        // character references
        character_reference,
        named_character_reference,
        ambiguous_ampersand,
        numeric_character_reference,
        hexadecimal_character_reference_start,
        hexadecimal_character_reference,
        decimal_character_reference,
    };

    // An attribute while the text it lies in may still move.
    struct attribute_record {
        std::uint64_t offset = 0;
        std::size_t name_begin = 0;
        std::size_t value_begin = 0;
        std::size_t value_end = 0;
        bool truncated = false;
    };

    // Each reads on from `at` while the state is one of its own, and returns where it stopped.
    void run(std::string_view piece);
    const char* read_text_and_tags(const char* at, const char* end);
    const char* read_data(const char* at, const char* end);
    const char* read_raw_text(const char* at, const char* end);
    const char* read_script(const char* at, const char* end);
    const char* read_comment(const char* at, const char* end);
    const char* read_doctype(const char* at, const char* end);
    const char* read_reference(const char* at, const char* end);
    const char* read_declaration_keyword(const char* at);
    const char* read_doctype_keyword(const char* at);
    const char* read_doctype_identifier(const char* at, const char* end);

    void report(html_error what, const char* at) {
        if (options_.report_errors) [[unlikely]]
            sink_.parse_error(what, offset_of(at));
    }
    void report_at(html_error what, std::uint64_t offset) {
        if (options_.report_errors) [[unlikely]]
            sink_.parse_error(what, offset);
    }
    [[nodiscard]] std::uint64_t offset_of(const char* at) const noexcept {
        return piece_offset_ + static_cast<std::uint64_t>(at - piece_begin_);
    }
    void check_input(std::string_view chunk);
    void check_character(char32_t character, std::uint64_t offset);

    // Text.
    void give_text(const char* begin, const char* end) {
        if (begin != end) sink_.characters(detail::piece_of(begin, end), offset_of(begin));
    }
    void give_pending();
    const char* give_line_end(const char* at);
    const char* give_replacement(const char* at);

    // Buffers with a limit.
    [[nodiscard]] static bool append(std::string& to, std::size_t begin, std::size_t limit,
                                     std::string_view bytes);
    void append_tag_name(std::string_view bytes);
    void append_attribute_name(std::string_view bytes);
    void append_value(std::string_view bytes);
    void append_comment(std::string_view bytes);
    void append_doctype(std::string_view bytes);

    // Tags.
    void begin_tag(bool is_end);
    void begin_attribute(const char* at);
    void finish_attribute_name(const char* at);
    void finish_attribute();
    void give_tag(const char* at);
    [[nodiscard]] const char* read_plain_tag(const char* at, const char* end);
    [[nodiscard]] const char* read_plain_end_tag(const char* at, const char* end);
    void keep_last_start_tag() {
        if (!plain_start_tag_.empty()) set_last_start_tag(plain_start_tag_);
    }
    const char* skip_value_line_end(const char* at);

    // Comments and doctypes.
    void begin_comment();
    void give_comment();
    void begin_doctype();
    void begin_doctype_part(std::optional<std::string>& part);
    void give_doctype();
    void distrust_doctype(html_error what, const char* at, step next);

    // Character references.
    void begin_reference(const char* at);
    [[nodiscard]] const char* read_plain_reference(const char* at, const char* end);
    void finish_named_reference(const char* at, bool at_end);
    void finish_numeric_reference(const char* at);
    void flush_reference();
    void give_reference(std::string_view text);
    [[nodiscard]] bool reference_in_attribute() const noexcept;

    // The end of the document, by kind of state.
    void finish_reference();
    void finish_text();
    void finish_declaration();

    html_sink& sink_;
    const html_tokenizer_options options_;

    step state_ = step::data;
    step text_state_ = step::data;    // where text goes on when "</" ended nothing
    step return_state_ = step::data;  // where a character reference goes back to
    bool held_return_ = false;        // see invariant 2
    bool finished_ = false;

    // The name of the last start tag. That of a plain one is a view of the chunk until somebody
    // asks for it, or the chunk ends: hardly anybody does.
    std::string last_start_tag_;
    std::string_view plain_start_tag_;

    const char* piece_begin_ = nullptr;  // what run() reads
    std::uint64_t piece_offset_ = 0;

    std::string pending_;  // read, and not yet known what it is: "</scr", "&am", "[CDA"
    std::uint64_t pending_offset_ = 0;
    std::uint64_t token_offset_ = 0;  // of the "<" of what is being read

    std::string tag_text_;  // the tag's name, then names and values of its attributes
    std::size_t tag_name_end_ = 0;
    std::vector<attribute_record> records_;
    std::vector<html_attribute> attributes_;  // views, of tag_text_ or the chunk, for the sink
    std::array<html_attribute, 16> plain_attributes_;  // those of a plain tag
    attribute_record attribute_;                       // the one being read
    bool attribute_open_ = false;                      // there is one
    bool attribute_kept_ = false;                      // and it is not to be dropped
    bool attribute_full_ = false;                      // its name, or its value, was cut
    bool tag_is_end_ = false;
    bool tag_truncated_ = false;
    bool tag_self_closing_ = false;

    std::string comment_;
    bool comment_truncated_ = false;

    std::optional<std::string> doctype_name_;
    std::optional<std::string> doctype_public_;
    std::optional<std::string> doctype_system_;
    std::optional<std::string>* doctype_part_ = nullptr;  // the one being read
    bool doctype_part_full_ = false;
    bool doctype_truncated_ = false;
    bool force_quirks_ = false;

    detail::reference_search search_;
    std::uint32_t reference_number_ = 0;

    // The character that check_input() is reading.
    char32_t character_ = 0;
    std::uint8_t character_rest_ = 0;
    std::uint64_t character_offset_ = 0;
};

}  // namespace simul::web
