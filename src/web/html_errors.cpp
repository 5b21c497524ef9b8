// SPDX-License-Identifier: Apache-2.0
#include "simul/web/html_tokenizer.hpp"

namespace simul::web {

std::string_view name_of(html_error error) noexcept {
    switch (error) {
        case html_error::abrupt_closing_of_empty_comment: return "abrupt-closing-of-empty-comment";
        case html_error::abrupt_doctype_public_identifier:
            return "abrupt-doctype-public-identifier";
        case html_error::abrupt_doctype_system_identifier:
            return "abrupt-doctype-system-identifier";
        case html_error::absence_of_digits_in_numeric_character_reference:
            return "absence-of-digits-in-numeric-character-reference";
        case html_error::cdata_in_html_content: return "cdata-in-html-content";
        case html_error::character_reference_outside_unicode_range:
            return "character-reference-outside-unicode-range";
        case html_error::control_character_in_input_stream:
            return "control-character-in-input-stream";
        case html_error::control_character_reference: return "control-character-reference";
        case html_error::duplicate_attribute: return "duplicate-attribute";
        case html_error::end_tag_with_attributes: return "end-tag-with-attributes";
        case html_error::end_tag_with_trailing_solidus: return "end-tag-with-trailing-solidus";
        case html_error::eof_before_tag_name: return "eof-before-tag-name";
        case html_error::eof_in_cdata: return "eof-in-cdata";
        case html_error::eof_in_comment: return "eof-in-comment";
        case html_error::eof_in_doctype: return "eof-in-doctype";
        case html_error::eof_in_script_html_comment_like_text:
            return "eof-in-script-html-comment-like-text";
        case html_error::eof_in_tag: return "eof-in-tag";
        case html_error::incorrectly_closed_comment: return "incorrectly-closed-comment";
        case html_error::incorrectly_opened_comment: return "incorrectly-opened-comment";
        case html_error::invalid_character_sequence_after_doctype_name:
            return "invalid-character-sequence-after-doctype-name";
        case html_error::invalid_first_character_of_tag_name:
            return "invalid-first-character-of-tag-name";
        case html_error::missing_attribute_value: return "missing-attribute-value";
        case html_error::missing_doctype_name: return "missing-doctype-name";
        case html_error::missing_doctype_public_identifier:
            return "missing-doctype-public-identifier";
        case html_error::missing_doctype_system_identifier:
            return "missing-doctype-system-identifier";
        case html_error::missing_end_tag_name: return "missing-end-tag-name";
        case html_error::missing_quote_before_doctype_public_identifier:
            return "missing-quote-before-doctype-public-identifier";
        case html_error::missing_quote_before_doctype_system_identifier:
            return "missing-quote-before-doctype-system-identifier";
        case html_error::missing_semicolon_after_character_reference:
            return "missing-semicolon-after-character-reference";
        case html_error::missing_whitespace_after_doctype_public_keyword:
            return "missing-whitespace-after-doctype-public-keyword";
        case html_error::missing_whitespace_after_doctype_system_keyword:
            return "missing-whitespace-after-doctype-system-keyword";
        case html_error::missing_whitespace_before_doctype_name:
            return "missing-whitespace-before-doctype-name";
        case html_error::missing_whitespace_between_attributes:
            return "missing-whitespace-between-attributes";
        case html_error::missing_whitespace_between_doctype_public_and_system_identifiers:
            return "missing-whitespace-between-doctype-public-and-system-identifiers";
        case html_error::nested_comment: return "nested-comment";
        case html_error::noncharacter_character_reference:
            return "noncharacter-character-reference";
        case html_error::noncharacter_in_input_stream: return "noncharacter-in-input-stream";
        case html_error::null_character_reference: return "null-character-reference";
        case html_error::surrogate_character_reference: return "surrogate-character-reference";
        case html_error::surrogate_in_input_stream: return "surrogate-in-input-stream";
        case html_error::unexpected_character_after_doctype_system_identifier:
            return "unexpected-character-after-doctype-system-identifier";
        case html_error::unexpected_character_in_attribute_name:
            return "unexpected-character-in-attribute-name";
        case html_error::unexpected_character_in_unquoted_attribute_value:
            return "unexpected-character-in-unquoted-attribute-value";
        case html_error::unexpected_equals_sign_before_attribute_name:
            return "unexpected-equals-sign-before-attribute-name";
        case html_error::unexpected_null_character: return "unexpected-null-character";
        case html_error::unexpected_question_mark_instead_of_tag_name:
            return "unexpected-question-mark-instead-of-tag-name";
        case html_error::unexpected_solidus_in_tag: return "unexpected-solidus-in-tag";
        case html_error::unknown_named_character_reference:
            return "unknown-named-character-reference";
    }
    return "unknown";
}

}  // namespace simul::web
