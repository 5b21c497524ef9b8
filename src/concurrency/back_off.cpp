// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/detail/back_off.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "simul/base/assert.hpp"
#include "simul/coro/cancellation.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

using nanoseconds = std::chrono::duration<double, std::nano>;

// From zero up to, but not including, one: as many bits as a double holds.
double random_fraction() noexcept {
    return static_cast<double>(loop::current().random() >> 11) * 0x1p-53;
}

}  // namespace

back_off::back_off(const back_off_rule& rule) noexcept : rule_{rule} {
    SIMUL_ASSERT(std::isfinite(rule.factor) && rule.factor >= 1,
                 "the factor of a back-off must be at least 1: the delays grow, or stay as they "
                 "are");
    reset();
}

duration back_off::next() noexcept {
    const auto longest = static_cast<double>(rule_.longest_delay.count());
    double delay = std::clamp(ceiling_, 0.0, std::max(longest, 0.0));
    ceiling_ = std::min(ceiling_ * rule_.factor, longest);
    switch (rule_.jitter) {
        case retry_jitter::none: break;
        case retry_jitter::equal: delay *= 0.5 + 0.5 * random_fraction(); break;
        case retry_jitter::full: delay *= random_fraction(); break;
    }
    return saturating_duration(nanoseconds{delay});
}

void back_off::reset() noexcept {
    ceiling_ = static_cast<double>(std::max(rule_.first_delay, duration::zero()).count());
}

void error_history::add(std::exception_ptr error) noexcept {
    if (last_ != nullptr) {
        earlier_[earlier_count_ % kept_errors] = std::move(last_);
        ++earlier_count_;
    }
    last_ = std::move(error);
}

void error_history::rethrow_last() {
    suppressed_list earlier;
    const std::size_t kept = std::min(earlier_count_, kept_errors);
    for (std::size_t each = earlier_count_ - kept; each != earlier_count_; ++each) {
        earlier.add(std::move(earlier_[each % kept_errors]));
    }
    earlier.attach_to(last_);
    std::rethrow_exception(std::exchange(last_, nullptr));
}

bool is_cancellation(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace simul::detail
