// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of processes and of streams over pipes. Each run of the former starts a
// process, which takes its time: they run on epoll, poll and io_uring only.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "simul/io/process.hpp"
#include "simul/io/run_process.hpp"
#include "support/cancellation_harness.hpp"
#include "support/process_checks.hpp"

namespace simul::test {
namespace {

// --- processes ----------------------------------------------------------------------------------

class process_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;
    static constexpr bool runs_on(stage where) noexcept { return is_plain_kernel(where); }
    using scenario_world::scenario_world;
};

class one_process_world : public process_world {
public:
    explicit one_process_world(stage where)
        : process_world{where},
          child_{process::start(process_options{"cat"}.standard_input(stdio::pipe))} {}

    static void received(exit_status ended) { EXPECT_TRUE(ended.ok()); }

    // Its end is there when this returns, and nobody has waited for it.
    void complete() override {
        child_.input().close();
        ::siginfo_t end{};
        EXPECT_EQ(::waitid(P_PID, static_cast<::id_t>(child_.pid()), &end, WEXITED | WNOWAIT), 0);
    }
    task<> verify(const run_state& run) override {
        child_.input().close();
        const exit_status ended = co_await child_.wait();
        EXPECT_TRUE(ended.ok()) << run.describe();
    }

protected:
    process child_;
};

class waiting_for_a_process : public one_process_world {
public:
    static constexpr const char* awaitable = "process::wait";

    using one_process_world::one_process_world;
    auto wait() { return child_.wait(); }
};
const add_scenario<waiting_for_a_process> adds_waiting_for_a_process;

// The signal does nothing to it.
class stopping_a_process : public one_process_world {
public:
    static constexpr const char* awaitable = "process::stop";

    using one_process_world::one_process_world;
    auto wait() { return child_.stop(signal_ladder::kill_at_once().step(SIGCONT, 1h)); }
};
const add_scenario<stopping_a_process> adds_stopping_a_process;

class running_a_process : public process_world {
public:
    static constexpr const char* awaitable = "run_process";

    explicit running_a_process(stage where) : process_world{where} {
        auto [reading, writing] = make_pipe();
        reading_ = std::move(reading);
        writing_ = std::move(writing);
    }
    auto wait() {
        return run_process(process_options{"cat"}
                               .standard_input(std::move(reading_))
                               .standard_output(stdio::pipe)
                               .on_cancel(signal_ladder::kill_at_once()));
    }
    static void received(const process_result& result) {
        EXPECT_TRUE(result.status.ok());
        EXPECT_EQ(result.output, "x");
    }
    void complete() override {
        ::signal(SIGPIPE, SIG_IGN);
        static_cast<void>(::write(writing_.get(), "x", 1));
        writing_.reset();
    }
    task<> verify(const run_state& run) override {
        EXPECT_FALSE(has_children()) << run.describe();
        co_return;
    }

private:
    unique_fd reading_;
    unique_fd writing_;
};
const add_scenario<running_a_process> adds_running_a_process;

// --- pipes --------------------------------------------------------------------------------------

class pipe_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;
    static constexpr bool runs_on(stage where) noexcept { return !is_simulated(where); }

    explicit pipe_world(stage where) : scenario_world{where} {
        auto [reading, writing] = make_pipe();
        reading_ = reading.get();
        writing_ = writing.get();
        pipe_ = pipe_stream::adopt(std::move(reading), std::move(writing));
    }

protected:
    // How many bytes are in the pipe; takes them out.
    std::size_t drain() {
        std::size_t all = 0;
        std::array<char, 4096> taken{};
        while (true) {
            const ::ssize_t count = ::read(reading_, taken.data(), taken.size());
            if (count <= 0) return all;
            all += static_cast<std::size_t>(count);
        }
    }
    // How many bytes it takes until it is full.
    std::size_t fill() {
        std::size_t all = 0;
        const std::array<char, 4096> bytes{};
        while (true) {
            const ::ssize_t count = ::write(writing_, bytes.data(), bytes.size());
            if (count <= 0) return all;
            all += static_cast<std::size_t>(count);
        }
    }

    pipe_stream pipe_;  // both ends of one pipe
    int reading_ = -1;
    int writing_ = -1;
};

class reading_a_pipe : public pipe_world {
public:
    static constexpr const char* awaitable = "pipe_stream::read_some";

    using pipe_world::pipe_world;
    auto wait() { return pipe_.read_some(buffer_); }
    void received(std::size_t count) { received_ += count; }
    void complete() override { EXPECT_EQ(::write(writing_, "x", 1), 1); }
    task<> verify(const run_state& run) override {
        const std::size_t all = drain() + received_ + static_cast<std::size_t>(run.lost());
        EXPECT_EQ(all, run.is_completed ? 1U : 0U) << run.describe();
        co_return;
    }

private:
    std::array<std::byte, 32> buffer_{};
    std::size_t received_ = 0;
};
const add_scenario<reading_a_pipe> adds_reading_a_pipe;

class reading_a_pipe_until_closed : public pipe_world {
public:
    static constexpr const char* awaitable = "pipe_stream::read_some";
    static constexpr const char* variant = "closed while it waits";
    static constexpr bool fails = true;

    using pipe_world::pipe_world;
    auto wait() { return pipe_.read_some(buffer_); }
    static void received(std::size_t) { ADD_FAILURE() << "nothing was written"; }
    void complete() override { pipe_.close(); }

private:
    std::array<std::byte, 32> buffer_{};
};
const add_scenario<reading_a_pipe_until_closed> adds_reading_a_pipe_until_closed;

class writing_to_a_pipe : public pipe_world {
public:
    static constexpr const char* awaitable = "pipe_stream::write_some";

    explicit writing_to_a_pipe(stage where) : pipe_world{where}, filled_{fill()} {}
    auto wait() { return pipe_.write_some(text_); }
    void received(std::size_t count) {
        EXPECT_EQ(count, text_.size());
        reported_ += count;
    }
    void complete() override { drained_ += drain(); }
    task<> verify(const run_state& run) override {
        const std::size_t unseen = run.lost() == 0 ? 0 : text_.size();
        EXPECT_EQ(drained_ + drain(), filled_ + reported_ + unseen) << run.describe();
        co_return;
    }

private:
    std::array<std::byte, 8> text_{};
    std::size_t filled_;
    std::size_t drained_ = 0;
    std::size_t reported_ = 0;
};
const add_scenario<writing_to_a_pipe> adds_writing_to_a_pipe;

class shutting_a_pipe_down : public pipe_world {
public:
    static constexpr const char* awaitable = "pipe_stream::shutdown";
    static constexpr bool remembers = false;

    using pipe_world::pipe_world;
    auto wait() { return pipe_.shutdown(); }
    static void received(std::monostate) {}
    void complete() override {}
    task<> verify(const run_state& run) override {
        EXPECT_EQ(pipe_.has_input(), run.consumed() == 1) << run.describe();
        co_return;
    }
};
const add_scenario<shutting_a_pipe_down> adds_shutting_a_pipe_down;

}  // namespace
}  // namespace simul::test
