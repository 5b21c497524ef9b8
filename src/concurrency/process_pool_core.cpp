// SPDX-License-Identifier: Apache-2.0
#include "concurrency/process_pool_core.hpp"

#include <signal.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul::detail {

namespace {

bool in_simulation() noexcept {
    const loop* const running = loop::find_current();
    return running != nullptr && running->is_simulated();
}

// What a worker would do, as bytes in and bytes out.
void answer_here(std::span<const std::byte> request, process_reply& reply) {
    const auto header_of = [](std::span<const std::byte> message) {
        process_header header;
        std::memcpy(&header, message.data(), sizeof header);
        return header;
    };
    const std::vector<std::byte> answer =
        carry_out(header_of(request).what, request.subspan(sizeof(process_header)));
    reply.kind = static_cast<reply_kind>(header_of(answer).what);
    reply.body.assign(answer.begin() + sizeof(process_header), answer.end());
}

}  // namespace

task<std::vector<std::byte>> call_process(process_pool_core& core, std::vector<std::byte> request) {
    return core.call(std::move(request));
}

/// A call that has begun and not ended: close() waits for it.
class process_pool_core::counted_call {
public:
    explicit counted_call(process_pool_core& core) : core_{core} {
        if (core.is_closing_ || core.is_cancelled_) throw closed{};
        ++core.calls_;
        core.no_calls_.clear();
    }
    counted_call(const counted_call&) = delete;
    counted_call& operator=(const counted_call&) = delete;
    ~counted_call() {
        if (--core_.calls_ == 0) core_.no_calls_.set();
    }

private:
    process_pool_core& core_;
};

/// A worker that a call has taken. Afterwards it is idle, or no longer there.
class process_pool_core::worker_lease {
public:
    worker_lease(process_pool_core& core, process_worker& taken) noexcept
        : core_{core}, taken_{taken} {}
    worker_lease(const worker_lease&) = delete;
    worker_lease& operator=(const worker_lease&) = delete;
    ~worker_lease() {
        if (taken_.progress == process_worker::state::ready) {
            taken_.is_taken = false;
            return;
        }
        taken_.send_signal(SIGKILL);  // if an error kept settle() from doing it
        core_.remove(taken_);
        ++core_.vacancies_;
    }

private:
    process_pool_core& core_;
    process_worker& taken_;
};

process_pool_core::process_pool_core(const process_pool_options& options)
    : options_{options}, permits_{options.workers} {
    no_calls_.set();
    if (!in_simulation()) starter_.start();
}

process_pool_core::~process_pool_core() {
    SIMUL_ASSERT(calls_ == 0, "a process_pool was destroyed while calls were being awaited");
}

// --- one call -----------------------------------------------------------------------------------

task<std::vector<std::byte>> process_pool_core::call(std::vector<std::byte> request) {
    const counted_call counted{*this};
    const semaphore_permit permit = co_await permits_.acquire();
    throw_if_unusable();
    process_reply reply;
    if (in_simulation()) {
        co_await yield_now();
        throw_if_unusable();
        answer_here(request, reply);
    } else {
        co_await call_worker(request, reply);
    }
    if (reply.kind == reply_kind::failure) throw_remote_failure(reply.body);
    co_return std::move(reply.body);
}

task<> process_pool_core::call_worker(const std::vector<std::byte>& request, process_reply& reply) {
    process_worker& worker = *co_await shield(find_worker());
    const worker_lease lease{*this, worker};
    throw_if_unusable();
    starter_reply end;
    auto exchange = worker.exchange(request, reply, options_.on_cancel);
    auto settling = settle(worker, end);
    co_await finally(std::move(exchange), std::move(settling));
    if (worker.progress == process_worker::state::ready) {
        deaths_ = 0;
    } else {
        throw_death(end);
    }
}

void process_pool_core::throw_if_unusable() const {
    if (is_cancelled_) throw closed{};
    if (!broken_.empty()) throw process_pool_broken{broken_};
}

// What the workers of a cancelled pool died of is known.
void process_pool_core::throw_death(const starter_reply& end) {
    if (is_cancelled_) throw closed{};
    const worker_died death{end.process, end.signal, end.exit_code};
    if (++deaths_ < options_.deaths_in_a_row) throw death;
    broken_ = std::to_string(deaths_) +
              " workers of a process_pool died one after the other, with no call that ended "
              "between; the last: " +
              death.what();
    throw process_pool_broken{broken_};
}

// Runs shielded, after the exchange. If that was broken off the worker is ended, for what it would
// answer is of no use; if the worker closed its end it has died or is about to. The signal that
// kills changes nothing for one that is ending already.
task<> process_pool_core::settle(process_worker& used, starter_reply& end) {
    if (used.progress == process_worker::state::ready) co_return;
    const bool is_lost = used.progress == process_worker::state::lost;
    if (options_.grace > duration::zero()) {
        if (!is_lost) used.send_signal(SIGTERM);
        static_cast<void>(co_await move_on_after(options_.grace, wait_readable(used.exited.get())));
    }
    used.send_signal(SIGKILL);
    co_await wait_readable(used.exited.get());
    try {
        end = co_await starter_.status_of(used);
    } catch (const process_pool_broken&) {
        if (is_lost) throw;  // a call that was cancelled need not know
    }
}

// --- workers ------------------------------------------------------------------------------------

process_worker* process_pool_core::take_idle() noexcept {
    const auto found = std::ranges::find(workers_, false, &process_worker::is_taken);
    if (found == workers_.end()) return nullptr;
    (*found)->is_taken = true;
    return found->get();
}

// Not to be cancelled. A worker that died without a call is replaced without a word.
task<process_worker*> process_pool_core::find_worker() {
    process_worker* worker = take_idle();
    while (worker != nullptr && worker->has_exited()) {
        worker->progress = process_worker::state::lost;
        {
            const worker_lease dead{*this, *worker};
            static_cast<void>(co_await starter_.status_of(*worker));
        }
        worker = take_idle();
    }
    if (worker == nullptr) worker = co_await start_worker();
    co_return worker;
}

task<process_worker*> process_pool_core::start_worker() {
    process_worker& fresh = *workers_.emplace_back(std::make_unique<process_worker>());
    try {
        co_await starter_.start_worker(fresh);
    } catch (...) {
        remove(fresh);
        throw;
    }
    if (vacancies_ != 0) {
        --vacancies_;
        ++restarts_;
    }
    co_return &fresh;
}

void process_pool_core::remove(process_worker& gone) noexcept {
    std::erase_if(workers_, [&](const auto& each) { return each.get() == &gone; });
}

// --- the end ------------------------------------------------------------------------------------

task<> process_pool_core::close() {
    is_closing_ = true;
    if (calls_ != 0) co_await no_calls_.wait();
    workers_.clear();
    starter_.hang_up();
    co_await starter_.wait_for_end();
}

void process_pool_core::cancel() noexcept {
    is_cancelled_ = true;
    for (const auto& each : workers_) {
        if (each->is_taken) each->send_signal(SIGKILL);
    }
    permits_.set_permits(std::numeric_limits<std::size_t>::max());
}

process_pool_statistics process_pool_core::statistics() const noexcept {
    process_pool_statistics now;
    now.workers = workers_.size();
    now.idle =
        static_cast<std::size_t>(std::ranges::count(workers_, false, &process_worker::is_taken));
    now.busy = permits_.held();
    now.queued = permits_.waiting();
    now.restarts = restarts_;
    return now;
}

}  // namespace simul::detail
