// SPDX-License-Identifier: Apache-2.0
//
// What a user's first program needs from an installed simul: its headers, and its library at link
// time.
#include "simul/base/error.hpp"
#include "simul/base/unique_fd.hpp"

#include <cstdio>
#if __has_include("simul/concurrency/run.hpp")
#    include "simul/concurrency/run.hpp"
#    include "simul/coro/task.hpp"

static simul::task<int> answer() {
    co_return 42;
}

static int result() {
    return simul::run(answer());
}
#else
static int result() {
    return 42;
}
#endif

int main() {
    const simul::unique_fd nothing;
    const simul::closed closed;
    std::printf("%d %s %s\n", result(), closed.what(), nothing ? "open" : "none");
    return result() == 42 ? 0 : 1;
}
