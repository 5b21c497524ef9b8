// SPDX-License-Identifier: Apache-2.0
//
// support/refuse_system_call.hpp: a process to which the kernel refuses a system call, as container
// runtimes and hardened systems do.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <system_error>

namespace simul::test {

namespace detail {

inline void install_filter(sock_filter* program, std::size_t size) {
    const sock_fprog filter{static_cast<unsigned short>(size), program};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        throw std::system_error{errno, std::system_category(), "a seccomp filter"};
    }
}

}  // namespace detail

/// From here on the system call `number` (SYS_…) fails with `error` in this process and in whatever
/// it executes. It cannot be undone, so this is for a child of the test.
inline void refuse_system_call(long number, int error) {
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    detail::install_filter(program.data(), program.size());
}

/// The same for calls whose second argument, in its lower half, is `argument`.
inline void refuse_system_call_with(long number, unsigned argument, int error) {
    constexpr bool is_little = std::endian::native == std::endian::little;
    constexpr std::size_t low_half =
        offsetof(seccomp_data, args) + sizeof(__u64) + (is_little ? 0 : sizeof(__u32));
    std::array<sock_filter, 6> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_half),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    detail::install_filter(program.data(), program.size());
}

}  // namespace simul::test
