// SPDX-License-Identifier: Apache-2.0
//
// io/socket_address.hpp: endpoints in the form that the system calls want.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include <sys/socket.h>

#include "simul/io/address.hpp"

namespace simul::detail {

/// A sockaddr of either family and its length.
class socket_address {
public:
    /// Empty, with room for the system to fill in any address: data() and length().
    socket_address() noexcept = default;
    explicit socket_address(const endpoint& where) noexcept;

    /// AF_INET, AF_INET6, or whatever the system filled in.
    [[nodiscard]] int family() const noexcept { return storage_.ss_family; }

    /// What bind(2) and connect(2) take.
    [[nodiscard]] const sockaddr* data() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage_);
    }
    [[nodiscard]] socklen_t size() const noexcept { return size_; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return std::as_bytes(std::span{&storage_, 1}).first(size_);
    }

    /// What accept4(2), getsockname(2) and recvfrom(2) fill in.
    [[nodiscard]] sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(&storage_); }
    [[nodiscard]] socklen_t* length() noexcept { return &size_; }

    /// The endpoint in it, if it is one of the internet.
    [[nodiscard]] std::optional<endpoint> to_endpoint() const noexcept;

private:
    sockaddr_storage storage_{};
    socklen_t size_ = sizeof(sockaddr_storage);
};

/// The sockaddr_in or sockaddr_in6 at `address` as an endpoint; nothing for other families.
[[nodiscard]] std::optional<endpoint> endpoint_of(const sockaddr* address,
                                                  std::size_t size) noexcept;

/// getsockname(2) and getpeername(2). Throws std::system_error, with address_family_not_supported
/// for a socket that is not of the internet.
[[nodiscard]] endpoint local_endpoint_of(int socket);
[[nodiscard]] endpoint peer_endpoint_of(int socket);

}  // namespace simul::detail
