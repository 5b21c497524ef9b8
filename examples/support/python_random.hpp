// SPDX-License-Identifier: Apache-2.0
//
// examples/support/python_random.hpp: the numbers of Python's random module, draw for draw.
//
// Python and C++ have the same engine, MT19937, but fill its state from a seed in different ways,
// and choose from a range in different ways. Both of Python's ways are here, so that the examples
// print what the Python programs print.
#pragma once

#include <bit>
#include <cstdint>
#include <random>

namespace examples {

/// Fills the state of std::mt19937 as random.seed(number) does. Python seeds with an array of
/// words; numbers below 2**32 are an array of one.
///
/// Source        init_by_array in M. Matsumoto and T. Nishimura's mt19937ar of 2002.
class python_seed {
public:
    using result_type = std::uint_least32_t;

    explicit python_seed(std::uint32_t number) : number_{number} {}

    template <class Iterator>
    void generate(Iterator begin, Iterator end) const {
        const auto size = static_cast<std::uint32_t>(end - begin);
        const auto at = [&](std::uint32_t index) -> auto& { return begin[index]; };
        const auto mixed = [&](std::uint32_t index) {
            return static_cast<std::uint32_t>(at(index - 1) ^ (at(index - 1) >> 30));
        };

        at(0) = 19650218U;
        for (std::uint32_t i = 1; i < size; ++i) at(i) = 1812433253U * mixed(i) + i;

        std::uint32_t i = 1;
        const auto advance = [&] {
            if (++i < size) return;
            at(0) = at(size - 1);
            i = 1;
        };
        for (std::uint32_t n = 0; n < size; ++n, advance()) {
            at(i) = (at(i) ^ (mixed(i) * 1664525U)) + number_;
        }
        for (std::uint32_t n = 1; n < size; ++n, advance()) {
            at(i) = (at(i) ^ (mixed(i) * 1566083941U)) - i;
        }
        at(0) = 0x80000000U;
    }

private:
    std::uint32_t number_;
};

/// A random number generator that draws what Python's does after random.seed(number).
class python_random {
public:
    explicit python_random(std::uint32_t number) {
        python_seed seed{number};
        engine_.seed(seed);
    }

    /// A number from `low` to `high`, both included: the top bits of a word, as many as the size of
    /// the range has, and another try while they are too large.
    int randint(int low, int high) {
        const auto size = static_cast<std::uint32_t>(high - low + 1);
        const auto surplus = 32 - std::bit_width(size);
        auto drawn = static_cast<std::uint32_t>(engine_()) >> surplus;
        while (drawn >= size) drawn = static_cast<std::uint32_t>(engine_()) >> surplus;
        return low + static_cast<int>(drawn);
    }

private:
    std::mt19937 engine_;
};

}  // namespace examples
