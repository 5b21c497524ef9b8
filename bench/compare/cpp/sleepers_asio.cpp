// SPDX-License-Identifier: Apache-2.0
//
// Coroutines of asio that sleep, and are cancelled, under the names that bench/micro/sleepers.cpp
// gives.
#include <chrono>
#include <cstddef>
#include <exception>
#include <list>
#include <string_view>

#include <asio.hpp>

#include "../../micro/measure.hpp"

namespace {

// asio has no group of tasks: a signal of its own cancels each.
using signals = std::list<asio::cancellation_signal>;

asio::awaitable<void> sleep_long(asio::io_context& context) {
    asio::steady_timer timer{context, std::chrono::hours{24}};
    co_await timer.async_wait(asio::use_awaitable);
}

void cancel_sleepers(std::string_view operation, std::size_t count) {
    asio::io_context context{1};
    signals all;
    for (std::size_t each = 0; each != count; ++each) {
        asio::co_spawn(
            context, sleep_long(context),
            asio::bind_cancellation_slot(all.emplace_back().slot(), [](std::exception_ptr) {}));
    }
    context.poll();
    const bench::stopwatch watch;
    for (asio::cancellation_signal& each : all) each.emit(asio::cancellation_type::all);
    context.run();
    watch.report(operation, count);
}

void many_sleepers() {
    constexpr std::size_t count = 1'000'000;
    asio::io_context context{1};
    const double before = bench::resident_bytes();
    const bench::stopwatch watch;
    for (std::size_t each = 0; each != count; ++each) {
        asio::co_spawn(context, sleep_long(context), asio::detached);
    }
    context.poll();
    watch.report("spawn one of a million tasks that sleep", count);
    bench::report_bytes("memory of one of a million tasks that sleep",
                        (bench::resident_bytes() - before) / static_cast<double>(count));
}

}  // namespace

int main() {
    many_sleepers();
    cancel_sleepers("cancel one of 100,000 tasks that sleep", 100'000);
}
