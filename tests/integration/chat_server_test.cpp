// SPDX-License-Identifier: Apache-2.0
//
// examples/chat_server.cpp with clients of its own.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "program_path.hpp"
#include "simul/base/bytes.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/buffered.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/stream.hpp"
#include "support/child_process.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {
namespace {

using namespace std::chrono_literals;

// The server on a port of its own choice.
class chat_server {
public:
    explicit chat_server(const std::string& backend)
        : program_{{"env", "SIMUL_BACKEND=" + backend, SIMUL_EXAMPLES "chat_server", "0"}} {
        const std::string line = program_.read_line();
        int port = 0;
        EXPECT_EQ(std::sscanf(line.c_str(), "chatting on 127.0.0.1, port %d", &port), 1) << line;
        here_ = endpoint{ip_address::loopback_v4(), static_cast<std::uint16_t>(port)};
    }

    [[nodiscard]] const endpoint& here() const noexcept { return here_; }
    void interrupt() { ::kill(program_.pid(), SIGINT); }
    int wait() { return program_.wait(); }

private:
    child_process program_;
    endpoint here_;
};

class guest {
public:
    static task<std::unique_ptr<guest>> come(const chat_server& server, std::string_view name) {
        tcp_stream stream = co_await connect(server.here());
        auto made = std::make_unique<guest>(std::move(stream));
        co_await made->expect("Your name?");
        co_await made->say(name);
        co_return made;
    }

    explicit guest(tcp_stream stream) : stream_{std::move(stream)} {}

    task<> say(std::string_view text) {
        std::string line{text};
        line += '\n';
        co_await write_all(stream_, bytes_of(line));
    }

    task<> expect(std::string_view wanted) {
        const std::string line = co_await timeout(20s, next());
        EXPECT_EQ(line, wanted);
    }

    task<std::string> next() { return reader_.read_line(); }

private:
    tcp_stream stream_;
    buffered_reader<tcp_stream> reader_{stream_};
};

TEST(chat_server, lets_everybody_hear_everybody) {
    for (const char* backend : {"epoll", "io_uring"}) {
        SCOPED_TRACE(backend);
        chat_server server{backend};
        auto talk = [&]() -> task<> {
            auto ada = co_await guest::come(server, "Ada");
            co_await ada->expect("Ada has come");
            auto bob = co_await guest::come(server, "Bob");
            co_await ada->expect("Bob has come");
            co_await bob->expect("Bob has come");
            co_await ada->say("hello");
            co_await ada->expect("Ada: hello");
            co_await bob->expect("Ada: hello");
            bob.reset();
            co_await ada->expect("Bob has gone");
            co_await ada->say("alone again");
            co_await ada->expect("Ada: alone again");
        };
        run(talk());
        server.interrupt();
        EXPECT_EQ(server.wait(), 130);
    }
}

TEST(chat_server, shows_a_guest_the_door_who_does_not_read_and_holds_nobody_up) {
    chat_server server{""};
    auto talk = [&]() -> task<> {
        auto deaf = co_await guest::come(server, "Deaf");
        auto ada = co_await guest::come(server, "Ada");
        co_await ada->expect("Ada has come");
        const std::string words(900, 'x');
        std::string heard = "Ada: ";
        heard += words;
        bool has_gone = false;
        for (int lines = 0; lines < 200'000 && !has_gone; ++lines) {
            co_await ada->say(words);
            std::string line = co_await timeout(20s, ada->next());
            has_gone = line == "Deaf has gone";
            EXPECT_TRUE(has_gone || line == heard) << line;
        }
        EXPECT_TRUE(has_gone);
    };
    run(talk());
}

}  // namespace
}  // namespace simul::test
