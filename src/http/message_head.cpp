// SPDX-License-Identifier: Apache-2.0
#include "simul/http/wire/message_head.hpp"

#include "http/message_rules.hpp"

namespace simul::http::wire {

std::string_view request_head::authority() const noexcept {
    switch (form) {
        case target_form::authority: return target;
        case target_form::absolute: return detail::authority_of(target);
        case target_form::origin:
        case target_form::asterisk: break;
    }
    return headers.get("host").value_or(std::string_view{});
}

}  // namespace simul::http::wire
