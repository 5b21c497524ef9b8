// SPDX-License-Identifier: Apache-2.0
#include "simul/http/headers.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "http/characters.hpp"
#include "simul/http/error.hpp"

namespace simul::http {

namespace {

// Calls `visit` with each element of a list until it returns true; tells whether it did.
template <typename Visit>
bool any_element(std::string_view list, Visit visit) {
    std::size_t from = 0;
    while (from <= list.size()) {
        bool quoted = false;
        std::size_t end = from;
        for (; end < list.size(); ++end) {
            const char c = list[end];
            if (quoted && c == '\\') {
                ++end;
            } else if (c == '"') {
                quoted = !quoted;
            } else if (c == ',' && !quoted) {
                break;
            }
        }
        end = std::min(end, list.size());
        const std::string_view element = detail::trimmed(list.substr(from, end - from));
        if (!element.empty() && visit(element)) return true;
        from = end + 1;
    }
    return false;
}

void check(std::string_view name, std::string_view value) {
    if (!is_token(name)) throw std::system_error{make_error_code(errc::bad_header_name)};
    // The name is harmless by now and tells where to look.
    if (!is_field_value(value)) {
        throw std::system_error{make_error_code(errc::bad_header_value), std::string{name}};
    }
}

}  // namespace

bool equals_ignoring_case(std::string_view left, std::string_view right) noexcept {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
        if (left[i] != right[i] && detail::lower(left[i]) != detail::lower(right[i])) return false;
    }
    return true;
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, detail::is_token_character);
}

bool is_field_value(std::string_view text) noexcept {
    return !detail::has_control(text);
}

headers::headers(std::initializer_list<header_field> fields) {
    for (const header_field& field : fields) add(field.name, field.value);
}

void headers::add(std::string_view name, std::string_view value) {
    check(name, value);
    add_unchecked(name, detail::trimmed(value));
}

void headers::add_unchecked(std::string_view name, std::string_view value) {
    if (entries_.capacity() == 0) entries_.reserve(16);
    // Should there be no memory for the entry, the text is left with a gap at its end.
    const entry added = append_text(name, value);
    entries_.push_back(added);
}

void headers::set(std::string_view name, std::string_view value) {
    check(name, value);
    const std::size_t first = find(name, 0);
    if (first == npos) {
        add_unchecked(name, detail::trimmed(value));
        return;
    }
    // `name` may lie within the text that append_text replaces; the new copy of it does not.
    entries_[first] = append_text(name, detail::trimmed(value));
    remove_from((*this)[first].name, first + 1);
    close_gaps();
}

std::size_t headers::remove(std::string_view name) {
    const std::size_t removed = remove_from(name, 0);
    if (removed != 0) close_gaps();
    return removed;
}

void headers::clear() noexcept {
    entries_.clear();
    text_.clear();
}

std::optional<std::string_view> headers::get(std::string_view name) const noexcept {
    const std::size_t index = find(name, 0);
    if (index == npos) return std::nullopt;
    return (*this)[index].value;
}

std::vector<std::string_view> headers::get_all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (std::size_t i = find(name, 0); i != npos; i = find(name, i + 1)) {
        values.push_back((*this)[i].value);
    }
    return values;
}

std::vector<std::string_view> headers::get_list(std::string_view name) const {
    std::vector<std::string_view> elements;
    for (std::size_t i = find(name, 0); i != npos; i = find(name, i + 1)) {
        any_element((*this)[i].value, [&](std::string_view element) {
            elements.push_back(element);
            return false;
        });
    }
    return elements;
}

bool headers::contains(std::string_view name) const noexcept {
    return find(name, 0) != npos;
}

std::size_t headers::count(std::string_view name) const noexcept {
    std::size_t found = 0;
    for (std::size_t i = find(name, 0); i != npos; i = find(name, i + 1)) ++found;
    return found;
}

bool headers::has_token(std::string_view name, std::string_view token) const noexcept {
    for (std::size_t i = find(name, 0); i != npos; i = find(name, i + 1)) {
        if (any_element((*this)[i].value, [&](std::string_view element) {
                return equals_ignoring_case(element, token);
            })) {
            return true;
        }
    }
    return false;
}

header_field headers::operator[](std::size_t index) const noexcept {
    const entry& place = entries_[index];
    const char* const text = text_.data() + place.offset;
    return {{text, place.name_size}, {text + place.name_size, place.value_size}};
}

void headers::reserve(std::size_t fields, std::size_t characters) {
    entries_.reserve(fields);
    text_.reserve(characters);
}

bool operator==(const headers& left, const headers& right) noexcept {
    return std::ranges::equal(left, right, [](header_field a, header_field b) {
        return a.value == b.value && equals_ignoring_case(a.name, b.name);
    });
}

std::size_t headers::find(std::string_view name, std::size_t from) const noexcept {
    for (std::size_t i = from; i < entries_.size(); ++i) {
        const entry& place = entries_[i];
        if (place.name_size == name.size() &&
            equals_ignoring_case({text_.data() + place.offset, place.name_size}, name)) {
            return i;
        }
    }
    return npos;
}

headers::entry headers::append_text(std::string_view name, std::string_view value) {
    const std::size_t offset = text_.size();
    const std::size_t needed = offset + name.size() + value.size();
    if (needed > std::numeric_limits<std::uint32_t>::max()) {
        throw std::length_error{"simul::http::headers: more than 4 GiB"};
    }
    if (needed > text_.capacity()) {
        // Into a new string, for the views may point into the old one.
        std::string larger;
        larger.reserve(std::max({needed, 2 * text_.capacity(), std::size_t{512}}));
        larger.append(text_).append(name).append(value);
        text_.swap(larger);
    } else {
        text_.append(name).append(value);
    }
    return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(name.size()),
            static_cast<std::uint32_t>(value.size())};
}

std::size_t headers::remove_from(std::string_view name, std::size_t from) {
    const std::size_t before = entries_.size();
    std::size_t kept = from;
    for (std::size_t i = from; i < before; ++i) {
        if (!equals_ignoring_case((*this)[i].name, name)) entries_[kept++] = entries_[i];
    }
    entries_.resize(std::min(kept, before));
    return before - entries_.size();
}

void headers::close_gaps() {
    std::size_t live = 0;
    for (const entry& place : entries_) live += std::size_t{place.name_size} + place.value_size;
    if (live * 2 >= text_.size()) return;
    std::string packed;
    packed.reserve(live);
    for (entry& place : entries_) {
        const auto offset = static_cast<std::uint32_t>(packed.size());
        packed.append(text_, place.offset, std::size_t{place.name_size} + place.value_size);
        place.offset = offset;
    }
    text_.swap(packed);
}

}  // namespace simul::http
