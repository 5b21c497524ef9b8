// SPDX-License-Identifier: Apache-2.0
//
// The countdown of rocket.cpp on an event loop written right here: await is an interface, and what
// runs behind it is anybody's choice. A loop needs a simul::scheduler, which knows how to run
// coroutines, and something for them to wait for. This one only knows sleep.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <thread>

#include "simul/concurrency/gather.hpp"
#include "simul/runtime/leaf.hpp"
#include "support/clock_text.hpp"

using namespace std::chrono_literals;
using examples::clock_text;
using std::chrono::seconds, std::chrono::steady_clock;

struct sleeper;

// The loop: what is to run now, and who sleeps until when.
struct {
    simul::scheduler scheduler;
    std::multimap<steady_clock::time_point, sleeper*> sleepers;  // equal times: first come, first
    bool done = false;

    // Real time, or a clock that jumps to the next event.
    const char* backend = std::getenv("SIMUL_BACKEND");
    bool jumps = backend != nullptr && backend == std::string{"simulated"};
    steady_clock::time_point jumped_to;
    steady_clock::time_point now() const { return jumps ? jumped_to : steady_clock::now(); }
} loop;

// What really pauses: a leaf suspends whoever awaits it, until somebody calls finish().
struct sleeper : simul::leaf {
    explicit sleeper(seconds delay) : leaf{kind}, length{delay} {}
    simul::started start(simul::waiter& self) noexcept {
        if (!begin(self)) return simul::started::stopped;
        began = loop.now();
        place = loop.sleepers.emplace(began + length, this);
        return simul::started::pending;
    }
    auto take() const { return loop.now() - began; }
    void end(simul::notice how) {
        loop.sleepers.erase(place);
        finish(how);
    }
    static void interrupt(simul::cancellable& self) noexcept {  // if a sibling fails
        static_cast<sleeper&>(self).end(simul::notice::stopped);
    }
    static constexpr simul::wait_kind kind{&interrupt, "a nap"};

    seconds length;
    steady_clock::time_point began;
    decltype(loop.sleepers)::iterator place;
};

struct nap {  // `co_await nap(1s)` makes a sleeper in the frame of the coroutine
    seconds delay;
    auto operator co_await() const noexcept { return sleeper{delay}; }
};

template <simul::awaitable Work>
void run_until_complete(Work work) {
    simul::scheduler::set_current(&loop.scheduler);
    simul::waiter end{[](simul::waiter&, simul::notice) noexcept { loop.done = true; }};
    end.scope = &loop.scheduler.root_scope();
    auto operation = std::move(work).operator co_await();
    loop.done = operation.start(end) == simul::started::done;
    while (!loop.done) {
        if (loop.scheduler.run_ready() != 0) continue;
        const auto [due, first] = *loop.sleepers.begin();
        if (loop.jumps) loop.jumped_to = due;
        if (!loop.jumps) std::this_thread::sleep_until(due);
        first->end(simul::notice::queue);
    }
    operation.take();  // throws what the work threw
}

// From here on as in rocket.cpp.
simul::task<> countdown(std::string label, int length, seconds delay = 0s) {
    std::cout << label << " waiting " << delay.count() << " seconds before starting countdown\n";
    const auto waited = co_await nap(delay);
    std::cout << label << " starting after waiting " << clock_text(waited) << '\n';
    while (length > 0) {
        std::cout << label << " T-minus " << length << '\n';
        co_await nap(1s);
        --length;
    }
    std::cout << label << " lift-off!\n";
}

int main() {
    const auto start = loop.now();
    run_until_complete(
        simul::gather(countdown("A", 5), countdown("B", 3, 2s), countdown("C", 4, 1s)));
    std::cout << "Total elapsed time is " << clock_text(loop.now() - start) << '\n';
}
