// SPDX-License-Identifier: Apache-2.0
#include "tls/host_name.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <system_error>

#include "simul/tls/error.hpp"

namespace simul::tls::detail {

namespace {

constexpr std::size_t longest_name = 253;
constexpr std::size_t longest_label = 63;

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_label_character(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

// Every label has 1 to 63 characters, and the last one is no number: such a name is an address that
// somebody spelled in a way we do not read.
bool is_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > longest_name) return false;
    while (true) {
        const std::string_view label = text.substr(0, text.find('.'));
        if (label.empty() || label.size() > longest_label) return false;
        if (!std::ranges::all_of(label, is_label_character)) return false;
        if (label.size() == text.size()) return !std::ranges::all_of(label, is_digit);
        text.remove_prefix(label.size() + 1);
    }
}

}  // namespace

host_name::host_name(std::string_view text) : name_{text} {
    if (name_.size() > 2 && name_.front() == '[' && name_.back() == ']') {
        name_ = name_.substr(1, name_.size() - 2);
        if (name_.find(':') == std::string::npos || !read_address(name_)) {
            throw std::system_error{errc::invalid_host};
        }
        return;
    }
    if (read_address(name_)) return;
    if (name_.ends_with('.')) name_.pop_back();
    std::ranges::transform(name_, name_.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (read_address(name_)) return;  // "192.0.2.1." is one, too
    if (!is_name(name_)) throw std::system_error{errc::invalid_host};
}

bool host_name::read_address(const std::string& text) noexcept {
    if (text.find('\0') != std::string::npos) return false;
    if (::inet_pton(AF_INET, text.c_str(), address_.data()) == 1) {
        address_size_ = 4;
    } else if (::inet_pton(AF_INET6, text.c_str(), address_.data()) == 1) {
        address_size_ = 16;
    }
    return address_size_ != 0;
}

}  // namespace simul::tls::detail
