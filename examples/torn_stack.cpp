// SPDX-License-Identifier: Apache-2.0
//
// The torn stack: with callbacks, an error deep inside a program shows the event loop instead of
// who asked for what. Here an error travels up the chain of awaits as through ordinary calls, and
// knows the way it came: through tasks, a task group and gather.
#include <chrono>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/sleep.hpp"

using namespace std::chrono_literals;

// a(b(c("1"))), and b divides by zero.
simul::task<int> parse(std::string text) {
    co_await simul::sleep_for(1s);
    co_return std::stoi(text);
}

simul::task<int> divide(int number) {
    co_await simul::sleep_for(1s);
    if (number == 1) throw std::domain_error{"division by zero"};
    co_return 1 / (number - 1);
}

simul::task<> parse_and_divide() {
    const int number = co_await parse("1");
    const int quotient = co_await divide(number);
    std::cout << "never reached: " << quotient << '\n';
}

// a awaits b, and so on down to f. What fails is d, long after a was called.
simul::task<> f() {
    co_await simul::sleep_for(1s);
}

simul::task<> e() {
    co_await f();
}

simul::task<> d() {
    co_await e();
    throw std::runtime_error{"d failed"};
}

simul::task<> c() {
    co_await simul::gather(d(), f());
}

simul::task<> b() {
    simul::task_group group;
    group.spawn(c());
    group.spawn(f());
    co_await group.run();
}

simul::task<> a() {
    co_await b();
}

// The trace, with file names instead of paths, which depend on where the program was built.
void print_trace(const std::exception_ptr& error) {
    std::istringstream trace{simul::format_async_trace(error)};
    for (std::string line; std::getline(trace, line);) {
        const auto folder = line.find('/');
        if (folder != std::string::npos) line.erase(folder, line.rfind('/') + 1 - folder);
        std::cout << line << '\n';
    }
}

void run_and_print(simul::task<> failing) {
    try {
        simul::run(std::move(failing));
    } catch (const std::exception& error) {
        std::cout << error.what() << '\n';
        print_trace(std::current_exception());
    }
}

int main() {
    run_and_print(parse_and_divide());
    run_and_print(a());
}
