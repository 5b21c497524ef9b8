// SPDX-License-Identifier: Apache-2.0
//
// The chess exhibition: a master plays 24 opponents, 30 pairs of moves each. She needs 5 seconds
// for a move, they need 55. Twelve hours if she sits down at one board after the other, one hour if
// she walks on while they think. Always in simulated time, so it is over at once.
#include <chrono>
#include <cstdio>
#include <vector>

#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/stopwatch.hpp"

using namespace std::chrono_literals;

constexpr int boards = 24;
constexpr int moves = 30;

simul::task<> master_moves() {
    co_await simul::sleep_for(5s);
}

simul::task<> opponent_moves() {
    co_await simul::sleep_for(55s);
}

simul::task<> one_board_after_the_other() {
    for (int game = 0; game < boards; ++game) {
        for (int move = 0; move < moves; ++move) {
            co_await master_moves();
            co_await opponent_moves();
        }
    }
}

// The opponents think in a group, at the same time, and she waits only for who is not ready.
simul::task<> from_board_to_board(simul::task_group& opponents) {
    std::vector<simul::task_handle<>> replies(boards);
    for (int move = 0; move < moves; ++move) {
        for (auto& reply : replies) {
            if (move > 0) co_await reply;
            co_await master_moves();
            reply = opponents.spawn(opponent_moves());
        }
    }
}

simul::task<> exhibition() {
    examples::stopwatch sitting;
    co_await one_board_after_the_other();
    std::printf("one board after the other: %ld s\n", sitting.whole_seconds());

    co_await simul::with_task_group([](simul::task_group& opponents) -> simul::task<> {
        examples::stopwatch walking;
        co_await from_board_to_board(opponents);
        // Her time: she does not stay for the last replies. The group does.
        std::printf("from board to board: %ld s\n", walking.whole_seconds());
    });
}

int main() {
    simul::run_options options;
    options.loop.backend = simul::backend_kind::simulated;
    simul::run(exhibition(), options);
}
