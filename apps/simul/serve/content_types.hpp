// SPDX-License-Identifier: Apache-2.0
//
// serve/content_types.hpp: what a file is, by its name.
#pragma once

#include <string_view>

namespace simul::program {

/// The Content-Type for a file of this name, by what follows its last dot, in either case. Texts
/// are said to be UTF-8; what is not known is application/octet-stream.
[[nodiscard]] std::string_view content_type_of(std::string_view name) noexcept;

}  // namespace simul::program
