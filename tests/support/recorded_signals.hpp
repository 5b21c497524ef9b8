// SPDX-License-Identifier: Apache-2.0
//
// support/recorded_signals.hpp: a handler that writes down the signals it is called for.
#pragma once

#include <csignal>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

namespace simul::test {

/// Has the signals recorded as long as it lives. They must be raised on the test's own thread and
/// not while it looks, and be no more than 64: a handler cannot allocate.
class recorded_signals {
public:
    recorded_signals(std::initializer_list<int> numbers) {
        seen().clear();
        seen().reserve(most);
        for (const int each : numbers) {
            previous_.emplace_back(each, std::signal(each, &record));
        }
    }
    recorded_signals(const recorded_signals&) = delete;
    recorded_signals& operator=(const recorded_signals&) = delete;
    ~recorded_signals() {
        for (const auto& [number, handler] : previous_) std::signal(number, handler);
    }

    static std::vector<int>& seen() {
        static std::vector<int> numbers;
        return numbers;
    }

private:
    static constexpr std::size_t most = 64;

    static void record(int number) {
        if (seen().size() != most) seen().push_back(number);
    }

    std::vector<std::pair<int, void (*)(int)>> previous_;
};

}  // namespace simul::test
