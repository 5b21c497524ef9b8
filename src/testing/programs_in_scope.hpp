// SPDX-License-Identifier: Apache-2.0
//
// programs_in_scope.hpp: the processes of one with_programs.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/program_registry.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/testing/programs.hpp"

namespace simul::testing::detail {

using process_reference = std::shared_ptr<simulated_process>;

/// Lives in the frame of a program: when that is gone, the process has ended.
class end_of_process {
public:
    explicit end_of_process(process_reference of) noexcept : process_{std::move(of)} {}
    end_of_process(end_of_process&&) noexcept = default;
    end_of_process& operator=(end_of_process&&) = delete;
    ~end_of_process();

    [[nodiscard]] const process_reference& process() const noexcept { return process_; }

private:
    process_reference process_;
};

/// Starts processes in the group of the scope and knows those that run.
class programs_in_scope final : public simul::detail::program_registry,
                                public std::enable_shared_from_this<programs_in_scope> {
public:
    explicit programs_in_scope(program_set& programs) noexcept : programs_{programs} {}

    void begin(task_group& group);
    void end() noexcept;

    [[nodiscard]] simul::detail::process_pointer start(
        const simul::detail::process_settings& settings,
        simul::detail::simulated_streams streams) override;

    void leave_behind(const simulated_process& parent, simulated_program child);

    /// Sends a signal to all that run in a group. False if none does.
    bool send_signal(int group, int number);

    /// Ends a process whose program has ended.
    static void end(simulated_process& gone) noexcept;

private:
    static task<> run_program(end_of_process end);
    [[nodiscard]] const simulated_program* find(const std::string& name) const;
    void connect(simulated_process& made, const simul::detail::process_settings& settings,
                 simul::detail::simulated_streams streams, const simulated_process* starter);
    void run(const process_reference& made);

    program_set& programs_;
    task_group* group_ = nullptr;
    simul::detail::simulated_end output_;  // where inherited output goes
    simul::detail::simulated_end error_;
    std::vector<process_reference> running_;
};

/// A simulated process, as its owner has it.
class simulated_record final : public simul::detail::process_record {
public:
    simulated_record(process_group group, process_reference of,
                     simul::detail::simulated_end exited) noexcept;
    ~simulated_record() override;

    [[nodiscard]] int descriptor() const noexcept override { return exited_.get(); }
    void collect(int flags) noexcept override;
    [[nodiscard]] bool send_signal(int number) const override;
    [[nodiscard]] bool send_signal_to_group(int number) const override;

private:
    process_reference process_;
    simul::detail::simulated_end exited_;
};

}  // namespace simul::testing::detail
