// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/io_uring.cpp: operations handed to the kernel as they are.
//
//               submit                 flush (in poll)              completion
//      ──▶ queued ──▶ pending ─────────────────────────▶ in_kernel ────────────▶ free
//            │           │    ◀──── EINTR, EAGAIN ──────     │  ▲
//            └──cancel───┴──▶ free (confirmed)               └──┘ cancel is asked, and awaited
//
// A receive on a connection that the kernel receives ahead waits for that instead of going to the
// kernel, and its cancel is confirmed as well: io_uring_ahead.hpp.
//
// Invariants
//   1. The kernel knows an operation by slot index and generation (io_uring_slab.hpp), never by an
//      address, so a late completion cannot reach a record that is gone.
//   2. A linked operation is in `pending_` (stage pending) or in `cancels_` (stage in_kernel, state
//      cancelling, the request not yet submitted). Every flush submits the first list before the
//      second, so a cancel never reaches the kernel before its target.
//   3. Only the completion of the target ends an operation that the kernel knows. The completion
//      of a cancel means nothing: measured on 6.18, it arrives before the target's.
//   4. After an operation was asked to end it is never submitted again.
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <deque>
#include <system_error>

#include "runtime/backends/backends.hpp"
#include "runtime/backends/io_uring_ahead.hpp"
#include "runtime/backends/io_uring_files.hpp"
#include "runtime/backends/io_uring_setup.hpp"
#include "runtime/backends/io_uring_slab.hpp"
#include "runtime/backends/lent_buffer.hpp"
#include "simul/base/config.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/coro/frame_allocator.hpp"

namespace simul::detail {

namespace {

using operation_list = intrusive_list<operation, operation>;

// user_data of what is no operation; generation 0 belongs to no slot.
constexpr std::uint64_t id_of_cancels = 0;
constexpr std::uint64_t id_of_wake = 1;

bool shares_a_byte(const void* first, std::size_t first_size, const void* second,
                   std::size_t second_size) noexcept {
    const auto a = reinterpret_cast<std::uintptr_t>(first);
    const auto b = reinterpret_cast<std::uintptr_t>(second);
    return a < b + second_size && b < a + first_size;
}

// So many short receives in a row let the kernel receive ahead; 0 does so from the first on.
std::uint8_t short_receives_wanted() noexcept {
    if (std::getenv("SIMUL_IO_URING_AHEAD") == nullptr) return 2;
    const unsigned long wanted = number_from_environment("SIMUL_IO_URING_AHEAD");
    return wanted < connections_ahead::never ? static_cast<std::uint8_t>(wanted)
                                             : connections_ahead::never;
}

unsigned buffer_count() noexcept {
    const unsigned long wanted = number_from_environment("SIMUL_IO_URING_BUFFERS");
    return wanted != 0 ? std::bit_floor(static_cast<unsigned>(wanted)) : 1024;
}

class io_uring_backend;

// The backends of this thread that hold completions back, for overlaps_operation_in_flight.
SIMUL_THREAD_LOCAL io_uring_backend* delayed_backends = nullptr;

class io_uring_backend final : public backend {
public:
    // Takes the ring, which is not enabled yet: it will belong to the thread of the first poll. If
    // there is no memory, the ring stays the caller's.
    io_uring_backend(const io_uring& ring, ring_files files, unique_fd&& wake, std::size_t delay)
        : ring_{ring},
          files_{files},
          wake_{std::move(wake)},
          ahead_{delay != 0 ? connections_ahead::never : short_receives_wanted(), buffer_count()},
          delay_{delay} {}

    ~io_uring_backend() override {
        drain();
        io_uring_queue_exit(&ring_);
        io_uring_backend** link = &delayed_backends;
        while (*link != nullptr && *link != this) link = &(*link)->next_delayed_;
        if (*link != this) return;
        *link = next_delayed_;
        if (delayed_backends == nullptr) set_frame_check(nullptr);
    }

    bool submit(operation& request) noexcept override {
        // What has no descriptor yet is kept under one of ours.
        if (request.code == opcode::open) request.descriptor = wake_.get();
        // A number never seen before is checked, since the slab's table grows up to it.
        const int fd = request.descriptor;
        if (!slab_.has_seen(fd) && (fd < 0 || ::fcntl(fd, F_GETFD) < 0)) {
            conclude(request, -EBADF);
            return true;
        }
        ahead* const connection = request.code == opcode::poll ? connection_to_watch(request)
                                                               : ahead_.entry_if_on(request, ring_);
        if (connection != nullptr && connection->has_result()) {
            conclude(request, result_of(request, *connection));
            return true;
        }
        if (!slab_.insert(request)) {
            conclude(request, -ENOMEM);
            return true;
        }
        if (delay_ != 0 && !known_to_thread_) make_known_to_thread();
        request.state = operation_state::in_flight;
        if (lends_buffer(request) && !ahead_.has_buffers(ring_))
            slab_.at(request).awaits_readiness = true;
        if (connection != nullptr && connection->is_armed) {
            slab_.at(request).where = stage::waits_for_ahead;
        } else if (slab_.may_run(request)) {
            enqueue(request);
        }
        return false;
    }

    bool cancel(operation& request) noexcept override {
        if (request.state == operation_state::cancelling) return false;
        SIMUL_ASSERT(request.state == operation_state::in_flight,
                     "cancel of an operation that is not in flight");
        const stage where = slab_.at(request).where;
        if (where != stage::in_kernel && where != stage::held) {
            request.unlink();
            release(request);
            drop_buffer(request);
            conclude(request, -ECANCELED);
            return true;
        }
        request.state = operation_state::cancelling;
        cancels_.push_back(request);
        return false;
    }

    void poll(time_point deadline) noexcept override {
        if (deadline == time_point::min() && has_nothing_to_do()) return;
        if (!enabled_) enable();
        // The kernel refuses submissions for a while when too many completions wait (EBUSY before
        // Linux 5.19) or memory is short; they stay in their lists, and we must not block then.
        const bool flushed = flush();
        duration left = duration::zero();
        if (deadline != time_point::min() && flushed && held_.empty() &&
            io_uring_cq_ready(&ring_) == 0) {
            const time_point start = deadline == time_point::max() ? time_point{} : now();
            if (deadline > start) left = deadline - start;
        }
        if (left > duration::zero()) {
            wait(deadline == time_point::max() ? nullptr : &left);
        } else if (io_uring_sq_ready(&ring_) != 0 || kernel_has_more()) {
            io_uring_submit_and_get_events(&ring_);
        }
        reap();
        release_held();
    }

    // Readable when there are completions, and when the kernel has work whose completions come
    // with the next call of this thread. The read of the wake-up counter must have been submitted.
    [[nodiscard]] int descriptor_to_watch() const noexcept override { return ring_.ring_fd; }

    bool prepare_to_be_watched() noexcept override {
        if (!enabled_) enable();
        const bool flushed = flush();
        if (io_uring_sq_ready(&ring_) != 0) io_uring_submit(&ring_);
        return flushed && io_uring_sq_ready(&ring_) == 0 && held_.empty() &&
               io_uring_cq_ready(&ring_) == 0 && !kernel_has_more();
    }

    void wake() noexcept override {
        // acq_rel: releases what the caller published to the exchange in take_wake().
        if (woken_.exchange(true, std::memory_order_acq_rel)) return;
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
    }

    [[nodiscard]] std::array<int, 2> own_descriptors() const noexcept override {
        return {ring_.ring_fd, wake_.get()};
    }

    [[nodiscard]] time_point now() const noexcept override { return monotonic_now(); }

    // The kernel resolves descriptors when it takes a submission, so only what was received ahead
    // is remembered. Its multishot holds the connection: it must be gone before the close is, or
    // the peer would not be told. It is ended by its name, never by the descriptor, which may
    // belong to another connection by now. Bytes that nobody has read end a connection by a reset,
    // as they do where they are still the kernel's.
    void forget(int descriptor) noexcept override {
        bool used = false;
        slab_.for_each_on(descriptor, [&](operation&) { used = true; });
        SIMUL_ASSERT(!used, "a descriptor was forgotten while an operation was in flight on it");
        ahead* const connection = ahead_.find(descriptor);
        if (connection == nullptr || !connection->is_on) return;
        if (connection->is_armed) {
            if (io_uring_sqe* const submission = next_submission()) {
                ask_to_end(*submission, connections_ahead::user_data(*connection, descriptor));
                io_uring_submit_and_get_events(&ring_);
            } else {
                ::shutdown(descriptor, SHUT_RDWR);
            }
        }
        if (ahead_.forget(*connection)) {
            const linger reset{.l_onoff = 1, .l_linger = 0};
            ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        }
    }

    [[nodiscard]] bool has_received(int descriptor) noexcept override {
        ahead* const connection = ahead_.find(descriptor);
        return connection != nullptr && connection->has_result();
    }

    [[nodiscard]] buffer_lender* lender_of(const void* buffer) noexcept override {
        return ahead_.lender_of(buffer);
    }

    void for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                            void* context) noexcept override {
        slab_.for_each_on(descriptor, [&](operation& request) { visit(request, context); });
    }

    [[nodiscard]] std::size_t in_flight() const noexcept override { return slab_.size(); }
    [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }

    [[nodiscard]] bool can(opcode what) const noexcept override {
        return what <= opcode::poll || files_.can(what);
    }

    [[nodiscard]] bool overlaps(const void* begin, std::size_t size) noexcept {
        bool found = false;
        slab_.for_each([&](operation& request) {
            found = found || shares_a_byte(begin, size, &request, sizeof request) ||
                    shares_a_byte(begin, size, request.buffer, request.size);
        });
        return found;
    }

    [[nodiscard]] io_uring_backend* next_delayed() const noexcept { return next_delayed_; }

private:
    struct held_completion {
        std::uint64_t user_data;
        std::int32_t result;
        std::size_t due;  // the number of the poll that delivers it
    };

    static void conclude(operation& request, int result) noexcept {
        request.result = result;
        request.state = operation_state::completed;
    }

    void make_known_to_thread() noexcept {
        if (delayed_backends == nullptr) {
            set_frame_check([](const void* memory, std::size_t size) noexcept {
                SIMUL_ASSERT(!overlaps_operation_in_flight(memory, size),
                             "a frame was freed while the system still works on it");
            });
        }
        next_delayed_ = delayed_backends;
        delayed_backends = this;
        known_to_thread_ = true;
    }

    void enable() noexcept {
        // By number: liburing 2.3 declares io_uring_enable_rings but does not export it.
        const long error = ::syscall(SYS_io_uring_register, ring_.ring_fd,
                                     IORING_REGISTER_ENABLE_RINGS, nullptr, 0U);
        SIMUL_ASSERT(error == 0, "the io_uring could not be enabled");
        // Saves the look-up of the ring's descriptor in every call; since Linux 5.18, no loss
        // without.
        io_uring_register_ring_fd(&ring_);
        const int slack = ::prctl(PR_GET_TIMERSLACK);
        if (slack > 0) slack_ = std::chrono::nanoseconds{slack};
        enabled_ = true;
    }

    void enqueue(operation& request) noexcept {
        slab_.at(request).where = stage::pending;
        pending_.push_back(request);
    }

    // Takes an operation out of the slab and lets the next of its lane go.
    void release(operation& request) noexcept {
        const slab::lane lane = slab::lane_of(request.code);
        const bool had_the_turn = lane != slab::lane::polls && slab_.may_run(request);
        slab_.erase(request);
        if (!had_the_turn) return;
        if (operation* next = slab_.first_of(request.descriptor, lane)) enqueue(*next);
    }

    io_uring_sqe* next_submission() noexcept {
        if (io_uring_sqe* free = io_uring_get_sqe(&ring_)) return free;
        io_uring_submit(&ring_);
        return io_uring_get_sqe(&ring_);
    }

    // Returns false when the kernel does not take all there is.
    bool flush() noexcept {
        if (!wake_armed_) {
            io_uring_sqe* submission = next_submission();
            if (submission == nullptr) return false;
            io_uring_prep_read(submission, wake_.get(), &wake_count_, sizeof wake_count_, 0);
            submission->user_data = id_of_wake;
            wake_armed_ = true;
        }
        while (!pending_.empty()) {
            io_uring_sqe* submission = next_submission();
            if (submission == nullptr) return false;
            operation& request = *pending_.pop_front();
            slot& place = slab_.at(request);
            if (ahead* const connection = ahead_.entry_if_on(request, ring_)) {
                place.where = stage::waits_for_ahead;
                ahead_.arm(*submission, *connection, request.descriptor);
                continue;
            }
            prepare(*submission, request, place.awaits_readiness);
            submission->user_data = slab_.user_data(request);
            place.where = stage::in_kernel;
            ++in_kernel_;
        }
        while (!cancels_.empty()) {
            io_uring_sqe* submission = next_submission();
            if (submission == nullptr) return false;
            ask_to_end(*submission, slab_.user_data(*cancels_.pop_front()));
        }
        return true;
    }

    void ask_to_end(io_uring_sqe& submission, std::uint64_t target) noexcept {
        io_uring_prep_cancel64(&submission, target, 0);
        submission.user_data = id_of_cancels;
        if ((ring_.features & IORING_FEAT_CQE_SKIP) != 0)
            submission.flags |= IOSQE_CQE_SKIP_SUCCESS;
    }

    static void prepare(io_uring_sqe& submission, operation& request,
                        bool awaits_readiness) noexcept {
        const int fd = request.descriptor;
        constexpr auto current_position = static_cast<__u64>(-1);
        if (awaits_readiness) {
            const bool reads = slab::lane_of(request.code) == slab::lane::readers;
            io_uring_prep_poll_add(&submission, fd, reads ? POLLIN : POLLOUT);
            return;
        }
        switch (request.code) {
            case opcode::receive:
                if (lends_buffer(request) && request.buffer == nullptr)
                    return connections_ahead::prepare_to_lend(submission, fd);
                io_uring_prep_recv(&submission, fd, request.buffer, request.size, 0);
                break;
            case opcode::send:
                io_uring_prep_send(&submission, fd, request.buffer, request.size, MSG_NOSIGNAL);
                break;
            case opcode::read:
                io_uring_prep_read(&submission, fd, request.buffer, request.size, current_position);
                break;
            case opcode::write:
                io_uring_prep_write(&submission, fd, request.buffer, request.size,
                                    current_position);
                break;
            case opcode::accept:
                io_uring_prep_accept(&submission, fd, static_cast<sockaddr*>(request.buffer),
                                     request.buffer != nullptr ? &request.flags : nullptr,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
                break;
            case opcode::connect:
                io_uring_prep_connect(&submission, fd, static_cast<const sockaddr*>(request.buffer),
                                      request.size);
                break;
            case opcode::poll: io_uring_prep_poll_add(&submission, fd, request.flags); break;
            default: prepare_file_operation(submission, request); break;
        }
    }

    // What most passes of a loop find that has other work: nothing to tell the kernel, and nothing
    // that it tells. With DEFER_TASKRUN a wake is among what it tells.
    [[nodiscard]] bool has_nothing_to_do() const noexcept {
        return wake_armed_ && pending_.empty() && cancels_.empty() && delay_ == 0 &&
               !kernel_has_more() && io_uring_sq_ready(&ring_) == 0 &&
               io_uring_cq_ready(&ring_) == 0;
    }

    [[nodiscard]] bool kernel_has_more() const noexcept {
        return (IO_URING_READ_ONCE(*ring_.sq.kflags) &
                (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
    }

    // Blocks until a completion, a signal or the limit; the kernel's timer is never early. It is
    // told the slack that epoll_wait(2) and every other wait of this thread have anyway, so that
    // timers shortly after one another share a wake.
    void wait(const duration* limit) noexcept {
        io_uring_cqe* first = nullptr;
        __kernel_timespec time{};
        if (limit != nullptr) {
            const duration longest = *limit + std::min(slack_, duration::max() - *limit);
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(longest);
            time.tv_sec = seconds.count();
            time.tv_nsec = (longest - seconds).count();
        }
#if SIMUL_THREAD_SANITIZER
        // ThreadSanitizer keeps a signal back until the thread makes a call that it knows to block,
        // and ours is a bare system call: a handler that is to end this wait would never run.
        io_uring_submit(&ring_);
        pollfd completions{.fd = ring_.ring_fd, .events = POLLIN, .revents = 0};
        const timespec end{.tv_sec = time.tv_sec, .tv_nsec = time.tv_nsec};
        ::ppoll(&completions, 1, limit != nullptr ? &end : nullptr, nullptr);
        io_uring_get_events(&ring_);
        return;
#endif
        io_uring_submit_and_wait_timeout(&ring_, &first, 1, limit != nullptr ? &time : nullptr,
                                         nullptr);
    }

    void reap() noexcept {
        while (true) {
            unsigned head = 0;
            unsigned count = 0;
            io_uring_cqe* completion = nullptr;
            io_uring_for_each_cqe(&ring_, head, completion) {
                ++count;
                if (connections_ahead::is_named_by(completion->user_data)) {
                    take_ahead(*completion);
                } else {
                    take(*completion);
                }
            }
            io_uring_cq_advance(&ring_, count);
            if (!io_uring_cq_has_overflow(&ring_)) return;
            if (io_uring_get_events(&ring_) < 0 && count == 0) return;
        }
    }

    void take(const io_uring_cqe& completion) noexcept {
        const std::uint64_t user_data = completion.user_data;
        const std::int32_t result = completion.res;
        if (user_data == id_of_wake) return take_wake();
        if (user_data == id_of_cancels) return;
        slot* place = slab_.find(user_data);
        if (place == nullptr || place->where != stage::in_kernel) return;
        --in_kernel_;
        ahead_.note_lent(*place->owner, completion);
        if (delay_ != 0 && !draining_ && hold(user_data, result)) {
            place->where = stage::held;
            return;
        }
        finish(*place, result);
    }

    void take_ahead(const io_uring_cqe& completion) noexcept {
        const int descriptor = connections_ahead::descriptor_of(completion.user_data);
        ahead* const connection = ahead_.named_by(completion.user_data);
        if (connection == nullptr) return ahead_.add_stranger(completion);
        const bool is_enough = ahead_.add(*connection, completion);
        if (!draining_) serve_ahead(*connection, descriptor);
        if (!is_enough || !connection->is_armed) return;
        if (io_uring_sqe* const submission = next_submission())
            ask_to_end(*submission, completion.user_data);
    }

    // Tells those who wait for what is received ahead on a connection that there is something, or
    // that the kernel has to be asked anew.
    void serve_ahead(ahead& connection, int descriptor) noexcept {
        slab_.for_each_on(descriptor, [&](operation& waiting) {
            if (slab_.at(waiting).where != stage::waits_for_ahead) return;
            if (connection.has_result()) {
                const std::int32_t result = result_of(waiting, connection);
                release(waiting);
                conclude(waiting, result);
                waiting.complete(waiting);
            } else if (!connection.is_armed) {
                enqueue(waiting);
            }
        });
    }

    std::int32_t result_of(operation& request, ahead& connection) noexcept {
        return request.code == opcode::poll ? POLLIN : ahead_.take(connection, request);
    }

    // The connection of a poll that the kernel could not answer, because it receives ahead.
    ahead* connection_to_watch(const operation& request) noexcept {
        ahead* const connection =
            request.flags == POLLIN ? ahead_.find(request.descriptor) : nullptr;
        return connection != nullptr && connection->is_on ? connection : nullptr;
    }

    void take_wake() noexcept {
        wake_armed_ = false;
        // Pairs with the exchange in wake(): what a waker that saw `true` published before is
        // visible after this, so its missing write to the eventfd is no loss.
        woken_.exchange(false, std::memory_order_acq_rel);
    }

    bool hold(std::uint64_t user_data, std::int32_t result) noexcept try {
        held_.push_back({user_data, result, polls_ + delay_});
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }

    void release_held() noexcept {
        if (delay_ == 0) return;
        ++polls_;
        while (!held_.empty() && held_.front().due < polls_) {
            const held_completion completion = held_.front();
            held_.pop_front();
            if (slot* place = slab_.find(completion.user_data)) finish(*place, completion.result);
        }
    }

    void finish(slot& place, std::int32_t result) noexcept {
        operation& request = *place.owner;
        const bool cancelling = request.state == operation_state::cancelling;
        request.unlink();  // from cancels_: there is nothing left to be asked
        if (must_go_on(place, request, result)) {
            if (!cancelling) {
                slab::renew(place);
                enqueue(request);
                return;
            }
            result = -ECANCELED;
        }
        if (draining_ || result <= 0) drop_buffer(request);
        ahead_.note(request, result);
        release(request);
        conclude(request, result);
        if (!draining_) request.complete(request);
    }

    // Nobody takes it: the operation has brought no bytes, or they have come too late.
    void drop_buffer(operation& request) noexcept {
        if (!lends_buffer(request) || request.buffer == nullptr) return;
        auto* const bytes = static_cast<std::byte*>(std::exchange(request.buffer, nullptr));
        give_back_lease_buffer(lender_of(bytes), bytes);
    }

    // True when the completion is no result: nothing happened, and the operation is to be
    // submitted again.
    static bool must_go_on(slot& place, operation& request, std::int32_t& result) noexcept {
        if (place.awaits_readiness) {
            place.awaits_readiness = false;
            if (result >= 0 && !provide_buffer(request)) result = -ENOMEM;
            return result >= 0;
        }
        // The kernel has no buffer left to lend: once there are bytes, one of the recycler's will
        // do.
        if (result == -ENOBUFS && lends_buffer(request)) {
            place.awaits_readiness = true;
            return true;
        }
        // An interrupted close has closed.
        if (result == -EINTR) return request.code != opcode::close;
        if (request.code == opcode::accept && result < 0 && concerns_one_connection(-result))
            return true;
        // Where the kernel does not wait on a descriptor with O_NONBLOCK for us, it says EAGAIN; a
        // poll stands in then. A connect over a Unix socket means it: the backlog is full. For a
        // file on disk there is nothing to wait for.
        const bool waits = request.code < opcode::connect;
        if (result == -EAGAIN && waits) {
            place.awaits_readiness = true;
            return true;
        }
        return false;
    }

    // Ends what is in flight; afterwards the kernel owns no memory of ours.
    void drain() noexcept {
        draining_ = true;
        for (held_completion& completion : held_) {
            if (slot* place = slab_.find(completion.user_data)) finish(*place, completion.result);
        }
        held_.clear();
        slab_.for_each([this](operation& request) {
            if (request.state == operation_state::in_flight) cancel(request);
        });
        // A release lets the next of a lane go; it has been or will be cancelled by the same walk,
        // except where the first of the lane stays in the kernel: finish() enqueues its follower.
        if (ahead_.armed() != 0) {
            ahead_.for_each_armed([this](std::uint64_t multishot) {
                if (io_uring_sqe* const submission = next_submission())
                    ask_to_end(*submission, multishot);
            });
        }
        while (in_kernel_ != 0 || ahead_.armed() != 0 || !pending_.empty() || !cancels_.empty()) {
            while (operation* request = pending_.pop_front()) {
                slab_.at(*request).where = stage::queued;
                release(*request);
                drop_buffer(*request);
                conclude(*request, -ECANCELED);
            }
            if (in_kernel_ == 0 && ahead_.armed() == 0) break;
            flush();
            const int error = io_uring_submit_and_wait(&ring_, 1);
            SIMUL_ASSERT(error >= 0 || error == -EINTR || error == -EBUSY || error == -EAGAIN,
                         "an io_uring backend with operations in flight must be destroyed on the "
                         "thread it was used on");
            reap();
        }
        if (!enabled_ || !wake_armed_) return;
        if (io_uring_sqe* submission = next_submission()) ask_to_end(*submission, id_of_wake);
        // An error means another thread, or no memory; closing the ring ends the read as well.
        while (wake_armed_) {
            if (io_uring_submit_and_wait(&ring_, 1) < 0) return;
            reap();
        }
    }

    io_uring ring_;
    ring_files files_;
    unique_fd wake_;
    slab slab_;
    operation_list pending_;
    operation_list cancels_;
    connections_ahead ahead_;
    std::size_t in_kernel_ = 0;
    bool enabled_ = false;
    duration slack_ = duration::zero();
    bool draining_ = false;

    std::uint64_t wake_count_ = 0;  // the kernel's, while wake_armed_
    bool wake_armed_ = false;

    // SIMUL_IO_URING_DELAY
    std::size_t delay_;
    std::size_t polls_ = 0;
    std::deque<held_completion> held_;
    bool known_to_thread_ = false;
    io_uring_backend* next_delayed_ = nullptr;

    // Any thread. True from the first wake until its completion was taken, so that a thousand
    // wakes cost one write.
    std::atomic<bool> woken_{false};
};

}  // namespace

std::unique_ptr<backend> make_io_uring_backend(waited_for_by who, std::string& reason) {
    io_uring ring{};
    ring_files files;
    if (!set_up_io_uring(ring, who, files, reason)) return nullptr;
    try {
        unique_fd wake{::eventfd(0, EFD_CLOEXEC)};
        if (wake) {
            const std::size_t delay = number_from_environment("SIMUL_IO_URING_DELAY");
            return std::make_unique<io_uring_backend>(ring, files, std::move(wake), delay);
        }
        reason = "eventfd failed: " + std::system_category().message(errno);
    } catch (...) {
        io_uring_queue_exit(&ring);
        throw;
    }
    io_uring_queue_exit(&ring);
    return nullptr;
}

bool overlaps_operation_in_flight(const void* begin, std::size_t size) noexcept {
    io_uring_backend* asked = delayed_backends;
    while (asked != nullptr && !asked->overlaps(begin, size)) asked = asked->next_delayed();
    return asked != nullptr;
}

}  // namespace simul::detail
