// SPDX-License-Identifier: Apache-2.0
//
// asyncq.py [-p PRODUCERS] [-c CONSUMERS]: producers and consumers that know only the queue between
// them. Look at the end of program(): consumers wait for items that will never come, so the
// program waits until all work is done, and then cancels them.
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/arguments.hpp"
#include "support/overtaking_queue.hpp"
#include "support/python_random.hpp"
#include "support/stopwatch.hpp"

struct item {
    std::string name;
    examples::stopwatch age;
};

// What every task of the program uses. One thread runs them all, so there is nothing to lock.
struct world {
    examples::overtaking_queue<item> queue;  // simul::queue is fairer: see there
    examples::python_random random{444};
    examples::python_random names{1};  // apart, so that names do not change who sleeps how long
};

std::string make_name(examples::python_random& random) {
    std::string name;
    for (int digit = 0; digit < 10; ++digit) name += "0123456789abcdef"[random.randint(0, 15)];
    return name;
}

simul::task<> random_sleep(const char* who, int number, world& here) {
    const int delay = here.random.randint(1, 5);
    std::printf("%s %d sleeping for %d seconds.\n", who, number, delay);
    co_await simul::sleep_for(std::chrono::seconds{delay});
}

simul::task<> produce(int number, world& here) {
    const int count = here.random.randint(1, 5);
    for (int n = 0; n < count; ++n) {
        co_await random_sleep("Producer", number, here);
        std::string name = make_name(here.names);
        item made{name, {}};
        co_await here.queue.put(std::move(made));
        std::printf("Producer %d added <%s> to queue.\n", number, name.c_str());
    }
}

simul::task<> consume(int number, world& here) {
    while (true) {
        co_await random_sleep("Consumer", number, here);
        item got = co_await here.queue.get();
        std::printf("Consumer %d got element <%s> in %.5f seconds.\n", number, got.name.c_str(),
                    got.age.seconds());
        here.queue.task_done();
    }
}

simul::task<> program(int producers, int consumers) {
    examples::stopwatch watch;
    world here;
    co_await simul::with_task_group([&](simul::task_group& group) -> simul::task<> {
        std::vector<simul::task_handle<>> producing;
        for (int n = 0; n < producers; ++n) producing.push_back(group.spawn(produce(n, here)));
        for (int n = 0; n < consumers; ++n) group.spawn(consume(n, here));
        for (auto& producer : producing) co_await producer;
        co_await here.queue.join();  // until every item has been worked on
        group.cancel();
    });
    std::printf("Program completed in %.5f seconds.\n", watch.seconds());
}

int main(int argc, char** argv) {
    int producers = 5;
    int consumers = 10;
    for (int i = 1; i < argc; i += 2) {
        const std::string_view flag = argv[i];
        const bool makes = flag == "-p" || flag == "--nprod";
        if (!makes && flag != "-c" && flag != "--ncon") {
            examples::usage_error("unknown argument: " + std::string{flag});
        }
        if (i + 1 == argc) {
            examples::usage_error("argument " + std::string{flag} + ": expected one number");
        }
        (makes ? producers : consumers) = examples::parse_number(flag, argv[i + 1]);
    }
    simul::run(program(producers, consumers));
}
