// SPDX-License-Identifier: Apache-2.0
//
// bench/hold/histogram.hpp: how often each time was measured, to a sixteenth of the time.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

/// Counts microseconds in sixteen steps for each power of two, so that the histograms of several
/// processes can be added up. It never forgets the longest time.
class histogram {
public:
    void add(std::chrono::nanoseconds time) {
        const auto microseconds =
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, time.count() / 1000));
        ++counts_[step_of(microseconds)];
        longest_ = std::max(longest_, microseconds);
    }

    /// `[[limit, count], …]`, where each time is less than or equal to its limit in microseconds.
    /// The limit of the last is the longest time itself.
    [[nodiscard]] std::string json() const {
        std::string text;
        for (std::size_t step = 0; step < counts_.size(); ++step) {
            if (counts_[step] == 0) continue;
            if (!text.empty()) text += ", ";
            const std::uint64_t limit = std::min(limit_of(step), longest_);
            text += '[' + std::to_string(limit) + ", " + std::to_string(counts_[step]) + ']';
        }
        return '[' + text + ']';
    }

private:
    static constexpr std::uint64_t steps = 16;

    // Below 16 each microsecond has a step; above, the four bits behind the first one choose it.
    static std::size_t step_of(std::uint64_t microseconds) {
        if (microseconds < steps) return microseconds;
        const auto shift = static_cast<std::size_t>(std::bit_width(microseconds)) - 5;
        return shift * steps + (microseconds >> shift);
    }
    static std::uint64_t limit_of(std::size_t step) {
        if (step < steps) return step;
        const std::size_t shift = step / steps - 1;
        return ((step % steps + steps + 1) << shift) - 1;
    }

    std::array<std::uint64_t, 60 * steps + steps> counts_{};
    std::uint64_t longest_ = 0;
};

}  // namespace bench
