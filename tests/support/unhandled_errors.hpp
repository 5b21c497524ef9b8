// SPDX-License-Identifier: Apache-2.0
//
// support/unhandled_errors.hpp: counts the errors that nobody was there to receive.
#pragma once

#include <exception>

#include "simul/runtime/unhandled.hpp"

namespace simul::test {

/// As long as it lives, unhandled errors are counted instead of printed. One at a time.
class counted_unhandled_errors {
public:
    counted_unhandled_errors() : previous_{set_unhandled_error_handler(&count)} { number() = 0; }
    counted_unhandled_errors(const counted_unhandled_errors&) = delete;
    counted_unhandled_errors& operator=(const counted_unhandled_errors&) = delete;
    ~counted_unhandled_errors() { set_unhandled_error_handler(previous_); }

    /// How many there were so far.
    [[nodiscard]] static int& number() noexcept {
        static int reports = 0;
        return reports;
    }

private:
    static void count(std::exception_ptr, const char*) noexcept { ++number(); }

    unhandled_error_handler previous_;
};

}  // namespace simul::test
