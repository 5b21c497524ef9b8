// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated_network.hpp: the descriptors of the simulated world, and a network
// that has no interface but loopback.
//
//      simulated_network.cpp     making and closing descriptors, and what the waiting are told
//      simulated_names.cpp       who is where: bind, listen, the names of both ends
//      simulated_streams.cpp     connections, and the bytes in them
//      simulated_datagrams.cpp   datagrams
//      simulated_pipe.cpp        pipes, which belong to processes rather than to a network
//
// Same calls, same results: descriptors count up from 1'000'000 and are never used twice, so that
// one which was closed is never mistaken for another, and ports that nobody chose count up from
// 49'152. A port is free again as soon as it is closed.
//
// It differs from a kernel in what is left to chance there, on the strict side:
//   - a datagram for whose receiver there is no room is not lost: its sender waits, as senders do
//     whose own buffer is full, so programs are tested for that and fail the same way every time;
//   - who sends to a stream that was closed is told at once, and not by the second send;
//   - nothing takes time.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/backends/simulated_address.hpp"
#include "runtime/backends/simulated_operations.hpp"
#include "runtime/backends/simulated_pipe.hpp"
#include "simul/base/intrusive_list.hpp"
#include "simul/runtime/operation.hpp"

namespace simul::detail {

/// The part of the simulated backend that knows nothing of time: what exists, and what an operation
/// on it gives now.
///
/// The functions named after system calls give their result, or a negated errno.
class simulated_network {
public:
    static constexpr int first_descriptor = 1'000'000;
    static constexpr std::uint16_t first_port = 49'152;

    /// How many bytes a stream holds before a send waits, and a socket for datagrams.
    static constexpr std::size_t default_capacity = 64 * 1024;
    static constexpr std::size_t datagram_capacity = 208 * 1024;

    /// What each datagram takes of that besides its bytes, so that empty ones are limited, too.
    static constexpr std::size_t datagram_overhead = 512;

    simulated_network(const simulated_network&) = delete;
    simulated_network& operator=(const simulated_network&) = delete;

    /// Two connected streams. `capacity` is how many bytes each direction holds before a send
    /// waits.
    std::pair<int, int> open_pair(std::size_t capacity = default_capacity);

    /// A stream that is not connected yet, for a connect.
    int open_socket(std::size_t capacity = default_capacity);

    /// Something to connect to, at any port of the loopback device. Up to `backlog` connections
    /// wait for their accept, more wait in connect.
    int open_listener(std::size_t backlog = 128);

    /// A pipe: {reading, writing}. Each end is open until the last of its descriptors is closed.
    std::pair<int, int> open_pipe(std::size_t capacity = default_capacity);

    /// What has nothing to read and takes whatever is written: appends it to `into`, which must
    /// outlive it, or drops it as /dev/null does.
    int open_sink(std::string* into = nullptr);

    /// dup(2), of one end of a pipe or of a sink.
    int duplicate(int descriptor);

    [[nodiscard]] bool is_pipe(int descriptor) const noexcept {
        const auto found = endpoints_.find(descriptor);
        return found != endpoints_.end() && found->second->what == kind::pipe;
    }

    /// A number for a process, never the same twice.
    int take_process_number() noexcept { return next_process_++; }

    /// socket(2): a stream or a socket for datagrams, of AF_INET or AF_INET6.
    int make_socket(int family, int type);

    int bind(int descriptor, const void* name, std::size_t size);
    int listen(int descriptor, int backlog);
    int connect(int descriptor, const void* name, std::size_t size);
    int local_name(int descriptor, void* name, socklen_t& size) noexcept;
    int peer_name(int descriptor, void* name, socklen_t& size) noexcept;
    int set_option(int descriptor, int level, int option, int value) noexcept;

    /// SO_ERROR: what is still to be told, as an errno; it is told thereby.
    int take_error(int descriptor) noexcept;

    /// recvmsg(2) and sendmsg(2) of a descriptor that does not block.
    int receive(int descriptor, msghdr& message, int flags);
    int send(int descriptor, const msghdr& message);

    /// shutdown(2) with SHUT_WR: the peer reads the end of the stream after what was sent before.
    int shutdown_write(int descriptor) noexcept;

    /// close(2): the peer reads what was sent and then the end, or is told of a reset when there
    /// was something it had sent over the network and nobody read; its sends give EPIPE. What waits
    /// in the backlog of a listener is reset. Nothing may be in flight on the descriptor.
    void close(int descriptor) noexcept;

    /// What a reset by the network does: unread bytes are lost, each end is told ECONNRESET once,
    /// and after that reads give 0 and sends EPIPE.
    void reset(int descriptor) noexcept;

    /// Whether a receive or accept would give something now: bytes, a datagram, a connection, the
    /// end, or an error.
    [[nodiscard]] bool is_readable(int descriptor) noexcept;

    [[nodiscard]] bool exists(int descriptor) const noexcept {
        return endpoints_.contains(descriptor);
    }

    /// How many descriptors are open; those in the backlogs of listeners among them.
    [[nodiscard]] std::size_t descriptor_count() const noexcept { return endpoints_.size(); }

protected:
    using operation_list = intrusive_list<operation, operation>;

    // What an attempt gives that has to wait.
    static constexpr int would_block = INT_MIN;

    enum class kind : std::uint8_t { socket, stream, listener, datagrams, pipe };

    struct packet {
        simulated_address from;
        std::vector<std::byte> bytes;
    };

    struct endpoint : list_hook<endpoint> {
        endpoint(int descriptor, kind sort, int of_family, std::size_t most)
            : number{descriptor}, what{sort}, family{of_family}, capacity{most} {}

        [[nodiscard]] bool is_idle() const noexcept {
            return readers.empty() && writers.empty() && polls.empty();
        }
        [[nodiscard]] bool is_internet() const noexcept {
            return family == AF_INET || family == AF_INET6;
        }

        int number;
        kind what;
        int family;
        std::size_t capacity;        // bytes of `incoming`, or of `packets`
        std::size_t longest = 0;     // connections in `backlog`
        int peer = -1;               // -1: none, or closed
        int error = 0;               // an errno that is still to be told
        bool end_of_stream = false;  // nothing follows `incoming`
        bool writable = true;        // false: sends give EPIPE
        bool connecting = false;     // to `remote`, without an operation
        bool shares_address = false;
        bool shares_port = false;
        bool v6_only = false;
        bool may_broadcast = false;
        bool chose_port = false;  // by bind
        simulated_address own;    // nowhere: not bound
        simulated_address remote;
        std::deque<std::byte> incoming;
        std::deque<int> backlog;    // accepted streams nobody has taken
        std::vector<int> knocking;  // sockets whose connect waits for the backlog
        std::deque<packet> packets;
        std::size_t packet_bytes = 0;  // with overhead
        // Each is in the list of the other: who had no room for a datagram of ours, and whose
        // datagrams we had no room for. Only a retry ends that, after those who wait were told.
        std::vector<int> stalled_by;
        std::vector<int> stalled;
        // For kind::pipe, which uses nothing else of this but the lists of operations.
        std::shared_ptr<simulated_pipe> pipe;
        pipe_end side = pipe_end::reading;
        operation_list readers;
        operation_list writers;
        operation_list polls;
        std::unique_ptr<endpoint> next_closed;
    };

    simulated_network() = default;
    ~simulated_network() {
        while (dirty_.pop_front() != nullptr) continue;
        free_closed();
    }

    endpoint* find(int descriptor) noexcept;
    endpoint& get(int descriptor) noexcept;
    int add(kind what, int family, std::size_t capacity);
    void touch(int descriptor) noexcept;
    static operation_list& list_of(endpoint& place, opcode code) noexcept;

    /// Sets the result, unless it would have to wait.
    bool attempt(operation& request) noexcept;

    /// What goes on at a touched descriptor besides operations: before those are tried, and after.
    void continue_connect(int descriptor, endpoint& place) noexcept;
    void leave_stalls(int descriptor, endpoint& place) noexcept;

    /// One after the other: they may be many, and each holds the next.
    void free_closed() noexcept {
        while (closed_) closed_ = std::move(closed_->next_closed);
    }

    // Which ones are to be tried again, because something has changed.
    intrusive_list<endpoint, endpoint> dirty_;
    std::map<int, std::unique_ptr<endpoint>> endpoints_;
    simulated_operations operations_;

    // What was closed while somebody may have been looking at it; kept until the next poll.
    std::unique_ptr<endpoint> closed_;

private:
    // Names.
    static int read_name(const endpoint& place, const void* name, std::size_t size,
                         simulated_address& where) noexcept;
    bool is_taken(const endpoint& by, const simulated_address& where) noexcept;
    std::uint16_t free_port(const endpoint& by) noexcept;
    void take_name(int descriptor, endpoint& place, const simulated_address& where);
    bool take_any_name(int descriptor, endpoint& place);
    void drop_name(int descriptor, endpoint& place) noexcept;
    int find_bound(kind what, const simulated_address& where, const simulated_address& from);
    static simulated_address source_of(const endpoint& place,
                                       const simulated_address& where) noexcept;
    static int route(const endpoint& place, simulated_address& where) noexcept;

    int result_of(operation& request);

    // Attempts. Each gives a result or would_block, and takes the buffer back from an operation in
    // flight (`owner`, if any) before it uses it.
    int attempt_receive(endpoint& place, msghdr& message, int flags, operation* owner);
    int attempt_send(int descriptor, endpoint& place, const msghdr& message, operation* owner);
    int attempt_accept(operation& request, endpoint& place) noexcept;
    int attempt_connect(int descriptor, endpoint& place, const void* name, std::size_t size);
    int attempt_poll(unsigned events, endpoint& place) noexcept;

    int receive_bytes(endpoint& place, const msghdr& message, int flags, operation* owner);
    int send_bytes(endpoint& place, const msghdr& message, operation* owner);
    int knock(int descriptor, endpoint& place, simulated_address where);
    void abort_connection(endpoint& place) noexcept;

    int receive_datagram(endpoint& place, msghdr& message, int flags, operation* owner);
    int send_datagram(int descriptor, endpoint& place, const msghdr& message, operation* owner);
    int connect_datagrams(int descriptor, endpoint& place, const void* name, std::size_t size);
    static bool has_room(const endpoint& place) noexcept;
    bool can_send_datagrams(const endpoint& place) noexcept;
    void stall(int descriptor, endpoint& place, int receiver, endpoint& full);
    void close_datagrams(int descriptor, endpoint& place) noexcept;

    // In simulated_pipe.cpp.
    int add_to_pipe(std::shared_ptr<simulated_pipe> pipe, pipe_end side);
    int attempt_on_pipe(operation& request, endpoint& place);
    void leave_pipe(int descriptor, endpoint& place) noexcept;
    void touch_all(const std::vector<int>& descriptors) noexcept;

    int next_descriptor_ = first_descriptor;
    int next_process_ = 1'000'000;
    std::uint16_t next_port_ = first_port;
    std::multimap<std::uint16_t, int> by_port_;  // those that hold a port
};

}  // namespace simul::detail
