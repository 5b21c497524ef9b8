// SPDX-License-Identifier: Apache-2.0
//
// concurrency/quiet_thread.hpp: a thread that the program's signals do not reach.
#pragma once

#include <csignal>
#include <thread>
#include <utility>

#include <pthread.h>

namespace simul::detail {

/// Starts a thread in which signals are blocked: Ctrl-C is for the threads of the program. Those
/// that a fault of its own raises are not.
///
/// Errors        std::system_error if there is no thread to be had.
template <class Work>
std::thread start_quiet_thread(Work work) {
    sigset_t blocked;
    sigset_t before;
    sigfillset(&blocked);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) {
        sigdelset(&blocked, own);
    }
    // What is blocked when it starts is inherited.
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    try {
        std::thread started{std::move(work)};
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return started;
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
}

}  // namespace simul::detail
