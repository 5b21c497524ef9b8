// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/io_uring_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace simul::detail {

namespace {

// A read of what is in memory is made while it is submitted, on the loop's thread, which copies
// this much in about ten microseconds. The kernel's workers make longer ones.
constexpr std::uint32_t most_at_once = 128 * 1024;

}  // namespace

std::string ring_files::what_is_missing() const {
    std::string calls;
    std::string names;
    for (const kind& each : kinds) {
        if (can(each.code)) continue;
        calls.append(calls.empty() ? "" : ", ").append(each.call);
        names.append(names.empty() ? "" : ", ").append(each.name);
    }
    if (calls.empty()) return calls;
    return "; threads call " + calls + " for files, because the kernel's io_uring lacks " + names;
}

// IOSQE_ASYNC names a worker of the kernel from the start. Without it the loop's thread would be
// the one that waits for the server of a network file system, or for a device, to open a file; that
// gets SIGXFSZ when a write reaches the limit on the size of files; and that gives back the blocks
// of a huge file with its last close. A sync and a look at the status get a worker by themselves.
void prepare_file_operation(io_uring_sqe& submission, operation& request) noexcept {
    const int fd = request.descriptor;
    switch (request.code) {
        case opcode::open:
            io_uring_prep_openat(
                &submission, AT_FDCWD, static_cast<const char*>(request.buffer),
                static_cast<int>(request.flags),
                static_cast<::mode_t>(static_cast<positioned_operation&>(request).offset));
            submission.flags |= IOSQE_ASYNC;
            break;
        case opcode::read_at:
            io_uring_prep_read(&submission, fd, request.buffer, request.size,
                               static_cast<positioned_operation&>(request).offset);
            if (request.size > most_at_once) submission.flags |= IOSQE_ASYNC;
            break;
        case opcode::write_at:
            io_uring_prep_write(&submission, fd, request.buffer, request.size,
                                static_cast<positioned_operation&>(request).offset);
            submission.flags |= IOSQE_ASYNC;
            break;
        case opcode::synchronize:
            io_uring_prep_fsync(&submission, fd, IORING_FSYNC_DATASYNC);
            break;
        case opcode::status:
            io_uring_prep_statx(&submission, fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_SIZE,
                                static_cast<struct statx*>(request.buffer));
            break;
        default:
            io_uring_prep_close(&submission, fd);
            submission.flags |= IOSQE_ASYNC;
            break;
    }
}

}  // namespace simul::detail
