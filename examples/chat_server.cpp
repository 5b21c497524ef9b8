// SPDX-License-Identifier: Apache-2.0
//
// chat_server [PORT]: a room in which everybody hears everybody. Try it with two terminals and
// `nc 127.0.0.1 8888`. Each client has two tasks, one that listens to him and one that writes to
// him; whichever ends first ends the other. Between them and the others stands a channel, so a
// client who does not read holds nobody up: when his channel is full he is shown the door.
#include <cstdio>
#include <list>
#include <string>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/serve.hpp"
#include "simul/io/stream.hpp"
#include "support/arguments.hpp"

using reader = simul::buffered_reader<simul::tcp_stream>;

/// Somebody's place in the room, from his coming to his going.
class seat {
public:
    using room = std::list<seat*>;

    seat(room& inside, std::string name, simul::sender<std::string> outlet)
        : room_{inside}, name_{std::move(name)}, outlet_{std::move(outlet)} {
        room_.push_back(this);
        tell(" has come");
    }
    seat(const seat&) = delete;
    seat& operator=(const seat&) = delete;
    ~seat() {
        room_.remove(this);
        tell(" has gone");
    }

    /// Tells everybody, himself too.
    void tell(const std::string& what) {
        for (seat* each : room_) {
            std::string line = name_ + what + "\n";
            if (!each->outlet_.try_send(std::move(line))) each->is_too_slow.set();
        }
    }

    simul::event is_too_slow;

private:
    room& room_;
    std::string name_;
    simul::sender<std::string> outlet_;
};

simul::task<> listen_to(reader& client, seat& his) {
    while (true) {
        const auto next = co_await client.peek();
        if (next.empty()) co_return;  // he has hung up
        const std::string line = co_await client.read_line();
        his.tell(": " + line);
    }
}

simul::task<> write_to(simul::tcp_stream& client, simul::receiver<std::string> lines) {
    while (const auto line = co_await lines.next()) {
        co_await simul::write_all(client, simul::bytes_of(*line));
    }
}

simul::task<> chat(simul::accepted client, seat::room& here) {
    reader in{client.stream, 1000};
    co_await simul::write_all(client.stream, simul::bytes_of("Your name?\n"));
    std::string name = co_await in.read_line();
    auto [outlet, lines] = simul::make_channel<std::string>(100);
    seat his{here, std::move(name), std::move(outlet)};
    co_await simul::select(listen_to(in, his), write_to(client.stream, std::move(lines)),
                           his.is_too_slow.wait());
}

simul::task<> program(std::uint16_t port) {
    const simul::endpoint here{simul::ip_address::loopback_v4(), port};
    simul::tcp_listener listener = simul::tcp_listener::bind(here);
    std::printf("chatting on 127.0.0.1, port %d\n", listener.local_endpoint().port());
    std::fflush(stdout);
    seat::room lobby;
    co_await simul::serve(listener,
                          [&](simul::accepted client) { return chat(std::move(client), lobby); });
}

int main(int argc, char** argv) try {
    const int port = argc > 1 ? examples::parse_number("PORT", argv[1]) : 8888;
    simul::run(program(static_cast<std::uint16_t>(port)));
} catch (const simul::cancelled&) {
    return 130;  // Ctrl-C; everybody has been seen out
}
