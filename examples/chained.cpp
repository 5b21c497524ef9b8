// SPDX-License-Identifier: Apache-2.0
//
// chained.py [N …]: part2 needs the result of part1, so each chain runs in order; the chains run at
// the same time, so all together take as long as the longest.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/arguments.hpp"
#include "support/python_random.hpp"
#include "support/stopwatch.hpp"

using std::chrono::seconds;

simul::task<std::string> part1(int n, examples::python_random& random) {
    const int delay = random.randint(0, 10);
    std::printf("part1(%d) sleeping for %d seconds.\n", n, delay);
    co_await simul::sleep_for(seconds{delay});
    std::string result = "result" + std::to_string(n) + "-1";
    std::printf("Returning part1(%d) == %s.\n", n, result.c_str());
    co_return result;
}

simul::task<std::string> part2(int n, std::string from, examples::python_random& random) {
    const int delay = random.randint(0, 10);
    std::printf("part2(%d, '%s') sleeping for %d seconds.\n", n, from.c_str(), delay);
    co_await simul::sleep_for(seconds{delay});
    std::string result = "result" + std::to_string(n) + "-2 derived from " + from;
    std::printf("Returning part2(%d, '%s') == %s.\n", n, from.c_str(), result.c_str());
    co_return result;
}

simul::task<> chain(int n, examples::python_random& random) {
    examples::stopwatch watch;
    std::string first = co_await part1(n, random);
    std::string second = co_await part2(n, first, random);
    std::printf("-->Chained result%d => %s (took %.2f seconds).\n", n, second.c_str(),
                watch.seconds());
}

simul::task<> program(std::vector<int> numbers) {
    examples::stopwatch watch;
    examples::python_random random{444};
    std::vector<simul::task<>> chains;
    for (int n : numbers) chains.push_back(chain(n, random));
    co_await simul::gather(std::move(chains));
    std::printf("Program finished in %.2f seconds.\n", watch.seconds());
}

int main(int argc, char** argv) {
    std::vector<int> numbers;
    for (int i = 1; i < argc; ++i) numbers.push_back(examples::parse_number("N", argv[i]));
    if (numbers.empty()) numbers = {1, 2, 3};
    simul::run(program(std::move(numbers)));
}
