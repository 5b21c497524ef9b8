// SPDX-License-Identifier: Apache-2.0
//
// threads_and_tasks: a program that is not asynchronous uses tasks, and tasks work with a thread.
// What janus, anyio's portals and unsync are for in Python. Everything is printed by main's thread,
// so the output is the same every time.
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#include "simul/concurrency/ambient.hpp"
#include "simul/concurrency/mt/queue.hpp"
#include "simul/runtime/sleep.hpp"

using namespace std::chrono_literals;

simul::task<std::string> greeting(std::string name) {
    co_await simul::sleep_for(1ms);
    co_return "Hello, " + name;
}

simul::task<> wait_for_ever() {
    co_await simul::sleep_for(1000h);
}

// Tasks on the portal's loop ask, a thread answers by a call that blocks, one after the other.
simul::task<int> ask_for_squares(simul::mt::queue<int>& questions, simul::mt::queue<int>& answers) {
    int sum = 0;
    for (int number = 1; number <= 4; ++number) {
        co_await questions.async_put(number);
        sum += co_await answers.async_get();
    }
    questions.close();
    co_return sum;
}

void answer_with_squares(simul::mt::queue<int>& questions, simul::mt::queue<int>& answers) {
    while (const auto number = questions.next()) answers.put(*number * *number);
}

int main() {
    // The loop in the background of every program: made when it is first asked for.
    std::cout << simul::ambient_portal().submit(greeting, "ambient loop").get() << '\n';

    simul::blocking_portal portal;
    std::cout << portal.call(greeting, "portal") << '\n';

    auto length =
        portal.submit(greeting, "future").then([](std::string text) { return text.size(); });
    std::cout << "length: " << length.get() << '\n';

    simul::mt::queue<int> questions{1};
    simul::mt::queue<int> answers{1};
    std::thread worker{[&] { answer_with_squares(questions, answers); }};
    const int sum = portal.call([&] { return ask_for_squares(questions, answers); });
    worker.join();
    std::cout << "sum of squares: " << sum << '\n';

    auto endless = portal.submit(wait_for_ever);
    endless.cancel();
    try {
        endless.get();
    } catch (const simul::cancelled& stopped) {
        std::cout << "stopped: " << simul::describe(stopped.reason()) << '\n';
    }

    auto left_over = portal.submit(wait_for_ever);
    portal.stop();
    try {
        left_over.get();
    } catch (const simul::cancelled& stopped) {
        std::cout << "stopped: " << simul::describe(stopped.reason()) << '\n';
    }
    try {
        portal.call(greeting, "nobody");
    } catch (const simul::closed& error) {
        std::cout << "too late: " << error.what() << '\n';
    }
}
