// SPDX-License-Identifier: Apache-2.0
//
// stock [--careless]: ten pieces and twenty-five buyers who all come at once. Looking at the shelf
// needs no lock, because tasks interleave only where they wait; buying waits for the payment in the
// middle, so one buyer at a time is let in. With --careless nobody locks, and too much is sold.
#include <chrono>
#include <cstdio>
#include <optional>
#include <string_view>

#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/arguments.hpp"
#include "support/stopwatch.hpp"

using namespace std::chrono_literals;

class shelf {
public:
    shelf(int pieces, bool careless) : pieces_{pieces}, careless_{careless} {}

    simul::task<int> browse() const {
        co_await simul::sleep_for(20ms);  // the page is on its way
        co_return pieces_;
    }

    simul::task<bool> buy() {
        std::optional<simul::mutex_guard> row;
        if (!careless_) row = co_await row_.acquire();
        if (pieces_ <= 0) co_return false;
        co_await simul::sleep_for(50ms);  // the payment; others run meanwhile
        --pieces_;
        co_return true;
    }

    [[nodiscard]] int pieces() const noexcept { return pieces_; }

private:
    int pieces_;
    bool careless_;
    simul::mutex row_;
};

simul::task<> shop(int buyer, shelf& goods, int& sold) {
    const int seen = co_await goods.browse();
    const bool got_one = co_await goods.buy();
    if (got_one) {
        ++sold;
        std::printf("buyer %2d saw %d and buys, %d left\n", buyer, seen, goods.pieces());
    } else {
        std::printf("buyer %2d saw %d and comes too late\n", buyer, seen);
    }
}

simul::task<> program(bool careless) {
    constexpr int pieces = 10;
    const examples::stopwatch watch;
    shelf goods{pieces, careless};
    int sold = 0;
    simul::task_group buyers;
    for (int buyer = 1; buyer <= 25; ++buyer) buyers.spawn(shop(buyer, goods, sold));
    co_await buyers.run();
    std::printf("%d sold of %d, in %.2f s%s\n", sold, pieces, watch.seconds(),
                sold > pieces ? ": some will be disappointed" : "");
}

int main(int argc, char** argv) {
    bool careless = false;
    for (int i = 1; i < argc; ++i) {
        if (std::string_view{argv[i]} != "--careless") {
            examples::usage_error("unknown argument: " + std::string{argv[i]} +
                                  "; there is only --careless");
        }
        careless = true;
    }
    simul::run(program(careless));
}
