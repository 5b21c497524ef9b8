// SPDX-License-Identifier: Apache-2.0
//
// http/failure.hpp: how the parsers give up.
#pragma once

#include <system_error>

#include "simul/http/error.hpp"

namespace simul::http::detail {

/// Throws the error. Out of line, to keep it away from the paths that are taken.
[[noreturn]] void fail(errc code);

/// Calls `work`, unless it has failed before: a failure is kept in `failure` and thrown again.
template <typename Work>
auto keeping_failure(std::error_code& failure, Work work) {
    if (failure) [[unlikely]]
        throw std::system_error{failure};
    try {
        return work();
    } catch (const std::system_error& error) {
        failure = error.code();
        throw;
    }
}

}  // namespace simul::http::detail
