// SPDX-License-Identifier: Apache-2.0
//
// GCC7: the frame of a coroutine is not aligned for an over-aligned local.
#include "probe.hpp"

#include <cstdint>
#include <memory>
#include <new>

struct alignas(256) wide {
    int value = 7;
};

static bool aligned(const wide& object) {
    volatile std::uintptr_t address = reinterpret_cast<std::uintptr_t>(&object);
    return address % 256 == 0;
}

static task<bool> probe() {
#if defined(PROBE_CONTROL)
    const auto kept = std::make_unique<wide>();
    wide& object = *kept;
#else
    wide object;
#endif
    co_await later<int>{0};
    co_return aligned(object) && object.value == 7;
}

int main() {
    // Several at once: one frame might lie right by chance.
    bool all = true;
    for (int i = 0; i < 64; ++i) {
        const auto shift = std::make_unique<char[]>(static_cast<std::size_t>(16 * i + 8));
        all = probe().run() && all;
    }
    if (!all) present("an over-aligned local is not aligned");
    return finish();
}
