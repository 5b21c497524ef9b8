// SPDX-License-Identifier: Apache-2.0
//
// simul/web/html_prescan.hpp: the character encoding that an HTML page says it has.
#pragma once

#include <string>
#include <string_view>

namespace simul::web {

/// The label of the encoding that the beginning of a page declares, in lower case.
///
/// Looks at the first 1,024 bytes for a <meta charset>, a <meta http-equiv=content-type>, or, if
/// there is none, an XML declaration. UTF-16 cannot be declared that way and counts as "utf-8",
/// "x-user-defined" counts as "windows-1252", as the standard has it. A byte order mark and the
/// Content-Type header come before this, and are for the caller.
///
/// A declaration whose label `known` refuses is passed over and the search goes on. Without
/// `known` every label that is not empty is taken.
///
/// Returns       the label, empty if nothing is declared. It is what the page says: look it up.
/// Complexity    O(1): nothing behind the first 1,024 bytes is read.
/// Source        HTML Living Standard, sections 13.2.3.3 "prescan a byte stream" and "get an XML
///               encoding", 2.5.4 "extracting a character encoding from a meta element".
[[nodiscard]] std::string prescan_charset(std::string_view bytes,
                                          bool (*known)(std::string_view label) = nullptr);

}  // namespace simul::web
