// SPDX-License-Identifier: Apache-2.0
//
// as_completed: the results of several tasks, each as soon as it is there, whichever is first.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <utility>
#include <vector>

#include "simul/concurrency/as_completed.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/printing.hpp"
#include "support/stopwatch.hpp"

using numbers = std::vector<int>;

simul::task<numbers> reversed(numbers sequence) {
    co_await simul::sleep_for(std::chrono::seconds{std::ranges::max(sequence)});
    std::ranges::reverse(sequence);
    co_return sequence;
}

simul::task<> program() {
    examples::stopwatch watch;
    numbers small{3, 2, 1};
    numbers large{10, 5, 0};
    std::vector<simul::task<numbers>> tasks;
    tasks.push_back(reversed(large));
    tasks.push_back(reversed(small));

    co_await simul::with_task_group([&](simul::task_group& group) -> simul::task<> {
        auto results = simul::as_completed(group, std::move(tasks));
        while (auto completed = co_await results.next()) {
            std::cout << "after " << watch.whole_seconds() << " s, task " << completed->index();
            examples::print(": ", completed->take());
        }
    });
    std::cout << "both tasks are done\n";
}

int main() {
    simul::run(program());
}
