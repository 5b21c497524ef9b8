// SPDX-License-Identifier: Apache-2.0
#include "simul/io/run_process.hpp"

#include <algorithm>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/error.hpp"
#include "simul/io/process.hpp"
#include "simul/io/stream.hpp"

namespace simul {

namespace {

// After SIGKILL, which is normally a matter of a millisecond.
constexpr duration time_to_die = std::chrono::seconds{5};

std::string text_of_error(const std::string& program, exit_status status,
                          std::string_view error_output) {
    std::string text = "'" + program + "' ended with " + status.text();
    const std::size_t end = error_output.find_last_not_of(" \t\r\n");
    if (end == std::string_view::npos) return text;
    error_output = error_output.substr(0, end + 1);
    const std::size_t before = error_output.find_last_of('\n');
    if (before != std::string_view::npos) error_output.remove_prefix(before + 1);
    text += ": ";
    text += error_output;
    return text;
}

std::string end_of(const std::string& text) {
    return text.substr(text.size() - std::min(text.size(), process_error::kept));
}

}  // namespace

namespace detail {

/// One call of run_process.
class process_run {
public:
    explicit process_run(const process_settings& settings)
        : settings_{settings}, child_{process::launch(settings)} {}

    task<> run() {
        co_await with_task_group([this](task_group& group) -> task<> {
            auto feeding = group.spawn(feed());
            auto reading_output = group.spawn(read(output_, child_.output(), 1));
            auto reading_error = group.spawn(read(error_, child_.error(), 2));
            static_cast<void>(co_await child_.wait());
            feeding.cancel();
            if (settings_.until == capture_until::end_of_output) co_return;
            reading_output.cancel();
            reading_error.cancel();
        });
        // What the process itself has written is in the pipes by now.
        co_await read_rest(output_, child_.output(), 1);
        co_await read_rest(error_, child_.error(), 2);
    }

    // Nothing can refuse SIGKILL, but something may hang inside the kernel; nobody waits for that
    // without end, and then the destructor of the process does what is left to do.
    task<> clean_up() {
        if (child_.try_wait()) co_return;
        child_.input().close();
        const duration limit =
            saturating_add(time_point{} + time_to_die, settings_.ladder.total()) - time_point{};
        static_cast<void>(co_await move_on_after(limit, child_.stop(settings_.ladder)));
    }

    process_result take() {
        process_result result{child_.try_wait().value()};
        result.output = output_.take();
        result.error = error_.take();
        return result;
    }

private:
    class capture {
    public:
        std::span<std::byte> room() {
            if (bytes_.size() - filled_ < smallest_read) {
                bytes_.resize(std::max(bytes_.size() * 2, first_size));
            }
            return std::as_writable_bytes(std::span{bytes_}).subspan(filled_);
        }
        void add(std::size_t count) noexcept { filled_ += count; }
        [[nodiscard]] std::size_t size() const noexcept { return filled_; }
        std::string take() {
            bytes_.resize(filled_);
            return std::move(bytes_);
        }

    private:
        static constexpr std::size_t smallest_read = 4096;
        static constexpr std::size_t first_size = 16384;

        std::string bytes_;
        std::size_t filled_ = 0;
    };

    [[nodiscard]] bool is_captured(std::size_t which) const noexcept {
        const process_settings::stream& stream = settings_.streams[which];
        return stream.to == stdio::pipe && !stream.given;
    }

    // Others may have the other end of its input, so a full pipe may stay full after its end.
    task<> feed() {
        if (settings_.streams[0].to != stdio::pipe || settings_.streams[0].given) co_return;
        try {
            const std::string_view text = settings_.input ? *settings_.input : std::string_view{};
            co_await write_all(child_.input(), bytes_of(text));
        } catch (const std::system_error& failure) {
            if (failure.code() != std::errc::broken_pipe) throw;
        }
        child_.input().close();
    }

    task<bool> read_once(capture& into, pipe_stream& from) {
        const std::span<std::byte> room = into.room();
        const std::size_t count = co_await from.read_some(room);
        into.add(count);
        if (output_.size() + error_.size() > settings_.capture_limit) {
            throw std::system_error{make_error_code(io_errc::limit_exceeded),
                                    "what '" + settings_.command.front() + "' wrote"};
        }
        co_return count != 0;
    }

    task<> read(capture& into, pipe_stream& from, std::size_t which) {
        if (!is_captured(which)) co_return;
        while (true) {
            const bool goes_on = co_await read_once(into, from);
            if (!goes_on) break;
        }
    }

    task<> read_rest(capture& into, pipe_stream& from, std::size_t which) {
        if (!is_captured(which)) co_return;
        while (from.has_input()) {
            const bool goes_on = co_await read_once(into, from);
            if (!goes_on) break;
        }
    }

    const process_settings& settings_;
    process child_;
    capture output_;
    capture error_;
};

}  // namespace detail

process_error::process_error(const std::string& program, exit_status status,
                             const std::string& error_output)
    : std::runtime_error{text_of_error(program, status, end_of(error_output))},
      status_{status},
      error_output_{end_of(error_output)} {}

task<process_result> run_process(process_options options) {
    const detail::process_settings& settings = options.settings();
    detail::process_run running{settings};
    co_await finally(running.run(), running.clean_up());
    process_result result = running.take();
    if (settings.is_checked && !result.status.ok()) {
        throw process_error{settings.command.front(), result.status, result.error};
    }
    co_return result;
}

}  // namespace simul
