// SPDX-License-Identifier: Apache-2.0
//
// io/dns_query.cpp: c-ares, driven by the loop.
//
// Each question has a channel of its own, and thereby sockets, ports and message numbers of its
// own. c-ares repeats a question and goes on to the next server by the real clock. In the simulated
// world, which must not depend on that one, it makes a single attempt of which it does not know the
// limit, and the attempts follow each other here.
#include "io/dns_query.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ares.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "io/dns_sockets.hpp"
#include "io/socket_address.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

namespace {

std::error_code code_of(int status) noexcept {
    switch (status) {
        case ARES_ENOTFOUND:
        case ARES_ENONAME: return dns_errc::not_found;
        case ARES_ENODATA: return dns_errc::no_address;
        case ARES_EREFUSED: return dns_errc::refused;
        case ARES_ECANCELLED:  // by give_up()
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

constexpr unsigned max_attempts = 100;

duration doubled(duration time) noexcept {
    return time > duration::max() / 2 ? duration::max() : time * 2;
}

class dns_query {
public:
    /// Asks these servers; without any, those of /etc/resolv.conf. The options must outlive it.
    dns_query(const resolver_options& options, std::span<const endpoint> servers)
        : options_{options}, is_simulated_{loop::current().is_simulated()} {
        static const int library = ares_library_init(ARES_LIB_INIT_ALL);
        check(library);
        open_channel();
        ares_set_socket_functions(channel_.get(), &dns_socket_calls::table(), &calls_);
        if (!servers.empty()) set_servers(servers);
    }
    dns_query(const dns_query&) = delete;
    dns_query& operator=(const dns_query&) = delete;
    ~dns_query() = default;

    void begin(const std::string& host) {
        ares_addrinfo_hints hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        // To sort, c-ares asks the system by which address it would send to each.
        if (is_simulated_) hints.ai_flags = ARES_AI_NOSORT;
        ares_getaddrinfo(channel_.get(), host.c_str(), nullptr, &hints, &answered, this);
    }

    [[nodiscard]] bool is_done() const noexcept { return is_done_; }

    /// Waits until there is something to read or write, or until c-ares wants to be called.
    [[nodiscard]] auto wait() { return sockets_.wait(time_left()); }

    /// Reads and writes what is possible, and repeats what has taken too long.
    void process() {
        sockets_.for_each_ready([this](int socket, bool readable, bool writable) {
            ares_process_fd(channel_.get(), readable ? socket : ARES_SOCKET_BAD,
                            writable ? socket : ARES_SOCKET_BAD);
        });
        for (std::size_t left = calls_.refused().size(); left != 0; --left) {
            if (calls_.refused().empty()) break;
            ares_process_fd(channel_.get(), calls_.refused().front(), ARES_SOCKET_BAD);
        }
        ares_process_fd(channel_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }

    /// Takes what has been answered so far for the whole: the addresses of one family, perhaps.
    void give_up() noexcept { ares_cancel(channel_.get()); }

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

    void open_channel() {
        ares_options wanted{};
        int given = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                    ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
        std::string lookups{options_.use_hosts_file && !is_simulated_ ? "fb" : "b"};
        std::string no_file;
        wanted.flags = ARES_FLAG_EDNS | ARES_FLAG_NOALIASES;
        if (!options_.use_search_domains || is_simulated_) wanted.flags |= ARES_FLAG_NOSEARCH;
        wanted.ednspsz = 1232;  // never fragmented
        wanted.timeout = milliseconds(options_.attempt_timeout);
        wanted.tries = static_cast<int>(std::min(options_.attempts, max_attempts));
        wanted.lookups = lookups.data();
        wanted.sock_state_cb = &socket_changed;
        wanted.sock_state_cb_data = this;
        if (is_simulated_) {
            wanted.timeout = INT_MAX;  // weeks
            wanted.tries = 1;
            // What is given is read neither from a file nor from the environment: no domains.
            wanted.resolvconf_path = no_file.data();
            given |= ARES_OPT_RESOLVCONF | ARES_OPT_DOMAINS | ARES_OPT_NOROTATE;
        }
        ares_channel made = nullptr;
        check(ares_init_options(&made, &wanted, given));
        channel_.reset(made);
    }

    void set_servers(std::span<const endpoint> servers) {
        std::vector<ares_addr_port_node> nodes(servers.size());
        for (std::size_t index = 0; index != nodes.size(); ++index) {
            const endpoint& server = servers[index];
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

    /// Until when c-ares wants to be called at the latest.
    [[nodiscard]] duration time_left() const {
        if (!calls_.refused().empty()) return std::chrono::milliseconds{1};
        if (is_simulated_) return duration::max();
        timeval left{};
        if (ares_timeout(channel_.get(), nullptr, &left) == nullptr) return std::chrono::seconds{1};
        const duration exact =
            std::chrono::seconds{left.tv_sec} + std::chrono::microseconds{left.tv_usec};
        return std::max<duration>(exact, std::chrono::milliseconds{1});
    }

    static void socket_changed(void* self, ares_socket_t socket, int readable, int writable) {
        auto& query = *static_cast<dns_query*>(self);
        if (query.sockets_.watch(socket, readable != 0, writable != 0)) return;
        query.out_of_memory_ = true;
        query.is_done_ = true;
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
        }
        // Unsorted, those of the family that was answered first are the first.
        constexpr std::array any{AF_UNSPEC};
        constexpr std::array preferred{AF_INET6, AF_INET};
        for (const int family : is_simulated_ ? std::span<const int>{preferred} : any) {
            add_addresses(found.nodes, family);
        }
        answer_.lifetime = std::chrono::seconds{seconds};
        if (answer_.addresses.empty()) answer_.failure = dns_errc::no_address;
    }

    void add_addresses(const ares_addrinfo_node* each, int family) {
        for (; each != nullptr; each = each->ai_next) {
            if (family != AF_UNSPEC && each->ai_family != family) continue;
            const auto where = endpoint_of(each->ai_addr, each->ai_addrlen);
            if (!where || answer_.addresses.size() >= options_.max_addresses) continue;
            if (std::ranges::find(answer_.addresses, where->address()) == answer_.addresses.end()) {
                answer_.addresses.push_back(where->address());
            }
        }
    }

    struct destroy_channel {
        void operator()(ares_channel channel) const noexcept { ares_destroy(channel); }
    };

    const resolver_options& options_;
    bool is_simulated_;
    dns_answer answer_;
    bool is_done_ = false;
    bool out_of_memory_ = false;
    watched_sockets sockets_;
    dns_socket_calls calls_;
    // Last, because it is destroyed first: it closes its sockets and calls answered().
    std::unique_ptr<ares_channeldata, destroy_channel> channel_;
};

task<> drive(dns_query& query) {
    while (!query.is_done()) {
        co_await query.wait();
        query.process();
    }
}

// c-ares repeats the question and goes from server to server.
task<dns_answer> ask_by_system_clock(const resolver_options& options, std::string host) {
    dns_query query{options, options.servers};
    query.begin(host);
    co_await drive(query);
    co_return query.take_answer();
}

bool may_be_better_elsewhere(const std::error_code& failure) noexcept {
    return failure == dns_errc::server_failure || failure == dns_errc::refused ||
           failure == dns_errc::no_server;
}

// Addresses are better than a failure, and that time was over says more than other failures.
void keep_better(dns_answer& best, dns_answer&& other) {
    if (!best.failure) return;
    if (!other.failure || best.failure != dns_errc::timed_out) best = std::move(other);
}

// The same by the loop's clock, with a question for each attempt. As in c-ares, a server that has
// failed is not asked again if there are others, and when only one of the two questions was ever
// answered that is the answer.
task<dns_answer> ask_by_loop_clock(const resolver_options& options, std::string host) {
    std::vector<endpoint> servers = options.servers;
    dns_answer best;
    best.failure = dns_errc::no_server;
    duration limit = options.attempt_timeout;
    for (unsigned round = 0; round != std::min(options.attempts, max_attempts); ++round) {
        for (auto server = servers.begin(); server != servers.end();) {
            dns_query query{options, std::span{&*server, 1}};
            query.begin(host);
            const auto in_time = co_await move_on_after(limit, drive(query));
            if (!in_time) query.give_up();
            dns_answer answer = query.take_answer();
            if (in_time && !may_be_better_elsewhere(answer.failure)) co_return answer;
            keep_better(best, std::move(answer));
            const bool is_left_out = in_time && options.servers.size() > 1;
            server = is_left_out ? servers.erase(server) : std::next(server);
        }
        limit = doubled(limit);
    }
    co_return best;
}

}  // namespace

task<dns_answer> ask_name_servers(const resolver_options& options, std::string host) {
    return loop::current().is_simulated() ? ask_by_loop_clock(options, std::move(host))
                                          : ask_by_system_clock(options, std::move(host));
}

}  // namespace simul::detail
