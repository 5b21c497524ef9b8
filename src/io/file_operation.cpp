// SPDX-License-Identifier: Apache-2.0
#include "io/file_operation.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simul/runtime/loop.hpp"

namespace simul::detail {

bool is_made_by_backend(opcode what) noexcept {
    return file_calls == &system_file_calls && loop::current().io().can(what);
}

bool is_made_by_backend(opcode what, const file_state& of) noexcept {
    return of.is_regular && is_made_by_backend(what);
}

started file_operation::start(waiter& self) noexcept {
    if (!begin(self)) {
        if (rule_ != on_request::continues) return started::stopped;
        waits_for_this(self);
    }
    if (!loop::current().io().submit(*this)) return started::pending;
    // It was refused, for want of memory; but what is to be closed has no second chance.
    if (code == opcode::close) result = ::close(descriptor) < 0 ? -errno : 0;
    leaf::unlink();
    return started::done;
}

void file_operation::finished(operation& self) noexcept {
    auto& ended = static_cast<file_operation&>(self);
    const bool stopped = ended.result == -ECANCELED && ended.asked_to_end_;
    ended.finish(stopped ? notice::stopped : notice::queue);
}

void file_operation::interrupt(cancellable& self) noexcept {
    auto& waiting = static_cast<file_operation&>(self);
    if (waiting.rule_ != on_request::ends) return;
    waiting.asked_to_end_ = true;
    if (loop::current().io().cancel(waiting)) waiting.finish(notice::stopped);
}

open_operation::~open_operation() {
    if (state == operation_state::completed && result >= 0) ::close(result);
}

// Once the file is open, which may have emptied it, the open is delivered.
task<opened_path> open_by_backend(const std::filesystem::path& path, open_mode mode,
                                  open_options options) {
    check_path(path);
    const int flags = flags_of(mode, options);
    const unsigned permissions = options.permissions & 07777U;
    int result = co_await open_call{path, flags | O_NONBLOCK, permissions};
    if (result == -EWOULDBLOCK) result = co_await open_call{path, flags, permissions};  // a lease
    if (result < 0) throw_path_error("open", path, -result);
    unique_fd opened{result};

    struct statx about{};
    const int failed = co_await file_call{
        opcode::status, opened.get(), &about, sizeof about, 0, on_request::continues};
    if (failed < 0) throw_path_error("open: statx", path, -failed);
    co_return as_file(std::move(opened), about.stx_mode, flags, path);
}

}  // namespace simul::detail
