// SPDX-License-Identifier: Apache-2.0
//
// Tags as nearly all are written, read in one go and without a copy: whole within the chunk, names
// in lower case, values without character references, nothing doubtful. What is not like that is
// left to the state machine, which reads it again from its "<" and knows every error.
#include "web/html_machine.hpp"
#include "web/html_scan.hpp"

namespace simul::web {

using detail::attribute_name_stop;
using detail::find_any;
using detail::is_space;
using detail::piece_of;
using detail::tag_name_stop;
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

// `at` is behind the "<". Gives the tag to the sink and returns what stands behind it, or returns
// nullptr and has done nothing.
const char* html_tokenizer::machine::read_plain_tag(const char* at, const char* const end) {
    const bool is_end = at != end && *at == '/';
    if (is_end) ++at;
    if (at == end || !is_lower(*at)) return nullptr;
    html_tag tag;
    const char* stop = tag_name_stop.find(at, end);
    tag.name = piece_of(at, stop);
    if (tag.name.size() > options_.max_tag_name) return nullptr;
    at = stop;
    attributes_.clear();
    while (true) {
        const char* const next = skip_spaces(at, end);
        if (next == end) return nullptr;
        if (*next == '>') {
            at = next + 1;
            break;
        }
        if (*next == '/') {
            if (end - next < 2 || next[1] != '>') return nullptr;
            tag.self_closing = true;
            at = next + 2;
            break;
        }
        // An attribute, of which an end tag has none, and before which there is a space.
        if (is_end || next == at || attributes_.size() == options_.max_attributes) return nullptr;
        stop = attribute_name_stop.find(next, end);
        html_attribute attribute;
        attribute.name = piece_of(next, stop);
        attribute.offset = offset_of(next);
        if (stop == next || stop == end || attribute.name.size() > options_.max_attribute_name) {
            return nullptr;
        }
        at = stop;
        if (*stop == '=') {
            at = read_plain_value(stop + 1, end, attribute.value);
            if (at == nullptr || attribute.value.size() > options_.max_attribute_value) {
                return nullptr;
            }
        } else if (*stop != '>' && *stop != '/') {
            const char* const behind = skip_spaces(stop, end);
            if (behind == stop || behind == end || *behind == '=') return nullptr;
        }
        for (const html_attribute& earlier : attributes_) {
            if (earlier.name == attribute.name) return nullptr;
        }
        attributes_.push_back(attribute);
    }
    if (is_end && tag.self_closing) return nullptr;
    tag.attributes = attributes_;
    tag.offset = token_offset_;
    hand_over(tag, is_end);
    return at;
}

}  // namespace simul::web
