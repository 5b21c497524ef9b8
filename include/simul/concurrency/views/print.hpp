// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/print.hpp: writes the items down as they pass.
#pragma once

#include <iostream>
#include <string>
#include <utility>

#include "simul/concurrency/views/transform.hpp"

namespace simul::views {

/// Writes each item and `end` to a stream of the standard library and passes the item on.
///
/// Lifetime      `out` must outlive the run of the stream.
/// Source        aiostream's print.
[[nodiscard]] inline auto print(std::ostream& out = std::cout, std::string end = "\n") {
    return views::action([&out, end = std::move(end)](const auto& item) {
        static_assert(requires { out << item; }, "views::print: the items have no operator<<");
        out << item << end;
    });
}

}  // namespace simul::views
