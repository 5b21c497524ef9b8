// SPDX-License-Identifier: Apache-2.0
//
// simul/base/unique_fd.hpp: a file descriptor with one owner.
#pragma once

#include <utility>

namespace simul {

/// Owns a file descriptor and closes it when destroyed. Move-only; -1 means none.
///
/// Use it for descriptors on which nothing is in flight: a descriptor that a loop works on is
/// closed through the loop, which ends the operations first.
///
/// Threads       none of its own: one thread at a time.
class unique_fd {
public:
    unique_fd() noexcept = default;
    explicit unique_fd(int descriptor) noexcept : descriptor_{descriptor} {}
    unique_fd(unique_fd&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.descriptor_, -1));
        return *this;
    }
    ~unique_fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }

    /// Gives up ownership and returns the descriptor.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

    /// Closes the descriptor held, if any, and takes `descriptor` instead. Errors of close(2) are
    /// ignored: on Linux the descriptor is gone whatever it returns, so it is never closed twice.
    ///
    /// Source        close(2), "Dealing with error returns from close()".
    void reset(int descriptor = -1) noexcept;

private:
    int descriptor_ = -1;
};

}  // namespace simul
