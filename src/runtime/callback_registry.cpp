// SPDX-License-Identifier: Apache-2.0
#include "runtime/callback_registry.hpp"

namespace simul::detail {

bool callback_registry::remove_watches(int descriptor, std::uint32_t events) noexcept {
    bool found = false;
    // From the beginning each time: a function that is destroyed may remove others.
    while (descriptor_watch* watch = find(descriptor, events)) {
        watch->remove();
        found = true;
    }
    return found;
}

descriptor_watch* callback_registry::find(int descriptor, std::uint32_t events) noexcept {
    descriptor_watch* watch = watches_.empty() ? nullptr : &watches_.front();
    while (watch != nullptr && !watch->watches(descriptor, events)) watch = watches_.next(*watch);
    return watch;
}

bool callback_registry::is_any_in_flight() noexcept {
    descriptor_watch* watch = leaving_.empty() ? nullptr : &leaving_.front();
    while (watch != nullptr && !watch->is_in_flight()) watch = leaving_.next(*watch);
    return watch != nullptr;
}

// The ready list can hold nothing else than callbacks: nothing may run on a loop that is destroyed.
void callback_registry::end(loop& ending) noexcept {
    is_ending_ = true;
    bool is_queued = false;
    while (callback_record* left = callbacks_.pop_front()) {
        is_queued = is_queued || left->is_queued();
        left->cancel();
    }
    while (!watches_.empty()) watches_.front().remove();
    while (is_any_in_flight()) ending.io().poll(time_point::max());
    if (is_queued || !leaving_.empty()) ending.scheduler().run_ready();
}

}  // namespace simul::detail
