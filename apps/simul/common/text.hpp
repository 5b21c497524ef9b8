// SPDX-License-Identifier: Apache-2.0
//
// common/text.hpp: text from the web on its way to a terminal or into a table.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace simul::program {

/// A text as it may be shown: control characters, escapes, characters that change the direction of
/// writing, and bytes that are no UTF-8 appear as \xHH or \u{HHHH}; longer than `most` bytes it is
/// cut, with an ellipsis.
[[nodiscard]] std::string printable(std::string_view text, std::size_t most = 4096);

/// A text as one cell of a table with tabs: tab, line ends, backslash and other controls are
/// escaped as \t, \n, \r, \\ and \xHH. Nothing is cut.
[[nodiscard]] std::string table_cell(std::string_view text);
void append_table_cell(std::string& to, std::string_view text);

}  // namespace simul::program
