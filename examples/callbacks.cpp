// SPDX-License-Identifier: Apache-2.0
//
// callbacks: a library that knows nothing of coroutines, and how a task waits for it. The library
// calls back; the callback keeps a promise; the task awaits its future. The other direction is
// here, too: code without tasks that is told when a future is done.
#include <chrono>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "simul/concurrency/future.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/callback.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/stopwatch.hpp"

using namespace std::chrono_literals;

// The library: it answers by calling one of two functions, and a request can be given up.
class weather_station {
public:
    using on_answer = std::function<void(int degrees)>;
    using on_failure = std::function<void(std::string why)>;

    simul::callback_handle ask(const std::string& city, on_answer answer, on_failure failure) {
        if (city == "Atlantis") {
            return simul::call_later(1s, [failure] { failure("it is under water"); });
        }
        const int degrees = static_cast<int>(city.size());
        return simul::call_later(std::chrono::seconds{degrees},
                                 [answer, degrees] { answer(degrees); });
    }
};

// The wrapper. std::function wants to copy what it holds, so the promise is shared.
simul::future<int> degrees_in(weather_station& station, std::string city) {
    auto result = std::make_shared<simul::promise<int>>();
    auto request = station.ask(
        city, [result](int degrees) { result->set_value(degrees); },
        [result](const std::string& why) {
            result->set_error(std::make_exception_ptr(std::runtime_error{why}));
        });
    result->on_cancel([request, city]() mutable {
        request.cancel();
        std::cout << "  nobody wants to know about " << city << " any more\n";
    });
    return result->get_future();
}

simul::task<> program() {
    examples::stopwatch watch;
    weather_station station;

    const int rome = co_await degrees_in(station, "Rome");
    std::cout << "Rome: " << rome << " degrees, after " << watch.whole_seconds() << " s\n";

    try {
        static_cast<void>(co_await degrees_in(station, "Atlantis"));
    } catch (const std::runtime_error& error) {
        std::cout << "Atlantis: " << error.what() << '\n';
    }

    // A limit of time ends the wait. The request goes on until somebody cancels the future.
    simul::future<int> slow = degrees_in(station, "Constantinople");
    const std::optional<int> late = co_await simul::move_on_after(2s, simul::future{slow});
    std::cout << "Constantinople: " << (late ? "known" : "not known yet") << '\n';
    slow.cancel();
    co_await simul::yield_now();

    // For code without tasks: told when it is done, without waiting for it.
    const simul::future<int> oslo = degrees_in(station, "Oslo");
    oslo.add_done_callback([](const simul::future<int>& done) {
        std::cout << "Oslo: " << done.result() << " degrees, says a callback\n";
    });
    static_cast<void>(co_await oslo);
    std::cout << "done after " << watch.whole_seconds() << " s\n";
}

int main() {
    simul::run(program());
}
