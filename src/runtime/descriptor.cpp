// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/descriptor.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "runtime/backends/simulated.hpp"
#include "simul/base/error.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

namespace detail {

started descriptor_operation::start(waiter& self) noexcept {
    if (!begin(self)) return started::stopped;
    if (loop::current().io().submit(*this)) {
        leaf::unlink();
        return started::done;
    }
    return started::pending;
}

std::int32_t descriptor_operation::take_result() const {
    if (result >= 0) return result;
    if (result == -ECANCELED) throw closed{};
    throw std::system_error{-result, std::system_category()};
}

// Cancelled without having been asked by a scope means that the descriptor is being closed.
void descriptor_operation::finished(operation& self) noexcept {
    auto& ended = static_cast<descriptor_operation&>(self);
    const bool stopped = ended.result == -ECANCELED && ended.asked_to_end_;
    ended.finish(stopped ? notice::stopped : notice::queue);
}

void descriptor_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<descriptor_operation&>(self);
    waiting.asked_to_end_ = true;
    if (loop::current().io().cancel(waiting)) waiting.finish(notice::stopped);
}

accept_operation::~accept_operation() {
    if (state != operation_state::completed || result < 0) return;
    unique_fd unclaimed{result};
    if (loop* running = loop::find_current(); running != nullptr && running->is_simulated()) {
        static_cast<simulated_backend&>(running->io()).close(unclaimed.release());
    }
}

unique_fd accept_operation::take() {
    const int accepted = take_result();
    result = -1;
    return unique_fd{accepted};
}

started close_operation::start(waiter& self) noexcept {
    up = &self;
    if (try_close()) return started::done;
    scheduler::current().queue(*this);
    return started::pending;
}

void close_operation::respond(waiter& self, notice) noexcept {
    auto& closing = static_cast<close_operation&>(self);
    if (closing.try_close()) {
        closing.up->notify(notice::now);
    } else {
        scheduler::current().queue(self);
    }
}

// Asks anew each time: another task may have begun something since.
bool close_operation::try_close() noexcept {
    loop& running = loop::current();
    bool busy = false;
    running.io().for_each_in_flight(
        descriptor_,
        [](operation& found, void* context) {
            if (loop::current().io().cancel(found)) {
                found.complete(found);
            } else {
                *static_cast<bool*>(context) = true;
            }
        },
        &busy);
    if (busy) return false;
    running.io().forget(descriptor_);
    if (running.is_simulated()) {
        static_cast<simulated_backend&>(running.io()).close(descriptor_);
    } else {
        ::close(descriptor_);
    }
    return true;
}

}  // namespace detail

readiness_awaitable wait_readable(int descriptor) noexcept {
    return readiness_awaitable{descriptor, POLLIN};
}

readiness_awaitable wait_writable(int descriptor) noexcept {
    return readiness_awaitable{descriptor, POLLOUT};
}

}  // namespace simul
