// SPDX-License-Identifier: Apache-2.0
//
// support/dns_server.hpp: a name server on the loopback device, for tests.
//
// Speaks UDP and TCP on one port. What it knows is filled in by the test; everything else does not
// exist. It answers when it is told to: by serve(), a task beside the test, or by a call of
// answer_pending() at the moment that a test wants.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "io/socket_address.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/io/address.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::test {

/// What the server knows of one name.
struct dns_record {
    dns_record() = default;

    std::vector<ip_address> addresses;
    std::vector<std::string> aliases;  ///< the chain from the name to the one with the addresses
    std::uint32_t ttl = 300;
    unsigned status = 0;   ///< the response code: 2 server failure, 3 no such name, 5 refused
    bool silent = false;   ///< never answers
    bool garbled = false;  ///< answers with nonsense
};

/// A question that came in.
struct dns_question {
    dns_question() = default;

    std::uint16_t id = 0;
    std::uint16_t source_port = 0;
    std::uint16_t type = 0;
    std::string name;
    bool by_tcp = false;
};

class dns_server {
public:
    dns_server() {
        // Both protocols want the same port; somebody else may have the second one.
        for (int attempt = 0; attempt != 50 && !tcp_; ++attempt) try_to_bind();
        EXPECT_TRUE(tcp_) << "no port for a name server";
        epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
        forget_epoll();
        watch(udp_.get());
        watch(tcp_.get());
    }
    dns_server(const dns_server&) = delete;
    dns_server& operator=(const dns_server&) = delete;
    ~dns_server() { forget_epoll(); }

    [[nodiscard]] endpoint where() const { return simul::detail::local_endpoint_of(udp_.get()); }

    /// What it knows of `name`, to be filled in.
    dns_record& host(const std::string& name) { return records_[name]; }

    /// What came in so far, in order.
    [[nodiscard]] const std::vector<dns_question>& questions() const { return questions_; }

    /// Answers until it is cancelled.
    task<> serve() {
        while (true) {
            co_await wait_readable(epoll_.get());
            answer_pending();
        }
    }

    /// Answers everything that has arrived.
    void answer_pending() {
        while (true) {
            std::array<epoll_event, 8> events{};
            const int count = ::epoll_wait(epoll_.get(), events.data(), int{events.size()}, 0);
            if (count <= 0) return;
            for (int index = 0; index != count; ++index) {
                answer_on(events[static_cast<std::size_t>(index)].data.fd);
            }
        }
    }

private:
    using message = std::vector<std::uint8_t>;

    void try_to_bind() {
        const simul::detail::socket_address any{endpoint{ip_address::loopback_v4(), 0}};
        udp_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(udp_.get(), any.data(), any.size()), 0) << std::strerror(errno);
        const simul::detail::socket_address same{where()};
        unique_fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        if (::bind(listener.get(), same.data(), same.size()) != 0) return;
        if (::listen(listener.get(), 16) == 0) tcp_ = std::move(listener);
    }

    void forget_epoll() const {
        if (loop* running = loop::find_current()) running->io().forget(epoll_.get());
    }

    void watch(int socket) const {
        epoll_event wanted{};
        wanted.events = EPOLLIN;
        wanted.data.fd = socket;
        EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &wanted), 0);
    }

    void answer_on(int socket) {
        if (socket == udp_.get()) {
            answer_datagram();
        } else if (socket == tcp_.get()) {
            unique_fd connection{
                ::accept4(tcp_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
            if (!connection) return;
            watch(connection.get());
            connections_.push_back(std::move(connection));
        } else {
            answer_connection(socket);
        }
    }

    void answer_datagram() {
        message question(4096);
        simul::detail::socket_address client;
        const ssize_t size = ::recvfrom(udp_.get(), question.data(), question.size(), 0,
                                        client.data(), client.length());
        if (size < 12) return;
        question.resize(static_cast<std::size_t>(size));
        const auto from = client.to_endpoint();
        const message reply = answer(question, from ? from->port() : std::uint16_t{0}, false);
        if (reply.empty()) return;
        ::sendto(udp_.get(), reply.data(), reply.size(), 0, client.data(), client.size());
    }

    // Questions come in one piece here.
    void answer_connection(int socket) {
        message question(4096);
        const ssize_t size = ::recv(socket, question.data(), question.size(), 0);
        if (size < 14) {
            std::erase_if(connections_,
                          [&](const unique_fd& each) { return each.get() == socket; });
            return;
        }
        question.resize(static_cast<std::size_t>(size));
        for (std::size_t begin = 0; begin + 2 < question.size();) {
            const std::size_t length = read_16(question, begin);
            const auto first = question.begin() + static_cast<std::ptrdiff_t>(begin + 2);
            const message one(first, first + static_cast<std::ptrdiff_t>(length));
            const message reply = answer(one, 0, true);
            if (!reply.empty()) {
                message framed;
                write_16(framed, reply.size());
                framed.insert(framed.end(), reply.begin(), reply.end());
                ::send(socket, framed.data(), framed.size(), MSG_NOSIGNAL);
            }
            begin += 2 + length;
        }
    }

    message answer(const message& question, std::uint16_t port, bool by_tcp) {
        dns_question read;
        read.id = static_cast<std::uint16_t>(read_16(question, 0));
        read.source_port = port;
        read.by_tcp = by_tcp;
        std::size_t end = 12;
        while (question[end] != 0) {
            if (!read.name.empty()) read.name.push_back('.');
            const auto first = question.begin() + static_cast<std::ptrdiff_t>(end + 1);
            read.name.append(first, first + question[end]);
            end += 1U + question[end];
        }
        read.type = static_cast<std::uint16_t>(read_16(question, end + 1));
        end += 5;
        questions_.push_back(read);

        const auto found = records_.find(read.name);
        dns_record known;
        known.status = 3;
        if (found != records_.end()) known = found->second;
        if (known.silent) return {};
        const std::size_t limit = by_tcp ? 65535 : 1232;
        message reply = reply_to(question, end, read, known);
        if (reply.size() > limit) {
            known.addresses.clear();
            known.aliases.clear();
            reply = reply_to(question, end, read, known);
            reply[2] |= 0x02U;  // truncated
        }
        if (known.garbled) reply.resize(end - 3);
        return reply;
    }

    static message reply_to(const message& question, std::size_t end, const dns_question& read,
                            const dns_record& known) {
        message reply(question.begin(), question.begin() + static_cast<std::ptrdiff_t>(end));
        reply[2] = 0x85;  // an answer, with authority
        reply[3] = static_cast<std::uint8_t>(0x80U | known.status);
        std::fill(reply.begin() + 6, reply.begin() + 12, std::uint8_t{0});
        std::size_t count = 0;
        std::string name = read.name;
        for (const std::string& target : known.aliases) {
            begin_record(reply, name, 5, known.ttl);
            message encoded;
            write_name(encoded, target);
            write_16(reply, encoded.size());
            reply.insert(reply.end(), encoded.begin(), encoded.end());
            name = target;
            ++count;
        }
        for (const ip_address& address : known.addresses) {
            const unsigned type = address.is_v4() ? 1 : 28;
            if (type != read.type) continue;
            begin_record(reply, name, type, known.ttl);
            write_16(reply, address.bytes().size());
            reply.insert(reply.end(), address.bytes().begin(), address.bytes().end());
            ++count;
        }
        reply[6] = static_cast<std::uint8_t>(count >> 8U);
        reply[7] = static_cast<std::uint8_t>(count & 0xffU);
        return reply;
    }

    static void begin_record(message& reply, std::string_view name, unsigned type,
                             std::uint32_t ttl) {
        write_name(reply, name);
        write_16(reply, type);
        write_16(reply, 1);
        write_16(reply, ttl >> 16U);
        write_16(reply, ttl & 0xffffU);
    }
    static void write_name(message& reply, std::string_view name) {
        while (!name.empty()) {
            const std::string_view label = name.substr(0, name.find('.'));
            reply.push_back(static_cast<std::uint8_t>(label.size()));
            reply.insert(reply.end(), label.begin(), label.end());
            name.remove_prefix(std::min(label.size() + 1, name.size()));
        }
        reply.push_back(0);
    }
    static void write_16(message& reply, std::size_t value) {
        reply.push_back(static_cast<std::uint8_t>((value >> 8U) & 0xffU));
        reply.push_back(static_cast<std::uint8_t>(value & 0xffU));
    }
    static std::size_t read_16(const message& from, std::size_t at) {
        return (std::size_t{from.at(at)} << 8U) | from.at(at + 1);
    }

    unique_fd udp_;
    unique_fd tcp_;
    unique_fd epoll_;
    std::vector<unique_fd> connections_;
    std::map<std::string, dns_record> records_;
    std::vector<dns_question> questions_;
};

}  // namespace simul::test
