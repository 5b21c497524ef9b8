// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/guest.hpp"

#include <chrono>
#include <limits>
#include <source_location>
#include <system_error>

#include "simul/base/error.hpp"

namespace simul::detail {

// The main task begins as work that was posted: inside a pass, where the loop knows that it runs,
// and as something that makes the descriptor readable.
guest_core::guest_core(const guest_options& options, begin_function begin, void* guest)
    : posted_work{&begin_main, nullptr},
      loop_{checked(options)},
      driver_{loop_, outermost_, as_run_options(options)},
      begin_{begin},
      guest_{guest},
      passes_{options.passes} {
    if (loop_.descriptor_to_watch() < 0) {
        throw std::system_error{
            make_error_code(errc::unavailable),
            "a guest needs a backend with a descriptor that a host can watch, and the " +
                loop_.info().backend + " one (" + loop_.info().reason +
                ") has none; ask for epoll or io_uring"};
    }
    loop_.post(*this);
}

loop_options guest_core::checked(const guest_options& options) {
    SIMUL_ASSERT(loop::find_current() == nullptr,
                 "a guest was made on a thread that has a loop: spawn its task there instead");
    SIMUL_ASSERT(options.passes != 0, "a guest whose steps make no pass would never get on");
    loop_options checked = options.loop;
    checked.who_waits = waited_for_by::descriptor;
    return checked;
}

run_options guest_core::as_run_options(const guest_options& options) noexcept {
    run_options translated;
    translated.start = options.start;
    translated.handle_interrupt = options.handle_interrupt;
    translated.handle_termination = options.handle_termination;
    return translated;
}

void guest_core::begin_main(posted_work& self) noexcept {
    auto& core = static_cast<guest_core&>(self);
    const bool is_wanted = !core.outermost_.is_cancelled();
    core.driver_.begin(is_wanted ? core.begin_(core.guest_, core.driver_) : started::stopped);
}

void guest_core::check_place() const noexcept {
    SIMUL_ASSERT(loop::find_current() == &loop_,
                 "a guest was used on another thread, or while its thread has another loop");
    SIMUL_ASSERT(!loop_.is_running(),
                 "a guest was used by one of its own tasks: that is for the host");
}

bool guest_core::step() noexcept {
    check_place();
    if (!is_done()) loop_.run_available(driver_.is_done(), passes_);
    return !is_done();
}

std::optional<duration> guest_core::timeout() noexcept {
    check_place();
    if (is_done()) return std::nullopt;
    const time_point deadline = loop_.next_deadline();
    if (deadline == time_point::max()) return std::nullopt;
    if (deadline == time_point::min()) return duration::zero();
    const time_point now = loop_.now();
    return deadline > now ? deadline - now : duration::zero();
}

int guest_core::timeout_in_milliseconds() noexcept {
    const std::optional<duration> left = timeout();
    if (!left) return -1;
    const auto rounded_up = std::chrono::ceil<std::chrono::milliseconds>(*left).count();
    constexpr long long longest = std::numeric_limits<int>::max();
    return static_cast<int>(rounded_up < longest ? rounded_up : longest);
}

bool guest_core::cancel(cancel_reason reason, std::source_location where) noexcept {
    if (is_done() || !outermost_.cancel(reason, where)) return false;
    cancelled_ = true;
    return true;
}

void guest_core::end() noexcept {
    check_place();
    if (is_done()) return;
    outermost_.cancel(cancel_reason::shutdown);
    loop_.run_until(driver_.is_done());
}

}  // namespace simul::detail
