// SPDX-License-Identifier: Apache-2.0
//
// io/dns_query.cpp: c-ares, driven by the loop.
//
// Each question has a channel of its own, and thereby sockets, ports and message numbers of its
// own. The channel's sockets are watched by a private epoll descriptor, which is one thing to wait
// for however many they are:
//
//      task ──wait_readable──▶ epoll descriptor ──▶ UDP socket, TCP socket, ...
//                                                        ▲
//      ares_process_fd ── opens and closes, and says so ─┘
#include "io/dns_query.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <memory>
#include <new>
#include <set>
#include <utility>

#include <ares.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/socket_address.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

std::error_code code_of(int status) noexcept {
    switch (status) {
        case ARES_ENOTFOUND:
        case ARES_ENONAME: return dns_errc::not_found;
        case ARES_ENODATA: return dns_errc::no_address;
        case ARES_EREFUSED: return dns_errc::refused;
        case ARES_ETIMEOUT: return dns_errc::timed_out;
        case ARES_ECONNREFUSED: return dns_errc::no_server;
        case ARES_EBADNAME:
        case ARES_EBADSTR:
        case ARES_EBADQUERY: return dns_errc::bad_name;
        case ARES_EBADRESP:
        case ARES_EFORMERR:
        case ARES_EOF: return dns_errc::bad_response;
        default: return dns_errc::server_failure;
    }
}

[[noreturn]] void throw_system_error(const char* what) {
    throw std::system_error{errno, std::system_category(), what};
}

// A descriptor that the loop waits on and that is closed when nothing is in flight on it.
class watched_sockets {
public:
    watched_sockets() : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
        if (!epoll_) throw_system_error("a descriptor for a name lookup");
        loop::current().io().forget(epoll_.get());
    }
    watched_sockets(const watched_sockets&) = delete;
    watched_sockets& operator=(const watched_sockets&) = delete;
    ~watched_sockets() { loop::current().io().forget(epoll_.get()); }

    [[nodiscard]] int descriptor() const noexcept { return epoll_.get(); }

    void watch(int socket, bool readable, bool writable) noexcept {
        epoll_event wanted{};
        wanted.events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
        wanted.data.fd = socket;
        if (wanted.events == 0) {
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, &wanted);
        } else if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket, &wanted) != 0) {
            // Fails for lack of memory only; then the question ends by its time-out.
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &wanted);
        }
    }

private:
    unique_fd epoll_;
};

// The system calls that c-ares makes, to see more than it tells.
//
// It reports one code for "nobody there" and for every refusal by a server, so the response code of
// the last datagram is written down. And a datagram that nobody wanted makes the *next* send on the
// same socket fail (the second question of two), which c-ares takes for the failure of that one
// alone and waits for the other until its time is over; here the socket reads as refused, too.
class socket_calls {
public:
    [[nodiscard]] unsigned last_status() const noexcept { return last_status_; }

    /// Sockets that are to be read although the system does not say so.
    [[nodiscard]] const std::vector<int>& refused() const noexcept { return refused_; }

    static const ares_socket_functions& table() noexcept {
        static constexpr ares_socket_functions functions{&open, &close, &connect, &receive, &send};
        return functions;
    }

private:
    static ares_socket_t open(int family, int type, int protocol, void*) {
        return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    }
    static int close(ares_socket_t socket, void* self) {
        std::erase(static_cast<socket_calls*>(self)->refused_, socket);
        return ::close(socket);
    }
    static int connect(ares_socket_t socket, const sockaddr* address, ares_socklen_t size, void*) {
        return ::connect(socket, address, size);
    }
    static ares_ssize_t receive(ares_socket_t socket, void* data, std::size_t size, int flags,
                                sockaddr* from, ares_socklen_t* from_size, void* self) {
        auto& calls = *static_cast<socket_calls*>(self);
        if (std::erase(calls.refused_, socket) != 0) {
            errno = ECONNREFUSED;
            return -1;
        }
        const ssize_t count = ::recvfrom(socket, data, size, flags, from, from_size);
        // Only datagrams are asked for their sender, and only they hold a whole message.
        if (from != nullptr && count >= 12) {
            calls.last_status_ = static_cast<const unsigned char*>(data)[3] & 0x0fU;
        }
        return count;
    }
    static ares_ssize_t send(ares_socket_t socket, const iovec* parts, int count, void* self) {
        msghdr message{};
        message.msg_iov = const_cast<iovec*>(parts);
        message.msg_iovlen = static_cast<std::size_t>(count);
        const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == ECONNREFUSED) {
            auto& calls = *static_cast<socket_calls*>(self);
            if (calls.refused_.size() == calls.refused_.capacity()) return sent;
            calls.refused_.push_back(socket);
            errno = ECONNREFUSED;
        }
        return sent;
    }

    static std::vector<int> with_room() {
        std::vector<int> room;
        room.reserve(16);  // c-ares is C: nothing may throw through it
        return room;
    }

    std::vector<int> refused_ = with_room();
    unsigned last_status_ = 0;
};

class dns_query {
public:
    explicit dns_query(const resolver_options& options) : options_{options} {
        static const int library = ares_library_init(ARES_LIB_INIT_ALL);
        check(library);
        ares_options wanted{};
        std::string lookups{options.use_hosts_file ? "fb" : "b"};
        wanted.flags = ARES_FLAG_EDNS | ARES_FLAG_NOALIASES;
        if (!options.use_search_domains) wanted.flags |= ARES_FLAG_NOSEARCH;
        wanted.ednspsz = 1232;  // never fragmented
        wanted.timeout = milliseconds(options.attempt_timeout);
        wanted.tries = static_cast<int>(std::min(options.attempts, 100U));
        wanted.lookups = lookups.data();
        wanted.sock_state_cb = &socket_changed;
        wanted.sock_state_cb_data = this;
        ares_channel made = nullptr;
        check(ares_init_options(&made, &wanted,
                                ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS |
                                    ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB));
        channel_.reset(made);
        ares_set_socket_functions(made, &socket_calls::table(), &calls_);
        set_servers();
    }
    dns_query(const dns_query&) = delete;
    dns_query& operator=(const dns_query&) = delete;
    ~dns_query() = default;

    void begin(const std::string& host) {
        ares_addrinfo_hints hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        ares_getaddrinfo(channel_.get(), host.c_str(), nullptr, &hints, &answered, this);
    }

    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    [[nodiscard]] int descriptor() const noexcept { return sockets_.descriptor(); }

    /// Until when c-ares wants to be called at the latest.
    [[nodiscard]] duration time_left() const {
        if (!calls_.refused().empty()) return std::chrono::milliseconds{1};
        timeval left{};
        if (ares_timeout(channel_.get(), nullptr, &left) == nullptr) return std::chrono::seconds{1};
        const duration exact =
            std::chrono::seconds{left.tv_sec} + std::chrono::microseconds{left.tv_usec};
        return std::max<duration>(exact, std::chrono::milliseconds{1});
    }

    /// Reads and writes what is possible, and repeats what has taken too long.
    void process() {
        std::array<epoll_event, 16> events{};
        const int count = ::epoll_wait(descriptor(), events.data(), int{events.size()}, 0);
        for (int index = 0; index < count; ++index) {
            const epoll_event& event = events[static_cast<std::size_t>(index)];
            const bool readable = (event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
            const bool writable = (event.events & EPOLLOUT) != 0;
            ares_process_fd(channel_.get(), readable ? event.data.fd : ARES_SOCKET_BAD,
                            writable ? event.data.fd : ARES_SOCKET_BAD);
        }
        for (std::size_t left = calls_.refused().size(); left != 0; --left) {
            if (calls_.refused().empty()) break;
            ares_process_fd(channel_.get(), calls_.refused().front(), ARES_SOCKET_BAD);
        }
        ares_process_fd(channel_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }

    /// After is_done().
    [[nodiscard]] dns_answer take_answer() {
        if (out_of_memory_) throw std::bad_alloc{};
        return std::move(answer_);
    }

private:
    static int milliseconds(duration time) noexcept {
        const auto count = std::chrono::ceil<std::chrono::milliseconds>(time).count();
        return static_cast<int>(std::clamp<std::int64_t>(count, 1, INT_MAX / 1000));
    }

    static void check(int status) {
        if (status == ARES_ENOMEM) throw std::bad_alloc{};
        if (status != ARES_SUCCESS) {
            throw std::system_error{code_of(status), "the configuration of name lookups"};
        }
    }

    void set_servers() {
        if (options_.servers.empty()) return;
        std::vector<ares_addr_port_node> nodes(options_.servers.size());
        for (std::size_t index = 0; index != nodes.size(); ++index) {
            const endpoint& server = options_.servers[index];
            ares_addr_port_node& node = nodes[index];
            node.next = index + 1 == nodes.size() ? nullptr : &nodes[index + 1];
            node.family = server.address().is_v4() ? AF_INET : AF_INET6;
            const auto bytes = server.address().bytes();
            std::memcpy(&node.addr, bytes.data(), bytes.size());
            node.udp_port = server.port();
            node.tcp_port = server.port();
        }
        check(ares_set_servers_ports(channel_.get(), nodes.data()));
    }

    static void socket_changed(void* self, ares_socket_t socket, int readable, int writable) {
        static_cast<dns_query*>(self)->sockets_.watch(socket, readable != 0, writable != 0);
    }

    // Called by c-ares, through which no exception can pass; from ares_destroy, too.
    static void answered(void* self, int status, int, ares_addrinfo* found) {
        auto& query = *static_cast<dns_query*>(self);
        query.is_done_ = true;
        const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owned{found,
                                                                             &ares_freeaddrinfo};
        try {
            if (status == ARES_ENOMEM) throw std::bad_alloc{};
            if (status == ARES_SUCCESS) {
                query.read(*found);
            } else {
                query.answer_.failure = query.reason_of(status);
            }
        } catch (const std::bad_alloc&) {
            query.out_of_memory_ = true;
        }
    }

    [[nodiscard]] std::error_code reason_of(int status) const noexcept {
        if (status != ARES_ECONNREFUSED) return code_of(status);
        switch (calls_.last_status()) {
            case 0: return dns_errc::no_server;
            case 5: return dns_errc::refused;
            default: return dns_errc::server_failure;
        }
    }

    void read(const ares_addrinfo& found) {
        int seconds = INT_MAX;
        // The questions for IPv4 and IPv6 each bring the whole chain.
        std::set<std::string_view> aliases;
        for (const ares_addrinfo_cname* each = found.cnames; each != nullptr; each = each->next) {
            seconds = std::min(seconds, each->ttl);
            aliases.insert(each->alias != nullptr ? each->alias : "");
        }
        if (aliases.size() > options_.max_aliases) {
            answer_.failure = dns_errc::too_many_aliases;
            return;
        }
        for (const ares_addrinfo_node* each = found.nodes; each != nullptr; each = each->ai_next) {
            seconds = std::min(seconds, each->ai_ttl);
            const auto where = endpoint_of(each->ai_addr, each->ai_addrlen);
            if (!where || answer_.addresses.size() >= options_.max_addresses) continue;
            if (std::ranges::find(answer_.addresses, where->address()) == answer_.addresses.end()) {
                answer_.addresses.push_back(where->address());
            }
        }
        answer_.lifetime = std::chrono::seconds{seconds};
        if (answer_.addresses.empty()) answer_.failure = dns_errc::no_address;
    }

    struct destroy_channel {
        void operator()(ares_channel channel) const noexcept { ares_destroy(channel); }
    };

    const resolver_options& options_;
    dns_answer answer_;
    bool is_done_ = false;
    bool out_of_memory_ = false;
    watched_sockets sockets_;
    socket_calls calls_;
    // Last, because it is destroyed first: it closes its sockets and calls answered().
    std::unique_ptr<ares_channeldata, destroy_channel> channel_;
};

}  // namespace

task<dns_answer> ask_name_servers(const resolver_options& options, std::string host) {
    dns_query query{options};
    query.begin(host);
    while (!query.is_done()) {
        const duration limit = query.time_left();
        [[maybe_unused]] const auto readable =
            co_await move_on_after(limit, wait_readable(query.descriptor()));
        query.process();
    }
    co_return query.take_answer();
}

}  // namespace simul::detail
