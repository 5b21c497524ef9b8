// SPDX-License-Identifier: Apache-2.0
//
// phases.py: a coroutine that awaits a coroutine that awaits a coroutine, three times at once. Each
// step of one waits for its own step before; nobody waits for another's.
#include <chrono>
#include <iostream>
#include <string_view>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/runtime/sleep.hpp"

using namespace std::chrono_literals;

simul::task<> phase(int number, std::string_view caller) {
    std::cout << "phase " << number << " called from " << caller << '\n';
    co_await simul::sleep_for(2s);
}

simul::task<> outer(std::string_view caller) {
    std::cout << "outer called from " << caller << '\n';
    co_await phase(1, caller);
    co_await phase(2, caller);
}

simul::task<> program() {
    co_await simul::gather(outer("A"), outer("B"), outer("C"));
}

int main() {
    simul::run(program());
}
