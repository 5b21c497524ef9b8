// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/io_uring_setup.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include "simul/base/config.hpp"

namespace simul::detail {

unsigned long number_from_environment(const char* name) noexcept {
    const char* text = std::getenv(name);
    return text == nullptr ? 0 : std::strtoul(text, nullptr, 10);
}

namespace {

// Submissions are flushed in batches of this size. The completion queue is larger, because a burst
// of completions beyond it takes the kernel's slower overflow list; with so many entries the kernel
// also looks for what is to be cancelled in the largest table that it makes, of 256 lists.
constexpr unsigned submission_entries = 256;
constexpr unsigned completion_entries = 8192;

struct refusal {
    const char* name;
    int error;
};

constexpr refusal refusals[] = {
    {"ENOSYS", ENOSYS}, {"EPERM", EPERM}, {"ENOMEM", ENOMEM}, {"EINVAL", EINVAL}};

int refusal_from_environment() noexcept {
    const char* wanted = std::getenv("SIMUL_IO_URING_REFUSE");
    if (wanted == nullptr) return 0;
    for (const refusal& candidate : refusals)
        if (std::strcmp(candidate.name, wanted) == 0) return candidate.error;
    return 0;
}

std::string explain(int error) {
    switch (error) {
        case ENOSYS:
            return "the kernel has no io_uring (it needs Linux 5.11, built with "
                   "CONFIG_IO_URING), or a seccomp filter hides it";
        case EPERM: {
            int disabled = 0;
            std::ifstream{"/proc/sys/kernel/io_uring_disabled"} >> disabled;
            if (disabled != 0)
                return "the kernel forbids io_uring: sysctl kernel.io_uring_disabled is " +
                       std::to_string(disabled) + ", and 0 would allow it";
            return "a seccomp filter forbids io_uring, as container runtimes do by default; allow "
                   "the system calls io_uring_setup, io_uring_enter and io_uring_register";
        }
        case ENOMEM:
            return "there is not enough memory for an io_uring, or the limit on locked memory is "
                   "too small (see ulimit -l)";
        case EINVAL: return "the kernel's io_uring is too old: Linux 5.11 is needed";
        default: return "io_uring_setup failed: " + std::system_category().message(error);
    }
}

std::string refused_call(const char* name, int error) {
    return std::string{"the kernel refuses "} + name + " (" +
           std::system_category().message(error) +
           "), as a seccomp filter does that allows io_uring_setup only; allow the system calls "
           "io_uring_setup, io_uring_enter and io_uring_register";
}

// Tries the set-ups from the best to the plainest. Returns 0 or an errno.
int set_up(io_uring& ring, waited_for_by who) noexcept {
    // DEFER_TASKRUN (6.1) keeps completions from interrupting the thread, COOP_TASKRUN (5.19)
    // nearly does. SUBMIT_ALL (5.18) goes on after a submission that is refused.
    constexpr unsigned common = IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
    constexpr unsigned levels[] = {
        common | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
            IORING_SETUP_TASKRUN_FLAG,
        common | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        common,
    };
    constexpr std::size_t count = std::size(levels);
    std::size_t level = number_from_environment("SIMUL_IO_URING_LEVEL");
    // Deferred work does not wake a thread that sleeps for the ring's descriptor; see wait().
    const bool sleeps_for_descriptor =
        who == waited_for_by::descriptor || SIMUL_THREAD_SANITIZER != 0;
    if (sleeps_for_descriptor && level == 0) level = 1;
    if (level >= count) level = count - 1;
    int error = EINVAL;
    for (; level < count && error == EINVAL; ++level) {
        io_uring_params parameters{};
        parameters.flags = levels[level];
        parameters.cq_entries = completion_entries;
        error = -io_uring_queue_init_params(submission_entries, &ring, &parameters);
    }
    return error;
}

// Why a ring that was set up is of no use to the backend, in words; empty when it is.
std::string flaw_of(io_uring& ring, ring_files& files) {
    // A filter may let the first of the system calls pass and refuse the others. The ring is not
    // enabled, so this one does nothing and says EBADFD.
    if (::syscall(SYS_io_uring_enter, ring.ring_fd, 0U, 0U, 0U, nullptr, std::size_t{0}) < 0 &&
        errno != EBADFD) {
        return refused_call("io_uring_enter", errno);
    }
    std::string missing;
    const auto add = [&missing](const char* name) {
        missing.append(missing.empty() ? "" : ", ").append(name);
    };
    if ((ring.features & IORING_FEAT_NODROP) == 0) add("IORING_FEAT_NODROP");
    if ((ring.features & IORING_FEAT_EXT_ARG) == 0) add("IORING_FEAT_EXT_ARG");
    constexpr struct {
        int code;
        const char* name;
    } needed[] = {
        {IORING_OP_RECV, "IORING_OP_RECV"},
        {IORING_OP_SEND, "IORING_OP_SEND"},
        {IORING_OP_READ, "IORING_OP_READ"},
        {IORING_OP_WRITE, "IORING_OP_WRITE"},
        {IORING_OP_ACCEPT, "IORING_OP_ACCEPT"},
        {IORING_OP_CONNECT, "IORING_OP_CONNECT"},
        {IORING_OP_POLL_ADD, "IORING_OP_POLL_ADD"},
        {IORING_OP_ASYNC_CANCEL, "IORING_OP_ASYNC_CANCEL"},
    };
    alignas(io_uring_probe)
        std::array<std::byte, sizeof(io_uring_probe) + IORING_OP_LAST * sizeof(io_uring_probe_op)>
            memory{};
    auto& probe = *reinterpret_cast<io_uring_probe*>(memory.data());
    const int error = -io_uring_register_probe(&ring, &probe, IORING_OP_LAST);
    if (error != 0 && error != EINVAL) return refused_call("io_uring_register", error);
    if (error == EINVAL) add("IORING_REGISTER_PROBE");
    const char* const hidden = std::getenv("SIMUL_IO_URING_REFUSE");
    const auto lacks = [&](int code, const char* name) {
        const bool is_hidden = hidden != nullptr && std::strcmp(hidden, name) == 0;
        return is_hidden || (error == 0 && io_uring_opcode_supported(&probe, code) == 0);
    };
    for (const auto& one : needed) {
        if (lacks(one.code, one.name)) add(one.name);
    }
    for (const ring_files::kind& one : ring_files::kinds) {
        if (!lacks(one.ring_code, one.name)) files.add(one.code);
    }
    if (missing.empty()) return missing;
    return "the kernel's io_uring is too old: it lacks " + missing +
           ", and Linux 5.11 or newer has all it takes";
}

}  // namespace

bool set_up_io_uring(io_uring& ring, waited_for_by who, ring_files& files, std::string& reason) {
    if (const int error = refusal_from_environment()) {
        reason = explain(error);
        return false;
    }
    if (const int error = set_up(ring, who)) {
        reason = explain(error);
        return false;
    }
    try {
        reason = flaw_of(ring, files);
        if (reason.empty()) {
            reason = files.what_is_missing();
            return true;
        }
    } catch (...) {
        io_uring_queue_exit(&ring);
        throw;
    }
    io_uring_queue_exit(&ring);
    return false;
}

}  // namespace simul::detail
