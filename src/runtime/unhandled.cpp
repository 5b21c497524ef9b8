// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/unhandled.hpp"

#include <atomic>
#include <utility>

#include "simul/coro/trace.hpp"

namespace simul {

namespace {

void print(std::exception_ptr error, const char* context) noexcept {
    detail::print_error("unhandled error ", context, error);
}

std::atomic<unhandled_error_handler> handler{&print};

}  // namespace

unhandled_error_handler set_unhandled_error_handler(unhandled_error_handler replacement) noexcept {
    return handler.exchange(replacement != nullptr ? replacement : &print,
                            std::memory_order_acq_rel);
}

void report_unhandled_error(std::exception_ptr error, const char* context) noexcept {
    handler.load(std::memory_order_acquire)(std::move(error), context);
}

}  // namespace simul
