// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/programs.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>

#include "io/process_spawn.hpp"
#include "io/socket_calls.hpp"
#include "runtime/backends/simulated.hpp"
#include "simul/concurrency/task_local.hpp"
#include "simul/runtime/loop.hpp"
#include "testing/programs_in_scope.hpp"

namespace simul::testing::detail {

using simul::detail::process_pointer;
using simul::detail::process_settings;
using simul::detail::simulated_end;
using simul::detail::simulated_streams;

namespace {

// Which process the running task belongs to, if that is not the test itself.
const task_local<process_reference> running_process;

simul::detail::simulated_backend& world() {
    return *simul::detail::simulated_world();
}

}  // namespace

// --- the end of a process -----------------------------------------------------------------------

end_of_process::~end_of_process() {
    if (process_ != nullptr) programs_in_scope::end(*process_);
}

// What a program says after a signal has ended it, nobody hears.
task<> programs_in_scope::run_program(end_of_process end) {
    simulated_process& self = *end.process();
    try {
        auto main = self.main_(self);
        self.code_ = co_await with_value(running_process, end.process(), std::move(main));
    } catch (const std::system_error& failure) {
        const bool is_signal = failure.code() == std::errc::broken_pipe &&
                               self.reaction_to(SIGPIPE) == simulated_process::reaction::standard;
        if (self.ended_by_ == 0 && !is_signal) throw;
        if (self.ended_by_ == 0) self.ended_by_ = SIGPIPE;
    } catch (...) {
        if (self.ended_by_ == 0) throw;
    }
}

// --- the scope ----------------------------------------------------------------------------------

void programs_in_scope::begin(task_group& group) {
    group_ = &group;
    output_ = simulated_end{world().open_sink(&programs_.output_)};
    error_ = simulated_end{world().open_sink(&programs_.error_output_)};
    open();
}

void programs_in_scope::end() noexcept {
    close();
    for (const process_reference& each : running_) {
        each->take_signal(SIGKILL);
    }
}

// A path is that of the program whose name it ends in.
const simulated_program* programs_in_scope::find(const std::string& name) const {
    auto found = programs_.programs_.find(name);
    if (found == programs_.programs_.end()) {
        found = programs_.programs_.find(name.substr(name.find_last_of('/') + 1));
    }
    return found != programs_.programs_.end() ? &found->second : nullptr;
}

process_pointer programs_in_scope::start(const process_settings& settings,
                                         simulated_streams streams) {
    simul::detail::expect_valid(settings);
    const simulated_program* const main = find(settings.command.front());
    if (main == nullptr) simul::detail::throw_not_started(ENOENT, settings);
    const simulated_process* const starter = running_process.get().get();

    const process_reference made{new simulated_process};
    made->main_ = *main;
    made->arguments_ = settings.command;
    made->environment_ = simul::detail::environment_of(settings);
    made->directory_ = starter != nullptr ? starter->directory_ : std::filesystem::current_path();
    if (!settings.directory.empty()) made->directory_ /= settings.directory;
    made->pid_ = world().take_process_number();
    made->group_ = settings.group != process_group::shared ? made->pid_
                   : starter != nullptr                    ? starter->group_
                                                           : 0;
    connect(*made, settings, std::move(streams), starter);

    const auto [exited, marker] = world().open_pipe();
    made->end_marker_ = marker;
    process_pointer record{new simulated_record{settings.group, made, simulated_end{exited}}};
    programs_.started_.push_back(settings.command);
    run(made);
    return record;
}

void programs_in_scope::leave_behind(const simulated_process& parent, simulated_program child) {
    const process_reference made{new simulated_process};
    made->main_ = std::move(child);
    made->arguments_ = parent.arguments_;
    made->environment_ = parent.environment_;
    made->directory_ = parent.directory_;
    made->pid_ = world().take_process_number();
    made->group_ = parent.group_;
    made->reactions_ = parent.reactions_;
    connect(*made, process_settings{}, {}, &parent);
    run(made);
}

void programs_in_scope::connect(simulated_process& made, const process_settings& settings,
                                simulated_streams streams, const simulated_process* starter) {
    for (std::size_t which = 0; which != streams.size(); ++which) {
        simulated_end end = std::move(streams[which]);
        const bool joins = which == 2 && settings.streams[which].to == stdio::to_output;
        if (!end && joins) {
            end = simulated_end::duplicate(made.descriptors_[1]);
        } else if (!end && starter != nullptr) {
            end = simulated_end::duplicate(starter->descriptors_[which]);
        } else if (!end && which == 0) {
            end = simulated_end{world().open_sink()};
        } else if (!end) {
            end = simulated_end::duplicate(which == 1 ? output_.get() : error_.get());
        }
        made.descriptors_[which] = end.get();
        if (!end) continue;  // its starter has closed it
        made.streams_[which] = which == 0 ? pipe_stream::adopt(end.release(), {})
                                          : pipe_stream::adopt({}, end.release());
    }
}

void programs_in_scope::run(const process_reference& made) {
    made->scope_ = weak_from_this();
    running_.push_back(made);
    ++programs_.running_;
    auto name = spawn_options{}.named("program '" + made->arguments_.front() + "'");
    made->running_ = group_->spawn(run_program(end_of_process{made}), std::move(name));
    if (made->ended_by_ != 0) made->running_.cancel();
}

bool programs_in_scope::send_signal(int group, int number) {
    const std::vector<process_reference> running = running_;
    bool is_there = false;
    for (const process_reference& each : running) {
        if (each->group_ != group) continue;
        each->take_signal(number);
        is_there = true;
    }
    return is_there;
}

void programs_in_scope::end(simulated_process& gone) noexcept {
    if (!gone.end()) return;
    const auto scope = gone.scope_.lock();
    if (scope == nullptr) return;
    --scope->programs_.running_;
    std::erase_if(scope->running_,
                  [&](const process_reference& each) { return each.get() == &gone; });
}

// --- program_scope ------------------------------------------------------------------------------

program_scope::program_scope(program_set& programs) {
    if (loop::current().is_simulated()) running_ = std::make_shared<programs_in_scope>(programs);
}

program_scope::~program_scope() = default;

void program_scope::open(task_group& group) {
    if (running_) running_->begin(group);
}

void program_scope::close() noexcept {
    if (running_) running_->end();
}

}  // namespace simul::testing::detail
