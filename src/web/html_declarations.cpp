// SPDX-License-Identifier: Apache-2.0
//
// The states of the tokenizer for scripts, comments and doctypes. One piece, because it is one
// table: each function is a state of the standard, under the standard's name and in its order.
// Where two look alike, as those of public and system identifiers do, the standard's states do.
#include "web/html_machine.hpp"
#include "web/html_scan.hpp"

namespace simul::web {

using detail::equals_ignoring_case;
using detail::find_any;
using detail::is_alpha;
using detail::is_space;
using detail::lower;

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

constexpr std::string_view piece_of(const char* begin, const char* end) noexcept {
    return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

// --- scripts
// --------------------------------------------------------------------------------------

const char* html_tokenizer::machine::read_script(const char* at, const char* const end) {
    const auto hold_less_than_sign = [this](const char* sign, step next) {
        token_offset_ = pending_offset_ = offset_of(sign);
        pending_.assign(1, '<');
        text_state_ = state_;
        state_ = next;
        return sign + 1;
    };
    // What the state is after one character of text that is not special in it.
    const auto give_and_go_to = [this](const char* character, step next) {
        give_text(character, character + 1);
        state_ = next;
        return character + 1;
    };

    while (at != end) {
        const char c = *at;
        switch (state_) {
            case step::script_data: {
                const char* stop = find_any<'<', '<', '\r', '\0'>(at, end);
                give_text(at, stop);
                at = stop;
                if (at == end) return at;
                if (*at == '<') {
                    at = hold_less_than_sign(at, step::script_data_less_than_sign);
                } else {
                    at = *at == '\r' ? give_line_end(at) : give_replacement(at);
                }
                break;
            }

            case step::script_data_less_than_sign:
                if (c == '/') {
                    pending_ += '/';
                    state_ = step::raw_end_tag_open;
                    return at + 1;
                }
                if (c == '!') {
                    pending_ += '!';
                    give_pending();
                    state_ = step::script_data_escape_start;
                    ++at;
                } else {
                    give_pending();
                    state_ = step::script_data;
                }
                break;

            case step::script_data_escape_start:
            case step::script_data_escape_start_dash:
                if (c == '-') {
                    at = give_and_go_to(at, state_ == step::script_data_escape_start
                                                ? step::script_data_escape_start_dash
                                                : step::script_data_escaped_dash_dash);
                } else {
                    state_ = step::script_data;
                }
                break;

            case step::script_data_escaped:
            case step::script_data_double_escaped: {
                const bool twice = state_ == step::script_data_double_escaped;
                const char* stop = find_any<'<', '-', '\r', '\0'>(at, end);
                give_text(at, stop);
                at = stop;
                if (at == end) return at;
                if (*at == '-') {
                    at = give_and_go_to(at, twice ? step::script_data_double_escaped_dash
                                                  : step::script_data_escaped_dash);
                } else if (*at == '\r') {
                    at = give_line_end(at);
                } else if (*at == '\0') {
                    at = give_replacement(at);
                } else if (twice) {
                    at = give_and_go_to(at, step::script_data_double_escaped_less_than_sign);
                } else {
                    at = hold_less_than_sign(at, step::script_data_escaped_less_than_sign);
                }
                break;
            }

            case step::script_data_escaped_dash:
                if (c == '-') {
                    at = give_and_go_to(at, step::script_data_escaped_dash_dash);
                } else {
                    state_ = step::script_data_escaped;
                }
                break;

            case step::script_data_escaped_dash_dash:
                if (c == '-') {
                    give_text(at, at + 1);
                    ++at;
                } else if (c == '>') {
                    at = give_and_go_to(at, step::script_data);
                } else {
                    state_ = step::script_data_escaped;
                }
                break;

            case step::script_data_escaped_less_than_sign:
                if (c == '/') {
                    pending_ += '/';
                    text_state_ = step::script_data_escaped;
                    state_ = step::raw_end_tag_open;
                    return at + 1;
                }
                give_pending();
                state_ =
                    is_alpha(c) ? step::script_data_double_escape_start : step::script_data_escaped;
                break;

            case step::script_data_double_escape_start:
            case step::script_data_double_escape_end: {
                // pending_ collects the name, which has been given already.
                const bool starts = state_ == step::script_data_double_escape_start;
                const step inside = step::script_data_double_escaped;
                const step outside = step::script_data_escaped;
                if (is_alpha(c)) {
                    constexpr std::string_view longer_than_script = "scripts";
                    if (pending_.size() < longer_than_script.size()) pending_ += lower(c);
                    give_text(at, at + 1);
                    ++at;
                } else {
                    const bool is_end = is_space(c) || c == '/' || c == '>';
                    const bool changes = is_end && pending_ == "script";
                    state_ = starts == changes ? inside : outside;
                    pending_.clear();
                }
                break;
            }

            case step::script_data_double_escaped_dash:
                if (c == '-') {
                    at = give_and_go_to(at, step::script_data_double_escaped_dash_dash);
                } else {
                    state_ = step::script_data_double_escaped;
                }
                break;

            case step::script_data_double_escaped_dash_dash:
                if (c == '-') {
                    give_text(at, at + 1);
                    ++at;
                } else if (c == '>') {
                    at = give_and_go_to(at, step::script_data);
                } else {
                    state_ = step::script_data_double_escaped;
                }
                break;

            case step::script_data_double_escaped_less_than_sign:
                if (c == '/') {
                    pending_.clear();
                    at = give_and_go_to(at, step::script_data_double_escape_end);
                } else {
                    state_ = step::script_data_double_escaped;
                }
                break;

            default: return at;
        }
    }
    return at;
}

// --- comments
// -------------------------------------------------------------------------------------

void html_tokenizer::machine::begin_comment() {
    comment_.clear();
    comment_truncated_ = false;
}

void html_tokenizer::machine::append_comment(std::string_view bytes) {
    if (comment_truncated_ || !append(comment_, 0, options_.max_comment, bytes)) return;
    comment_truncated_ = true;
    ++counts.comments;
}

void html_tokenizer::machine::give_comment() {
    html_comment comment;
    comment.data = comment_;
    comment.offset = token_offset_;
    comment.truncated = comment_truncated_;
    state_ = step::data;
    sink_.comment(comment);
}

// Behind "<!": pending_ holds what may become "--", "DOCTYPE" or "[CDATA[".
const char* html_tokenizer::machine::read_declaration_keyword(const char* at) {
    if (pending_.empty()) pending_offset_ = offset_of(at);
    const std::size_t size = pending_.size();
    const std::string_view keyword = size == 0 ? (*at == '-'   ? "--"
                                                  : *at == '[' ? "[CDATA["
                                                               : "doctype")
                                               : (pending_[0] == '-'   ? "--"
                                                  : pending_[0] == '[' ? "[CDATA["
                                                                       : "doctype");
    const char c = keyword == "doctype" ? lower(*at) : *at;
    if (c != keyword[size]) {
        report_at(html_error::incorrectly_opened_comment, pending_offset_);
        begin_comment();
        append_comment(pending_);
        state_ = step::bogus_comment;
        return at;
    }
    pending_ += *at++;
    if (pending_.size() < keyword.size()) return at;
    if (keyword == "doctype") {
        state_ = step::doctype;
    } else if (keyword == "--") {
        begin_comment();
        state_ = step::comment_start;
    } else if (in_foreign_content) {
        state_ = step::cdata_section;
    } else {
        report(html_error::cdata_in_html_content, at - 1);
        begin_comment();
        append_comment(pending_);
        state_ = step::bogus_comment;
    }
    pending_.clear();
    return at;
}

const char* html_tokenizer::machine::read_comment(const char* at, const char* const end) {
    while (at != end) {
        const char c = *at;
        switch (state_) {
            case step::markup_declaration_open: at = read_declaration_keyword(at); break;

            case step::bogus_comment:
            case step::comment: {
                const bool bogus = state_ == step::bogus_comment;
                const char* stop = bogus ? find_any<'>', '>', '\r', '\0'>(at, end)
                                         : find_any<'-', '<', '\r', '\0'>(at, end);
                if (stop != at) append_comment(piece_of(at, stop));
                at = stop;
                if (at == end) return at;
                switch (*at) {
                    case '\r':
                        if (at[1] != '\n') append_comment("\n");
                        break;
                    case '\0':
                        report(html_error::unexpected_null_character, at);
                        append_comment(replacement);
                        break;
                    case '>': give_comment(); return at + 1;
                    case '-': state_ = step::comment_end_dash; break;
                    default:
                        append_comment("<");
                        state_ = step::comment_less_than_sign;
                        break;
                }
                ++at;
                break;
            }

            case step::comment_start:
            case step::comment_start_dash:
                if (c == '-') {
                    state_ = state_ == step::comment_start ? step::comment_start_dash
                                                           : step::comment_end;
                    ++at;
                } else if (c == '>') {
                    report(html_error::abrupt_closing_of_empty_comment, at);
                    give_comment();
                    return at + 1;
                } else {
                    if (state_ == step::comment_start_dash) append_comment("-");
                    state_ = step::comment;
                }
                break;

            case step::comment_less_than_sign:
                if (c == '!') {
                    append_comment("!");
                    state_ = step::comment_less_than_sign_bang;
                    ++at;
                } else if (c == '<') {
                    append_comment("<");
                    ++at;
                } else {
                    state_ = step::comment;
                }
                break;

            case step::comment_less_than_sign_bang:
                if (c == '-') {
                    state_ = step::comment_less_than_sign_bang_dash;
                    ++at;
                } else {
                    state_ = step::comment;
                }
                break;

            case step::comment_less_than_sign_bang_dash:
                if (c == '-') {
                    state_ = step::comment_less_than_sign_bang_dash_dash;
                    ++at;
                } else {
                    state_ = step::comment_end_dash;
                }
                break;

            case step::comment_less_than_sign_bang_dash_dash:
                if (c != '>') report(html_error::nested_comment, at);
                state_ = step::comment_end;
                break;

            case step::comment_end_dash:
                if (c == '-') {
                    state_ = step::comment_end;
                    ++at;
                } else {
                    append_comment("-");
                    state_ = step::comment;
                }
                break;

            case step::comment_end:
                if (c == '>') {
                    give_comment();
                    return at + 1;
                }
                if (c == '!') {
                    state_ = step::comment_end_bang;
                    ++at;
                } else if (c == '-') {
                    append_comment("-");
                    ++at;
                } else {
                    append_comment("--");
                    state_ = step::comment;
                }
                break;

            case step::comment_end_bang:
                if (c == '>') {
                    report(html_error::incorrectly_closed_comment, at);
                    give_comment();
                    return at + 1;
                }
                append_comment("--!");
                if (c == '-') {
                    state_ = step::comment_end_dash;
                    ++at;
                } else {
                    state_ = step::comment;
                }
                break;

            default: return at;
        }
    }
    return at;
}

// --- doctypes
// -------------------------------------------------------------------------------------

void html_tokenizer::machine::begin_doctype() {
    doctype_name_.reset();
    doctype_public_.reset();
    doctype_system_.reset();
    doctype_truncated_ = false;
    force_quirks_ = false;
}

void html_tokenizer::machine::begin_doctype_part(std::optional<std::string>& part) {
    part.emplace();
    doctype_part_ = &part;
    doctype_part_full_ = false;
}

void html_tokenizer::machine::append_doctype(std::string_view bytes) {
    if (doctype_part_full_ || !append(**doctype_part_, 0, options_.max_doctype, bytes)) return;
    doctype_part_full_ = true;
    doctype_truncated_ = true;
    ++counts.doctypes;
}

void html_tokenizer::machine::give_doctype() {
    html_doctype doctype;
    doctype.name = doctype_name_;
    doctype.public_identifier = doctype_public_;
    doctype.system_identifier = doctype_system_;
    doctype.offset = token_offset_;
    doctype.force_quirks = force_quirks_;
    doctype.truncated = doctype_truncated_;
    state_ = step::data;
    sink_.doctype(doctype);
}

void html_tokenizer::machine::distrust_doctype(html_error what, const char* at, step next) {
    report(what, at);
    force_quirks_ = true;
    state_ = next;
}

// Behind the name: pending_ holds what may become "PUBLIC" or "SYSTEM".
const char* html_tokenizer::machine::read_doctype_keyword(const char* at) {
    const char c = lower(*at);
    if (pending_.empty()) {
        if (is_space(c)) return at + 1;
        if (c == '>') {
            give_doctype();
            return at + 1;
        }
        pending_offset_ = offset_of(at);
    }
    const bool is_public = (pending_.empty() ? c : pending_[0]) == 'p';
    const std::string_view keyword = is_public ? "public" : "system";
    if (c != keyword[pending_.size()]) {
        report_at(html_error::invalid_character_sequence_after_doctype_name, pending_offset_);
        force_quirks_ = true;
        pending_.clear();
        state_ = step::bogus_doctype;
        return at;
    }
    pending_ += c;
    if (pending_ == keyword) {
        pending_.clear();
        state_ =
            is_public ? step::after_doctype_public_keyword : step::after_doctype_system_keyword;
    }
    return at + 1;
}

// The four states inside of quotes.
const char* html_tokenizer::machine::read_doctype_identifier(const char* at, const char* end) {
    const bool is_public = state_ == step::doctype_public_identifier_double_quoted ||
                           state_ == step::doctype_public_identifier_single_quoted;
    const bool is_double = state_ == step::doctype_public_identifier_double_quoted ||
                           state_ == step::doctype_system_identifier_double_quoted;
    const char quote = is_double ? '"' : '\'';
    const char* stop = at;
    while (stop != end && *stop != quote && *stop != '>' && *stop != '\r' && *stop != '\0') ++stop;
    if (stop != at) append_doctype(piece_of(at, stop));
    if (stop == end) return stop;
    if (*stop == quote) {
        state_ = is_public ? step::after_doctype_public_identifier
                           : step::after_doctype_system_identifier;
    } else if (*stop == '>') {
        report(is_public ? html_error::abrupt_doctype_public_identifier
                         : html_error::abrupt_doctype_system_identifier,
               stop);
        force_quirks_ = true;
        give_doctype();
    } else if (*stop == '\r') {
        if (stop[1] != '\n') append_doctype("\n");
    } else {
        report(html_error::unexpected_null_character, stop);
        append_doctype(replacement);
    }
    return stop + 1;
}

const char* html_tokenizer::machine::read_doctype(const char* at, const char* const end) {
    // A quote begins an identifier in six states, with an error in some of them.
    const auto begin_public = [this](char quote) {
        begin_doctype_part(doctype_public_);
        state_ = quote == '"' ? step::doctype_public_identifier_double_quoted
                              : step::doctype_public_identifier_single_quoted;
    };
    const auto begin_system = [this](char quote) {
        begin_doctype_part(doctype_system_);
        state_ = quote == '"' ? step::doctype_system_identifier_double_quoted
                              : step::doctype_system_identifier_single_quoted;
    };

    while (at != end) {
        const char c = *at;
        const bool is_quote = c == '"' || c == '\'';
        switch (state_) {
            case step::doctype:
                if (is_space(c)) {
                    ++at;
                } else if (c != '>') {
                    report(html_error::missing_whitespace_before_doctype_name, at);
                }
                state_ = step::before_doctype_name;
                break;

            case step::before_doctype_name:
                if (is_space(c)) {
                    ++at;
                    break;
                }
                begin_doctype();
                if (c == '>') {
                    report(html_error::missing_doctype_name, at);
                    force_quirks_ = true;
                    give_doctype();
                    return at + 1;
                }
                begin_doctype_part(doctype_name_);
                state_ = step::doctype_name;
                break;

            case step::doctype_name:
                if (is_space(c)) {
                    pending_.clear();
                    state_ = step::after_doctype_name;
                } else if (c == '>') {
                    give_doctype();
                    return at + 1;
                } else if (c == '\0') {
                    report(html_error::unexpected_null_character, at);
                    append_doctype(replacement);
                } else {
                    const char letter = lower(c);
                    append_doctype({&letter, 1});
                }
                ++at;
                break;

            case step::after_doctype_name: at = read_doctype_keyword(at); break;

            case step::after_doctype_public_keyword:
            case step::before_doctype_public_identifier:
                if (is_space(c)) {
                    state_ = step::before_doctype_public_identifier;
                } else if (is_quote) {
                    if (state_ == step::after_doctype_public_keyword) {
                        report(html_error::missing_whitespace_after_doctype_public_keyword, at);
                    }
                    begin_public(c);
                } else if (c == '>') {
                    report(html_error::missing_doctype_public_identifier, at);
                    force_quirks_ = true;
                    give_doctype();
                    return at + 1;
                } else {
                    distrust_doctype(html_error::missing_quote_before_doctype_public_identifier, at,
                                     step::bogus_doctype);
                    break;
                }
                ++at;
                break;

            case step::doctype_public_identifier_double_quoted:
            case step::doctype_public_identifier_single_quoted:
            case step::doctype_system_identifier_double_quoted:
            case step::doctype_system_identifier_single_quoted:
                at = read_doctype_identifier(at, end);
                break;

            case step::after_doctype_public_identifier:
            case step::between_doctype_public_and_system_identifiers:
                if (is_space(c)) {
                    state_ = step::between_doctype_public_and_system_identifiers;
                } else if (c == '>') {
                    give_doctype();
                    return at + 1;
                } else if (is_quote) {
                    if (state_ == step::after_doctype_public_identifier) {
                        report(html_error::
                                   missing_whitespace_between_doctype_public_and_system_identifiers,
                               at);
                    }
                    begin_system(c);
                } else {
                    distrust_doctype(html_error::missing_quote_before_doctype_system_identifier, at,
                                     step::bogus_doctype);
                    break;
                }
                ++at;
                break;

            case step::after_doctype_system_keyword:
            case step::before_doctype_system_identifier:
                if (is_space(c)) {
                    state_ = step::before_doctype_system_identifier;
                } else if (is_quote) {
                    if (state_ == step::after_doctype_system_keyword) {
                        report(html_error::missing_whitespace_after_doctype_system_keyword, at);
                    }
                    begin_system(c);
                } else if (c == '>') {
                    report(html_error::missing_doctype_system_identifier, at);
                    force_quirks_ = true;
                    give_doctype();
                    return at + 1;
                } else {
                    distrust_doctype(html_error::missing_quote_before_doctype_system_identifier, at,
                                     step::bogus_doctype);
                    break;
                }
                ++at;
                break;

            case step::after_doctype_system_identifier:
                if (c == '>') {
                    give_doctype();
                    return at + 1;
                }
                if (is_space(c)) {
                    ++at;
                } else {
                    report(html_error::unexpected_character_after_doctype_system_identifier, at);
                    state_ = step::bogus_doctype;
                }
                break;

            case step::bogus_doctype:
                if (c == '>') {
                    give_doctype();
                    return at + 1;
                }
                if (c == '\0') report(html_error::unexpected_null_character, at);
                ++at;
                break;

            default: return at;
        }
    }
    return at;
}

// --- the end of the document
// ----------------------------------------------------------------------

void html_tokenizer::machine::finish_declaration() {
    if (state_ == step::markup_declaration_open) {
        report_at(html_error::incorrectly_opened_comment, pending_.empty() ? fed : pending_offset_);
        begin_comment();
        append_comment(pending_);
        give_comment();
        return;
    }
    if (state_ < step::doctype) {
        if (state_ != step::bogus_comment) report_at(html_error::eof_in_comment, fed);
        give_comment();
        return;
    }
    if (state_ == step::doctype || state_ == step::before_doctype_name) begin_doctype();
    if (state_ == step::after_doctype_name && !pending_.empty()) {
        report_at(html_error::invalid_character_sequence_after_doctype_name, pending_offset_);
        force_quirks_ = true;
    } else if (state_ != step::bogus_doctype) {
        report_at(html_error::eof_in_doctype, fed);
        force_quirks_ = true;
    }
    give_doctype();
}

}  // namespace simul::web
