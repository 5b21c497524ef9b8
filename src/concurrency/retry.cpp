// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/retry.hpp"

#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

bool is_standard_error(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

retry_state::retry_state(retry_options options)
    : options_{std::move(options)},
      deadline_{saturating_add(loop::current().now(), options_.limit_)},
      delays_{options_.delays_} {
    SIMUL_ASSERT(options_.attempts_ != 0, "a retry without attempts would never do anything");
}

duration retry_state::time_left() const noexcept {
    if (deadline_ == time_point::max()) return duration::max();
    return deadline_ - loop::current().now();
}

duration retry_state::failed(std::exception_ptr error) {
    errors_.add(std::move(error));
    ++failures_;
    if (!may_try_again()) errors_.rethrow_last();
    const duration delay = delays_.next();
    if (deadline_ != time_point::max() && delay >= time_left()) errors_.rethrow_last();
    if (options_.on_retry_) options_.on_retry_(failures_, errors_.last(), delay);
    return delay;
}

void retry_state::begin_again() {
    if (time_left() <= duration::zero()) errors_.rethrow_last();
}

bool retry_state::may_try_again() const {
    if (failures_ >= options_.attempts_ || is_cancellation(errors_.last())) return false;
    return options_.when_ ? options_.when_(errors_.last()) : is_standard_error(errors_.last());
}

}  // namespace simul::detail
