// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/ambient.hpp"

#include <cstdlib>
#include <new>

namespace simul {

namespace {

// Never destroyed, so that who calls it in the last moments of a program gets the error closed and
// no dead object. Its thread does end, and the pointer keeps it from looking like a leak.
blocking_portal* ambient = nullptr;

void stop_ambient() {
    if (ambient->is_own_thread()) {
        ambient->request_stop();  // std::exit was called by one of its tasks
    } else {
        ambient->stop();
    }
}

bool make_ambient() {
    auto made = std::make_unique<blocking_portal>();
    ambient = made.get();
    if (std::atexit(&stop_ambient) != 0) throw std::bad_alloc{};
    made.release();
    return true;
}

}  // namespace

blocking_portal& ambient_portal() {
    static const bool is_made = make_ambient();
    static_cast<void>(is_made);
    return *ambient;
}

}  // namespace simul
