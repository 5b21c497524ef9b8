// SPDX-License-Identifier: Apache-2.0
#include "serve/beneath.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>
#include <system_error>
#include <utility>

#include <cerrno>

namespace simul::program {

namespace {

// What an error of resolving means to who asked; throws what is no answer.
found_file refusal(int code) {
    found_file none;
    switch (code) {
        case ENOENT:
        case ENOTDIR:
        case ENAMETOOLONG:
        case ELOOP: break;
        case EACCES:
        case EPERM:
        case EXDEV: none.what = found_file::kind::forbidden; break;
        default: throw std::system_error{code, std::system_category(), "resolving a name"};
    }
    return none;
}

found_file described(unique_fd opened) {
    struct stat facts{};
    if (::fstat(opened.get(), &facts) != 0) return refusal(errno);
    found_file found;
    if (S_ISDIR(facts.st_mode)) {
        found.what = found_file::kind::directory;
    } else if (S_ISREG(facts.st_mode)) {
        found.what = found_file::kind::regular;
        found.descriptor = std::move(opened);
        found.size = static_cast<std::uint64_t>(facts.st_size);
        found.modified = std::chrono::sys_time<std::chrono::nanoseconds>{
            std::chrono::seconds{facts.st_mtim.tv_sec} +
            std::chrono::nanoseconds{facts.st_mtim.tv_nsec}};
    } else {
        found.what = found_file::kind::forbidden;
    }
    return found;
}

}  // namespace

found_file find_beneath(int directory, const std::string& name) {
    struct open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    const char* relative = name.empty() ? "." : name.c_str();
    long opened = -1;
    // EAGAIN: something on the way was renamed meanwhile, so the kernel cannot be sure.
    for (int attempts = 0; attempts != 8; ++attempts) {
        opened = ::syscall(SYS_openat2, directory, relative, &how, sizeof how);
        if (opened >= 0 || (errno != EAGAIN && errno != EINTR)) break;
    }
    if (opened >= 0) return described(unique_fd{static_cast<int>(opened)});
    const int code = errno;
    // Old kernels do not know the call; sandboxes answer EPERM, as does nothing that the call meets
    // when it only looks for a place.
    if (code == ENOSYS || code == EPERM) return find_beneath_without_links(directory, name);
    return refusal(code);
}

found_file find_beneath_without_links(int directory, const std::string& name) {
    constexpr int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    unique_fd at;
    std::string_view rest{name.empty() ? std::string_view{"."} : std::string_view{name}};
    while (!rest.empty()) {
        const std::size_t slash = rest.find('/');
        const std::string segment{rest.substr(0, slash)};
        rest = slash == rest.npos ? std::string_view{} : rest.substr(slash + 1);
        if (segment == "..") return refusal(EXDEV);
        unique_fd next{::openat(at ? at.get() : directory, segment.c_str(), flags)};
        if (!next) return refusal(errno);
        at = std::move(next);
    }
    // The link itself was opened: it is no file and no directory.
    return described(std::move(at));
}

}  // namespace simul::program
