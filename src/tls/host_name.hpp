// SPDX-License-Identifier: Apache-2.0
//
// tls/host_name.hpp: whom a client means to talk to, in the one form that all checks use.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace simul::tls::detail {

/// A host name in lower case without a final dot, or the bytes of an address.
class host_name {
public:
    /// Errors        std::system_error with errc::invalid_host.
    explicit host_name(std::string_view text);

    [[nodiscard]] bool is_address() const noexcept { return address_size_ != 0; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::span<const unsigned char> address() const noexcept {
        return std::span{address_}.first(address_size_);
    }

private:
    bool read_address(const std::string& text) noexcept;

    std::string name_;
    std::array<unsigned char, 16> address_{};
    std::size_t address_size_ = 0;
};

}  // namespace simul::tls::detail
