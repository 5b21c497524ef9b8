// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/process_pool.hpp"

#include <string.h>

#include <algorithm>
#include <thread>

#include "concurrency/process_pool_core.hpp"

namespace simul {

namespace {

std::string describe_death(std::int64_t process_id, int signal, int exit_code) {
    std::string text = "worker process " + std::to_string(process_id);
    if (signal == 0) return text + " ended with code " + std::to_string(exit_code);
    text += " was ended by signal " + std::to_string(signal);
    if (const char* const name = ::sigabbrev_np(signal)) text += std::string{" (SIG"} + name + ")";
    return text;
}

process_pool_options with_defaults(process_pool_options options) noexcept {
    constexpr std::size_t deaths_for_each = 10;
    if (options.workers == 0) options.workers = std::thread::hardware_concurrency();
    options.workers = std::max(options.workers, std::size_t{1});
    if (options.deaths_in_a_row == 0) options.deaths_in_a_row = deaths_for_each * options.workers;
    return options;
}

process_pool_options with_workers(std::size_t workers) noexcept {
    SIMUL_ASSERT(workers != 0, "a process_pool needs at least one worker");
    process_pool_options options;
    options.workers = workers;
    return options;
}

}  // namespace

worker_died::worker_died(std::int64_t process_id, int signal, int exit_code)
    : std::runtime_error{describe_death(process_id, signal, exit_code)},
      process_id_{process_id},
      signal_{signal},
      exit_code_{exit_code} {}

process_pool::process_pool(const process_pool_options& options)
    : core_{std::make_unique<detail::process_pool_core>(with_defaults(options))},
      workers_{core_->options().workers} {}

process_pool::process_pool(std::size_t workers) : process_pool{with_workers(workers)} {}

process_pool::~process_pool() = default;

task<> process_pool::close() {
    return core_->close();
}

void process_pool::cancel() noexcept {
    core_->cancel();
}

process_pool_statistics process_pool::statistics() const noexcept {
    return core_->statistics();
}

}  // namespace simul
