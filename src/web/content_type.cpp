// SPDX-License-Identifier: Apache-2.0
#include "simul/web/content_type.hpp"

#include <algorithm>

namespace simul::web {

namespace {

constexpr std::string_view blanks = "\t\n\r ";

bool is_token_character(char character) noexcept {
    if (character >= 'a' && character <= 'z') return true;
    if (character >= 'A' && character <= 'Z') return true;
    if (character >= '0' && character <= '9') return true;
    return character != '\0' &&
           std::string_view{"!#$%&'*+-.^_`|~"}.find(character) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, is_token_character);
}

bool is_quotable(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char character) {
        const auto byte = static_cast<unsigned char>(character);
        return byte == '\t' || (byte >= ' ' && byte != 0x7f);
    });
}

std::string in_lower_case(std::string_view text) {
    std::string lower{text};
    for (char& character : lower) {
        if (character >= 'A' && character <= 'Z') {
            character = static_cast<char>(character - 'A' + 'a');
        }
    }
    return lower;
}

std::string_view without_blanks_behind(std::string_view text) noexcept {
    const auto last = text.find_last_not_of(blanks);
    return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

// Reads on: the functions take from the front of `rest` what they give back.
struct reader {
    std::string_view rest;

    std::string_view up_to(std::string_view ends) noexcept {
        const auto taken = rest.substr(0, rest.find_first_of(ends));
        rest.remove_prefix(taken.size());
        return taken;
    }

    void skip_blanks() noexcept {
        rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
    }

    // What stands between quotes, `rest` being behind the opening one. The closing one may be
    // missing; a backslash that ends everything is itself.
    std::string quoted() {
        std::string text;
        while (true) {
            text.append(up_to("\"\\"));
            if (rest.empty()) return text;
            const char met = rest.front();
            rest.remove_prefix(1);
            if (met == '"') return text;
            if (rest.empty()) {
                text.push_back('\\');
                return text;
            }
            text.push_back(rest.front());
            rest.remove_prefix(1);
        }
    }
};

}  // namespace

std::optional<content_type> content_type::parse(std::string_view value) {
    reader reads{without_blanks_behind(value)};
    reads.skip_blanks();
    const std::string_view type = reads.up_to("/");
    if (!is_token(type) || reads.rest.empty()) return std::nullopt;
    reads.rest.remove_prefix(1);
    const std::string_view subtype = without_blanks_behind(reads.up_to(";"));
    if (!is_token(subtype)) return std::nullopt;

    content_type parsed;
    parsed.slash_ = type.size();
    parsed.essence_ = in_lower_case(type);
    parsed.essence_.push_back('/');
    parsed.essence_.append(in_lower_case(subtype));

    while (!reads.rest.empty() && parsed.parameters_.size() < max_parameters) {
        reads.rest.remove_prefix(1);  // the semicolon
        reads.skip_blanks();
        const std::string name = in_lower_case(reads.up_to(";="));
        if (reads.rest.empty()) break;
        if (reads.rest.front() == ';') continue;
        reads.rest.remove_prefix(1);  // the sign of equality
        std::string text;
        if (reads.rest.starts_with('"')) {
            reads.rest.remove_prefix(1);
            text = reads.quoted();
            static_cast<void>(reads.up_to(";"));
        } else {
            text = without_blanks_behind(reads.up_to(";"));
            if (text.empty()) continue;
        }
        if (is_token(name) && is_quotable(text) && !parsed.parameter(name)) {
            parsed.parameters_.emplace_back(name, std::move(text));
        }
    }
    return parsed;
}

std::optional<std::string_view> content_type::parameter(std::string_view name) const noexcept {
    for (const auto& [known, value] : parameters_) {
        if (known == name) return value;
    }
    return std::nullopt;
}

bool content_type::is_xml() const noexcept {
    return essence_ == "text/xml" || essence_ == "application/xml" || subtype().ends_with("+xml");
}

bool content_type::is_json() const noexcept {
    return essence_ == "application/json" || essence_ == "text/json" ||
           subtype().ends_with("+json");
}

bool content_type::is_text() const noexcept {
    return type() == "text" || is_xml() || is_json() || essence_ == "application/javascript" ||
           essence_ == "application/ecmascript" || essence_ == "application/x-javascript";
}

std::string content_type::to_string() const {
    std::string text = essence_;
    for (const auto& [name, value] : parameters_) {
        text.push_back(';');
        text.append(name);
        text.push_back('=');
        if (is_token(value)) {
            text.append(value);
            continue;
        }
        text.push_back('"');
        for (const char character : value) {
            if (character == '"' || character == '\\') text.push_back('\\');
            text.push_back(character);
        }
        text.push_back('"');
    }
    return text;
}

}  // namespace simul::web
