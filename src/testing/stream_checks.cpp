// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/stream_checks.hpp"

#include <exception>
#include <new>

namespace simul::testing::detail {

void expect_kept(bool kept, const char* what_happened) {
    if (!kept) throw broken_promise{what_happened};
}

std::string numbered_text(std::size_t size) {
    std::string numbers;
    numbers.reserve(size + 20);
    while (numbers.size() < size) {
        numbers += std::to_string(numbers.size());
        numbers += ' ';
    }
    numbers.resize(size);
    return numbers;
}

task<> let_others_run() {
    for (int turns = 0; turns != 100; ++turns) co_await yield_now();
}

void throw_broken(const char* rule) {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        throw;  // says nothing about the stream
    } catch (const std::exception& error) {
        throw broken_promise{std::string{rule} + ": " + error.what()};
    }
}

}  // namespace simul::testing::detail
