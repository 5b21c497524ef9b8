// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/descriptor_callbacks.hpp"

#include <poll.h>

#include <cerrno>
#include <exception>
#include <system_error>

#include "runtime/callback_registry.hpp"
#include "runtime/descriptor_watch.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul {

namespace detail {

descriptor_watch::descriptor_watch(loop& running, int fd, std::uint32_t events,
                                   std::move_only_function<void()> function) noexcept
    : waiter{&respond},
      operation{opcode::poll, fd, nullptr, 0, &completed},
      loop_{running},
      function_{std::move(function)} {
    flags = events;
}

void descriptor_watch::begin() {
    const bool is_over = loop_.io().submit(*this);
    if (is_over && result < 0) {
        is_removed_ = true;
        throw std::system_error{-result, std::system_category()};
    }
    ++references_;
    loop_.callbacks().add(*this);
    if (is_over) completed(*this);
}

void descriptor_watch::completed(operation& self) noexcept {
    auto& watch = static_cast<descriptor_watch&>(self);
    watch.loop_.scheduler().queue(watch);
}

void descriptor_watch::respond(waiter& self, notice) noexcept {
    static_cast<descriptor_watch&>(self).turn();
}

void descriptor_watch::turn() noexcept {
    if (!is_removed_ && result < 0) fail();
    if (!is_removed_) call();
    if (!is_removed_) {
        ask();
    } else {
        leave();
    }
}

void descriptor_watch::call() noexcept {
    is_calling_ = true;
    try {
        function_();
    } catch (...) {
        report_unhandled_error(std::current_exception(), "in a callback of a descriptor");
    }
    is_calling_ = false;
    if (is_removed_) function_ = nullptr;
}

// What is ready still is called again in the next pass, not in this one.
void descriptor_watch::ask() noexcept {
    if (loop_.io().submit(*this)) completed(*this);
}

void descriptor_watch::leave() noexcept {
    list_hook<descriptor_watch>::unlink();
    release();
}

// Cancelled without having been removed means that the descriptor was closed, which is no error.
void descriptor_watch::fail() noexcept {
    if (result != -ECANCELED) {
        report_unhandled_error(
            std::make_exception_ptr(std::system_error{-result, std::system_category()}),
            "in the wait for a callback of a descriptor");
    }
    remove();
}

void descriptor_watch::remove() noexcept {
    if (is_removed_) return;
    is_removed_ = true;
    list_hook<descriptor_watch>::unlink();
    loop_.callbacks().add_leaving(*this);
    std::move_only_function<void()> dropped;
    if (!is_calling_) dropped = std::move(function_);
    if (is_in_flight() && loop_.io().cancel(*this)) leave();
}

namespace {

descriptor_callback watch(int descriptor, std::uint32_t events,
                          std::move_only_function<void()> function) {
    SIMUL_ASSERT(function != nullptr, "a descriptor was given an empty callback");
    loop& running = loop::current();
    SIMUL_ASSERT(!running.callbacks().is_ending(),
                 "a descriptor was given a callback on a loop that is being destroyed");
    auto* made = new descriptor_watch{running, descriptor, events, std::move(function)};
    descriptor_callback registration{*made};
    made->begin();
    return registration;
}

}  // namespace

}  // namespace detail

descriptor_callback& descriptor_callback::operator=(descriptor_callback&& other) noexcept {
    descriptor_callback taken{std::move(other)};
    std::swap(watch_, taken.watch_);
    return *this;
}

void descriptor_callback::remove() noexcept {
    detail::descriptor_watch* ended = std::exchange(watch_, nullptr);
    if (ended == nullptr) return;
    ended->remove();
    ended->release();
}

bool descriptor_callback::is_active() const noexcept {
    return watch_ != nullptr && !watch_->is_removed();
}

descriptor_callback add_reader(int descriptor, std::move_only_function<void()> function) {
    return detail::watch(descriptor, POLLIN, std::move(function));
}

descriptor_callback add_writer(int descriptor, std::move_only_function<void()> function) {
    return detail::watch(descriptor, POLLOUT, std::move(function));
}

bool remove_reader(int descriptor) noexcept {
    return loop::current().callbacks().remove_watches(descriptor, POLLIN);
}

bool remove_writer(int descriptor) noexcept {
    return loop::current().callbacks().remove_watches(descriptor, POLLOUT);
}

}  // namespace simul
