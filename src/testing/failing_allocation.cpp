// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/failing_allocation.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "simul/base/assert.hpp"
#include "simul/coro/frame_allocator.hpp"
#include "simul/coro/trace.hpp"
#include "testing/allocation_gate.hpp"
#include "testing/command_line.hpp"

namespace simul::testing {

namespace {

using detail::gate;

constexpr const char* variable = "SIMUL_FAILING_ALLOCATION";

// Whole 64 bytes, as the recycler has them: a frame that another thread gives back ends in a list
// of that thread, which takes it for one of the recycler's.
void* allocate_frame(std::size_t size) {
    if (gate.fails()) throw std::bad_alloc{};
    void* memory = std::malloc((size + 63) / 64 * 64);
    if (memory == nullptr) throw std::bad_alloc{};
    ++gate.frames;
    return memory;
}

void release_frame(void* memory, std::size_t) noexcept {
    ++gate.released_frames;
    std::free(memory);
}

constexpr frame_allocator failing_frames{&allocate_frame, &release_frame};

/// While it exists, frames pass the gate.
class frames_that_fail {
public:
    frames_that_fail() noexcept : before_{set_frame_allocator(&failing_frames)} {}
    frames_that_fail(const frames_that_fail&) = delete;
    frames_that_fail& operator=(const frames_that_fail&) = delete;
    ~frames_that_fail() { set_frame_allocator(before_); }

private:
    const frame_allocator* before_;
};

// What the handlers of a crash say: they are one per process, as is a test that runs.
struct failing_run {
    const char* name;
    std::uint64_t allocation;
    std::terminate_handler terminate_before;
    assertion_handler assertion_before;
};

constinit failing_run current_run{};

void say_who_failed() noexcept {
    gate.counts_down = false;
    std::fprintf(stderr, "simul: while allocation %llu of '%s' failed (%s='%s:%llu'):\n",
                 static_cast<unsigned long long>(current_run.allocation), current_run.name,
                 variable, current_run.name,
                 static_cast<unsigned long long>(current_run.allocation));
}

[[noreturn]] void report_termination() {
    say_who_failed();
    current_run.terminate_before();
    std::abort();
}

void report_assertion(const char* message, std::source_location where) {
    say_who_failed();
    set_assertion_handler(current_run.assertion_before);
    assertion_failed(message, where);
}

/// While it exists, the end of the process is told with the allocation that led to it.
class crash_reporter {
public:
    crash_reporter(const char* name, std::uint64_t allocation) noexcept {
        current_run.name = name;
        current_run.allocation = allocation;
        current_run.terminate_before = std::set_terminate(&report_termination);
        current_run.assertion_before = set_assertion_handler(&report_assertion);
    }
    crash_reporter(const crash_reporter&) = delete;
    crash_reporter& operator=(const crash_reporter&) = delete;
    ~crash_reporter() {
        set_assertion_handler(current_run.assertion_before);
        std::set_terminate(current_run.terminate_before);
    }
};

bool is_bad_alloc(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
        return true;
    } catch (...) {
        return false;
    }
}

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "an exception that is no std::exception";
    }
}

}  // namespace

std::string allocation_report::text() const {
    if (ok()) return std::to_string(runs_) + " allocations failed, each as it should";
    if (allocation_ == 0) return "the program goes wrong without a failing allocation: " + error_;
    return "when allocation " + std::to_string(allocation_) + " fails: " + error_ +
           "\nreplay it with: " + replay_;
}

/// The runs of one program.
class allocation_search {
public:
    allocation_search(const program& made, const allocation_options& options)
        : made_{made}, options_{options} {}

    allocation_report run() {
        // The first fills what is filled once for each thread or process.
        static_cast<void>(goes_wrong(0));
        if (goes_wrong(0) || run_given()) return std::move(report_);
        for (std::uint64_t next = 1; next <= options_.most_runs(); ++next) {
            if (goes_wrong(next)) {
                finish_report(next);
                return std::move(report_);
            }
            if (!has_failed_) return std::move(report_);
            ++report_.runs_;
        }
        note("runs(" + std::to_string(options_.most_runs()) + ") is too few: more follow");
        finish_report(options_.most_runs());
        return std::move(report_);
    }

private:
    static std::uint64_t live_blocks() noexcept { return gate.blocks - gate.released_blocks; }
    static std::uint64_t live_frames() noexcept { return gate.frames - gate.released_frames; }

    /// What is allocated while it exists is the search's own.
    class own_work {
    public:
        explicit own_work(allocation_search& owner) noexcept : owner_{owner} {}
        own_work(const own_work&) = delete;
        own_work& operator=(const own_work&) = delete;
        ~own_work() { owner_.own_blocks_ += live_blocks() - before_; }

    private:
        allocation_search& owner_;
        std::uint64_t before_ = live_blocks();
    };

    // Runs the program with this allocation failing, none if it is 0, and judges how it ended.
    bool goes_wrong(std::uint64_t allocation) {
        simul::detail::clear_traces();
        own_blocks_ = 0;
        const std::uint64_t blocks = live_blocks();
        const std::uint64_t frames = live_frames();
        std::exception_ptr error;
        {
            const own_work clearing{*this};
            report_.error_.clear();
        }
        {
            const frames_that_fail passing;
            std::optional<crash_reporter> reporting;
            if (allocation != 0) reporting.emplace(options_.name().c_str(), allocation);
            gate.arm(allocation, options_.is_lasting());
            run_world(error);
            gate.counts_down = false;
        }
        has_failed_ = gate.has_failed;
        judge(error);
        error = nullptr;
        simul::detail::clear_traces();
        check_memory(live_blocks() - blocks - own_blocks_, live_frames() - frames);
        return !report_.error_.empty();
    }

    // The constructor and the destructor of the world belong to what is tried.
    void run_world(std::exception_ptr& error) {
        const std::uint64_t frames = live_frames();
        try {
            detail::test_world world{
                test_options{}.on(options_.backend()).starting(options_.start())};
            try {
                run_on(world.running(), made_(), world.options_of_run());
            } catch (...) {
                error = std::current_exception();
            }
            gate.counts_down = false;
            check_world(world, live_frames() - frames);
            gate.counts_down = true;
        } catch (...) {
            error = std::current_exception();
        }
    }

    void check_world(const detail::test_world& world, std::uint64_t frames) {
        const own_work noting{*this};
        try {
            world.check_for_leaks();
        } catch (const leak& found) {
            note(found.what());
        }
        if (frames != 0) note("it leaves " + std::to_string(frames) + " coroutine frames");
    }

    void judge(const std::exception_ptr& error) {
        const own_work judging{*this};
        if (error == nullptr) {
            if (has_failed_ && !options_.lets_recover()) {
                note("the program passes all the same; if it may, say may_recover()");
            }
        } else if (!has_failed_) {
            note(text_of(error));
        } else if (!is_bad_alloc(error) && !(options_.expected() && options_.expected()(error))) {
            note("it ends not in std::bad_alloc but in: " + text_of(error));
        }
        if (options_.failed() && options_.failed()()) note("a check has failed");
    }

    void check_memory(std::uint64_t blocks, std::uint64_t frames) {
        if (frames != 0 && report_.error_.empty()) {
            note("its error holds " + std::to_string(frames) + " coroutine frames");
        }
        if (blocks == 0 || options_.lets_leave_memory()) return;
        note("it leaves " + std::to_string(static_cast<std::int64_t>(blocks)) +
             " blocks of memory; if it may, say may_leave_memory()");
    }

    void note(const std::string& text) {
        if (!report_.error_.empty()) report_.error_ += "; ";
        report_.error_ += text;
    }

    // The allocation that the environment asks for, if it means this program.
    bool run_given() {
        const char* wanted = std::getenv(variable);
        if (wanted == nullptr) return false;
        std::string_view text{wanted};
        const std::size_t colon = text.rfind(':');
        const std::string_view name = colon == text.npos ? "" : text.substr(0, colon);
        if (name != options_.name()) return false;
        if (colon != text.npos) text.remove_prefix(colon + 1);
        std::uint64_t allocation = 0;
        const char* const end = text.data() + text.size();
        const auto [read, failure] = std::from_chars(text.data(), end, allocation);
        if (failure != std::errc{} || read != end || allocation == 0) {
            throw std::invalid_argument{
                "SIMUL_FAILING_ALLOCATION is the number of an allocation, from 1, behind the name "
                "of a program and a colon, such as transfer:17"};
        }
        if (goes_wrong(allocation)) {
            finish_report(allocation);
        } else if (has_failed_) {
            ++report_.runs_;
        }
        return true;
    }

    void finish_report(std::uint64_t allocation) {
        report_.allocation_ = allocation;
        report_.replay_ = std::string{variable} + "='" +
                          (options_.name().empty() ? "" : options_.name() + ":") +
                          std::to_string(allocation) + "'" + detail::command_line();
    }

    const program& made_;
    const allocation_options& options_;
    allocation_report report_;
    std::uint64_t own_blocks_ = 0;
    bool has_failed_ = false;
};

allocation_report fail_allocations(const program& made, const allocation_options& options) {
    const allocation_counter asks_for_the_operators;
    return allocation_search{made, options}.run();
}

}  // namespace simul::testing
