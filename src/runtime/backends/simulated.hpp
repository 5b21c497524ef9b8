// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated.hpp: a small world in memory, with a clock that jumps.
//
// Same inputs, same run: nothing here reads a clock, a socket or an address. A poll that has
// nothing to report moves time to its deadline instead of waiting. Descriptors count up from
// 1'000'000 and are never used twice, so that one which was closed is never mistaken for another.
//
// It is stricter than a kernel, in order to find what a kernel would only sometimes punish: while
// a receive or read is in flight its buffer is filled with a pattern and must keep it (under
// AddressSanitizer a touch is reported where it happens); while a send or write is in flight its
// buffer must not change. A violation ends the process through assertion_failed.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/backends/backends.hpp"

namespace simul::detail {

/// What the buffer of a connect holds, in place of a sockaddr.
struct simulated_address {
    int listener;
};

/// The simulated backend with what tests and the loop may ask of it beyond the interface.
///
///     auto& world = static_cast<simulated_backend&>(*loop_backend);
///     auto [left, right] = world.open_pair();
///
/// Two shapes exist. In the shape of readiness (the initial one) an operation completes in submit
/// if it can, and a cancel is confirmed at once, as with epoll. In the shape of completions every
/// operation goes through poll, and a cancel of one that a poll has seen is answered by the next
/// poll: with the result, when there is one by then, as io_uring may do.
///
/// Running out of memory ends the process, unlike with the other backends.
///
/// Threads       only the loop's thread, except wake().
/// Lifetime      destroying it ends what is in flight and its descriptors.
class simulated_backend final : public backend {
public:
    static constexpr int first_descriptor = 1'000'000;
    static constexpr std::size_t default_capacity = 64 * 1024;

    simulated_backend();
    ~simulated_backend() override;

    bool submit(operation& request) noexcept override;
    bool cancel(operation& request) noexcept override;
    void poll(time_point deadline) noexcept override;
    void wake() noexcept override;
    [[nodiscard]] time_point now() const noexcept override { return now_; }
    void forget(int descriptor) noexcept override;
    void for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                            void* context) noexcept override;
    [[nodiscard]] std::size_t in_flight() const noexcept override { return in_flight_; }
    [[nodiscard]] std::string_view name() const noexcept override { return "simulated"; }

    /// When the clock of every simulated backend starts.
    static constexpr time_point start() noexcept { return time_point{std::chrono::hours{1}}; }

    /// True when the last poll was to wait without limit and nothing could ever end the wait. Such
    /// a poll returns at once; a loop reports it as a deadlock.
    [[nodiscard]] bool stuck() const noexcept { return stuck_; }

    /// Says whether threads outside the simulation may call wake(), because they work for the
    /// loop. While they may, a poll without anything to report really blocks until they do: time
    /// stands still and nothing is stuck.
    void expect_external_events(bool expected) noexcept { external_events_ = expected; }

    /// Says whether a poll that has nothing to report moves time to its deadline (it does, unless
    /// told). If not, such a poll returns at once, and stuck() is true.
    void set_autojump(bool jumps) noexcept { jumps_ = jumps; }

    /// Moves time forward.
    void advance(duration by) noexcept { now_ = saturating_add(now_, by); }

    /// Selects the shape of completions (true) or of readiness (false). Nothing may be in flight.
    void set_completion_shape(bool completions) noexcept;

    /// Two connected streams. `capacity` is how many bytes each direction holds before a send
    /// waits.
    std::pair<int, int> open_pair(std::size_t capacity = default_capacity);

    /// A stream that is not connected yet, for a connect.
    int open_socket(std::size_t capacity = default_capacity);

    /// Something to connect to. Up to `backlog` connections wait for their accept, more wait in
    /// connect.
    int open_listener(std::size_t backlog = 128);

    /// shutdown(2) with SHUT_WR: the peer reads the end of the stream after what was sent before.
    void shutdown_write(int descriptor) noexcept;

    /// close(2): the peer reads what was sent and then the end; its sends give EPIPE. What waits
    /// in the backlog of a listener is reset. Nothing may be in flight on the descriptor.
    void close(int descriptor) noexcept;

    /// What a reset by the network does: unread bytes are lost, each end is told ECONNRESET once,
    /// and after that reads give 0 and sends EPIPE.
    void reset(int descriptor) noexcept;

    /// Whether a receive would give something now: bytes, the end, or an error.
    [[nodiscard]] bool is_readable(int descriptor) const noexcept;

private:
    using operation_list = intrusive_list<operation, operation>;

    enum class kind : std::uint8_t { socket, stream, listener };

    struct endpoint {
        explicit endpoint(kind sort, std::size_t most) : what{sort}, capacity{most} {}

        kind what;
        std::size_t capacity;        // bytes of `incoming`, or connections of `backlog`
        int peer = -1;               // -1: none, or closed
        bool end_of_stream = false;  // nothing follows `incoming`
        bool writable = true;        // false: sends give EPIPE
        bool reset = false;          // ECONNRESET is still to be told
        bool dirty = false;          // in `dirty_`
        std::deque<std::byte> incoming;
        std::deque<int> backlog;    // accepted streams nobody has taken
        std::vector<int> knocking;  // sockets whose connect waits for the backlog
        operation_list readers;
        operation_list writers;
        operation_list polls;
    };

    // What is known of an operation in flight; operation::slot is its index.
    struct record {
        std::uint64_t checksum = 0;  // of what it sends
        bool owns_buffer = false;
        bool seen_by_poll = false;  // shape of completions: the "kernel" knows it
    };

    endpoint* find(int descriptor) noexcept;
    endpoint& get(int descriptor) noexcept;
    int add(kind what, std::size_t capacity);
    void touch(int descriptor) noexcept;

    bool attempt(operation& request) noexcept;
    int attempt_receive(operation& request, endpoint& place) noexcept;
    int attempt_send(operation& request, endpoint& place) noexcept;
    int attempt_accept(endpoint& place) noexcept;
    int attempt_connect(operation& request, endpoint& place) noexcept;
    int attempt_poll(const operation& request, endpoint& place) noexcept;

    static operation_list& list_of(endpoint& place, opcode code) noexcept;
    void start(operation& request) noexcept;
    void leave(operation& request) noexcept;
    void deliver(operation& request) noexcept;
    void take_submitted() noexcept;
    void settle() noexcept;
    void retry(endpoint& place) noexcept;
    void take_buffer(operation& request) noexcept;
    void give_back_buffer(operation& request) noexcept;
    void abort_connection(endpoint& place) noexcept;

    std::map<int, std::unique_ptr<endpoint>> endpoints_;
    int next_descriptor_ = first_descriptor;
    std::deque<int> dirty_;          // descriptors whose waiting operations are to be tried
    operation_list submitted_;       // shape of completions: since the last poll
    std::vector<operation*> asked_;  // shape of completions: cancels to be answered
    std::vector<record> records_;
    std::vector<std::uint32_t> free_records_;
    std::size_t in_flight_ = 0;
    std::size_t delivered_ = 0;
    time_point now_ = start();
    bool completion_shape_ = false;
    bool jumps_ = true;
    bool external_events_ = false;
    bool stuck_ = false;

    std::atomic<int> woken_{0};  // any thread, also inside a signal handler
};

}  // namespace simul::detail
