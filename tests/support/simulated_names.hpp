// SPDX-License-Identifier: Apache-2.0
//
// support/simulated_names.hpp: the addresses of sockets of the simulated world.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <span>

#include "runtime/backends/simulated_network.hpp"

namespace simul::test {

/// The sockaddr of one end.
struct simulated_name {
    sockaddr_storage bytes{};
    socklen_t size = sizeof(sockaddr_storage);

    [[nodiscard]] std::span<const std::byte> as_span() const noexcept {
        return std::as_bytes(std::span{&bytes, 1}).first(size);
    }
};

inline simulated_name local_name_of(simul::detail::simulated_network& world, int descriptor) {
    simulated_name name;
    static_cast<void>(world.local_name(descriptor, &name.bytes, name.size));
    return name;
}

}  // namespace simul::test
