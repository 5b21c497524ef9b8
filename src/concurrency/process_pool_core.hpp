// SPDX-License-Identifier: Apache-2.0
//
// process_pool_core.hpp: the workers of a pool and the calls that use them.
//
// Nothing runs in the background. A call waits for one of so many permits as there may be workers,
// takes an idle worker or has one started, and talks to it; when it is cancelled, its own cleanup
// sees to the end of the worker. So a worker is either idle or taken by one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "concurrency/process_pool_link.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/process_pool.hpp"
#include "simul/concurrency/semaphore.hpp"

namespace simul::detail {

class process_pool_core {
public:
    explicit process_pool_core(const process_pool_options& options);
    process_pool_core(const process_pool_core&) = delete;
    process_pool_core& operator=(const process_pool_core&) = delete;
    ~process_pool_core();

    task<std::vector<std::byte>> call(std::vector<std::byte> request);
    task<> close();
    void cancel() noexcept;
    [[nodiscard]] process_pool_statistics statistics() const noexcept;
    [[nodiscard]] const process_pool_options& options() const noexcept { return options_; }

private:
    class counted_call;
    class worker_lease;

    task<> call_worker(const std::vector<std::byte>& request, process_reply& reply);
    void throw_if_unusable() const;
    [[noreturn]] void throw_death(const starter_reply& end);
    task<process_worker*> find_worker();
    task<process_worker*> start_worker();
    process_worker* take_idle() noexcept;
    task<> settle(process_worker& used, starter_reply& end);
    void remove(process_worker& gone) noexcept;

    process_pool_options options_;
    starter_link starter_;
    semaphore permits_;
    event no_calls_;
    std::vector<std::unique_ptr<process_worker>> workers_;
    std::size_t calls_ = 0;
    std::size_t deaths_ = 0;     // since the last reply
    std::size_t vacancies_ = 0;  // workers that are gone and not replaced yet
    std::uint64_t restarts_ = 0;
    std::string broken_;  // why, if it is
    bool is_closing_ = false;
    bool is_cancelled_ = false;
};

}  // namespace simul::detail
