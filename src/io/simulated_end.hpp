// SPDX-License-Identifier: Apache-2.0
//
// simulated_end.hpp: one end of a pipe of the simulated world, with an owner.
#pragma once

#include <utility>

#include "simul/base/unique_fd.hpp"

namespace simul::detail {

/// What unique_fd is for a kernel. It may outlive its world, which has closed it then.
class simulated_end {
public:
    simulated_end() noexcept = default;
    explicit simulated_end(int descriptor) noexcept : descriptor_{descriptor} {}
    simulated_end(simulated_end&& other) noexcept
        : descriptor_{std::exchange(other.descriptor_, -1)} {}
    simulated_end& operator=(simulated_end&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~simulated_end();

    [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }
    [[nodiscard]] int get() const noexcept { return descriptor_; }

    /// For pipe_stream::adopt, which knows what it gets.
    [[nodiscard]] unique_fd release() noexcept { return unique_fd{std::exchange(descriptor_, -1)}; }

    /// Another descriptor of the same end; none if it was closed.
    [[nodiscard]] static simulated_end duplicate(int descriptor);

private:
    int descriptor_ = -1;
};

}  // namespace simul::detail
