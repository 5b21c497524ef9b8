// SPDX-License-Identifier: Apache-2.0
//
// Streams: items that come over time, and an algebra of them, as Python's aiostream has it. Look at
// the times: map takes one item after the other, concurrent_map several at once, and merge lets two
// streams run beside each other.
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "simul/concurrency/run.hpp"
#include "simul/concurrency/views.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/printing.hpp"
#include "support/stopwatch.hpp"

using namespace std::chrono_literals;
namespace views = simul::views;

bool is_odd(int number) {
    return number % 2 != 0;
}

int square(int number) {
    return number * number;
}

// As a download might: each takes a second.
simul::task<int> slow_square(int number) {
    co_await simul::sleep_for(1s);
    co_return number* number;
}

simul::async_generator<std::string> ticks(std::string name, simul::duration interval) {
    while (true) {
        co_await simul::sleep_for(interval);
        co_yield name;
    }
}

simul::task<> program() {
    examples::stopwatch watch;

    // Python: stream.count(1) | pipe.filter(...) | pipe.map(...) | pipe.take(5)
    auto squares = views::count(1) | views::filter(is_odd) | views::map(square) | views::take(5);
    const std::vector<int> all = co_await (std::move(squares) | views::to_vector());
    examples::print("squares: ", all);

    const auto total = co_await (views::range(1, 6) | views::reduce(std::plus<>{}));
    std::printf("1 + ... + 5 = %d\n", *total);

    // A function that returns a task is awaited: for one item after the other, or for three at
    // once.
    examples::print("one by one: ",
                    co_await (views::range(6) | views::map(slow_square) | views::to_vector()));
    std::printf("after %ld s\n", watch.whole_seconds());
    examples::print(
        "three at once: ",
        co_await (views::range(6) | views::concurrent_map(3, slow_square) | views::to_vector()));
    std::printf("after %ld s\n", watch.whole_seconds());

    // Two clocks without end; take ends them, and nothing is left running.
    auto clocks = views::merge(ticks("tick", 2s), ticks("tock", 3s)) | views::take(6);
    co_await (std::move(clocks) | views::enumerate(1) | views::for_each([&](const auto& numbered) {
                  const auto& [number, name] = numbered;
                  std::printf("%td %s after %ld s\n", number, name.c_str(), watch.whole_seconds());
              }));

    // Any range of the standard library will do, and any of them can be an inner stream.
    const std::vector<int> heights{1, 2, 3};
    const auto stairs = [](int height) { return views::repeat(height, 2); };
    examples::print("stairs: ",
                    co_await (heights | views::concat_map(stairs) | views::to_vector()));
}

int main() {
    simul::run(program());
}
