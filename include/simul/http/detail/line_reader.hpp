// SPDX-License-Identifier: Apache-2.0
//
// simul/http/detail/line_reader.hpp: lines and header fields out of bytes that come in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "simul/http/headers.hpp"

namespace simul::http::detail {

/// Cuts bytes into lines. A line that lies within one piece is not copied.
class line_reader {
public:
    enum class result : std::uint8_t { incomplete, line, too_long };

    /// Takes the next line, or all bytes if its end is not there yet. It is too long if it has more
    /// than `limit` bytes before its end; a CR that may belong to the end does not count.
    result next(std::span<const std::byte>& input, std::size_t limit);

    /// The line, without its end; until the next call of next.
    [[nodiscard]] std::string_view text() const noexcept { return text_; }

    /// Whether the line ended with LF alone.
    [[nodiscard]] bool has_bare_end() const noexcept { return bare_; }

    /// The bytes of the line with its end.
    [[nodiscard]] std::size_t size() const noexcept { return text_.size() + (bare_ ? 1 : 2); }

    /// Forgets the line, or the beginning of one.
    void restart() noexcept {
        pending_.clear();
        taken_ = false;
    }

private:
    std::string pending_;    ///< the beginning of a line whose end is to come
    std::string_view text_;  ///< into the input or into pending_
    bool bare_ = false;
    bool taken_ = false;  ///< pending_ was given out as text_
};

/// What holds for a block of fields.
struct field_rules {
    std::size_t field;
    std::size_t block;
    std::size_t fields;
    bool is_lenient;  ///< a line may end with LF alone, a value may hold controls
    bool is_trailer;  ///< whatever is too much is trailers_too_large
};

/// Reads the field lines of one block, up to the empty line.
class field_block {
public:
    /// Adds the fields whose lines are there.
    ///
    /// Returns       whether the empty line was met.
    bool read(line_reader& lines, std::span<const std::byte>& input, const field_rules& rules,
              headers& fields);

private:
    std::size_t used_ = 0;
};

}  // namespace simul::http::detail
