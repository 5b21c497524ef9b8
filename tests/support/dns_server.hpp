// SPDX-License-Identifier: Apache-2.0
//
// support/dns_server.hpp: a name server on the loopback device or in the simulated world, for
// tests.
//
// Speaks UDP and TCP on one port. What it knows is filled in by the test; everything else does not
// exist. It answers when it is told to: by serve(), a task beside the test, or, datagrams only, by
// a call of answer_pending() at the moment that a test wants.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

#include "io/socket_address.hpp"
#include "io/socket_calls.hpp"
#include "simul/concurrency/task_group.hpp"
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
    unsigned lost = 0;     ///< so many questions are lost on their way
    unsigned mute = 0;     ///< questions of this type are never answered: 1 for IPv4, 28 for IPv6
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
    using socket = simul::detail::held_socket;

public:
    /// In the world of the loop that runs.
    explicit dns_server(const ip_address& on = ip_address::loopback_v4()) {
        // Both protocols want the same port; somebody else may have the second one.
        for (int attempt = 0; attempt != 50 && !tcp_; ++attempt) try_to_bind(on);
        EXPECT_TRUE(tcp_) << "no port for a name server";
    }
    dns_server(const dns_server&) = delete;
    dns_server& operator=(const dns_server&) = delete;

    [[nodiscard]] endpoint where() const { return where_; }

    /// What it knows of `name`, to be filled in.
    dns_record& host(const std::string& name) { return records_[name]; }

    /// What came in so far, in order.
    [[nodiscard]] const std::vector<dns_question>& questions() const { return questions_; }

    /// Answers until it is cancelled.
    task<> serve() {
        task_group group;
        group.spawn(serve_datagrams());
        group.spawn(serve_connections(group));
        co_await group.run();
    }

    /// Answers every datagram that has arrived.
    void answer_pending() {
        while (answer_datagram()) {
        }
    }

private:
    using message = std::vector<std::uint8_t>;

    static socket opened(const ip_address& on, int type) {
        const int family = simul::detail::socket_address{endpoint{on, 0}}.family();
        socket made{simul::detail::open_socket(family, type)};
        EXPECT_TRUE(made) << std::strerror(errno);
        loop::current().io().forget(made.get());
        return made;
    }

    void try_to_bind(const ip_address& on) {
        const simul::detail::socket_address any{endpoint{on, 0}};
        udp_ = opened(on, SOCK_DGRAM);
        EXPECT_EQ(simul::detail::bind_socket(udp_.get(), any.data(), any.size()), 0)
            << std::strerror(errno);
        simul::detail::socket_address same;
        EXPECT_EQ(simul::detail::local_name(udp_.get(), same.data(), same.length()), 0);
        socket listener = opened(on, SOCK_STREAM);
        if (simul::detail::bind_socket(listener.get(), same.data(), same.size()) != 0) return;
        if (simul::detail::listen_socket(listener.get(), 16) != 0) return;
        tcp_ = std::move(listener);
        where_ = same.to_endpoint().value_or(endpoint{});
    }

    task<> serve_datagrams() {
        while (true) {
            co_await wait_readable(udp_.get());
            answer_pending();
        }
    }

    task<> serve_connections(task_group& group) {
        while (true) {
            unique_fd connected = co_await accept_descriptor(tcp_.get());
            group.spawn(serve_connection(socket{connected.release()}));
        }
    }

    task<> serve_connection(socket connection) {
        try {
            while (true) {
                message question(4096);
                const std::size_t size = co_await receive_from(
                    connection.get(), std::as_writable_bytes(std::span{question}));
                if (size < 14) co_return;
                question.resize(size);
                const message reply = answer_stream(question);
                if (reply.empty()) continue;
                co_await send_to(connection.get(), std::as_bytes(std::span{reply}));
            }
        } catch (const std::system_error&) {
            // The client has gone.
        }
    }

    // False if none has arrived.
    bool answer_datagram() {
        message question(4096);
        simul::detail::socket_address client;
        const ssize_t size = simul::detail::receive_from(
            udp_.get(), question.data(), question.size(), 0, client.data(), client.length());
        if (size < 12) return size >= 0;
        question.resize(static_cast<std::size_t>(size));
        const auto from = client.to_endpoint();
        message reply = answer(question, from ? from->port() : std::uint16_t{0}, false);
        if (reply.empty()) return true;
        iovec part{reply.data(), reply.size()};
        msghdr whole{};
        whole.msg_name = client.data();
        whole.msg_namelen = client.size();
        whole.msg_iov = &part;
        whole.msg_iovlen = 1;
        static_cast<void>(simul::detail::send_message(udp_.get(), &whole, MSG_NOSIGNAL));
        return true;
    }

    // Questions come in one piece here.
    message answer_stream(const message& questions) {
        message replies;
        for (std::size_t begin = 0; begin + 2 < questions.size();) {
            const std::size_t length = read_16(questions, begin);
            const auto first = questions.begin() + static_cast<std::ptrdiff_t>(begin + 2);
            const message one(first, first + static_cast<std::ptrdiff_t>(length));
            const message reply = answer(one, 0, true);
            if (!reply.empty()) {
                write_16(replies, reply.size());
                replies.insert(replies.end(), reply.begin(), reply.end());
            }
            begin += 2 + length;
        }
        return replies;
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
        if (found != records_.end()) {
            known = found->second;
            if (known.lost != 0) --found->second.lost;
        }
        if (known.silent || known.lost != 0 || known.mute == read.type) return {};
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

    socket udp_;
    socket tcp_;
    endpoint where_;
    std::map<std::string, dns_record> records_;
    std::vector<dns_question> questions_;
};

}  // namespace simul::test
