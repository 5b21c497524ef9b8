// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/task.hpp"

#include <cstdio>

#include "simul/coro/trace.hpp"

namespace simul::detail {

void report_never_started(const frame& forgotten) noexcept {
    const std::source_location& body = forgotten.made_at;
    std::fprintf(stderr, "simul: task %s (%s:%u) was destroyed without ever being awaited\n",
                 plain_function_name(body.function_name()).c_str(), body.file_name(), body.line());
}

}  // namespace simul::detail
