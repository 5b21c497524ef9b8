// SPDX-License-Identifier: Apache-2.0
//
// The data state, which nearly all of a page is read in, and tags as nearly all are written, read
// in one go and without a copy: whole within the chunk, names in lower case, values without
// character references, nothing doubtful. What is not like that is left to the state machine, which
// reads it again from its "<" and knows every error.
#include "web/html_machine.hpp"
#include "web/html_scan.hpp"

namespace simul::web {

using detail::end_of_name;
using detail::find_any;
using detail::is_space;
using detail::piece_of;
using detail::unquoted_value_stop;

namespace {

constexpr bool is_lower(char c) noexcept {
    return c >= 'a' && c <= 'z';
}

const char* skip_spaces(const char* at, const char* end) noexcept {
    while (at != end && is_space(*at)) ++at;
    return at;
}

// Reads the value that begins at `at` into `value`. Returns what stands behind it, or nullptr if it
// is not plain.
const char* read_plain_value(const char* at, const char* end, std::string_view& value) noexcept {
    if (at == end) return nullptr;
    if (*at == '"' || *at == '\'') {
        const char quote = *at++;
        const char* const stop = quote == '"' ? find_any<'"', '&', '\r', '\0'>(at, end)
                                              : find_any<'\'', '&', '\r', '\0'>(at, end);
        if (stop == end || *stop != quote) return nullptr;
        value = piece_of(at, stop);
        return stop + 1;
    }
    const char* const stop = unquoted_value_stop.find(at, end);
    if (stop == at || stop == end || !(is_space(*stop) || *stop == '>')) return nullptr;
    value = piece_of(at, stop);
    return stop;
}

}  // namespace

// `at` is behind the "<" of what is no end tag. Gives the tag to the sink and returns what stands
// behind it, or returns nullptr and has done nothing.
inline const char* html_tokenizer::machine::read_plain_tag(const char* at, const char* const end) {
    if (at == end || !is_lower(*at)) return nullptr;
    html_tag tag;
    const char* stop = end_of_name(at, end);
    tag.name = piece_of(at, stop);
    if (tag.name.size() > options_.max_tag_name) return nullptr;
    std::size_t count = 0;
    while (true) {
        if (stop == end) return nullptr;
        if (*stop == '>') break;
        at = stop + (*stop == ' ' ? 1 : 0);
        if (at != end && is_space(*at)) [[unlikely]]
            at = skip_spaces(at, end);
        if (at == end) return nullptr;
        if (*at == '>') {
            stop = at;
            break;
        }
        if (*at == '/') {
            stop = at + 1;
            if (stop == end || *stop != '>') return nullptr;
            tag.self_closing = true;
            break;
        }
        // An attribute, before which there is a space.
        if (at == stop || count == plain_attributes_.size() || count == options_.max_attributes) {
            return nullptr;
        }
        stop = end_of_name(at, end);
        html_attribute& attribute = plain_attributes_[count];
        attribute.name = piece_of(at, stop);
        attribute.value = {};
        attribute.offset = offset_of(at);
        if (stop == at || stop == end || attribute.name.size() > options_.max_attribute_name) {
            return nullptr;
        }
        for (std::size_t earlier = 0; earlier != count; ++earlier) {
            if (plain_attributes_[earlier].name == attribute.name) return nullptr;
        }
        ++count;
        if (*stop == '=') {
            stop = read_plain_value(stop + 1, end, attribute.value);
            if (stop == nullptr || attribute.value.size() > options_.max_attribute_value) {
                return nullptr;
            }
        } else if (*stop != '>' && *stop != '/') {
            const char* const behind = skip_spaces(stop, end);
            if (behind == stop || behind == end || *behind == '=') return nullptr;
        }
    }
    tag.attributes = std::span{plain_attributes_}.first(count);
    tag.offset = token_offset_;
    plain_start_tag_ = tag.name;
    sink_.start_tag(tag);
    return stop + 1;
}

// The same for an end tag, `at` being behind the "</".
inline const char* html_tokenizer::machine::read_plain_end_tag(const char* at,
                                                               const char* const end) {
    if (at == end || !is_lower(*at)) return nullptr;
    const char* const stop = end_of_name(at, end);
    if (stop == end || *stop != '>') return nullptr;
    html_tag tag;
    tag.name = piece_of(at, stop);
    if (tag.name.size() > options_.max_tag_name) return nullptr;
    tag.offset = token_offset_;
    sink_.end_tag(tag);
    return stop + 1;
}

// The data state, until something comes for which there is another one.
const char* html_tokenizer::machine::read_data(const char* at, const char* const end) {
    while (at != end && state_ == step::data) {
        if (*at != '<') {  // half of all tags stand right behind another
            const char* const stop = find_any<'<', '&', '\r', '\0'>(at, end);
            give_text(at, stop);
            at = stop;
            if (at == end) break;
        }
        if (*at == '<') [[likely]] {
            token_offset_ = offset_of(at);
            ++at;
            const bool ends = at != end && *at == '/';
            const char* const behind =
                ends ? read_plain_end_tag(at + 1, end) : read_plain_tag(at, end);
            if (behind == nullptr) [[unlikely]] {
                state_ = step::tag_open;
            } else {
                at = behind;
            }
        } else if (*at == '&') {
            const char* const behind = read_plain_reference(at + 1, end);
            if (behind == nullptr) [[unlikely]] {
                begin_reference(at);
                ++at;
            } else {
                at = behind;
            }
        } else if (*at == '\r') {
            at = give_line_end(at);
        } else {
            report(html_error::unexpected_null_character, at);
            give_text(at, at + 1);
            ++at;
        }
    }
    return at;
}

}  // namespace simul::web
