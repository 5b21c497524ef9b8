// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/task.hpp"

#include <cstdio>
#include <exception>

#include "simul/coro/trace.hpp"

namespace simul::detail {

void report_never_started(const frame& forgotten) noexcept {
    // A request to cancel, or an exception, came between the call and the await: no mistake.
    if (frame::is_being_abandoned() || std::uncaught_exceptions() > 0) return;
    const std::source_location& body = forgotten.made_at;
    std::fprintf(stderr, "simul: task %s (%s:%u) was destroyed without ever being awaited\n",
                 plain_function_name(body.function_name()).c_str(), body.file_name(), body.line());
}

}  // namespace simul::detail
