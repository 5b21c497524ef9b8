// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/io_uring_files.hpp: operations on files on disk, as the ring knows them.
#pragma once

#include <liburing.h>

#include <string>

#include "simul/runtime/operation.hpp"

namespace simul::detail {

/// Which operations on files a ring can do.
class ring_files {
public:
    struct kind {
        opcode code;
        int ring_code;
        const char* name;
        const char* call;  ///< what does the same on a thread
    };

    static constexpr kind kinds[] = {
        {opcode::open, IORING_OP_OPENAT, "IORING_OP_OPENAT", "open"},
        {opcode::read_at, IORING_OP_READ, "IORING_OP_READ", "pread"},
        {opcode::write_at, IORING_OP_WRITE, "IORING_OP_WRITE", "pwrite"},
        {opcode::synchronize, IORING_OP_FSYNC, "IORING_OP_FSYNC", "fdatasync"},
        {opcode::status, IORING_OP_STATX, "IORING_OP_STATX", "fstat"},
        {opcode::close, IORING_OP_CLOSE, "IORING_OP_CLOSE", "close"},
    };

    void add(opcode code) noexcept { known_ |= bit_of(code); }
    [[nodiscard]] bool can(opcode code) const noexcept { return (known_ & bit_of(code)) != 0; }

    /// What threads have to do in the ring's place and why, in words for people, to be put behind
    /// others; nothing if there is nothing.
    [[nodiscard]] std::string what_is_missing() const;

private:
    static constexpr unsigned bit_of(opcode code) noexcept {
        return 1U << static_cast<unsigned>(code);
    }

    unsigned known_ = 0;
};

/// Writes down what one of `kinds` asks for.
void prepare_file_operation(io_uring_sqe& submission, operation& request) noexcept;

}  // namespace simul::detail
