// SPDX-License-Identifier: Apache-2.0
//
// The first program of simul's README, written with asio.
#include <chrono>
#include <cstdio>

#include <asio.hpp>

using namespace std::chrono_literals;

asio::awaitable<void> countdown(const char* name, int steps) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer{executor};
    for (; steps > 0; --steps) {
        std::printf("%s: T-%d\n", name, steps);
        timer.expires_after(1s);
        co_await timer.async_wait(asio::use_awaitable);
    }
    std::printf("%s: lift-off\n", name);
}

int main() {
    asio::io_context context{1};
    asio::co_spawn(context, countdown("A", 5), asio::detached);
    asio::co_spawn(context, countdown("B", 3), asio::detached);
    context.run();
}
