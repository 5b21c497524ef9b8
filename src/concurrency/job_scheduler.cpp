// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/job_scheduler.hpp"

#include <limits>

#include "simul/runtime/unhandled.hpp"

namespace simul::detail {

namespace {

std::size_t saturating_sum(std::size_t left, std::size_t right) noexcept {
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    return left > most - right ? most : left + right;
}

}  // namespace

job_scheduler_core::job_scheduler_core(const job_scheduler_options& options, task_group* owner)
    : limit{options.limit_},
      close_timeout{options.close_timeout_},
      wait_timeout{options.wait_timeout_},
      places{saturating_sum(options.limit_, options.pending_limit_)},
      turns{options.limit_},
      handler_{options.on_error_},
      owner_{owner} {
    SIMUL_ASSERT(limit != 0, "a job scheduler that may run no job would never run one");
}

// Those who wait in spawn() are let in, to find that it is closed.
void job_scheduler_core::begin_to_close() noexcept {
    if (std::exchange(is_closing_, true)) return;
    places.set_permits(job_scheduler_options::unlimited);
    for (job_record* each = jobs_.empty() ? nullptr : &jobs_.front(); each != nullptr;
         each = jobs_.next(*each)) {
        each->ask_to_end();
    }
}

task<> job_scheduler_core::wait_until_idle(std::shared_ptr<job_scheduler_core> core) {
    while (!core->is_idle()) co_await core->idle_.wait();
}

task<bool> job_scheduler_core::close(std::shared_ptr<job_scheduler_core> core, duration limit) {
    core->begin_to_close();
    co_await move_on_after(limit, wait_until_idle(core));
    const bool has_ended = core->is_idle();
    co_return has_ended;
}

task<bool> job_scheduler_core::wait_and_close(std::shared_ptr<job_scheduler_core> core,
                                              duration limit) {
    co_await move_on_after(limit, wait_until_idle(core));
    const bool has_ended = co_await close(core, core->close_timeout);
    co_return has_ended;
}

void job_scheduler_core::report(const std::exception_ptr& error) noexcept {
    if (!handler_) return report_unhandled_error(error, "of a job that nobody waits for");
    try {
        handler_(error);
    } catch (...) {
        report_unhandled_error(error, "of a job whose exception handler threw");
        report_unhandled_error(std::current_exception(), "of the exception handler of jobs");
    }
}

spawn_mark::spawn_mark(std::shared_ptr<job_scheduler_core> core) : core_{std::move(core)} {
    ++core_->spawning_;
    core_->idle_.clear();
}

spawn_mark::~spawn_mark() {
    --core_->spawning_;
    core_->part();
}

job_record::~job_record() {
    if (place_ != nullptr) place_->forget_job();
}

job_place::job_place(job_record& job, semaphore_permit permit) noexcept
    : scheduler_{job.scheduler_}, job_{&job}, permit_{std::move(permit)} {
    job.place_ = this;
    scheduler_->jobs_.push_back(job);
    ++scheduler_->size_;
    scheduler_->idle_.clear();
}

job_place::job_place(job_place&& other) noexcept
    : scheduler_{std::move(other.scheduler_)},
      job_{std::exchange(other.job_, nullptr)},
      permit_{std::move(other.permit_)},
      has_begun_{other.has_begun_} {
    if (job_ != nullptr) job_->place_ = this;
}

job_place::~job_place() {
    if (scheduler_ == nullptr) return;
    if (job_ != nullptr) forget_job();
    --scheduler_->size_;
    if (has_begun_) --scheduler_->active_;
    permit_.release();
    scheduler_->part();
}

void job_place::forget_job() noexcept {
    job_->unlink();
    std::exchange(job_, nullptr)->place_ = nullptr;
}

void job_place::begin() noexcept {
    job_->has_begun_ = has_begun_ = true;
    ++scheduler_->active_;
}

task<bool> close_job(std::shared_ptr<shared_core> job, duration limit) {
    job->cancel(cancel_reason::requested, std::source_location::current());
    co_await move_on_after(limit, end_of_shared{job});
    const bool has_ended = job->has_ended();
    co_return has_ended;
}

}  // namespace simul::detail
