// SPDX-License-Identifier: Apache-2.0
//
// support/stand_in_programs.hpp: what tests start, as coroutines for the simulated world.
//
// Each does what the system's program of that name does, as far as the tests look. A shell knows
// the lines it was told, and nothing of its language.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/testing/programs.hpp"

namespace simul::test {

inline task<int> true_program(testing::simulated_process&) {
    co_return 0;
}

inline task<int> cat_program(testing::simulated_process& self) {
    std::array<std::byte, 4096> buffer{};
    while (true) {
        const std::size_t count = co_await self.input().read_some(buffer);
        if (count == 0) break;
        co_await write_all(self.output(), std::span{buffer}.first(count));
    }
    co_return 0;
}

inline task<int> sleep_program(testing::simulated_process& self) {
    co_await sleep_for(std::chrono::seconds{std::stoi(self.arguments().at(1))});
    co_return 0;
}

/// A line of input without its end; what was read behind it is lost.
inline task<std::string> read_line_of(testing::simulated_process& self) {
    std::string line;
    std::array<std::byte, 64> buffer{};
    while (true) {
        const std::size_t count = co_await self.input().read_some(buffer);
        line += text_of(std::span{buffer}.first(count));
        const std::size_t end = line.find('\n');
        if (end != std::string::npos) co_return line.substr(0, end);
        if (count == 0) co_return line;
    }
}

/// true, cat, sleep, and sh for the lines that were added.
class stand_in_programs : public testing::program_set {
public:
    stand_in_programs() {
        add("true", &true_program);
        add("cat", &cat_program);
        add("sleep", &sleep_program);
        add("sh", [this](testing::simulated_process& self) { return run_line(self); });
    }
    stand_in_programs(const stand_in_programs&) = delete;
    stand_in_programs& operator=(const stand_in_programs&) = delete;

    /// What the shell does when it is given this line.
    stand_in_programs& add_line(std::string line, testing::simulated_program meaning) {
        lines_[std::move(line)] = std::move(meaning);
        return *this;
    }

private:
    task<int> run_line(testing::simulated_process& self) {
        const std::string& line = self.arguments().at(2);
        const auto found = lines_.find(line);
        if (found != lines_.end()) co_return co_await found->second(self);
        const std::string text = "sh: no stand-in for: " + line + "\n";
        co_await write_all(self.error(), bytes_of(text));
        co_return 127;
    }

    std::map<std::string, testing::simulated_program, std::less<>> lines_;
};

}  // namespace simul::test
