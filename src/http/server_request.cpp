// SPDX-License-Identifier: Apache-2.0
#include "simul/http/server_request.hpp"

namespace simul::http {

namespace {

// Path and query, or what stands in their place.
std::string_view without_authority(const wire::request_head& head) noexcept {
    std::string_view text = head.target;
    if (head.form != wire::target_form::absolute) return text;
    text.remove_prefix(text.find("://") + 3);
    const std::size_t end = text.find_first_of("/?");
    return end == text.npos ? std::string_view{} : text.substr(end);
}

}  // namespace

std::string_view server_request::path() const noexcept {
    const std::string_view text = without_authority(head());
    const std::string_view path = text.substr(0, text.find('?'));
    return path.empty() ? std::string_view{"/"} : path;
}

std::string_view server_request::query() const noexcept {
    const std::string_view text = without_authority(head());
    const std::size_t mark = text.find('?');
    return mark == text.npos ? std::string_view{} : text.substr(mark + 1);
}

}  // namespace simul::http
