// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/select.cpp: which backend a loop gets, and why.
#include <cstdlib>
#include <system_error>
#include <utility>

#include "runtime/backends/backends.hpp"
#include "simul/base/error.hpp"

namespace simul {

namespace {

[[noreturn]] void throw_unavailable(const std::string& text) {
    throw std::system_error{make_error_code(errc::unavailable), text};
}

// What the environment asks for. Unset and empty mean no wish.
backend_kind kind_from_environment() {
    const char* text = std::getenv("SIMUL_BACKEND");
    const std::string_view wanted = text == nullptr ? "" : text;
    if (wanted.empty()) return backend_kind::automatic;
    if (wanted == "epoll") return backend_kind::epoll;
    if (wanted == "io_uring") return backend_kind::io_uring;
    if (wanted == "simulated") return backend_kind::simulated;
    throw_unavailable("SIMUL_BACKEND names \"" + std::string{wanted} +
                      "\", which is no backend; use epoll, io_uring or simulated, or unset it");
}

std::unique_ptr<backend> make_named(backend_kind kind, waited_for_by who,
                                    const std::string& asked_by) {
    if (kind == backend_kind::simulated) return detail::make_simulated_backend();
    if (kind == backend_kind::epoll) {
        try {
            return detail::make_epoll_backend();
        } catch (const std::system_error& failure) {
            throw_unavailable("the epoll backend, asked for by " + asked_by +
                              ", cannot run: " + failure.what());
        }
    }
    std::string reason;
    if (auto made = detail::make_io_uring_backend(who, reason)) return made;
    throw_unavailable("the io_uring backend, asked for by " + asked_by + ", cannot run: " + reason +
                      "; ask for epoll, or for none to get what runs");
}

constinit SIMUL_THREAD_LOCAL detail::backend_decorator decorator_here = nullptr;

chosen_backend chosen(std::unique_ptr<backend> implementation, std::string reason) {
    chosen_backend result;
    if (decorator_here != nullptr) implementation = decorator_here(std::move(implementation));
    result.implementation = std::move(implementation);
    result.reason = std::move(reason);
    return result;
}

}  // namespace

detail::backend_decorator detail::decorate_backends(backend_decorator decorator) noexcept {
    return std::exchange(decorator_here, decorator);
}

chosen_backend make_backend(backend_kind kind, waited_for_by who) {
    const char* asked_by = "the program";
    if (kind == backend_kind::automatic) {
        kind = kind_from_environment();
        asked_by = "SIMUL_BACKEND";
    }
    if (kind != backend_kind::automatic) {
        auto made = make_named(kind, who, asked_by);
        std::string reason = std::string{made->name()} + ": asked for by " + asked_by;
        return chosen(std::move(made), std::move(reason));
    }
    std::string refused;
    if (auto made = detail::make_io_uring_backend(who, refused))
        return chosen(std::move(made), "io_uring: preferred, and the kernel allows it");
    return chosen(detail::make_epoll_backend(),
                  "epoll: io_uring cannot run here, because " + refused);
}

}  // namespace simul
