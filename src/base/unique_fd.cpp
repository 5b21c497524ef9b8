// SPDX-License-Identifier: Apache-2.0
#include "simul/base/unique_fd.hpp"

#include <unistd.h>

namespace simul {

void unique_fd::reset(int descriptor) noexcept {
    const int old = std::exchange(descriptor_, descriptor);
    if (old >= 0) ::close(old);
}

}  // namespace simul
