// SPDX-License-Identifier: Apache-2.0
#include "simul/http/detail/line_reader.hpp"

#include <algorithm>
#include <cstring>

#include "http/characters.hpp"
#include "http/failure.hpp"
#include "simul/base/bytes.hpp"
#include "simul/http/error.hpp"

namespace simul::http::detail {

void fail(errc code) {
    throw std::system_error{make_error_code(code)};
}

line_reader::result line_reader::next(std::span<const std::byte>& input, std::size_t limit) {
    if (taken_) {
        pending_.clear();
        taken_ = false;
    }
    if (input.empty()) return result::incomplete;
    const void* found = std::memchr(input.data(), '\n', input.size());
    const std::size_t length =
        found != nullptr
            ? static_cast<std::size_t>(static_cast<const std::byte*>(found) - input.data())
            : input.size();
    const std::string_view piece = text_of(input.first(length));

    // The last byte before the line feed, or before what is still to come.
    const bool ends_with_cr = piece.empty() ? pending_.ends_with('\r') : piece.back() == '\r';
    if (pending_.size() + piece.size() - (ends_with_cr ? 1 : 0) > limit) return result::too_long;

    if (found == nullptr) {
        pending_.append(piece);
        input = {};
        return result::incomplete;
    }
    input = input.subspan(length + 1);
    if (pending_.empty()) {
        text_ = piece;
    } else {
        pending_.append(piece);
        text_ = pending_;
        taken_ = true;
    }
    bare_ = !ends_with_cr;
    if (ends_with_cr) text_.remove_suffix(1);
    return result::line;
}

namespace {

void add_field(std::string_view line, bool is_lenient, headers& fields) {
    // A name is a token: this refuses folded lines, spaces before the colon and empty names.
    const auto end = std::ranges::find_if_not(line, is_token_character);
    if (end == line.begin() || end == line.end() || *end != ':') fail(errc::malformed_header);
    const auto colon = static_cast<std::size_t>(end - line.begin());
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (is_lenient ? has_line_breaker(value) : has_control(value)) fail(errc::malformed_header);
    fields.add_unchecked(line.substr(0, colon), value);
}

}  // namespace

bool field_block::read(line_reader& lines, std::span<const std::byte>& input,
                       const field_rules& rules, headers& fields) {
    const auto too_much = [&](errc code) {
        fail(rules.is_trailer ? errc::trailers_too_large : code);
    };
    while (true) {
        const std::size_t left = rules.block - used_;
        switch (lines.next(input, std::min(rules.field, left))) {
            case line_reader::result::incomplete: return false;
            case line_reader::result::too_long:
                too_much(rules.field <= left ? errc::field_too_large : errc::header_too_large);
                break;
            case line_reader::result::line: break;
        }
        if (lines.has_bare_end() && !rules.is_lenient) fail(errc::malformed_header);
        if (lines.text().empty()) return true;
        if (lines.size() > left) too_much(errc::header_too_large);
        if (fields.size() == rules.fields) too_much(errc::too_many_fields);
        used_ += lines.size();
        add_field(lines.text(), rules.is_lenient, fields);
    }
}

}  // namespace simul::http::detail
