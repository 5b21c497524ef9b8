// SPDX-License-Identifier: Apache-2.0
#include "simul/base/assert.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace simul {

namespace {

std::atomic<assertion_handler> handler{nullptr};

}  // namespace

assertion_handler set_assertion_handler(assertion_handler replacement) noexcept {
    return handler.exchange(replacement, std::memory_order_acq_rel);
}

void assertion_failed(const char* message, std::source_location where) {
    if (assertion_handler installed = handler.load(std::memory_order_acquire)) {
        installed(message, where);
    } else {
        std::fprintf(stderr, "simul: %s\n  at %s:%u\n", message, where.file_name(), where.line());
    }
    std::abort();
}

}  // namespace simul
