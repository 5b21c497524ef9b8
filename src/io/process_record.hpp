// SPDX-License-Identifier: Apache-2.0
//
// process_record.hpp: what a process is to its owner, whoever runs it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "simul/base/assert.hpp"
#include "simul/io/exit_status.hpp"
#include "simul/io/process.hpp"

namespace simul::detail {

/// A process that was started, until it has been waited for and longer. Destroying it ends the
/// process. The kernel runs one kind (process.cpp), the simulated world another.
class process_record {
public:
    explicit process_record(process_group group) noexcept
        : has_group_{group != process_group::shared} {}
    process_record(const process_record&) = delete;
    process_record& operator=(const process_record&) = delete;
    virtual ~process_record() = default;

    [[nodiscard]] int pid() const noexcept { return pid_; }
    [[nodiscard]] bool has_group() const noexcept { return has_group_; }

    /// What is readable as soon as it has ended.
    [[nodiscard]] virtual int descriptor() const noexcept = 0;

    /// It has been waited for, or cannot be.
    [[nodiscard]] bool is_over() const noexcept { return is_lost_ || status_.has_value(); }

    /// Takes its status, if it has ended; `flags` as those of waitid(2).
    virtual void collect(int flags) noexcept = 0;

    [[nodiscard]] const std::optional<exit_status>& status() const;

    [[nodiscard]] virtual bool send_signal(int number) const = 0;
    [[nodiscard]] virtual bool send_signal_to_group(int number) const = 0;

    void wait_begins() noexcept { ++waiting_; }
    void wait_ends() noexcept { --waiting_; }
    void expect_nobody_waits() const noexcept {
        SIMUL_ASSERT(waiting_ == 0, "a process was destroyed while a task was waiting for its end");
    }

protected:
    void set_pid(int pid) noexcept { pid_ = pid; }
    void has_ended(exit_status how) noexcept { status_ = how; }
    void is_lost() noexcept { is_lost_ = true; }
    void expect_group() const;

private:
    int pid_ = -1;
    bool has_group_;
    bool is_lost_ = false;
    std::size_t waiting_ = 0;
    std::optional<exit_status> status_;
};

using process_pointer = std::unique_ptr<process_record, process_record_deleter>;

}  // namespace simul::detail
