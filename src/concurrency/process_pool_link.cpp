// SPDX-License-Identifier: Apache-2.0
#include "concurrency/process_pool_link.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <span>
#include <system_error>
#include <utility>

#include "concurrency/process_pool_starter.hpp"
#include "simul/concurrency/detail/process_call.hpp"
#include "simul/concurrency/process_pool.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

// What the loop knows of a descriptor of this number is of an earlier one.
void forget(int descriptor) noexcept {
    loop* const running = loop::find_current();
    if (running != nullptr && !running->is_simulated()) running->io().forget(descriptor);
}

bool is_readable(int descriptor, int milliseconds) noexcept {
    ::pollfd query{descriptor, POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&query, 1, milliseconds);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

void signal_through(int process_descriptor, int number) noexcept {
    ::syscall(SYS_pidfd_send_signal, process_descriptor, number, nullptr, 0);
}

bool means_lost(const std::error_code& code) noexcept {
    return code == std::errc::broken_pipe || code == std::errc::connection_reset;
}

[[noreturn]] void throw_starter_gone() {
    throw process_pool_broken{"the process that starts the workers of a process_pool has ended"};
}

// Takes a reply if one is there, with the descriptors that came with it. Returns what recvmsg does.
::ssize_t take_reply(int control, starter_reply& reply, unique_fd* received) noexcept {
    alignas(::cmsghdr) char ancillary[CMSG_SPACE(sizeof(int) * descriptors_of_a_worker)]{};
    ::iovec text{&reply, sizeof reply};
    ::msghdr message{};
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = ancillary;
    message.msg_controllen = sizeof ancillary;
    ::ssize_t count = 0;
    do {
        count = ::recvmsg(control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (count < 0 && errno == EINTR);
    if (count <= 0) return count;

    const ::cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return count;
    const std::size_t descriptors = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t each = 0; each != descriptors; ++each) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header) + each * sizeof(int), sizeof(int));
        received[each].reset(descriptor);
    }
    return count;
}

}  // namespace

// --- watched_descriptor -------------------------------------------------------------------------

watched_descriptor::watched_descriptor(unique_fd owned) noexcept : held_{std::move(owned)} {
    if (held_) forget(held_.get());
}

watched_descriptor& watched_descriptor::operator=(watched_descriptor&& other) noexcept {
    if (this != &other) {
        reset();
        held_ = std::move(other.held_);
    }
    return *this;
}

void watched_descriptor::reset() noexcept {
    if (held_) forget(held_.get());
    held_.reset();
}

// --- process_worker -----------------------------------------------------------------------------

bool process_worker::has_exited() const noexcept {
    return is_readable(exited.get(), 0);
}

void process_worker::send_signal(int number) const noexcept {
    if (exited) signal_through(exited.get(), number);
}

// A small reply comes whole with one receive, so that it is either delivered or was never begun.
task<bool> process_worker::receive(process_reply& reply) {
    std::array<std::byte, 2048> first;
    std::size_t filled = 0;
    while (filled < sizeof(process_header)) {
        const std::size_t count =
            co_await receive_from(socket.get(), std::span{first}.subspan(filled));
        if (count == 0) co_return false;
        filled += count;
    }
    process_header header;
    std::memcpy(&header, first.data(), sizeof header);
    reply.kind = static_cast<reply_kind>(header.what);
    reply.body.resize(static_cast<std::size_t>(header.size));

    // There is one request at a time, so nothing follows the body.
    filled = std::min(filled - sizeof header, reply.body.size());
    std::ranges::copy(std::span{first}.subspan(sizeof header, filled), reply.body.begin());
    std::span<std::byte> rest = std::span{reply.body}.subspan(filled);
    while (!rest.empty()) {
        const std::size_t count = co_await receive_from(socket.get(), rest);
        if (count == 0) co_return false;
        rest = rest.subspan(count);
    }
    co_return true;
}

task<> process_worker::send_rest_and_receive(std::span<const std::byte> rest,
                                             process_reply& reply) {
    while (!rest.empty()) {
        const std::size_t count = co_await send_to(socket.get(), rest);
        rest = rest.subspan(count);
    }
    const bool is_there = co_await receive(reply);
    progress = is_there ? state::ready : state::lost;
}

task<> process_worker::exchange(std::span<const std::byte> request, process_reply& reply,
                                process_cancel on_cancel) {
    try {
        const std::size_t count = co_await send_to(socket.get(), request);
        progress = state::in_call;
        auto rest = send_rest_and_receive(request.subspan(count), reply);
        if (on_cancel == process_cancel::finish) {
            co_await shield(std::move(rest));
        } else {
            co_await std::move(rest);
        }
    } catch (const std::system_error& failure) {
        if (!means_lost(failure.code())) throw;
        progress = state::lost;
    }
}

// --- starter_link -------------------------------------------------------------------------------

// The child must not run one of the program's signal handlers before it has reset them: they would
// write to descriptors that both have. Output that waits in a buffer would be written twice.
void starter_link::start() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        throw std::system_error{errno, std::system_category(), "process_pool: socketpair"};
    }
    unique_fd ours{ends[0]};
    const unique_fd theirs{ends[1]};
    ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
    std::cout.flush();
    std::fflush(nullptr);

    ::sigset_t all;
    ::sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const ::pid_t process = ::fork();
    if (process == 0) serve_as_starter(theirs.get());
    const int fork_error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (process < 0) {
        throw std::system_error{fork_error, std::system_category(), "process_pool: fork"};
    }
    unique_fd exited{static_cast<int>(::syscall(SYS_pidfd_open, process, 0))};
    if (!exited) {
        const int error = errno;
        ours.reset();  // it ends by itself then
        while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
        }
        throw std::system_error{error, std::system_category(), "process_pool: pidfd_open"};
    }
    control_ = watched_descriptor{std::move(ours)};
    exited_ = watched_descriptor{std::move(exited)};
    is_running_ = true;
}

task<starter_reply> starter_link::ask(starter_request request, unique_fd* received) {
    const mutex_guard held = co_await conversation_.acquire();
    if (!control_) throw_starter_gone();
    starter_reply reply;
    try {
        const auto bytes = std::as_bytes(std::span{&request, 1});
        static_cast<void>(co_await send_to(control_.get(), bytes));
        ::ssize_t count = take_reply(control_.get(), reply, received);
        while (count < 0 && errno == EAGAIN) {
            co_await wait_readable(control_.get());
            count = take_reply(control_.get(), reply, received);
        }
        if (count != sizeof reply) throw_starter_gone();
    } catch (const std::system_error& failure) {
        if (!means_lost(failure.code())) throw;
        throw_starter_gone();
    }
    co_return reply;
}

task<> starter_link::start_worker(process_worker& fresh) {
    unique_fd received[descriptors_of_a_worker];
    starter_request request;
    request.what = starter_request::start;
    const starter_reply reply = co_await ask(request, received);
    if (reply.error != 0) {
        throw std::system_error{reply.error, std::system_category(),
                                "process_pool: a worker cannot be started"};
    }
    fresh.id = reply.id;
    fresh.process = reply.process;
    fresh.socket = watched_descriptor{std::move(received[0])};
    fresh.exited = watched_descriptor{std::move(received[1])};
    if (!fresh.socket || !fresh.exited) {  // the system drops what a full table does not take
        throw std::system_error{std::make_error_code(std::errc::too_many_files_open),
                                "process_pool: a worker cannot be reached"};
    }
    fresh.progress = process_worker::state::ready;
}

task<starter_reply> starter_link::status_of(const process_worker& ended) {
    starter_request request;
    request.what = starter_request::status;
    request.id = ended.id;
    co_return co_await ask(request, nullptr);
}

task<> starter_link::wait_for_end() {
    if (!is_running_) co_return;
    if (loop::current().is_simulated()) {
        end();
        co_return;
    }
    co_await wait_readable(exited_.get());
    reap();
}

void starter_link::end() noexcept {
    constexpr int patience = 2000;  // milliseconds
    if (!is_running_) return;
    hang_up();
    if (!is_readable(exited_.get(), patience)) signal_through(exited_.get(), SIGKILL);
    reap();
}

// A program that ignores SIGCHLD, or waits for just any child, has done it before us.
void starter_link::reap() noexcept {
    if (!std::exchange(is_running_, false)) return;
    ::siginfo_t status{};
    while (::waitid(P_PIDFD, static_cast<::id_t>(exited_.get()), &status, WEXITED) != 0 &&
           errno == EINTR) {
    }
}

}  // namespace simul::detail
