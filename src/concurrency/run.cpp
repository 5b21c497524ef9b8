// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/run.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "simul/coro/trace.hpp"
#include "simul/coro/wait_graph.hpp"

namespace simul {

namespace {

constinit SIMUL_THREAD_LOCAL task_group* current_outermost = nullptr;

// The loop that Ctrl-C interrupts. Written by run() before the handler is installed and after it is
// removed; read inside the handler.
std::atomic<loop*> interrupted_loop{nullptr};
std::atomic<int> interrupts{0};

struct handled_signal {
    int number;
    bool is_ours = false;
    struct sigaction previous{};
};

handled_signal interrupt_signal{SIGINT};
handled_signal termination_signal{SIGTERM};

extern "C" void simul_handle_interrupt(int number) {
    if (interrupts.fetch_add(1, std::memory_order_relaxed) == 0) {
        if (loop* running = interrupted_loop.load(std::memory_order_acquire)) running->interrupt();
        return;
    }
    std::signal(number, SIG_DFL);
    std::raise(number);
}

// Not one for which the program has a handler of its own, or which it ignores.
void take_over(handled_signal& which) {
    ::sigaction(which.number, nullptr, &which.previous);
    which.is_ours = which.previous.sa_handler == SIG_DFL;
    if (!which.is_ours) return;
    struct sigaction ours{};
    ours.sa_handler = &simul_handle_interrupt;
    sigemptyset(&ours.sa_mask);
    ours.sa_flags = SA_NODEFER;
    ::sigaction(which.number, &ours, nullptr);
}

bool install_interrupt_handler(loop& running, const run_options& options) {
    loop* nobody = nullptr;
    if (!interrupted_loop.compare_exchange_strong(nobody, &running)) return false;
    interrupts.store(0);
    if (options.handle_interrupt) take_over(interrupt_signal);
    if (options.handle_termination) take_over(termination_signal);
    if (interrupt_signal.is_ours || termination_signal.is_ours) return true;
    interrupted_loop.store(nullptr);
    return false;
}

void remove_interrupt_handler() {
    for (handled_signal* each : {&interrupt_signal, &termination_signal}) {
        if (std::exchange(each->is_ours, false)) {
            ::sigaction(each->number, &each->previous, nullptr);
        }
    }
    interrupted_loop.store(nullptr);
}

// What an uncaught exception of run() prints before the process ends.
std::terminate_handler previous_terminate = nullptr;

[[noreturn]] void print_trace_and_terminate() {
    const std::exception_ptr error = std::current_exception();
    if (error != nullptr && detail::has_trace(error)) {
        detail::print_error("unhandled exception", "", error);
    }
    if (previous_terminate != nullptr) previous_terminate();
    std::abort();
}

// What a program needs once, whatever the number of runs. A write to a pipe that nobody reads is an
// error of that write, not the end of the process.
void prepare_process() {
    static const bool prepared = [] {
        previous_terminate = std::set_terminate(&print_trace_and_terminate);
        struct sigaction current{};
        ::sigaction(SIGPIPE, nullptr, &current);
        if (current.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
        return true;
    }();
    static_cast<void>(prepared);
}

}  // namespace

namespace detail {

run_driver::run_driver(loop& running, task_group& outermost, const run_options& options)
    : waiter{[](waiter& self, notice) noexcept { static_cast<run_driver&>(self).done_ = true; }},
      loop_{running},
      outermost_{outermost},
      previous_{current_outermost} {
    SIMUL_ASSERT(previous_ == nullptr,
                 "run() was called inside a task, or where a guest runs: co_await it instead");
    current_outermost = &outermost;
    scope = &running.scheduler().root_scope();
    context_.number = running.scheduler().next_task_number();
    context_.name = &name_;
    scope->set_context(&context_);
    running.scheduler().start_eagerly(options.start == start_policy::eager);
    prepare_process();
    loop_.on_interrupt(
        [](void* context) {
            auto& self = *static_cast<run_driver*>(context);
            self.interrupted_ = true;
            self.outermost_.cancel(cancel_reason::interrupted);
        },
        this);
    if (options.handle_interrupt || options.handle_termination) {
        handles_interrupt_ = install_interrupt_handler(running, options);
    }
}

run_driver::~run_driver() {
    if (handles_interrupt_) remove_interrupt_handler();
    loop_.on_interrupt(nullptr, nullptr);
    scope->set_context(nullptr);
    current_outermost = previous_;
}

void run_driver::drive(started answer) {
    begin(answer);
    loop_.scheduler().settle();
    if (done_ || loop_.run_until(done_)) return;
    const deadlock found;
    outermost_.cancel(cancel_reason::deadlock);
    const bool ended = loop_.run_until(done_);
    SIMUL_ASSERT(ended, "nothing can run any more, and what waits cannot be cancelled");
    throw found;
}

}  // namespace detail

task_group& outermost_group() noexcept {
    SIMUL_ASSERT(current_outermost != nullptr, "no run() is active on this thread");
    return *current_outermost;
}

}  // namespace simul
