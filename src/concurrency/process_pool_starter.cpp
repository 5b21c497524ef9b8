// SPDX-License-Identifier: Apache-2.0
//
// Everything here runs in the starter or in a worker, with blocking calls and one thread. An error
// that leaves nothing to be done ends the process; the program notices.
#include "concurrency/process_pool_starter.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <span>
#include <utility>
#include <vector>

#include "concurrency/process_pool_failure.hpp"
#include "concurrency/process_pool_messages.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/detail/process_call.hpp"

namespace simul::detail {

namespace {

constexpr int kept_descriptor = 3;  // the one that the starter, and each worker, keeps

// --- a new process ------------------------------------------------------------------------------

// The program's handlers would act on its loop, which is not ours.
void reset_signals() noexcept {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    for (int each = 1; each < NSIG; ++each) ::sigaction(each, &standard, nullptr);
    ::sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Keeps standard output and error and one descriptor more, which gets a fixed number.
void keep_only(int descriptor) noexcept {
    if (descriptor != kept_descriptor && ::dup2(descriptor, kept_descriptor) < 0) ::_exit(127);
    if (descriptor < kept_descriptor)
        ::close(descriptor);  // the program had closed its standard one
    ::closefrom(kept_descriptor + 1);
    ::fcntl(kept_descriptor, F_SETFD, FD_CLOEXEC);
}

void read_nothing_from_standard_input() noexcept {
    const int nothing = ::open("/dev/null", O_RDONLY);
    if (nothing <= 0) return;
    ::dup2(nothing, STDIN_FILENO);
    if (nothing > STDERR_FILENO) ::close(nothing);
}

// --- a worker -----------------------------------------------------------------------------------

bool receive_all(std::span<std::byte> buffer) noexcept {
    while (!buffer.empty()) {
        const ::ssize_t count = ::recv(kept_descriptor, buffer.data(), buffer.size(), 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        buffer = buffer.subspan(static_cast<std::size_t>(count));
    }
    return true;
}

bool send_all(std::span<const std::byte> bytes) noexcept {
    while (!bytes.empty()) {
        const ::ssize_t count = ::send(kept_descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
}

// Without memory for a request or a reply nothing can be said: the worker dies by std::terminate,
// as the call learns.
[[noreturn]] void serve_as_worker() noexcept {
    while (true) {
        process_header header;
        if (!receive_all(std::as_writable_bytes(std::span{&header, 1}))) ::_exit(0);
        std::vector<std::byte> arguments(header.size);
        if (!receive_all(arguments)) ::_exit(0);
        const std::vector<std::byte> reply = carry_out(header.what, arguments);
        std::cout.flush();
        std::fflush(nullptr);
        if (!send_all(reply)) ::_exit(0);
    }
}

[[noreturn]] void become_worker(int socket, ::pid_t starter) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != starter) ::_exit(0);  // it died before the line above
    ::prctl(PR_SET_NAME, "simul-worker");
    keep_only(socket);
    serve_as_worker();
}

// --- the starter --------------------------------------------------------------------------------

class starter {
public:
    [[noreturn]] void run() {
        starter_request request;
        while (receive(request)) {
            const bool is_answered =
                request.what == starter_request::start ? start_worker() : tell_status(request.id);
            if (!is_answered) break;
        }
        end_workers();
        ::_exit(0);
    }

private:
    struct worker {
        worker(std::uint32_t number, ::pid_t forked, unique_fd descriptor) noexcept
            : id{number}, process{forked}, exited{std::move(descriptor)} {}

        std::uint32_t id;
        ::pid_t process;
        unique_fd exited;  // none any more when it has been reaped
        ::siginfo_t end{};
    };

    // Waits for a request, and reaps what ends meanwhile. False when the program has hung up.
    bool receive(starter_request& request) {
        while (true) {
            std::vector<::pollfd> watched{{kept_descriptor, POLLIN, 0}};
            for (const worker& each : workers_) watched.push_back({each.exited.get(), POLLIN, 0});
            if (::poll(watched.data(), watched.size(), -1) < 0) {
                if (errno == EINTR) continue;
                return false;
            }
            for (std::size_t place = 0; place != workers_.size(); ++place) {
                if (watched[place + 1].revents != 0) reap(workers_[place]);
            }
            if (watched[0].revents == 0) continue;
            const ::ssize_t count = ::recv(kept_descriptor, &request, sizeof request, 0);
            if (count < 0 && errno == EINTR) continue;
            return count == sizeof request;
        }
    }

    static void reap(worker& ended) noexcept {
        if (!ended.exited) return;
        while (::waitid(P_PIDFD, static_cast<::id_t>(ended.exited.get()), &ended.end, WEXITED) !=
                   0 &&
               errno == EINTR) {
        }
        ended.exited.reset();
    }

    bool start_worker() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return refuse(errno);
        unique_fd ours{ends[0]};
        const unique_fd theirs{ends[1]};
        ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
        workers_.reserve(workers_.size() + 1);

        const ::pid_t self = ::getpid();
        const ::pid_t process = ::fork();
        if (process == 0) become_worker(theirs.get(), self);
        if (process < 0) return refuse(errno);
        unique_fd exited{static_cast<int>(::syscall(SYS_pidfd_open, process, 0))};
        if (!exited) {
            const int error = errno;
            ::kill(process, SIGKILL);  // our own child that nobody has reaped: still the same
            while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
            }
            return refuse(error);
        }
        starter_reply reply;
        reply.id = ++last_id_;
        reply.process = process;
        const int sent[descriptors_of_a_worker] = {ours.get(), exited.get()};
        workers_.emplace_back(reply.id, process, std::move(exited));
        return answer(reply, sent);
    }

    bool tell_status(std::uint32_t id) {
        const auto found = std::ranges::find(workers_, id, &worker::id);
        if (found == workers_.end()) return refuse(ESRCH);
        reap(*found);
        starter_reply reply;
        reply.id = id;
        reply.process = found->process;
        if (found->end.si_code == CLD_EXITED) {
            reply.exit_code = found->end.si_status;
        } else {
            reply.signal = found->end.si_status;
        }
        workers_.erase(found);
        return answer(reply, {});
    }

    static bool refuse(int error) noexcept {
        starter_reply reply;
        reply.error = error;
        return answer(reply, {});
    }

    static bool answer(starter_reply& reply, std::span<const int> descriptors) noexcept {
        alignas(::cmsghdr) char control[CMSG_SPACE(sizeof(int) * descriptors_of_a_worker)]{};
        ::iovec text{&reply, sizeof reply};
        ::msghdr message{};
        message.msg_iov = &text;
        message.msg_iovlen = 1;
        if (!descriptors.empty()) {
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            ::cmsghdr* const header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
            std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
        }
        ::ssize_t count = 0;
        do {
            count = ::sendmsg(kept_descriptor, &message, MSG_NOSIGNAL);
        } while (count < 0 && errno == EINTR);
        return count == sizeof reply;
    }

    void end_workers() noexcept {
        for (const worker& each : workers_) {
            if (each.exited) {
                ::syscall(SYS_pidfd_send_signal, each.exited.get(), SIGKILL, nullptr, 0);
            }
        }
        for (worker& each : workers_) reap(each);
    }

    std::vector<worker> workers_;
    std::uint32_t last_id_ = 0;
};

}  // namespace

void serve_as_starter(int control) noexcept {
    ::setpgid(0, 0);
    reset_signals();
    keep_only(control);
    read_nothing_from_standard_input();
    ::prctl(PR_SET_NAME, "simul-starter");
    starter{}.run();
}

}  // namespace simul::detail
