// SPDX-License-Identifier: Apache-2.0
//
// The countdown of rocket.cpp on an event loop written right here: async and await are an
// interface, and what runs behind it is anybody's choice. A loop needs a simul::scheduler for its
// coroutines and something that they wait for; all this one knows is sleeping.
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

using namespace std::chrono_literals;
using std::chrono::seconds, std::chrono::steady_clock;

struct sleeper;

class sleeping_loop {
public:
    sleeping_loop() { simul::scheduler::set_current(&scheduler_); }

    template <simul::awaitable Work>
    void run_until_complete(Work work) {
        struct ending : simul::waiter {  // who waits for the work: nobody but us
            ending() : waiter{[](waiter& self, simul::notice) noexcept {
                static_cast<ending&>(self).reached = true;
            }} {}
            bool reached = false;
        } end;
        end.scope = &scheduler_.root_scope();
        auto operation = std::move(work).operator co_await();
        end.reached = operation.start(end) == simul::started::done;
        while (!end.reached) {
            scheduler_.run_ready();
            if (!scheduler_.has_ready() && !sleepers.empty()) wake_next();
        }
        operation.take();  // throws if the work failed
    }

    // The time; a clock that jumps if nobody is to wait for it.
    steady_clock::time_point now() const { return jumps_ ? jumped_to_ : steady_clock::now(); }

    // Who sleeps until when. Equal times keep the order in which they came.
    std::multimap<steady_clock::time_point, sleeper*> sleepers;

private:
    void wake_next();

    simul::scheduler scheduler_;
    bool jumps_ = std::getenv("SIMUL_BACKEND") == std::string_view{"simulated"};
    steady_clock::time_point jumped_to_;
} toy;

// Waiting for time to pass: what makes a coroutine really pause.
struct sleeper : simul::leaf {
    explicit sleeper(seconds delay) : leaf{&interrupt}, delay_{delay} {}

    simul::started start(simul::waiter& self) noexcept {
        if (!begin(self)) return simul::started::stopped;
        place_ = toy.sleepers.emplace(toy.now() + delay_, this);
        return simul::started::pending;
    }
    void wake(simul::notice how) {
        toy.sleepers.erase(place_);
        finish(how);
    }
    steady_clock::duration take() const { return toy.now() - place_->first + delay_; }
