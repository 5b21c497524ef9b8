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
//   3. When `drained` is set, a receive has found the queue empty after the last edge that was
//   taken
//      from epoll; it is as good as a refusal. It is never set once there was an edge that stays
//      true (end of stream, error, urgent data): no other would come for it.
//   4. The kernel owns nothing: a cancel is an unlink, and is confirmed at once.
#include <sys/epoll.h>

#include <array>
#include <limits>
#include <system_error>

#include "runtime/backends/readiness.hpp"

namespace simul::detail {

namespace {

struct descriptor_entry : operation_lanes {
    bool registered = false;
    bool drained = false;
    bool may_be_empty = true;  // false after an edge that stays true

    void expect_new_file() noexcept {
        registered = drained = false;
        may_be_empty = true;
    }
};

constexpr std::uint32_t interest = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
constexpr std::uint32_t broken = EPOLLERR | EPOLLHUP;
constexpr std::uint32_t lasting = EPOLLRDHUP | EPOLLPRI | broken;

class epoll_backend final : public backend {
public:
    epoll_backend() {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.fd = wake_.descriptor();
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.descriptor(), &event) != 0)
            throw std::system_error{errno, std::system_category(), "epoll_ctl"};
    }

    ~epoll_backend() override {
        for (descriptor_entry& entry : entries_) entry.end_all();
    }

    bool submit(operation& request) noexcept override {
        if (request.descriptor < 0) return fail(request, EBADF);
        if (request.code == opcode::poll) return submit_poll(request);
        descriptor_entry* entry = entries_.find(request.descriptor);
        const bool others_wait = entry != nullptr && !entry->of(request.code).empty();
        const bool is_vain = entry != nullptr && entry->drained && is_stream_receive(request);
        if (!others_wait && !is_vain) {
            const bool over =
                request.code == opcode::connect ? try_connect(request) : try_transfer(request);
            if (entry != nullptr) note_emptiness(request, *entry, over);
            if (over) {
                request.state = operation_state::completed;
                return true;
            }
            if (entry == nullptr) entry = entries_.find_or_make(request.descriptor);
            if (entry == nullptr) return fail(request, ENOMEM);
            if (const int error = arm(request.descriptor, *entry)) return fail(request, error);
        }
        start(request, entry->of(request.code));
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
            if (event.data.fd == wake_.descriptor()) {
                wake_.take_edge();
            } else {
                dispatch(event.data.fd, event.events);
            }
        }
    }

    // Its own events, the wakes among them, make an epoll descriptor readable until they are taken.
    [[nodiscard]] int descriptor_to_watch() const noexcept override { return epoll_.get(); }
    bool prepare_to_be_watched() noexcept override { return true; }

    void wake() noexcept override { wake_.wake(); }

    [[nodiscard]] std::array<int, 2> own_descriptors() const noexcept override {
        return {epoll_.get(), wake_.descriptor()};
    }

    [[nodiscard]] time_point now() const noexcept override { return monotonic_now(); }

    // A close ends the registration only with the last duplicate of the descriptor; ENOENT, when
    // the number belongs to a new file already, is what we want.
    void forget(int descriptor) noexcept override {
        if (forget_entry(descriptor)) {
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
        }
    }

    void forget_closing(int descriptor) noexcept override {
        static_cast<void>(forget_entry(descriptor));
    }

    void for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                            void* context) noexcept override {
        if (descriptor_entry* entry = entries_.find(descriptor)) entry->for_each(visit, context);
    }

    [[nodiscard]] std::size_t in_flight() const noexcept override { return in_flight_; }
    [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }

private:
    static unique_fd make_epoll() {
        unique_fd made{::epoll_create1(EPOLL_CLOEXEC)};
        if (!made) throw std::system_error{errno, std::system_category(), "epoll_create1"};
        return made;
    }

    void start(operation& request, operation_list& list) noexcept {
        request.state = operation_state::in_flight;
        list.push_back(request);
        ++in_flight_;
    }

    [[nodiscard]] static bool is_stream_receive(const operation& request) noexcept {
        return request.code == opcode::receive &&
               (request.flags & operation::short_means_empty) != 0;
    }

    // Before it is registered a descriptor has no edges, so what is known of it would not be taken
    // back.
    static void note_emptiness(const operation& request, descriptor_entry& entry,
                               bool over) noexcept {
        if (!is_stream_receive(request) || !entry.registered || !entry.may_be_empty) return;
        const auto all = static_cast<std::int64_t>(request.size);
        if (!over || (request.result > 0 && request.result < all)) entry.drained = true;
    }

    // Returns true if it is registered.
    bool forget_entry(int descriptor) noexcept {
        descriptor_entry* entry = entries_.find(descriptor);
        if (entry == nullptr) return false;
        SIMUL_ASSERT(entry->empty(),
                     "a descriptor was forgotten while an operation was in flight on it");
        const bool registered = entry->registered;
        entry->expect_new_file();
        return registered;
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
        descriptor_entry* entry = entries_.find_or_make(request.descriptor);
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
            const timespec limit = as_timespec(left);
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
        descriptor_entry* found = entries_.find(descriptor);
        if (found == nullptr) return;
        descriptor_entry& entry = *found;
        if ((events & (EPOLLIN | lasting)) != 0) entry.drained = false;
        if ((events & lasting) != 0) entry.may_be_empty = false;
        // First those that only look, then those that take away.
        retry_polls(entry.polls, in_flight_);
        if ((events & (EPOLLIN | EPOLLRDHUP | broken)) != 0) retry(entry, entry.readers);
        if ((events & (EPOLLOUT | broken)) != 0) retry(entry, entry.writers);
    }

    void retry(descriptor_entry& entry, operation_list& list) noexcept {
        while (!list.empty()) {
            operation& request = list.front();
            const bool over =
                request.code == opcode::connect ? finish_connect(request) : try_transfer(request);
            note_emptiness(request, entry, over);
            if (!over) return;
            finish(request, in_flight_);
        }
    }

    unique_fd epoll_ = make_epoll();
    wake_event wake_;
    descriptor_table<descriptor_entry> entries_;
    std::size_t in_flight_ = 0;
    bool nanoseconds_ = true;
    std::array<epoll_event, 256> events_{};
};

}  // namespace

std::unique_ptr<backend> make_epoll_backend() {
    return std::make_unique<epoll_backend>();
}

}  // namespace simul::detail
