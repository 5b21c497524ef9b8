// SPDX-License-Identifier: Apache-2.0
//
// simul/web/html_tokenizer.hpp: HTML text cut into tags, text, comments and doctypes.
//
// Reading order: html_sink says what comes out, html_tokenizer what goes in. A tokenizer alone does
// not know that <script> holds no markup; html_content_model.hpp does. Who only wants the links of
// a page takes html_links.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace simul::web {

/// The parse errors of the standard that a tokenizer can meet. All are recovered from.
enum class html_error : std::uint8_t {
    abrupt_closing_of_empty_comment,
    abrupt_doctype_public_identifier,
    abrupt_doctype_system_identifier,
    absence_of_digits_in_numeric_character_reference,
    cdata_in_html_content,
    character_reference_outside_unicode_range,
    control_character_in_input_stream,
    control_character_reference,
    duplicate_attribute,
    end_tag_with_attributes,
    end_tag_with_trailing_solidus,
    eof_before_tag_name,
    eof_in_cdata,
    eof_in_comment,
    eof_in_doctype,
    eof_in_script_html_comment_like_text,
    eof_in_tag,
    incorrectly_closed_comment,
    incorrectly_opened_comment,
    invalid_character_sequence_after_doctype_name,
    invalid_first_character_of_tag_name,
    missing_attribute_value,
    missing_doctype_name,
    missing_doctype_public_identifier,
    missing_doctype_system_identifier,
    missing_end_tag_name,
    missing_quote_before_doctype_public_identifier,
    missing_quote_before_doctype_system_identifier,
    missing_semicolon_after_character_reference,
    missing_whitespace_after_doctype_public_keyword,
    missing_whitespace_after_doctype_system_keyword,
    missing_whitespace_before_doctype_name,
    missing_whitespace_between_attributes,
    missing_whitespace_between_doctype_public_and_system_identifiers,
    nested_comment,
    noncharacter_character_reference,
    noncharacter_in_input_stream,
    null_character_reference,
    surrogate_character_reference,
    surrogate_in_input_stream,
    unexpected_character_after_doctype_system_identifier,
    unexpected_character_in_attribute_name,
    unexpected_character_in_unquoted_attribute_value,
    unexpected_equals_sign_before_attribute_name,
    unexpected_null_character,
    unexpected_question_mark_instead_of_tag_name,
    unexpected_solidus_in_tag,
    unknown_named_character_reference,
};

/// The error's name in the standard, "eof-in-tag" for example.
[[nodiscard]] std::string_view name_of(html_error error) noexcept;

/// One attribute of a tag. Names are in lower case, character references in values are replaced.
struct html_attribute {
    std::string_view name;
    std::string_view value;
    std::uint64_t offset = 0;  ///< of the first byte of the name
    bool truncated = false;    ///< the name or the value was longer than allowed and was cut
};

/// A start tag or an end tag.
struct html_tag {
    std::string_view name;  ///< in lower case
    std::span<const html_attribute> attributes;
    std::uint64_t offset = 0;  ///< of its "<"
    bool self_closing = false;
    bool truncated = false;  ///< the name was cut, or there were more attributes than allowed

    /// The attribute of that name (lower case), or nullptr.
    [[nodiscard]] const html_attribute* find(std::string_view attribute) const noexcept;

    /// The value of the attribute of that name, or nothing.
    [[nodiscard]] std::optional<std::string_view> value(std::string_view attribute) const noexcept;
};

/// A comment, without its <!-- and -->.
struct html_comment {
    std::string_view data;
    std::uint64_t offset = 0;  ///< of its "<"
    bool truncated = false;    ///< it was longer than allowed and was cut
};

/// A document type declaration.
struct html_doctype {
    std::optional<std::string_view> name;  ///< in lower case
    std::optional<std::string_view> public_identifier;
    std::optional<std::string_view> system_identifier;
    std::uint64_t offset = 0;  ///< of its "<"
    bool force_quirks = false;
    bool truncated = false;  ///< one of the three was longer than allowed and was cut
};

/// Receives tokens. Every function may be left out.
///
/// Lifetime      what a function is given is valid during the call only. It may set the state of
///               the tokenizer, but not feed it.
class html_sink {
public:
    virtual ~html_sink() = default;

    virtual void start_tag(const html_tag& tag);
    virtual void end_tag(const html_tag& tag);

    /// A piece of text. Pieces that follow one another belong together: text is cut at chunk
    /// ends, at character references and wherever it suits the tokenizer, never inside of a
    /// character unless a chunk ends there.
    virtual void characters(std::string_view text, std::uint64_t offset);
    virtual void comment(const html_comment& comment);
    virtual void doctype(const html_doctype& doctype);

    /// The end of the document, once.
    virtual void end_of_file(std::uint64_t offset);

    /// A parse error; not called unless html_tokenizer_options::report_errors is set. Errors of
    /// the input itself (control characters and the like) come before the tokens of their chunk.
    virtual void parse_error(html_error error, std::uint64_t offset);

protected:
    html_sink() = default;
    html_sink(const html_sink&) = default;
    html_sink& operator=(const html_sink&) = default;
};

/// What the tokenizer takes the text to be.
enum class html_tokenizer_state : std::uint8_t {
    data,           ///< markup
    rcdata,         ///< text with character references: title, textarea
    rawtext,        ///< text: style, iframe and others
    script_data,    ///< text with the rules for "<!--" in scripts
    plaintext,      ///< text to the end of the document
    cdata_section,  ///< text to the next "]]>"
};

/// Limits of a tokenizer, in bytes where nothing else is said.
struct html_tokenizer_options {
    html_tokenizer_options() noexcept {}

    std::size_t max_tag_name = 256;
    std::size_t max_attribute_name = 256;
    std::size_t max_attribute_value = std::size_t{16} * 1024;
    std::size_t max_attributes = 256;  ///< attributes per tag
    std::size_t max_comment = std::size_t{64} * 1024;
    std::size_t max_doctype = 4096;  ///< each of the name and the two identifiers
    bool report_errors = false;      ///< call html_sink::parse_error; costs a second pass
};

/// How often each limit was met.
struct html_limit_counts {
    std::uint64_t tag_names = 0;
    std::uint64_t attribute_names = 0;
    std::uint64_t attribute_values = 0;
    std::uint64_t attributes = 0;  ///< attributes that were dropped
    std::uint64_t comments = 0;
    std::uint64_t doctypes = 0;
};

/// The tokenizer of the HTML standard: every state, every error.
///
/// Takes UTF-8 in chunks of any size and calls the sink for each token. Line ends are normalised
/// (CR LF and CR become LF). Bytes above 127 pass through as they are, so a text in generalised
/// UTF-8 keeps its lone surrogates; whoever wants none decodes with replacement before. A byte
/// order mark is text: skip it before.
///
/// What depends on the tree is for the caller to say, from within html_sink::start_tag: which state
/// follows a tag (set_state), and whether CDATA sections are allowed (set_in_foreign_content).
/// html_content_model does both. What is over a limit is cut at a character and marked, the
/// rest of it is skipped: memory does not grow with the document.
///
/// Text is handed on as views of the chunk. Nothing is allocated per token once the buffers have
/// grown to the size of the largest tag.
///
/// Errors        what the sink throws leaves through feed and finish; after that the tokenizer can
///               only be destroyed. std::bad_alloc likewise. Otherwise there are none: all text is
///               HTML.
/// Lifetime      the sink must outlive the tokenizer.
/// Complexity    linear in the input.
/// Source        HTML Living Standard, section 13.2.5 "Tokenization".
class html_tokenizer {
public:
    explicit html_tokenizer(html_sink& sink, const html_tokenizer_options& options = {});
    ~html_tokenizer();

    html_tokenizer(const html_tokenizer&) = delete;
    html_tokenizer& operator=(const html_tokenizer&) = delete;

    /// Takes the next piece of the document. A character may be split between two pieces.
    void feed(std::string_view chunk);

    /// Ends the document: unfinished tokens are given or dropped as the standard says, then comes
    /// html_sink::end_of_file. Nothing may be fed afterwards.
    void finish();

    /// Switches the tokenizer. Takes effect on the text behind the token that is being given.
    void set_state(html_tokenizer_state state) noexcept;

    /// The name of the tag whose end tag ends rcdata, rawtext and script_data. Start tags set it by
    /// themselves; this is for parsing the inside of an element.
    void set_last_start_tag(std::string_view name);

    /// Whether "<![CDATA[" begins a section, as it does inside of svg and math.
    void set_in_foreign_content(bool foreign) noexcept;

    /// Bytes fed so far.
    [[nodiscard]] std::uint64_t fed() const noexcept;

    /// How often something was cut.
    [[nodiscard]] const html_limit_counts& limit_counts() const noexcept;

private:
    class machine;

    std::unique_ptr<machine> machine_;
};

}  // namespace simul::web
