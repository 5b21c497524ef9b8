// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/process_pool.hpp: functions that compute, run in processes of their own.
//
//      program ──control──▶ starter ──fork──▶ worker, worker, …
//         └──────────────── calls and results ───┘
//
// The workers are forked from one process, the starter, that was forked when the pool was made and
// has had a single thread since. So a worker may be replaced at any time, whatever the program does
// by then. How values travel is in process_codec.hpp, what a call is made of in
// detail/process_call.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/base/assert.hpp"
#include "simul/base/time.hpp"
#include "simul/concurrency/detail/process_call.hpp"
#include "simul/concurrency/process_codec.hpp"

namespace simul {

/// What a function threw in a worker. Exceptions cannot travel; what is known of them does.
class remote_error : public std::runtime_error {
public:
    remote_error(const std::string& message, std::string type_name)
        : std::runtime_error{message}, type_name_{std::move(type_name)} {}

    /// The type of what was thrown, such as "std::invalid_argument".
    [[nodiscard]] const std::string& type_name() const noexcept { return type_name_; }

private:
    std::string type_name_;
};

/// A worker ended before its call did. Only that call fails, and the worker is replaced.
class worker_died : public std::runtime_error {
public:
    worker_died(std::int64_t process_id, int signal, int exit_code);

    /// The signal that ended it, or 0.
    [[nodiscard]] int signal() const noexcept { return signal_; }

    /// The code it ended with, if no signal did it.
    [[nodiscard]] int exit_code() const noexcept { return exit_code_; }

    [[nodiscard]] std::int64_t process_id() const noexcept { return process_id_; }

private:
    std::int64_t process_id_;
    int signal_;
    int exit_code_;
};

/// The pool cannot work any more: worker after worker died, or the starter did. Make a new one.
class process_pool_broken : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What becomes of a call that a worker is running when it is cancelled.
enum class process_cancel : std::uint8_t {
    kill,    ///< its worker is ended, by SIGTERM and after the grace by SIGKILL, and replaced
    finish,  ///< the request waits until the function has returned, as it does for offload
};

/// How a process_pool is to be made.
struct process_pool_options {
    process_pool_options() noexcept = default;

    /// How many processes at most; 0 for as many as the program may use processors.
    std::size_t workers = 0;

    process_cancel on_cancel = process_cancel::kill;

    /// How long a worker that was told to end by SIGTERM, or that has closed its end, may take
    /// until it is killed. With zero it is killed at once.
    duration grace = std::chrono::seconds{1};

    /// So many workers may die one after the other, without a call that ended between, before the
    /// pool counts as broken; 0 for ten times the number of workers.
    std::size_t deaths_in_a_row = 0;
};

/// What a process_pool does now, and has done.
struct process_pool_statistics {
    std::size_t workers = 0;     ///< processes that live; made when they are first needed
    std::size_t idle = 0;        ///< of them, those without a call
    std::size_t busy = 0;        ///< calls that have their turn
    std::size_t queued = 0;      ///< calls that wait for theirs
    std::uint64_t restarts = 0;  ///< workers started in place of ones that died or were killed
};

/// Runs functions on other processors, each call in a process of its own kind: what crashes there
/// fails one call and nothing else.
///
///     double integral(double from, double to) { … }             // an ordinary function
///
///     process_pool pool{10};
///     double area = co_await pool.run(integral, 0.0, 1.0);
///     std::vector<int> squares = co_await pool.map([](int x) { return x * x; }, numbers);
///
/// For work that computes; for calls that only block a thread is cheaper, see offload.
///
/// Make the pool early, best as the first thing in main(): it forks the program as it is then.
/// Workers see global variables with the values of that moment, know nothing of libraries that are
/// loaded later, and a mutex that another thread holds at that moment stays locked in them for
/// ever. A pool that was made before run() has workers that may call run() themselves.
///
/// Workers have the program's standard output and error, an empty standard input, and no other
/// descriptor; signals are at their defaults; they are a process group of their own, so Ctrl-C does
/// not reach them. They end with the program, however that ends. A function that calls std::exit
/// ends its worker, but runs the program's exit handlers: use std::_Exit.
///
/// On the simulated backend nothing is forked: a call runs inside the program when its turn comes,
/// one after the other, and its arguments and results go through their codecs all the same. There
/// a function that crashes takes the program with it.
///
/// Threads       the loop's thread.
/// Lifetime      must not be destroyed while calls are being awaited; checked. The destructor ends
///               all processes and waits for that, a few milliseconds; they leave no zombies.
/// Source        concurrent.futures.ProcessPoolExecutor and multiprocessing's "forkserver", with
///               crashes that break a call where they break Python's whole pool.
class process_pool {
public:
    /// Makes a pool; forks, unless the loop of this thread is simulated.
    ///
    /// Errors        std::system_error if no process or descriptor can be made.
    explicit process_pool(const process_pool_options& options = {});

    /// A pool of so many workers, at least one.
    explicit process_pool(std::size_t workers);

    process_pool(const process_pool&) = delete;
    process_pool& operator=(const process_pool&) = delete;
    ~process_pool();

    /// Calls `function` in a worker, the next that is free. Calls are begun in the order in which
    /// they were awaited.
    ///
    /// `function` is a function, a pointer to a member, or a lambda without captures: give as
    /// arguments what it would capture. Text in any form arrives as std::string.
    ///
    /// Returns       what the function returns, by value.
    /// Errors        remote_error for what the function throws, but std::system_error with its own
    ///               code if its category is generic, system or simul. worker_died if it ended its
    ///               process. closed after close() and cancel(). process_pool_broken;
    ///               std::system_error if a worker cannot be made; std::bad_alloc. Arguments are
    ///               encoded at once, so an error of their codec comes from run() itself.
    /// Suspends      unless it fails at once.
    /// Cancellation  partial. A call that waits for its turn is withdrawn and nothing happened. One
    ///               that runs ends as process_pool_options::on_cancel says: by default its worker
    ///               is ended, and the await ends when that is done. Then the function may have
    ///               done anything, or a part of it.
    /// Threads       the loop's thread.
    /// Lifetime      the pool must outlive the call; the arguments need not.
    /// Complexity    two copies of arguments and result; some twenty microseconds and a few
    ///               allocations for each call, so let it be worth it, or use map.
    /// Source        Executor.submit; loop.run_in_executor; anyio.to_process.run_sync.
    template <class Function, class... Arguments>
    [[nodiscard]] auto run(Function function, const Arguments&... arguments)
        -> task<detail::process_result_t<Function, detail::process_argument_t<Arguments>...>> {
        check_function<Function>();
        using result = detail::process_result_t<Function, detail::process_argument_t<Arguments>...>;
        return detail::run_in_process<result>(*core_,
                                              detail::make_process_request(function, arguments...));
    }

    /// Calls `function` for each item of a range, several items in one journey, and returns the
    /// results in the order of the items.
    ///
    /// The range is walked while the work goes on. With a `chunk` of 0 the number of items sent
    /// together follows from the size of the range: four chunks for each worker, none of more than
    /// 1024; of a range whose size is not known items go one by one.
    ///
    /// Returns       std::vector of what the function returns.
    /// Errors        the first error of a call, of the range or of a codec; it cancels the chunks
    ///               that still run, and later errors are in suppressed(). Otherwise as for run().
    /// Suspends      unless the range is empty.
    /// Cancellation  partial, as for run(); results that were there already are dropped.
    /// Threads       the loop's thread.
    /// Lifetime      an lvalue range is referenced and must outlive the call, with the pool.
    /// Complexity    a message for each chunk; memory for a chunk for each worker and the results.
    /// Source        Executor.map with its chunksize.
    template <std::ranges::input_range Range, class Function>
    [[nodiscard]] auto map(Function function, Range&& items, std::size_t chunk = 0) {
        using item = detail::process_argument_t<std::ranges::range_value_t<Range>>;
        using result = detail::process_result_t<Function, item>;
        check_function<Function>();
        static_assert(std::is_object_v<result>,
                      "the function has no result that could be kept: let it return something");
        return detail::map_in_processes<result, item>(*core_,
                                                      std::views::all(std::forward<Range>(items)),
                                                      std::move(function), chunk, workers_);
    }

    /// Takes no more calls, waits for those there are, and ends all processes.
    ///
    /// Errors        none.
    /// Suspends      while calls wait or run, and until the processes have ended.
    /// Cancellation  partial. The pool takes no more calls; those there are go on, and close() may
    ///               be awaited again.
    /// Threads       the loop's thread.
    /// Lifetime      the pool must outlive the call.
    /// Source        Executor.shutdown(wait=True).
    [[nodiscard]] task<> close();

    /// Takes no more calls and kills the workers that are busy: calls that wait or run fail with
    /// closed.
    void cancel() noexcept;

    [[nodiscard]] process_pool_statistics statistics() const noexcept;

private:
    template <class Function>
    static consteval void check_function() {
        static_assert(detail::process_function<Function>,
                      "a process_pool calls functions, pointers to members and lambdas without "
                      "captures: give what the lambda captures as arguments");
    }

    std::unique_ptr<detail::process_pool_core> core_;
    std::size_t workers_;
};

}  // namespace simul
