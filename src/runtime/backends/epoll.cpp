// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/epoll.cpp: the contract of completions on top of readiness.
//
// Every operation is tried at once, and armed only when it would block; but no receive is tried on
// a TCP connection that is known to be empty. A descriptor stays registered, edge-triggered and for
// both directions, from the first time it blocked until it is forgotten, so that a connection costs
// one epoll_ctl in its life.
//
// Invariants
//   1. An operation in flight is in exactly one list of its descriptor: readers, writers or polls.
//   2. When readers (writers) is not empty, its first element was refused with EAGAIN after the
//      last edge that was taken from epoll; the next edge therefore is still to come, and nothing
//      waits for an event that has passed. Newcomers join the end untried.
//   3. When `empty` is set, a receive has found the queue empty after the last edge that was taken
//      from epoll; it is as good as a refusal. It is never set once there was an edge that stays
//      true (end of stream, error, urgent data): no other would come for it.
//   4. The kernel owns nothing: a cancel is an unlink, and is confirmed at once.
//
// The operations read, write, accept and connect want a non-blocking descriptor, because the system
// calls have no flag for it; receive and send do not care.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <deque>
#include <limits>
#include <new>
#include <system_error>

#include "runtime/backends/backends.hpp"
#include "simul/base/unique_fd.hpp"

namespace simul::detail {

namespace {

using operation_list = intrusive_list<operation, operation>;

struct descriptor_entry {
    bool registered = false;
    bool empty = false;
    bool may_be_empty = true;  // false after an edge that stays true
    operation_list readers;    // receive, read, accept
    operation_list writers;    // send, write, connect
    operation_list polls;

    void expect_new_file() noexcept {
        registered = empty = false;
        may_be_empty = true;
    }
};

constexpr std::uint32_t interest = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
constexpr std::uint32_t broken = EPOLLERR | EPOLLHUP;
constexpr std::uint32_t lasting = EPOLLRDHUP | EPOLLPRI | broken;

bool is_reader(opcode code) noexcept {
    return code == opcode::receive || code == opcode::read || code == opcode::accept;
}

long call(operation& request) noexcept {
    const int fd = request.descriptor;
    switch (request.code) {
        case opcode::receive: return ::recv(fd, request.buffer, request.size, MSG_DONTWAIT);
        case opcode::send:
            return ::send(fd, request.buffer, request.size, MSG_DONTWAIT | MSG_NOSIGNAL);
        case opcode::read: return ::read(fd, request.buffer, request.size);
        case opcode::write: return ::write(fd, request.buffer, request.size);
        case opcode::accept:
            return ::accept4(fd, static_cast<sockaddr*>(request.buffer),
                             request.buffer != nullptr ? &request.flags : nullptr,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        case opcode::connect:
        case opcode::poll: break;
    }
    errno = EINVAL;
    return -1;
}

// The three below return true when the operation is over, with its result set.

bool try_transfer(operation& request) noexcept {
    while (true) {
        const long count = call(request);
        if (count >= 0) {
            request.result = static_cast<std::int32_t>(count);
            return true;
        }
        if (errno == EAGAIN) return false;
        if (errno == EINTR) continue;
        if (request.code == opcode::accept && concerns_one_connection(errno)) continue;
        request.result = -errno;
        return true;
    }
}

bool try_connect(operation& request) noexcept {
    const auto* address = static_cast<const sockaddr*>(request.buffer);
    if (::connect(request.descriptor, address, request.size) == 0) {
        request.result = 0;
        return true;
    }
    // An interrupted connect goes on in the background; calling it again would give EALREADY.
    if (errno == EINPROGRESS || errno == EINTR) return false;
    request.result = -errno;
    return true;
}

bool try_poll(operation& request) noexcept {
    pollfd query{request.descriptor, static_cast<short>(request.flags), 0};
    int ready = 0;
    do {
        ready = ::poll(&query, 1, 0);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) return false;
    if (ready < 0) {
        request.result = -errno;
    } else if ((query.revents & POLLNVAL) != 0) {
        request.result = -EBADF;
    } else {
        request.result = static_cast<std::uint16_t>(query.revents);
    }
    return true;
}

// Readiness is asked for once more, because the event may stem from another open file that was
// registered under the same number; SO_ERROR of a connect under way would read as success.
bool finish_connect(operation& request) noexcept {
    pollfd query{request.descriptor, POLLOUT, 0};
    if (::poll(&query, 1, 0) <= 0) return false;
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(request.descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    request.result = -error;
    return true;
}

class epoll_backend final : public backend {
public:
    epoll_backend() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
        if (!epoll_) throw std::system_error{errno, std::system_category(), "epoll_create1"};
        wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!wake_) throw std::system_error{errno, std::system_category(), "eventfd"};
        // Edge-triggered, so that the counter never has to be read: every write is an edge.
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.fd = wake_.get();
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0)
            throw std::system_error{errno, std::system_category(), "epoll_ctl"};
    }

    ~epoll_backend() override {
        for (descriptor_entry& entry : entries_) {
            for (operation_list* list : {&entry.readers, &entry.writers, &entry.polls}) {
                while (operation* request = list->pop_front()) conclude(*request, -ECANCELED);
            }
        }
    }

    bool submit(operation& request) noexcept override {
        if (request.descriptor < 0) return fail(request, EBADF);
        if (request.code == opcode::poll) return submit_poll(request);
        descriptor_entry* entry = nullptr;
        if (static_cast<std::size_t>(request.descriptor) < entries_.size())
            entry = &entries_[static_cast<std::size_t>(request.descriptor)];
        const bool reads = is_reader(request.code);
        const bool others_wait =
            entry != nullptr && !(reads ? entry->readers : entry->writers).empty();
        const bool is_vain = entry != nullptr && entry->empty && is_stream_receive(request);
        if (!others_wait && !is_vain) {
            const bool over =
                request.code == opcode::connect ? try_connect(request) : try_transfer(request);
            if (entry != nullptr) note_emptiness(request, *entry, over);
            if (over) {
                request.state = operation_state::completed;
                return true;
            }
            if (entry == nullptr) entry = make_entry(request.descriptor);
            if (entry == nullptr) return fail(request, ENOMEM);
            if (const int error = arm(request.descriptor, *entry)) return fail(request, error);
        }
        start(request, reads ? entry->readers : entry->writers);
        return false;
    }

    bool cancel(operation& request) noexcept override {
        SIMUL_ASSERT(request.state == operation_state::in_flight,
                     "cancel of an operation that is not in flight");
        request.unlink();
        --in_flight_;
        conclude(request, -ECANCELED);
        return true;
    }

    void poll(time_point deadline) noexcept override {
        // With nothing in flight only a wake could arrive, and it ends the next poll just as well.
        if (deadline == time_point::min() && in_flight_ == 0) return;
        const int count = wait(deadline);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events_[static_cast<std::size_t>(i)];
            if (event.data.fd == wake_.get()) {
                // Pairs with the exchange in wake(): what a waker that saw `true` published before
                // is visible after this, so its missing write to the eventfd is no loss.
                woken_.exchange(false, std::memory_order_acq_rel);
            } else {
                dispatch(event.data.fd, event.events);
            }
        }
    }

    // Its own events, the wakes among them, make an epoll descriptor readable until they are taken.
    [[nodiscard]] int descriptor_to_watch() const noexcept override { return epoll_.get(); }
    bool prepare_to_be_watched() noexcept override { return true; }

    void wake() noexcept override {
        // acq_rel: releases what the caller published to the exchange in poll().
        if (woken_.exchange(true, std::memory_order_acq_rel)) return;
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
    }

    [[nodiscard]] time_point now() const noexcept override { return monotonic_now(); }

    void forget(int descriptor) noexcept override {
        if (descriptor < 0 || static_cast<std::size_t>(descriptor) >= entries_.size()) return;
        descriptor_entry& entry = entries_[static_cast<std::size_t>(descriptor)];
        SIMUL_ASSERT(entry.readers.empty() && entry.writers.empty() && entry.polls.empty(),
                     "a descriptor was forgotten while an operation was in flight on it");
        if (!entry.registered) return;
        entry.expect_new_file();
        // A close ends the registration only with the last duplicate of the descriptor; ENOENT,
        // when the number belongs to a new file already, is what we want.
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
    }

    void for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                            void* context) noexcept override {
        if (descriptor < 0 || static_cast<std::size_t>(descriptor) >= entries_.size()) return;
        descriptor_entry& entry = entries_[static_cast<std::size_t>(descriptor)];
        for (operation_list* list : {&entry.readers, &entry.writers, &entry.polls}) {
            operation* request = list->empty() ? nullptr : &list->front();
            while (request != nullptr) {
                operation* following = list->next(*request);
                visit(*request, context);
                request = following;
            }
        }
    }

    [[nodiscard]] std::size_t in_flight() const noexcept override { return in_flight_; }
    [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }

private:
    static void conclude(operation& request, int result) noexcept {
        request.result = result;
        request.state = operation_state::completed;
    }

    static bool fail(operation& request, int error) noexcept {
        conclude(request, -error);
        return true;
    }

    void start(operation& request, operation_list& list) noexcept {
        request.state = operation_state::in_flight;
        list.push_back(request);
        ++in_flight_;
    }

    void finish(operation& request) noexcept {
        request.unlink();
        --in_flight_;
        request.state = operation_state::completed;
        request.complete(request);
    }

    descriptor_entry* make_entry(int descriptor) noexcept try {
        const auto index = static_cast<std::size_t>(descriptor);
        while (entries_.size() <= index) entries_.emplace_back();
        return &entries_[index];
    } catch (const std::bad_alloc&) {
        return nullptr;
    }

    [[nodiscard]] static bool is_stream_receive(const operation& request) noexcept {
        return request.code == opcode::receive && request.flags == operation::short_means_empty;
    }

    // Before it is registered a descriptor has no edges, so what is known of it would not be taken
    // back.
    static void note_emptiness(const operation& request, descriptor_entry& entry,
                               bool over) noexcept {
        if (!is_stream_receive(request) || !entry.registered || !entry.may_be_empty) return;
        const auto all = static_cast<std::int64_t>(request.size);
        if (!over || (request.result > 0 && request.result < all)) entry.empty = true;
    }

    int control(int action, int descriptor) noexcept {
        epoll_event event{};
        event.events = interest;
        event.data.fd = descriptor;
        return ::epoll_ctl(epoll_.get(), action, descriptor, &event) == 0 ? 0 : errno;
    }

    // Returns 0 or an errno. Registering reports readiness that is there already, so what happened
    // since the call was refused is not missed.
    int arm(int descriptor, descriptor_entry& entry) noexcept {
        if (entry.registered) return 0;
        int error = control(EPOLL_CTL_ADD, descriptor);
        if (error == EEXIST) error = control(EPOLL_CTL_MOD, descriptor);
        if (error == 0) entry.registered = true;
        return error;
    }

    // Polls are for descriptors that others open and close, so what the table says of the number
    // may be out of date: the kernel is always asked. A descriptor that epoll refuses with EPERM
    // (a regular file) never comes here, since poll(2) calls it ready.
    bool submit_poll(operation& request) noexcept {
        if (try_poll(request)) {
            request.state = operation_state::completed;
            return true;
        }
        descriptor_entry* entry = make_entry(request.descriptor);
        if (entry == nullptr) return fail(request, ENOMEM);
        int error = entry->registered ? control(EPOLL_CTL_MOD, request.descriptor) : ENOENT;
        if (error == ENOENT) {
            entry->expect_new_file();
            error = arm(request.descriptor, *entry);
        }
        if (error != 0) return fail(request, error);
        start(request, entry->polls);
        return false;
    }

    int wait(time_point deadline) noexcept {
        const int capacity = static_cast<int>(events_.size());
        if (deadline == time_point::max())
            return ::epoll_wait(epoll_.get(), events_.data(), capacity, -1);
        duration left = duration::zero();
        if (deadline != time_point::min()) {
            const time_point start = now();
            if (deadline > start) left = deadline - start;
        }
        if (left == duration::zero())
            return ::epoll_wait(epoll_.get(), events_.data(), capacity, 0);
        if (nanoseconds_) {
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
            timespec limit{};
            limit.tv_sec = seconds.count();
            limit.tv_nsec = (left - seconds).count();
            const int count =
                ::epoll_pwait2(epoll_.get(), events_.data(), capacity, &limit, nullptr);
            if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
            nanoseconds_ = false;  // before Linux 5.11, or a seccomp filter older than that
        }
        const auto rounded_up = std::chrono::ceil<std::chrono::milliseconds>(left).count();
        constexpr long long longest = std::numeric_limits<int>::max();
        return ::epoll_wait(epoll_.get(), events_.data(), capacity,
                            static_cast<int>(rounded_up < longest ? rounded_up : longest));
    }

    void dispatch(int descriptor, std::uint32_t events) noexcept {
        if (static_cast<std::size_t>(descriptor) >= entries_.size()) return;
        descriptor_entry& entry = entries_[static_cast<std::size_t>(descriptor)];
        if ((events & (EPOLLIN | lasting)) != 0) entry.empty = false;
        if ((events & lasting) != 0) entry.may_be_empty = false;
        // First those that only look, then those that take away.
        retry_polls(entry);
        if ((events & (EPOLLIN | EPOLLRDHUP | broken)) != 0) retry(entry, entry.readers);
        if ((events & (EPOLLOUT | broken)) != 0) retry(entry, entry.writers);
    }

    void retry_polls(descriptor_entry& entry) noexcept {
        operation* request = entry.polls.empty() ? nullptr : &entry.polls.front();
        while (request != nullptr) {
            operation* following = entry.polls.next(*request);
            if (try_poll(*request)) finish(*request);
            request = following;
        }
    }

    void retry(descriptor_entry& entry, operation_list& list) noexcept {
        while (!list.empty()) {
            operation& request = list.front();
            const bool over =
                request.code == opcode::connect ? finish_connect(request) : try_transfer(request);
            note_emptiness(request, entry, over);
            if (!over) return;
            finish(request);
        }
    }

    unique_fd epoll_;
    unique_fd wake_;
    std::deque<descriptor_entry> entries_;  // by descriptor; a deque, since lists cannot move
    std::size_t in_flight_ = 0;
    bool nanoseconds_ = true;
    std::array<epoll_event, 256> events_{};

    // Any thread. True from the first wake until poll has taken its event, so that a thousand
    // wakes cost one write.
    std::atomic<bool> woken_{false};
};

}  // namespace

std::unique_ptr<backend> make_epoll_backend() {
    return std::make_unique<epoll_backend>();
}

}  // namespace simul::detail
