// SPDX-License-Identifier: Apache-2.0
//
// simul/io/signal.hpp: the signals that the program is sent, as a stream.
//
// A signal handler may do next to nothing; a task that awaits a signal may do what it likes. Ctrl-C
// needs none of this: run() turns it into cancellation, see run_options.
#pragma once

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "simul/concurrency/parking_lot.hpp"
#include "simul/runtime/leaf.hpp"

namespace simul {

namespace detail {

class signal_state;

/// A signal that has come and was not taken yet; 0 is none. Turns say who was first.
struct caught_signal {
    caught_signal() noexcept = default;
    caught_signal(int which, std::uint64_t when) noexcept : number{which}, turn{when} {}

    int number = 0;
    std::uint64_t turn = 0;
};

class signal_operation : public leaf, public parked {
public:
    explicit signal_operation(std::shared_ptr<signal_state> source) noexcept;
    ~signal_operation();

    started start(waiter& self) noexcept;
    int take();
    bool give_back() noexcept;

protected:
    /// The signal, or nothing if the receiver was closed.
    std::optional<int> take_if_any() noexcept;

private:
    friend class signal_state;
    static void woken(parked& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a signal"};

    std::shared_ptr<signal_state> source_;
    caught_signal caught_;
};

class next_signal_operation : public signal_operation {
public:
    using signal_operation::signal_operation;
    std::optional<int> take() noexcept { return take_if_any(); }
};

}  // namespace detail

/// What signal_receiver::receive and signal_receiver::next return.
template <class Operation>
class [[nodiscard("co_await it")]] signal_awaitable {
public:
    explicit signal_awaitable(std::shared_ptr<detail::signal_state> source) noexcept
        : source_{std::move(source)} {}
    auto operator co_await() const noexcept { return Operation{source_}; }

private:
    std::shared_ptr<detail::signal_state> source_;
};

/// Catches a set of signals as long as it lives, and hands them out one after the other.
///
///     signal_receiver caught{SIGHUP, SIGUSR1};
///     while (std::optional<int> number = co_await caught.next()) {
///         if (*number == SIGHUP) reload();
///     }
///
/// What has come is kept until somebody takes it, in the order of arrival. A signal that comes
/// again before it was taken counts once, as POSIX has it; so one that is sent all the time does
/// not keep another waiting. Each signal goes to one of those who wait, first come, first served.
///
/// When the receiver ends, each signal gets back the handler that it had before, and what nobody
/// has taken is raised again, so that this handler has it: with the default one the program may
/// end, and where it was ignored nothing happens. A handler that somebody else has installed
/// meanwhile has taken the signal away from the receiver, and stays.
///
/// Catch SIGINT, and Ctrl-C is yours: run() does not see it, neither the first nor the second,
/// until the receiver ends, and is told then of one that nobody took. So it is with SIGTERM and
/// run_options::handle_termination.
///
/// One receiver of the process catches a signal at a time; different ones may belong to loops of
/// different threads. A signal reaches it from whichever thread the system chose, which must be one
/// that does not block the signal. In the simulated world a signal that the program sends itself
/// arrives as in any other. One from outside is taken when it comes, but not waited for: when
/// nothing else can happen there, a wait for a signal is a deadlock.
///
/// Threads       the loop's thread.
/// Lifetime      must end before its loop. Who waits when it ends is told that it was closed.
/// Source        trio.open_signal_receiver; sigaction(2), signal-safety(7).
class signal_receiver {
public:
    /// Begins to catch `numbers`, for the loop of this thread.
    ///
    /// Errors        std::system_error, whose text says what to do: invalid_argument for what is no
    ///               signal, or cannot be caught (SIGKILL, SIGSTOP), or is a fault of the program,
    ///               which a task cannot mend (SIGSEGV, SIGBUS, SIGFPE, SIGILL), and for no number
    ///               at all; device_or_resource_busy for a signal that another receiver catches.
    ///               Nothing is caught then. std::bad_alloc.
    signal_receiver(std::initializer_list<int> numbers)
        : signal_receiver{std::span{numbers.begin(), numbers.size()}} {}
    explicit signal_receiver(std::span<const int> numbers);
    signal_receiver(signal_receiver&& other) noexcept = default;
    signal_receiver& operator=(signal_receiver&& other) noexcept;
    ~signal_receiver() { close(); }

    /// Ends it now, as its destruction does. Signals that were not taken are raised again, in the
    /// order of their arrival, inside this call. A second call does nothing.
    ///
    /// Complexity    O(signals); waits for handlers that are running on other threads.
    void close() noexcept;

    /// Waits for a signal.
    ///
    /// Returns       int, the number of the signal that came first.
    /// Errors        closed, once the receiver was closed.
    /// Suspends      while there is none.
    /// Cancellation  clean. A signal that was handed over while the request was on its way goes to
    ///               the next who waits, or keeps its place before those that came later.
    /// Threads       the loop's thread.
    /// Lifetime      the receiver may be moved meanwhile.
    /// Complexity    O(signals caught); allocates nothing.
    [[nodiscard]] auto receive() const noexcept {
        return signal_awaitable<detail::signal_operation>{state()};
    }

    /// Waits for a signal, and says when the receiver was closed that there will be none.
    ///
    /// Returns       std::optional<int>; empty once the receiver was closed.
    /// Errors        none.
    /// Suspends      as receive.
    /// Cancellation  clean, as for receive.
    /// Threads       the loop's thread.
    /// Lifetime      as for receive.
    /// Complexity    as for receive.
    [[nodiscard]] auto next() const noexcept {
        return signal_awaitable<detail::next_signal_operation>{state()};
    }

    /// Takes the signal that came first, if there is one that nobody waits for.
    [[nodiscard]] std::optional<int> try_receive() noexcept;

private:
    [[nodiscard]] const std::shared_ptr<detail::signal_state>& state() const noexcept {
        SIMUL_ASSERT(state_ != nullptr, "a signal_receiver was used after it was moved from");
        return state_;
    }

    std::shared_ptr<detail::signal_state> state_;
};

}  // namespace simul
