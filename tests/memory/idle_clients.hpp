// SPDX-License-Identifier: Apache-2.0
//
// memory/idle_clients.hpp: connections that send one byte, get it back and then say nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <future>
#include <thread>

namespace simul::test {

/// A thread that opens so many connections to a port of this machine, one after the other, and
/// holds them until it is destroyed. With system calls that block, so that nothing of it is counted
/// with what the server's thread has allocated.
class idle_clients {
public:
    enum class protocol : unsigned char { tcp, tls };

    idle_clients(std::uint16_t port, std::size_t connections, protocol spoken);
    idle_clients(const idle_clients&) = delete;
    idle_clients& operator=(const idle_clients&) = delete;
    ~idle_clients() { may_end_.set_value(); }

private:
    std::promise<void> may_end_;
    std::jthread thread_;  // joined before the promise goes
};

/// Raises the limit of descriptors of this process if it is lower.
///
/// Errors        std::system_error if it must not be raised so far.
void allow_descriptors(std::size_t wanted);

}  // namespace simul::test
