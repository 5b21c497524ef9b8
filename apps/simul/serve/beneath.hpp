// SPDX-License-Identifier: Apache-2.0
//
// serve/beneath.hpp: names resolved below a directory that cannot be left.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "simul/base/unique_fd.hpp"

namespace simul::program {

/// What a name leads to.
class found_file {
public:
    found_file() noexcept {}

    enum class kind : std::uint8_t { none, forbidden, directory, regular };

    kind what = kind::none;
    unique_fd descriptor;  ///< of a regular file: its place only (O_PATH), not opened for reading
    std::uint64_t size = 0;
    std::chrono::sys_time<std::chrono::nanoseconds> modified;
};

/// Resolves a relative name below a directory; an empty one is the directory itself. Blocks: call
/// it through offload.
///
/// Returns       forbidden  the name leads out of the directory, through a directory that may not
///                          be searched, or to something that is neither file nor directory.
///               none       there is nothing of that name, or its links go round in a circle.
/// Errors        std::system_error with any other code of openat2(2) or fstat(2).
[[nodiscard]] found_file find_beneath(int directory, const std::string& name);

/// The same without openat2(2): no links are followed. A name that ends with one is forbidden, and
/// behind one there is nothing.
[[nodiscard]] found_file find_beneath_without_links(int directory, const std::string& name);

}  // namespace simul::program
