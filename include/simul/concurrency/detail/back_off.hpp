// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/back_off.hpp: what everything needs that tries again: delays that grow,
// and the errors so far.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>

#include "simul/base/time.hpp"
#include "simul/concurrency/retry_jitter.hpp"

namespace simul::detail {

/// How delays grow.
struct back_off_rule {
    duration first_delay = std::chrono::milliseconds{100};
    duration longest_delay = std::chrono::seconds{20};
    double factor = 2;
    retry_jitter jitter = retry_jitter::full;
};

/// The delays of one series of failures. Random parts come from loop::random().
class back_off {
public:
    explicit back_off(const back_off_rule& rule) noexcept;

    /// The next delay; the one after it has a higher ceiling.
    duration next() noexcept;

    /// Begins again with the first delay.
    void reset() noexcept;

private:
    back_off_rule rule_;
    double ceiling_ = 0;  // of the next delay, in nanoseconds
};

/// The latest errors, of which the last one is thrown when it is enough.
class error_history {
public:
    /// Adds an error, which is the last one from now on.
    void add(std::exception_ptr error) noexcept;

    /// The last error, or nullptr.
    [[nodiscard]] const std::exception_ptr& last() const noexcept { return last_; }

    /// Throws the last error. The ones before it become its suppressed ones, in the order in which
    /// they happened. There must be one.
    [[noreturn]] void rethrow_last();

private:
    // So many errors before the last are kept: an endless series must not eat up memory.
    static constexpr std::size_t kept_errors = 15;

    std::size_t earlier_count_ = 0;
    std::exception_ptr last_;
    std::array<std::exception_ptr, kept_errors> earlier_;  // a ring: error n is at n % size
};

/// True for simul::cancelled, which is never a reason to try again.
[[nodiscard]] bool is_cancellation(const std::exception_ptr& error);

}  // namespace simul::detail
