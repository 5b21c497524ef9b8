// SPDX-License-Identifier: Apache-2.0
#include "simul/base/error.hpp"

#include <string>

namespace simul {

namespace {

const char* text(errc code) noexcept {
    switch (code) {
        case errc::cancelled: return "the awaited task was cancelled";
        case errc::timed_out: return "timed out";
        case errc::closed: return "closed";
        case errc::busy: return "another task is already waiting here";
        case errc::deadlock: return "nothing in the program can run any more";
        case errc::not_started: return "a value was sent to a generator that has not started";
        case errc::unavailable: return "not available here";
        case errc::never_ready: return "the task ended before it said that it is ready";
        case errc::broken_barrier: return "the barrier was reset or aborted";
        case errc::broken_promise: return "the promise was destroyed without a result";
        case errc::invalid_state: return "the result is there already, or not yet";
    }
    return "unknown simul error";
}

class simul_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "simul"; }
    std::string message(int code) const override { return text(static_cast<errc>(code)); }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const simul_category category;
    return category;
}

std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

const char* error::what() const noexcept {
    return text(code_);
}

}  // namespace simul
