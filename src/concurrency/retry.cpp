// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/retry.hpp"

#include <algorithm>
#include <cmath>

#include "simul/coro/trace.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

using nanoseconds = std::chrono::duration<double, std::nano>;

bool is_standard_error(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception&) {
        return true;
    } catch (...) {
        return false;
    }
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

// From zero up to, but not including, one: as many bits as a double holds.
double random_fraction() noexcept {
    return static_cast<double>(loop::current().random() >> 11) * 0x1p-53;
}

}  // namespace

retry_state::retry_state(retry_options options)
    : options_{std::move(options)},
      deadline_{saturating_add(loop::current().now(), options_.limit_)},
      ceiling_{static_cast<double>(std::max(options_.first_delay_, duration::zero()).count())} {
    SIMUL_ASSERT(options_.attempts_ != 0, "a retry without attempts would never do anything");
    SIMUL_ASSERT(std::isfinite(options_.factor_) && options_.factor_ >= 1,
                 "the factor of a retry must be at least 1: the delays grow, or stay as they are");
}

duration retry_state::time_left() const noexcept {
    if (deadline_ == time_point::max()) return duration::max();
    return deadline_ - loop::current().now();
}

duration retry_state::failed(std::exception_ptr error) {
    if (last_error_ != nullptr) {
        earlier_[failures_ % kept_errors] = std::move(last_error_);
        ++failures_;
    }
    last_error_ = std::move(error);
    if (!may_try_again()) give_up();
    const duration delay = next_delay();
    if (deadline_ != time_point::max() && delay >= time_left()) give_up();
    if (options_.on_retry_) options_.on_retry_(failures_ + 1, last_error_, delay);
    return delay;
}

void retry_state::begin_again() {
    if (time_left() <= duration::zero()) give_up();
}

bool retry_state::may_try_again() const {
    if (failures_ + 1 >= options_.attempts_ || is_cancellation(last_error_)) return false;
    return options_.when_ ? options_.when_(last_error_) : is_standard_error(last_error_);
}

duration retry_state::next_delay() noexcept {
    const auto longest = static_cast<double>(options_.longest_delay_.count());
    double delay = std::clamp(ceiling_, 0.0, std::max(longest, 0.0));
    ceiling_ = std::min(ceiling_ * options_.factor_, longest);
    switch (options_.jitter_) {
        case retry_jitter::none: break;
        case retry_jitter::equal: delay *= 0.5 + 0.5 * random_fraction(); break;
        case retry_jitter::full: delay *= random_fraction(); break;
    }
    return saturating_duration(nanoseconds{delay});
}

// The errors before the last one become its suppressed ones, in the order in which they happened.
void retry_state::give_up() {
    suppressed_list earlier;
    const std::size_t kept = std::min(failures_, kept_errors);
    for (std::size_t each = failures_ - kept; each != failures_; ++each) {
        earlier.add(std::move(earlier_[each % kept_errors]));
    }
    earlier.attach_to(last_error_);
    std::rethrow_exception(std::exchange(last_error_, nullptr));
}

}  // namespace simul::detail
