// SPDX-License-Identifier: Apache-2.0
//
// million_pages [PAGES] [AT-ONCE]: a crawl of a million addresses, a thousand at a time. The
// addresses are made while the crawl goes on, and there are never more tasks than pages on their
// way, so the memory is that of a thousand. What stands for the network is a sleep: a page takes 1
// to 20 ms, and one in a thousand is not there.
#include <chrono>
#include <cstdio>
#include <ranges>
#include <stdexcept>
#include <string>

#include "simul/concurrency/concurrent.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/arguments.hpp"
#include "support/stopwatch.hpp"

struct tally {
    long pages = 0;
    long missing = 0;
    long at_once = 0;
    long most_at_once = 0;
};

std::string address(int number) {
    return "http://example.org/page/" + std::to_string(number);
}

simul::task<int> fetch(int number) {
    co_await simul::sleep_for(std::chrono::milliseconds{1 + number % 20});
    if (number % 1000 == 999) throw std::runtime_error{"404 Not Found"};
    co_return 200;
}

// A page that is missing is no reason to stop: its error ends here.
simul::task<> visit(int number, tally& seen) {
    seen.most_at_once = std::max(seen.most_at_once, ++seen.at_once);
    try {
        static_cast<void>(co_await fetch(number));
        ++seen.pages;
    } catch (const std::runtime_error& failure) {
        if (++seen.missing <= 3) std::printf("%s: %s\n", address(number).c_str(), failure.what());
    }
    --seen.at_once;
}

simul::task<> program(int pages, int at_once) {
    const examples::stopwatch watch;
    tally seen;
    co_await simul::concurrent_for_each(std::views::iota(0, pages),
                                        static_cast<std::size_t>(at_once),
                                        [&](int number) { return visit(number, seen); });
    std::printf("%ld pages and %ld missing, at most %ld at once, in %.3f s\n", seen.pages,
                seen.missing, seen.most_at_once, watch.seconds());
}

int main(int argc, char** argv) {
    int numbers[] = {1'000'000, 1000};
    if (argc > 3) examples::usage_error("too many arguments: PAGES and AT-ONCE are all");
    for (int i = 1; i < argc; ++i) {
        numbers[i - 1] = examples::parse_number(i == 1 ? "PAGES" : "AT-ONCE", argv[i]);
    }
    if (numbers[1] < 1) examples::usage_error("AT-ONCE: at least 1 is needed");
    simul::run(program(numbers[0], numbers[1]));
}
