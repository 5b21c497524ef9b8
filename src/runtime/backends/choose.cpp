// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/choose.cpp: which backend a loop gets, and why.
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

constexpr std::pair<std::string_view, backend_kind> names[] = {
    {"epoll", backend_kind::epoll},         {"io_uring", backend_kind::io_uring},
    {"simulated", backend_kind::simulated}, {"poll", backend_kind::poll},
    {"select", backend_kind::select},
};

std::string_view name_of(backend_kind kind) noexcept {
    for (const auto& [name, named] : names)
        if (named == kind) return name;
    return "automatic";
}

// What the environment asks for. Unset and empty mean no wish.
backend_kind kind_from_environment() {
    const char* text = std::getenv("SIMUL_BACKEND");
    const std::string_view wanted = text == nullptr ? "" : text;
    if (wanted.empty()) return backend_kind::automatic;
    for (const auto& [name, kind] : names)
        if (wanted == name) return kind;
    throw_unavailable("SIMUL_BACKEND names \"" + std::string{wanted} +
                      "\", which is no backend; use epoll, io_uring, poll, select or simulated, or "
                      "unset it");
}

// Those that say why not by an exception.
std::unique_ptr<backend> make_plain(backend_kind kind) {
    switch (kind) {
        case backend_kind::poll: return detail::make_poll_backend();
        case backend_kind::select: return detail::make_select_backend();
        case backend_kind::simulated: return detail::make_simulated_backend();
        default: return detail::make_epoll_backend();
    }
}

// `note` says what the backend leaves to others.
std::unique_ptr<backend> make_named(backend_kind kind, waited_for_by who,
                                    const std::string& asked_by, std::string& note) {
    std::string reason;
    std::string instead = "ask for epoll, or for none to get what runs";
    if (kind == backend_kind::io_uring) {
        if (auto made = detail::make_io_uring_backend(who, reason)) {
            note = std::move(reason);
            return made;
        }
    } else {
        try {
            return make_plain(kind);
        } catch (const std::system_error& failure) {
            reason = failure.what();
            instead = "ask for another, or for none to get what runs";
        }
    }
    throw_unavailable("the " + std::string{name_of(kind)} + " backend, asked for by " + asked_by +
                      ", cannot run: " + reason + "; " + instead);
}

// A shortage is no reason to take a slower backend for the rest of a loop's life: it is an error.
bool is_refusal(const std::error_code& code) {
    return code == std::errc::function_not_supported ||
           code == std::errc::operation_not_permitted || code == std::errc::permission_denied;
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
        std::string note;
        auto made = make_named(kind, who, asked_by, note);
        std::string reason = std::string{made->name()} + ": asked for by " + asked_by + note;
        return chosen(std::move(made), std::move(reason));
    }
    std::string why;
    if (auto made = detail::make_io_uring_backend(who, why))
        return chosen(std::move(made), "io_uring: preferred, and the kernel allows it" + why);
    why.insert(0, "io_uring cannot run here, because ");
    try {
        return chosen(detail::make_epoll_backend(), "epoll: " + why);
    } catch (const std::system_error& failure) {
        if (!is_refusal(failure.code())) throw;
        why.append("; neither can epoll, because ").append(failure.what());
    }
    if (who == waited_for_by::descriptor) {
        throw_unavailable("no backend has a descriptor to wait for: " + why +
                          "; allow io_uring or epoll, or do without a guest");
    }
    return chosen(detail::make_poll_backend(), "poll: " + why);
}

}  // namespace simul
