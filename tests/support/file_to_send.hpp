// SPDX-License-Identifier: Apache-2.0
//
// support/file_to_send.hpp: a file with known bytes in it, and two ends of a narrow connection.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "runtime/backends/simulated.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::test {

/// A file in a folder of its own; both are removed with it.
class file_to_send {
public:
    explicit file_to_send(std::string_view text) {
        // In memory where that is to be had: a disk makes each run wait.
        const bool has_memory = ::access("/dev/shm", W_OK) == 0;
        const std::filesystem::path parent =
            has_memory ? "/dev/shm" : std::filesystem::temp_directory_path();
        std::string name = (parent / "simul-send-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        std::ofstream{path(), std::ios::binary} << text;
    }
    file_to_send(const file_to_send&) = delete;
    file_to_send& operator=(const file_to_send&) = delete;
    ~file_to_send() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    [[nodiscard]] std::filesystem::path path() const { return folder_ / "text"; }

private:
    std::filesystem::path folder_;
};

/// Two ends with room for some kilobytes between them, on any backend. What the kernel sends of a
/// file counts little there: up to 64 KiB of it go in at once.
inline std::pair<tcp_stream, tcp_stream> narrow_connection() {
    int ends[2] = {-1, -1};
    loop& running = loop::current();
    if (running.is_simulated()) {
        auto& world = static_cast<simul::detail::simulated_backend&>(running.io());
        std::tie(ends[0], ends[1]) = world.open_pair(32'768);
    } else {
        const int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
        EXPECT_EQ(::socketpair(AF_UNIX, flags, 0, ends), 0);
        const int size = 4096;
        EXPECT_EQ(::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    }
    return {tcp_stream::adopt(unique_fd{ends[0]}), tcp_stream::adopt(unique_fd{ends[1]})};
}

}  // namespace simul::test
