// SPDX-License-Identifier: Apache-2.0
//
// Text and tags: the states that most bytes of a page pass through, in one file and one loop
// because that is what makes them fast. Scripts, comments and doctypes are in
// html_declarations.cpp, character references in html_references.cpp.
#include "simul/web/html_tokenizer.hpp"

#include "simul/base/assert.hpp"
#include "web/html_machine.hpp"
#include "web/html_scan.hpp"

namespace simul::web {

using detail::attribute_name_stop;
using detail::find_any;
using detail::is_alpha;
using detail::is_space;
using detail::lower;
using detail::piece_of;
using detail::tag_name_stop;
using detail::unquoted_value_stop;

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

constexpr bool is_continuation(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

}  // namespace

// --- in and out
// -----------------------------------------------------------------------------------

void html_tokenizer::machine::feed(std::string_view chunk) {
    SIMUL_ASSERT(!finished_, "html_tokenizer was fed after finish()");
    if (chunk.empty()) return;
    if (options_.report_errors) check_input(chunk);
    if (held_return_) {
        held_return_ = false;
        piece_offset_ = fed - 1;
        if (chunk.front() != '\n') run("\n");
    }
    piece_offset_ = fed;
    fed += chunk.size();
    if (chunk.back() == '\r') {
        held_return_ = true;
        chunk.remove_suffix(1);
    }
    run(chunk);
    keep_last_start_tag();
}

void html_tokenizer::machine::run(std::string_view piece) {
    piece_begin_ = piece.data();
    const char* at = piece.data();
    const char* const end = at + piece.size();
    while (at != end) {
        if (state_ >= step::character_reference) {
            at = read_reference(at, end);
        } else if (state_ >= step::doctype) {
            at = read_doctype(at, end);
        } else if (state_ >= step::bogus_comment) {
            at = read_comment(at, end);
        } else if (state_ >= step::tag_open || state_ == step::data) {
            at = read_text_and_tags(at, end);
        } else if (state_ >= step::script_data) {
            at = read_script(at, end);
        } else {
            at = read_raw_text(at, end);
        }
    }
}

void html_tokenizer::machine::set_state(html_tokenizer_state state) noexcept {
    switch (state) {
        case html_tokenizer_state::data: state_ = step::data; break;
        case html_tokenizer_state::rcdata: state_ = step::rcdata; break;
        case html_tokenizer_state::rawtext: state_ = step::rawtext; break;
        case html_tokenizer_state::script_data: state_ = step::script_data; break;
        case html_tokenizer_state::plaintext: state_ = step::plaintext; break;
        case html_tokenizer_state::cdata_section: state_ = step::cdata_section; break;
    }
}

void html_tokenizer::machine::finish() {
    SIMUL_ASSERT(!finished_, "html_tokenizer was finished twice");
    if (held_return_) {
        held_return_ = false;
        piece_offset_ = fed - 1;
        run("\n");
    }
    finished_ = true;
    piece_begin_ = nullptr;
    piece_offset_ = fed;
    if (state_ >= step::character_reference) finish_reference();
    if (state_ >= step::bogus_comment) {
        finish_declaration();
    } else {
        finish_text();
    }
    sink_.end_of_file(fed);
}

void html_tokenizer::machine::finish_text() {
    switch (state_) {
        case step::tag_open:
        case step::end_tag_open:
            report_at(html_error::eof_before_tag_name, fed);
            sink_.characters(state_ == step::tag_open ? "<" : "</", token_offset_);
            break;
        case step::raw_less_than_sign:
        case step::raw_end_tag_open:
        case step::raw_end_tag_name:
        case step::script_data_less_than_sign:
        case step::script_data_escaped_less_than_sign:
            give_pending();
            if (text_state_ == step::script_data_escaped) {
                report_at(html_error::eof_in_script_html_comment_like_text, fed);
            }
            break;
        case step::script_data_escaped:
        case step::script_data_escaped_dash:
        case step::script_data_escaped_dash_dash:
        case step::script_data_double_escape_start:
        case step::script_data_double_escaped:
        case step::script_data_double_escaped_dash:
        case step::script_data_double_escaped_dash_dash:
        case step::script_data_double_escaped_less_than_sign:
        case step::script_data_double_escape_end:
            report_at(html_error::eof_in_script_html_comment_like_text, fed);
            break;
        case step::cdata_section_bracket:
        case step::cdata_section_end:
            sink_.characters(state_ == step::cdata_section_end ? "]]" : "]", token_offset_);
            [[fallthrough]];
        case step::cdata_section: report_at(html_error::eof_in_cdata, fed); break;
        default:
            if (state_ >= step::tag_name) report_at(html_error::eof_in_tag, fed);
            break;
    }
}

void html_tokenizer::machine::give_pending() {
    if (!pending_.empty()) sink_.characters(pending_, pending_offset_);
    pending_.clear();
}

// What follows the CR at `at` decides: CR LF is given as LF with the text behind it.
const char* html_tokenizer::machine::give_line_end(const char* at) {
    if (at[1] != '\n') sink_.characters("\n", offset_of(at));
    return at + 1;
}

const char* html_tokenizer::machine::give_replacement(const char* at) {
    report(html_error::unexpected_null_character, at);
    sink_.characters(replacement, offset_of(at));
    return at + 1;
}

// Appends to the part of `to` that begins at `begin` and may be `limit` long; what is over is cut
// off between two characters. Returns whether something was.
bool html_tokenizer::machine::append(std::string& to, std::size_t begin, std::size_t limit,
                                     std::string_view bytes) {
    const std::size_t room = limit - (to.size() - begin);
    if (bytes.size() <= room) [[likely]] {
        to.append(bytes);
        return false;
    }
    to.append(bytes.substr(0, room));
    if (is_continuation(bytes[room])) {
        while (to.size() > begin && is_continuation(to.back())) to.pop_back();
        if (to.size() > begin) to.pop_back();
    }
    return true;
}

// --- data and tags
// --------------------------------------------------------------------------------

const char* html_tokenizer::machine::read_text_and_tags(const char* at, const char* const end) {
    while (at != end) {
        const char c = *at;
        switch (state_) {
            case step::data: at = read_data(at, end); break;

            case step::tag_open:
                if (is_alpha(c)) [[likely]] {
                    begin_tag(false);
                } else if (c == '/') {
                    state_ = step::end_tag_open;
                    ++at;
                } else if (c == '!') {
                    pending_.clear();
                    state_ = step::markup_declaration_open;
                    return at + 1;
                } else if (c == '?') {
                    report(html_error::unexpected_question_mark_instead_of_tag_name, at);
                    begin_comment();
                    state_ = step::bogus_comment;
                    return at;
                } else {
                    report(html_error::invalid_first_character_of_tag_name, at);
                    sink_.characters("<", token_offset_);
                    state_ = step::data;
                }
                break;

            case step::end_tag_open:
                if (is_alpha(c)) [[likely]] {
                    begin_tag(true);
                } else if (c == '>') {
                    report(html_error::missing_end_tag_name, at);
                    state_ = step::data;
                    ++at;
                } else {
                    report(html_error::invalid_first_character_of_tag_name, at);
                    begin_comment();
                    state_ = step::bogus_comment;
                    return at;
                }
                break;

            case step::tag_name: {
                const char* stop = tag_name_stop.find(at, end);
                if (stop != at) append_tag_name(piece_of(at, stop));
                at = stop;
                if (at == end) return at;
                if (*at == '\0') {
                    report(html_error::unexpected_null_character, at);
                    append_tag_name(replacement);
                    ++at;
                } else if (is_alpha(*at)) {
                    const char letter = lower(*at);
                    append_tag_name({&letter, 1});
                    ++at;
                } else {
                    tag_name_end_ = tag_text_.size();
                    if (*at == '>') {
                        give_tag(at);
                        ++at;
                        if (state_ != step::data) return at;
                    } else {
                        state_ =
                            *at == '/' ? step::self_closing_start_tag : step::before_attribute_name;
                        ++at;
                    }
                }
                break;
            }

            case step::before_attribute_name:
                if (is_space(c)) {
                    ++at;
                } else if (c == '/' || c == '>') {
                    state_ = step::after_attribute_name;
                } else {
                    begin_attribute(at);
                    if (c == '=') {
                        report(html_error::unexpected_equals_sign_before_attribute_name, at);
                        append_attribute_name("=");
                        ++at;
                    }
                }
                break;

            case step::attribute_name: {
                const char* stop = attribute_name_stop.find(at, end);
                if (stop != at) append_attribute_name(piece_of(at, stop));
                at = stop;
                if (at == end) return at;
                if (*at == '=') [[likely]] {
                    finish_attribute_name(at);
                    state_ = step::before_attribute_value;
                    ++at;
                } else if (is_space(*at) || *at == '/' || *at == '>') {
                    finish_attribute_name(at);
                    state_ = step::after_attribute_name;
                } else if (*at == '\0') {
                    report(html_error::unexpected_null_character, at);
                    append_attribute_name(replacement);
                    ++at;
                } else {
                    if (!is_alpha(*at)) {
                        report(html_error::unexpected_character_in_attribute_name, at);
                    }
                    const char letter = lower(*at);
                    append_attribute_name({&letter, 1});
                    ++at;
                }
                break;
            }

            case step::after_attribute_name:
                if (is_space(c)) {
                    ++at;
                } else if (c == '/') {
                    state_ = step::self_closing_start_tag;
                    ++at;
                } else if (c == '=') {
                    state_ = step::before_attribute_value;
                    ++at;
                } else if (c == '>') {
                    give_tag(at);
                    ++at;
                    if (state_ != step::data) return at;
                } else {
                    begin_attribute(at);
                }
                break;

            case step::before_attribute_value:
                if (c == '"') [[likely]] {
                    state_ = step::attribute_value_double_quoted;
                    ++at;
                } else if (c == '\'') {
                    state_ = step::attribute_value_single_quoted;
                    ++at;
                } else if (is_space(c)) {
                    ++at;
                } else if (c == '>') {
                    report(html_error::missing_attribute_value, at);
                    give_tag(at);
                    ++at;
                    if (state_ != step::data) return at;
                } else {
                    state_ = step::attribute_value_unquoted;
                }
                break;

            case step::attribute_value_double_quoted:
            case step::attribute_value_single_quoted: {
                const char* stop = state_ == step::attribute_value_double_quoted
                                       ? find_any<'"', '&', '\r', '\0'>(at, end)
                                       : find_any<'\'', '&', '\r', '\0'>(at, end);
                if (stop != at) append_value(piece_of(at, stop));
                at = stop;
                if (at == end) return at;
                if (*at == '&') {
                    begin_reference(at);
                    return at + 1;
                }
                if (*at == '\r') {
                    at = skip_value_line_end(at);
                } else if (*at == '\0') {
                    report(html_error::unexpected_null_character, at);
                    append_value(replacement);
                    ++at;
                } else {
                    state_ = step::after_attribute_value_quoted;
                    ++at;
                }
                break;
            }

            case step::attribute_value_unquoted: {
                const char* stop = unquoted_value_stop.find(at, end);
                if (stop != at) append_value(piece_of(at, stop));
                at = stop;
                if (at == end) return at;
                if (is_space(*at)) {
                    state_ = step::before_attribute_name;
                    ++at;
                } else if (*at == '>') {
                    give_tag(at);
                    ++at;
                    if (state_ != step::data) return at;
                } else if (*at == '&') {
                    begin_reference(at);
                    return at + 1;
                } else if (*at == '\0') {
                    report(html_error::unexpected_null_character, at);
                    append_value(replacement);
                    ++at;
                } else {
                    report(html_error::unexpected_character_in_unquoted_attribute_value, at);
                    append_value({at, 1});
                    ++at;
                }
                break;
            }

            case step::after_attribute_value_quoted:
                if (c == '>') {
                    give_tag(at);
                    ++at;
                    if (state_ != step::data) return at;
                } else if (is_space(c)) {
                    state_ = step::before_attribute_name;
                    ++at;
                } else if (c == '/') {
                    state_ = step::self_closing_start_tag;
                    ++at;
                } else {
                    report(html_error::missing_whitespace_between_attributes, at);
                    state_ = step::before_attribute_name;
                }
                break;

            case step::self_closing_start_tag:
                if (c == '>') {
                    tag_self_closing_ = true;
                    give_tag(at);
                    ++at;
                    if (state_ != step::data) return at;
                } else {
                    report(html_error::unexpected_solidus_in_tag, at);
                    state_ = step::before_attribute_name;
                }
                break;

            default: return at;
        }
    }
    return at;
}

void html_tokenizer::machine::begin_tag(bool is_end) {
    tag_text_.clear();
    tag_name_end_ = 0;
    records_.clear();
    attribute_open_ = false;
    tag_is_end_ = is_end;
    tag_truncated_ = false;
    tag_self_closing_ = false;
    state_ = step::tag_name;
}

void html_tokenizer::machine::append_tag_name(std::string_view bytes) {
    if (tag_truncated_ || !append(tag_text_, 0, options_.max_tag_name, bytes)) [[likely]]
        return;
    tag_truncated_ = true;
    ++counts.tag_names;
}

void html_tokenizer::machine::begin_attribute(const char* at) {
    finish_attribute();
    attribute_ = {};
    attribute_.offset = offset_of(at);
    attribute_.name_begin = tag_text_.size();
    attribute_open_ = true;
    attribute_full_ = false;
    attribute_kept_ = records_.size() < options_.max_attributes;
    if (!attribute_kept_) {
        tag_truncated_ = true;
        ++counts.attributes;
    }
    state_ = step::attribute_name;
}

void html_tokenizer::machine::append_attribute_name(std::string_view bytes) {
    if (!attribute_kept_ || attribute_full_ ||
        !append(tag_text_, attribute_.name_begin, options_.max_attribute_name, bytes)) [[likely]] {
        return;
    }
    attribute_full_ = true;
    attribute_.truncated = true;
    ++counts.attribute_names;
}

void html_tokenizer::machine::finish_attribute_name(const char* at) {
    attribute_full_ = false;
    attribute_.value_begin = tag_text_.size();
    if (!attribute_kept_) return;
    const std::string_view text = tag_text_;
    const std::string_view name = text.substr(attribute_.name_begin);
    for (const attribute_record& earlier : records_) {
        const std::size_t size = earlier.value_begin - earlier.name_begin;
        if (size == name.size() && text.substr(earlier.name_begin, size) == name) [[unlikely]] {
            report(html_error::duplicate_attribute, at);
            attribute_kept_ = false;
            tag_text_.resize(attribute_.name_begin);
            return;
        }
    }
}

void html_tokenizer::machine::append_value(std::string_view bytes) {
    if (!attribute_kept_ || attribute_full_ ||
        !append(tag_text_, attribute_.value_begin, options_.max_attribute_value, bytes))
        [[likely]] {
        return;
    }
    attribute_full_ = true;
    attribute_.truncated = true;
    ++counts.attribute_values;
}

const char* html_tokenizer::machine::skip_value_line_end(const char* at) {
    if (at[1] != '\n') append_value("\n");
    return at + 1;
}

void html_tokenizer::machine::finish_attribute() {
    if (!attribute_open_) return;
    attribute_open_ = false;
    if (!attribute_kept_) return;
    attribute_.value_end = tag_text_.size();
    records_.push_back(attribute_);
}

void html_tokenizer::machine::give_tag(const char* at) {
    finish_attribute();
    const char* const text = tag_text_.data();
    attributes_.clear();
    for (const attribute_record& record : records_) {
        html_attribute& attribute = attributes_.emplace_back();
        attribute.name = piece_of(text + record.name_begin, text + record.value_begin);
        attribute.value = piece_of(text + record.value_begin, text + record.value_end);
        attribute.offset = record.offset;
        attribute.truncated = record.truncated;
    }
    html_tag tag;
    tag.name = {text, tag_name_end_};
    tag.attributes = attributes_;
    tag.offset = token_offset_;
    tag.self_closing = tag_self_closing_;
    tag.truncated = tag_truncated_;
    state_ = step::data;
    if (tag_is_end_) {
        if (!attributes_.empty()) report(html_error::end_tag_with_attributes, at);
        if (tag_self_closing_) report(html_error::end_tag_with_trailing_solidus, at);
    }
    if (tag_is_end_) {
        sink_.end_tag(tag);
    } else {
        set_last_start_tag(tag.name);
        sink_.start_tag(tag);
    }
}

// --- text without markup
// --------------------------------------------------------------------------

const char* html_tokenizer::machine::read_raw_text(const char* at, const char* const end) {
    keep_last_start_tag();
    while (at != end) {
        const char c = *at;
        switch (state_) {
            case step::rcdata:
            case step::rawtext: {
                const bool references = state_ == step::rcdata;
                const char* stop = references ? find_any<'<', '&', '\r', '\0'>(at, end)
                                              : find_any<'<', '<', '\r', '\0'>(at, end);
                give_text(at, stop);
                at = stop;
                if (at == end) return at;
                if (*at == '<') {
                    token_offset_ = pending_offset_ = offset_of(at);
                    pending_.assign(1, '<');
                    text_state_ = state_;
                    state_ = step::raw_less_than_sign;
                    ++at;
                } else if (*at == '&') {
                    begin_reference(at);
                    return at + 1;
                } else {
                    at = *at == '\r' ? give_line_end(at) : give_replacement(at);
                }
                break;
            }

            case step::raw_less_than_sign:
                if (c == '/') {
                    pending_ += '/';
                    state_ = step::raw_end_tag_open;
                    ++at;
                } else {
                    give_pending();
                    state_ = text_state_;
                }
                break;

            case step::raw_end_tag_open:
                // pending_ is "</": an end tag must go on with the letters of the last start tag.
            case step::raw_end_tag_name: {
                const std::size_t matched = pending_.size() - 2;
                if (is_alpha(c) && matched < last_start_tag_.size() &&
                    lower(c) == last_start_tag_[matched]) {
                    pending_ += c;
                    state_ = step::raw_end_tag_name;
                    ++at;
                } else if (matched > 0 && matched == last_start_tag_.size() &&
                           (is_space(c) || c == '/' || c == '>')) {
                    begin_tag(true);
                    append_tag_name(last_start_tag_);
                    tag_name_end_ = tag_text_.size();
                    pending_.clear();
                    return at;  // the state is tag_name, which ends right here
                } else {
                    give_pending();
                    state_ = text_state_;
                }
                break;
            }

            case step::plaintext: {
                const char* stop = find_any<'\r', '\r', '\r', '\0'>(at, end);
                give_text(at, stop);
                at = stop;
                if (at == end) return at;
                at = *at == '\r' ? give_line_end(at) : give_replacement(at);
                break;
            }

            case step::cdata_section: {
                const char* stop = find_any<']', ']', ']', '\r'>(at, end);
                give_text(at, stop);
                at = stop;
                if (at == end) return at;
                if (*at == '\r') {
                    at = give_line_end(at);
                } else {
                    token_offset_ = offset_of(at);
                    state_ = step::cdata_section_bracket;
                    ++at;
                }
                break;
            }

            case step::cdata_section_bracket:
                if (c == ']') {
                    state_ = step::cdata_section_end;
                    ++at;
                } else {
                    sink_.characters("]", token_offset_);
                    state_ = step::cdata_section;
                }
                break;

            case step::cdata_section_end:
                if (c == '>') {
                    state_ = step::data;
                    return at + 1;
                }
                if (c == ']') {
                    sink_.characters("]", token_offset_);
                    ++token_offset_;
                    ++at;
                } else {
                    sink_.characters("]]", token_offset_);
                    state_ = step::cdata_section;
                }
                break;

            default: return at;
        }
    }
    return at;
}

// --- the public face
// ------------------------------------------------------------------------------

html_tokenizer::html_tokenizer(html_sink& sink, const html_tokenizer_options& options)
    : machine_{std::make_unique<machine>(sink, options)} {}

html_tokenizer::~html_tokenizer() = default;

void html_tokenizer::feed(std::string_view chunk) {
    machine_->feed(chunk);
}

void html_tokenizer::finish() {
    machine_->finish();
}

void html_tokenizer::set_state(html_tokenizer_state state) noexcept {
    machine_->set_state(state);
}

void html_tokenizer::set_last_start_tag(std::string_view name) {
    machine_->set_last_start_tag(name);
}

void html_tokenizer::set_in_foreign_content(bool foreign) noexcept {
    machine_->in_foreign_content = foreign;
}

std::uint64_t html_tokenizer::fed() const noexcept {
    return machine_->fed;
}

const html_limit_counts& html_tokenizer::limit_counts() const noexcept {
    return machine_->counts;
}

// What sinks do not override.
void html_sink::start_tag(const html_tag& /*tag*/) {}
void html_sink::end_tag(const html_tag& /*tag*/) {}
void html_sink::characters(std::string_view /*text*/, std::uint64_t /*offset*/) {}
void html_sink::comment(const html_comment& /*comment*/) {}
void html_sink::doctype(const html_doctype& /*doctype*/) {}
void html_sink::end_of_file(std::uint64_t /*offset*/) {}
void html_sink::parse_error(html_error /*error*/, std::uint64_t /*offset*/) {}

const html_attribute* html_tag::find(std::string_view attribute) const noexcept {
    for (const html_attribute& candidate : attributes) {
        if (candidate.name == attribute) return &candidate;
    }
    return nullptr;
}

std::optional<std::string_view> html_tag::value(std::string_view attribute) const noexcept {
    const html_attribute* found = find(attribute);
    if (found == nullptr) return std::nullopt;
    return found->value;
}

}  // namespace simul::web
