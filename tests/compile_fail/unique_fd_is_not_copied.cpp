// SPDX-License-Identifier: Apache-2.0
//
// A descriptor has one owner.
//
// expect: unique_fd
// expect(g++): use of deleted function
// expect(clang): deleted
#include "simul/base/unique_fd.hpp"

#include <utility>

int main() {
    simul::unique_fd owner;
#if defined(SIMUL_COMPILE_FAIL_CONTROL)
    simul::unique_fd second{std::move(owner)};
#else
    simul::unique_fd second{owner};
#endif
    return second.get() == -1 ? 0 : 1;
}
