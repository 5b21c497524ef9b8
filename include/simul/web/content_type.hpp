// SPDX-License-Identifier: Apache-2.0
//
// simul/web/content_type.hpp: what a Content-Type says.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace simul::web {

/// A media type such as `text/html;charset=utf-8`, read the way browsers read it: what cannot be
/// understood of the parameters is left out, and only a missing or impossible type makes the whole
/// impossible. Bytes from 0x80 on are allowed in the values of parameters and kept as they are.
///
///     if (auto type = content_type::parse(response.field("content-type"))) {
///         if (type->is_html()) …
///     }
///
/// Source        WHATWG MIME Sniffing, "parsing a MIME type" and "serializing a MIME type".
class content_type {
public:
    /// How many parameters are kept; further ones are left out.
    static constexpr std::size_t max_parameters = 64;

    /// Reads the value of one Content-Type field.
    ///
    /// Returns       nothing if there is no type, no subtype, or an impossible character in them.
    /// Complexity    O(length).
    [[nodiscard]] static std::optional<content_type> parse(std::string_view value);

    /// Type and subtype in lower case, `text/html`.
    [[nodiscard]] const std::string& essence() const noexcept { return essence_; }
    /// What stands before and behind the slash, in lower case.
    [[nodiscard]] std::string_view type() const noexcept {
        return std::string_view{essence_}.substr(0, slash_);
    }
    [[nodiscard]] std::string_view subtype() const noexcept {
        return std::string_view{essence_}.substr(slash_ + 1);
    }

    /// Names in lower case, values as they are, in the order they came; no name twice.
    [[nodiscard]] std::span<const std::pair<std::string, std::string>> parameters() const noexcept {
        return parameters_;
    }
    /// The value of the parameter of this name, which is given in lower case.
    [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const noexcept;
    /// The label of the encoding, to be looked up with encoding_of_label().
    [[nodiscard]] std::optional<std::string_view> charset() const noexcept {
        return parameter("charset");
    }

    /// `text/html`.
    [[nodiscard]] bool is_html() const noexcept { return essence_ == "text/html"; }
    /// `application/xhtml+xml`.
    [[nodiscard]] bool is_xhtml() const noexcept { return essence_ == "application/xhtml+xml"; }
    /// `text/xml`, `application/xml`, and all that end in `+xml`.
    [[nodiscard]] bool is_xml() const noexcept;
    /// `application/json`, `text/json`, and all that end in `+json`.
    [[nodiscard]] bool is_json() const noexcept;
    /// `text/…`, XML, JSON, and the script types of `application/…`: has characters, not just
    /// bytes.
    [[nodiscard]] bool is_text() const noexcept;

    /// The whole in its normal form: parameters without blanks, quoted only where they must be.
    [[nodiscard]] std::string to_string() const;

private:
    std::string essence_;
    std::size_t slash_ = 0;
    std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace simul::web
