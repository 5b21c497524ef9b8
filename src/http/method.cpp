// SPDX-License-Identifier: Apache-2.0
#include "simul/http/method.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <system_error>

#include "simul/http/error.hpp"
#include "simul/http/headers.hpp"

namespace simul::http {

namespace {

constexpr std::array<std::string_view, 9> names{"GET",     "HEAD",  "POST",  "PUT",    "DELETE",
                                                "OPTIONS", "PATCH", "TRACE", "CONNECT"};

}  // namespace

method::method(std::string_view name) {
    const auto found = std::ranges::find(names, name);
    if (found != names.end()) {
        known_ = static_cast<known>(found - names.begin());
        return;
    }
    if (!is_token(name)) throw std::system_error{make_error_code(errc::bad_method)};
    other_ = name;
}

std::string_view method::name() const noexcept {
    return other_.empty() ? names[static_cast<std::size_t>(known_)] : std::string_view{other_};
}

bool method::is_safe() const noexcept {
    if (!other_.empty()) return false;
    return known_ == get || known_ == head || known_ == options || known_ == trace;
}

bool method::is_idempotent() const noexcept {
    if (!other_.empty()) return false;
    return is_safe() || known_ == put || known_ == delete_;
}

}  // namespace simul::http
