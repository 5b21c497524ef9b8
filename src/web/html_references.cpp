// SPDX-License-Identifier: Apache-2.0
//
// The states of the tokenizer for character references, and the errors of the input itself.
#include "web/html_machine.hpp"
#include "web/html_scan.hpp"

namespace simul::web {

using detail::is_alnum;
using detail::is_digit;
using detail::piece_of;

namespace {

// The value of a hexadecimal digit, or 16.
constexpr std::uint32_t hexadecimal(char c) noexcept {
    if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint32_t>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<std::uint32_t>(c - 'A') + 10;
    return 16;
}

// Anything above the last code point is as wrong as anything else there.
constexpr std::uint32_t add_digit(std::uint32_t number, std::uint32_t base,
                                  std::uint32_t digit) noexcept {
    const std::uint32_t sum = number * base + digit;
    return sum > 0x10FFFF ? 0x110000 : sum;
}

}  // namespace

// A reference in the data state, whole within the chunk and without an error; `at` is behind the
// "&". Gives its text to the sink and returns what stands behind it, or returns nullptr and has
// done nothing.
const char* html_tokenizer::machine::read_plain_reference(const char* at, const char* const end) {
    const char* behind = at;
    detail::encoded_text text;
    if (at != end && *at == '#') {
        std::uint32_t number = 0;
        for (++behind; behind != end && is_digit(*behind); ++behind) {
            number = add_digit(number, 10, hexadecimal(*behind));
        }
        if (behind == at + 1 || behind == end || *behind != ';') return nullptr;
        ++behind;
        const detail::numeric_reference meant = detail::decode_numeric_reference(number);
        if (meant.error) return nullptr;
        text.append(meant.code_point);
    } else {
        // A name with its semicolon is the longest there is at this place.
        while (behind != end && is_alnum(*behind)) ++behind;
        if (behind == end || *behind != ';') return nullptr;
        ++behind;
        const detail::reference_text* const meant = detail::find_reference(piece_of(at, behind));
        if (meant == nullptr) return nullptr;
        text.append(meant->first);
        if (meant->second != 0) text.append(meant->second);
    }
    sink_.characters(text.view(), offset_of(at - 1));
    return behind;
}

// Called in the state that the reference stands in.
void html_tokenizer::machine::begin_reference(const char* at) {
    pending_.assign(1, '&');
    pending_offset_ = offset_of(at);
    return_state_ = state_;
    state_ = step::character_reference;
}

bool html_tokenizer::machine::reference_in_attribute() const noexcept {
    return return_state_ != step::data && return_state_ != step::rcdata;
}

// Gives what was read as the text that it is.
void html_tokenizer::machine::flush_reference() {
    give_reference(pending_);
    pending_.clear();
}

void html_tokenizer::machine::give_reference(std::string_view text) {
    if (text.empty()) return;
    if (reference_in_attribute()) {
        append_value(text);
    } else {
        sink_.characters(text, pending_offset_);
    }
}

const char* html_tokenizer::machine::read_reference(const char* at, const char* const end) {
    while (at != end) {
        const char c = *at;
        switch (state_) {
            case step::character_reference:
                if (is_alnum(c)) {
                    search_.restart();
                    state_ = step::named_character_reference;
                } else if (c == '#') {
                    pending_ += c;
                    reference_number_ = 0;
                    state_ = step::numeric_character_reference;
                    ++at;
                } else {
                    flush_reference();
                    state_ = return_state_;
                    return at;
                }
                break;

            case step::named_character_reference:
                if (search_.take(c)) {
                    pending_ += c;
                    ++at;
                } else {
                    finish_named_reference(at, false);
                }
                break;

            case step::ambiguous_ampersand:
                if (is_alnum(c)) {
                    pending_offset_ = offset_of(at);
                    give_reference({at, 1});
                    ++at;
                    break;
                }
                if (c == ';') report(html_error::unknown_named_character_reference, at);
                state_ = return_state_;
                return at;

            case step::numeric_character_reference:
                if (c == 'x' || c == 'X') {
                    pending_ += c;
                    state_ = step::hexadecimal_character_reference_start;
                    ++at;
                } else if (is_digit(c)) {
                    state_ = step::decimal_character_reference;
                } else {
                    report(html_error::absence_of_digits_in_numeric_character_reference, at);
                    flush_reference();
                    state_ = return_state_;
                    return at;
                }
                break;

            case step::hexadecimal_character_reference_start:
                if (hexadecimal(c) < 16) {
                    state_ = step::hexadecimal_character_reference;
                } else {
                    report(html_error::absence_of_digits_in_numeric_character_reference, at);
                    flush_reference();
                    state_ = return_state_;
                    return at;
                }
                break;

            case step::hexadecimal_character_reference:
            case step::decimal_character_reference: {
                const std::uint32_t base = state_ == step::decimal_character_reference ? 10 : 16;
                const std::uint32_t digit = hexadecimal(c);
                if (digit < base) {
                    reference_number_ = add_digit(reference_number_, base, digit);
                    ++at;
                    break;
                }
                if (c == ';') {
                    finish_numeric_reference(at + 1);
                    return at + 1;
                }
                report(html_error::missing_semicolon_after_character_reference, at);
                finish_numeric_reference(at);
                return at;
            }

            default: return at;
        }
    }
    return at;
}

// `at` is the first byte that no name goes on with; there is none at the end of the document.
void html_tokenizer::machine::finish_named_reference(const char* at, bool at_end) {
    const std::size_t matched = search_.matched();
    if (matched == 0) {
        flush_reference();
        state_ = step::ambiguous_ampersand;
        return;
    }
    state_ = return_state_;
    const std::string_view read = pending_;  // "&", the name, and what looked like a longer one
    const bool ended = read[matched] == ';';
    if (!ended) {
        char next = '\0';
        if (read.size() > matched + 1) {
            next = read[matched + 1];
        } else if (!at_end) {
            next = *at;
        }
        if (reference_in_attribute() && (next == '=' || is_alnum(next))) {
            flush_reference();  // "?a=1&copy=2" is no copyright sign
            return;
        }
        report_at(html_error::missing_semicolon_after_character_reference,
                  pending_offset_ + matched + 1);
    }
    const detail::reference_text meant = search_.text();
    detail::encoded_text text;
    text.append(meant.first);
    if (meant.second != 0) text.append(meant.second);
    give_reference(text.view());
    pending_.erase(0, matched + 1);
    pending_offset_ += matched + 1;
    flush_reference();
}

void html_tokenizer::machine::finish_numeric_reference(const char* at) {
    const detail::numeric_reference meant = detail::decode_numeric_reference(reference_number_);
    if (meant.error) report_at(*meant.error, at == nullptr ? fed : offset_of(at));
    detail::encoded_text text;
    text.append(meant.code_point);
    state_ = return_state_;
    give_reference(text.view());
    pending_.clear();
}

// The document ends inside of a reference: what it was is settled, and the state is the one that
// the reference stood in.
void html_tokenizer::machine::finish_reference() {
    switch (state_) {
        case step::named_character_reference: finish_named_reference(nullptr, true); break;
        case step::numeric_character_reference:
        case step::hexadecimal_character_reference_start:
            report_at(html_error::absence_of_digits_in_numeric_character_reference, fed);
            flush_reference();
            break;
        case step::hexadecimal_character_reference:
        case step::decimal_character_reference:
            report_at(html_error::missing_semicolon_after_character_reference, fed);
            finish_numeric_reference(nullptr);
            break;
        default: flush_reference(); break;
    }
    state_ = return_state_;
}

// --- the input itself
// -----------------------------------------------------------------------------

void html_tokenizer::machine::check_input(std::string_view chunk) {
    std::uint64_t offset = fed;
    for (const char byte : chunk) {
        const auto value = static_cast<unsigned char>(byte);
        if ((value & 0xC0) == 0x80) {
            if (character_rest_ != 0) {
                character_ = character_ << 6 | (value & 0x3F);
                if (--character_rest_ == 0) check_character(character_, character_offset_);
            }
        } else {
            character_offset_ = offset;
            character_rest_ = value < 0xC0 ? 0 : value < 0xE0 ? 1 : value < 0xF0 ? 2 : 3;
            character_ = value < 0xC0 ? value : value & (0x3FU >> character_rest_);
            if (character_rest_ == 0) check_character(character_, offset);
        }
        ++offset;
    }
}

void html_tokenizer::machine::check_character(char32_t character, std::uint64_t offset) {
    if (character >= 0xD800 && character <= 0xDFFF) {
        report_at(html_error::surrogate_in_input_stream, offset);
    } else if (detail::is_noncharacter(character)) {
        report_at(html_error::noncharacter_in_input_stream, offset);
    } else if (character < 0x20) {
        const bool allowed = character == 0 || character == '\t' || character == '\n' ||
                             character == '\f' || character == '\r';
        if (!allowed) report_at(html_error::control_character_in_input_stream, offset);
    } else if (character >= 0x7F && character <= 0x9F) {
        report_at(html_error::control_character_in_input_stream, offset);
    }
}

}  // namespace simul::web
