// SPDX-License-Identifier: Apache-2.0
//
// The countdown of rocket.cpp on an event loop written right here: async and await are an
// interface, and what runs behind it is anybody's choice. A loop needs a simul::scheduler, which
// knows how to run coroutines, and something for them to wait for. This one only knows sleep.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include "simul/base/time.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/runtime/leaf.hpp"
#include "support/clock_text.hpp"

using namespace std::chrono_literals;
using examples::clock_text;
using std::chrono::seconds, std::chrono::steady_clock;

// What really pauses: a leaf suspends whoever awaits it, until somebody calls finish().
struct sleeper : simul::leaf {
    explicit sleeper(seconds delay) : leaf{&interrupt}, delay_{delay} {}
    simul::started start(simul::waiter& self) noexcept;
    simul::duration take() const noexcept;
    void end(simul::notice how) noexcept;
    static void interrupt(simul::cancellable& self) noexcept {
        static_cast<sleeper&>(self).end(simul::notice::stopped);
    }

    seconds delay_;
    steady_clock::time_point began_;
    std::multimap<steady_clock::time_point, sleeper*>::iterator place_;
};

struct nap {  // `co_await nap(1s)` makes a sleeper in the frame of the coroutine
    seconds delay;
    auto operator co_await() const noexcept { return sleeper{delay}; }
};

struct sleeping_loop {
    template <simul::awaitable Work>
    void run_until_complete(Work work) {
        simul::scheduler::set_current(&scheduler);
        simul::waiter end{&note_the_end};
        end.scope = &scheduler.root_scope();
        auto operation = std::move(work).operator co_await();
        done = operation.start(end) == simul::started::done;
        while (!done) {
            if (scheduler.run_ready() == 0) wake_first();
        }
        operation.take();  // throws what the work threw
    }

    // Waits until the first sleeper is due; if the clock is one that jumps, not even that.
    void wake_first() {
        const auto [due, first] = *sleepers.begin();
        jumps ? void(jumped_to = due) : std::this_thread::sleep_until(due);
        first->end(simul::notice::queue);
    }
    steady_clock::time_point now() const { return jumps ? jumped_to : steady_clock::now(); }

    simul::scheduler scheduler;
    bool done = false;
    std::multimap<steady_clock::time_point, sleeper*> sleepers;  // equal times: first come, first
    bool jumps = std::getenv("SIMUL_BACKEND") == std::string_view{"simulated"};
    steady_clock::time_point jumped_to;
};

sleeping_loop loop;

simul::started sleeper::start(simul::waiter& self) noexcept {
    if (!begin(self)) return simul::started::stopped;
    began_ = loop.now();
    place_ = loop.sleepers.emplace(began_ + delay_, this);
    return simul::started::pending;
}
void sleeper::end(simul::notice how) noexcept {
    loop.sleepers.erase(place_);
    finish(how);
}
simul::duration sleeper::take() const noexcept { return loop.now() - began_; }

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
    loop.run_until_complete(
        simul::gather(countdown("A", 5), countdown("B", 3, 2s), countdown("C", 4, 1s)));
    std::cout << "Total elapsed time is " << clock_text(loop.now() - start) << '\n';
}
