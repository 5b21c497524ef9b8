// SPDX-License-Identifier: Apache-2.0
#include "http/connection.hpp"

#include <algorithm>

namespace simul::http::detail {

std::span<std::byte> connection::room() noexcept {
    if (begin_ == end_) {
        begin_ = end_ = 0;
    } else if (end_ == input_.size()) {
        std::copy(input_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  input_.begin() + static_cast<std::ptrdiff_t>(end_), input_.begin());
        end_ -= begin_;
        begin_ = 0;
    }
    return std::span{input_}.subspan(end_);
}

}  // namespace simul::http::detail
