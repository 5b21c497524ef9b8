// SPDX-License-Identifier: Apache-2.0
#include "simul/io/detail/stream_result.hpp"

#include <system_error>

#include "simul/base/error.hpp"

namespace simul::detail {

void throw_stream_error(std::ptrdiff_t result) {
    if (result == stream_closed) throw closed{};
    if (result == stream_busy) throw error{errc::busy};
    throw std::system_error{static_cast<int>(-result), std::system_category()};
}

}  // namespace simul::detail
