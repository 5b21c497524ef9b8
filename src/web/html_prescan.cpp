// SPDX-License-Identifier: Apache-2.0
#include "simul/web/html_prescan.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "web/html_scan.hpp"

namespace simul::web {

using detail::equals_ignoring_case;
using detail::is_alpha;
using detail::is_space;
using detail::lower;
using detail::strip;

namespace {

constexpr std::size_t prescanned_bytes = 1024;

using label_check = bool (*)(std::string_view);

// The label as it counts; empty if it does not.
std::string accepted(std::string_view label, label_check known) {
    std::string name{strip(label)};
    std::ranges::transform(name, name.begin(), lower);
    static constexpr std::array<std::string_view, 9> utf_16 = {
        "utf-16",    "utf-16le",        "utf-16be",    "unicode",    "ucs-2",
        "csunicode", "iso-10646-ucs-2", "unicodefeff", "unicodefffe"};
    if (std::ranges::find(utf_16, name) != utf_16.end()) name = "utf-8";
    if (name == "x-user-defined") name = "windows-1252";
    if (known != nullptr && !name.empty() && !known(name)) name.clear();
    return name;
}

// "text/html; charset=utf-8" -> utf-8
std::optional<std::string_view> charset_in_content(std::string_view content) {
    std::size_t at = 0;
    const auto skip_space = [&] {
        while (at < content.size() && is_space(content[at])) ++at;
    };
    while (true) {
        constexpr std::string_view keyword = "charset";
        while (at < content.size() &&
               !equals_ignoring_case(content.substr(at, keyword.size()), keyword)) {
            ++at;
        }
        if (at >= content.size()) return std::nullopt;
        at += keyword.size();
        skip_space();
        if (at < content.size() && content[at] == '=') break;
    }
    ++at;
    skip_space();
    if (at >= content.size()) return std::nullopt;
    const char quote = content[at];
    if (quote == '"' || quote == '\'') {
        const std::size_t end = content.find(quote, at + 1);
        if (end == std::string_view::npos) return std::nullopt;
        return content.substr(at + 1, end - at - 1);
    }
    std::size_t end = at;
    while (end < content.size() && !is_space(content[end]) && content[end] != ';') ++end;
    return content.substr(at, end - at);
}

// Reads bytes until there are no more, which ends the whole search.
class prescan {
public:
    prescan(std::string_view bytes, label_check known) : bytes_{bytes}, known_{known} {}

    std::string find() {
        while (!at_end()) {
            if (starts_with("<!--")) {
                // The two dashes may be those of the beginning: "<!-->" is a whole comment.
                const std::size_t end = bytes_.find("-->", at_ + 2);
                if (end == std::string_view::npos) break;
                at_ = end + 3;
            } else if (starts_with("<meta") && at_ + 5 < bytes_.size() &&
                       (is_space(bytes_[at_ + 5]) || bytes_[at_ + 5] == '/')) {
                at_ += 6;
                std::string label = read_meta();
                if (!label.empty()) return label;
            } else if (starts_tag()) {
                while (!at_end() && !is_space(bytes_[at_]) && bytes_[at_] != '>') ++at_;
                attribute ignored;
                while (read_attribute(ignored)) {
                }
            } else if (starts_with("<!") || starts_with("</") || starts_with("<?")) {
                at_ = std::min(bytes_.find('>', at_), bytes_.size());
            } else {
                ++at_;
            }
        }
        return {};
    }

private:
    struct attribute {
        std::string name;
        std::string value;
    };

    [[nodiscard]] bool at_end() const { return at_ >= bytes_.size(); }

    [[nodiscard]] bool starts_with(std::string_view expected) const {
        return equals_ignoring_case(bytes_.substr(at_, expected.size()), expected);
    }

    [[nodiscard]] bool starts_tag() const {
        if (bytes_[at_] != '<') return false;
        const std::size_t letter = at_ + (starts_with("</") ? 2 : 1);
        return letter < bytes_.size() && is_alpha(bytes_[letter]);
    }

    std::string read_meta() {
        bool is_pragma = false;
        std::optional<bool> needs_pragma;
        std::string charset;
        std::array<bool, 3> seen{};  // http-equiv, content, charset: the first of each counts
        attribute found;
        while (read_attribute(found)) {
            const auto first = [&](std::size_t which) { return !std::exchange(seen[which], true); };
            if (found.name == "http-equiv" && first(0)) {
                is_pragma = found.value == "content-type";
            } else if (found.name == "content" && first(1)) {
                const auto named = charset_in_content(found.value);
                std::string label = named ? accepted(*named, known_) : std::string{};
                if (!label.empty() && !needs_pragma) {
                    charset = std::move(label);
                    needs_pragma = true;
                }
            } else if (found.name == "charset" && first(2)) {
                charset = accepted(found.value, known_);
                needs_pragma = false;
            }
        }
        if (at_end()) return {};  // the tag may be cut off
        if (!needs_pragma || (*needs_pragma && !is_pragma)) return {};
        return charset;
    }

    // Reads one attribute; false where the tag ends, or the bytes do.
    bool read_attribute(attribute& into) {
        into.name.clear();
        into.value.clear();
        while (!at_end() && (is_space(bytes_[at_]) || bytes_[at_] == '/')) ++at_;
        if (at_end() || bytes_[at_] == '>') return false;
        for (; !at_end(); ++at_) {
            const char c = bytes_[at_];
            if (c == '=' && !into.name.empty()) {
                ++at_;
                return read_value(into);
            }
            if (c == '/' || c == '>') return true;
            if (is_space(c)) break;
            into.name += lower(c);
        }
        skip_space();
        if (at_end() || bytes_[at_] != '=') return !at_end();
        ++at_;
        return read_value(into);
    }

    bool read_value(attribute& into) {
        skip_space();
        if (at_end()) return false;
        const char quote = bytes_[at_];
        if (quote == '"' || quote == '\'') {
            for (++at_; !at_end(); ++at_) {
                if (bytes_[at_] == quote) {
                    ++at_;
                    return true;
                }
                into.value += lower(bytes_[at_]);
            }
            return false;
        }
        for (; !at_end(); ++at_) {
            if (is_space(bytes_[at_]) || bytes_[at_] == '>') return true;
            into.value += lower(bytes_[at_]);
        }
        return false;
    }

    void skip_space() {
        while (!at_end() && is_space(bytes_[at_])) ++at_;
    }

    std::string_view bytes_;
    label_check known_;
    std::size_t at_ = 0;
};

// <?xml version="1.0" encoding="..."?>
std::string xml_encoding(std::string_view bytes, label_check known) {
    if (!bytes.starts_with("<?xml")) return {};
    const std::size_t end = bytes.find('>');
    if (end == std::string_view::npos) return {};
    const std::string_view declaration = bytes.substr(0, end);
    constexpr std::string_view keyword = "encoding";
    std::size_t at = declaration.find(keyword);
    if (at == std::string_view::npos) return {};
    const auto skip_controls = [&] {
        while (at < declaration.size() && static_cast<unsigned char>(declaration[at]) <= ' ') ++at;
    };
    at += keyword.size();
    skip_controls();
    if (at >= declaration.size() || declaration[at] != '=') return {};
    ++at;
    skip_controls();
    if (at >= declaration.size()) return {};
    const char quote = declaration[at];
    if (quote != '"' && quote != '\'') return {};
    const std::size_t stop = declaration.find(quote, at + 1);
    if (stop == std::string_view::npos) return {};
    const std::string_view label = declaration.substr(at + 1, stop - at - 1);
    const bool has_controls =
        std::ranges::any_of(label, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
    return has_controls ? std::string{} : accepted(label, known);
}

}  // namespace

std::string prescan_charset(std::string_view bytes, bool (*known)(std::string_view label)) {
    using namespace std::string_view_literals;
    bytes = bytes.substr(0, prescanned_bytes);
    // An XML declaration that can be seen to be in UTF-16.
    if (bytes.starts_with("<\0?\0x\0"sv)) return "utf-16le";
    if (bytes.starts_with("\0<\0?\0x"sv)) return "utf-16be";
    std::string label = prescan{bytes, known}.find();
    return label.empty() ? xml_encoding(bytes, known) : label;
}

}  // namespace simul::web
