// SPDX-License-Identifier: Apache-2.0
//
// create_task: a task that runs beside the one that started it. Here every task belongs to a group,
// and the program's outermost group is what asyncio.create_task stands for. Whatever is still
// running there when the main task ends is cancelled, as in asyncio.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <utility>
#include <vector>

#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/printing.hpp"

using numbers = std::vector<int>;

simul::task<numbers> reversed(numbers sequence) {
    co_await simul::sleep_for(std::chrono::seconds{std::ranges::max(sequence)});
    std::ranges::reverse(sequence);
    co_return sequence;
}

simul::task<> wait_for_it() {
    numbers sequence{3, 2, 1};
    auto running = simul::outermost_group().spawn(reversed(std::move(sequence)));
    std::cout << "done before await: " << running.done() << '\n';
    numbers result = co_await running;
    std::cout << "done after await: " << running.done() << '\n';
    examples::print("result: ", result);
}

// The handle may outlive the task, and even the loop.
simul::task<> do_not_wait(simul::task_handle<numbers>& running) {
    numbers sequence{3, 2, 1};
    running = simul::outermost_group().spawn(reversed(std::move(sequence)));
    std::cout << "main task ends\n";
    co_return;
}

int main() {
    std::cout << std::boolalpha;
    simul::run(wait_for_it());

    simul::task_handle<numbers> left_over;
    simul::run(do_not_wait(left_over));
    std::cout << "done: " << left_over.done() << ", cancelled: " << left_over.was_cancelled()
              << '\n';
}
