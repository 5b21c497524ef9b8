// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/supervise.hpp: start again what has failed, alone or with what depends on it.
//
// Reading order: supervise() and supervisor are the contract; the states of children, and who
// changes them, are in detail/supervision.hpp.
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "simul/concurrency/detail/supervision.hpp"
#include "simul/concurrency/restart_options.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/coro/task.hpp"

namespace simul {

/// A task that always has to run has ended normally, and so often that it is enough: there is no
/// error of its own to throw. Errors from before are in suppressed().
class restarted_too_often : public std::exception {
public:
    [[nodiscard]] const char* what() const noexcept override;
};

/// Awaits the task that `make` returns, and when it fails waits a while and awaits a new one, for
/// as long as that does not happen too often.
///
///     co_await supervise([&] { return follow(feed); }, restart_options{}.intensity(10, 1min));
///
/// It is for work that is meant to go on for ever; retry is for work that is meant to succeed, and
/// supervisor for several tasks that depend on each other.
///
/// Returns       what the task returns; nothing with restart_policy::always, where normal ends are
///               followed by a new start.
/// Errors        the last error, with its own type, when there were enough restarts, and with
///               restart_policy::never the only one; the errors before it, at most the latest
///               fifteen, are in suppressed(). simul::cancelled is thrown on at once.
///               restarted_too_often if the end that was too many was a normal one. What `make`
///               throws is a failure like that of its task.
/// Suspends      when the task does, and before each restart.
/// Cancellation  partial. The request goes to the task that runs, or ends the delay; there is no
///               other start. What was done before stays done.
/// Threads       the loop's thread.
/// Lifetime      `make` is moved in and lives until the end; what it refers to must live as long.
/// Complexity    one frame besides those of the tasks, and one entry for each restart within the
///               period.
/// Source        a supervisor of Erlang/OTP with one child.
template <class Make>
    requires detail::task_factory<Make>
[[nodiscard]] auto supervise(Make make, restart_options options = restart_options{}) {
    using result = typename detail::task_result<std::invoke_result_t<Make&>>::type;
    return detail::supervise_with<result>(std::move(make), std::move(options));
}

/// Runs several children and starts them again when they fail, by a strategy that says which of
/// the others a failure concerns.
///
///     supervisor services{restart_strategy::rest_for_one};
///     services.add("connection", [&] { return hold(connection); });
///     services.add("reader", [&] { return read_from(connection); });   // depends on the former
///     co_await services.run();
///
/// Children are started in the order in which they were added and stopped in the opposite one, each
/// when the one before has ended. With one_for_all and rest_for_one the siblings that a restart
/// concerns are cancelled like that first; then comes the delay of the child that failed; then all
/// of them start, also those that had ended normally, except children with restart_policy::never.
/// What a child throws while it is being stopped for that goes to the unhandled-error handler.
///
/// The intensity holds for all children together, the growth of the delays for each by itself. A
/// child whose failures are nobody's business must catch them: with restart_policy::never an error
/// ends the supervisor, as it would end a task_group.
///
/// The limits of time around run() do not show in this_task::deadline() of the children, because
/// requests reach them in their order only.
///
/// Threads       the loop's thread.
/// Lifetime      must not be destroyed while it runs; checked.
/// Source        supervisors of Erlang/OTP: their strategies, their intensity, the order of their
///               starts and stops; on_failure, always and never are transient, permanent and
///               temporary there.
class supervisor {
public:
    explicit supervisor(restart_strategy strategy = restart_strategy::one_for_one,
                        restart_options options = restart_options{})
        : core_{strategy, std::move(options)} {}

    /// Adds a child: `make` returns its task, anew for each start, and is kept as long as the
    /// supervisor. What the task returns is dropped. Before run(); checked.
    ///
    /// Errors        std::bad_alloc.
    template <class Make>
        requires detail::task_factory<Make>
    supervisor& add(std::string name, Make make) {
        core_.add(std::move(name), detail::without_result(std::move(make)));
        return *this;
    }

    /// The same with a policy of its own instead of that of the options.
    template <class Make>
        requires detail::task_factory<Make>
    supervisor& add(std::string name, Make make, restart_policy policy) {
        core_.add(std::move(name), detail::without_result(std::move(make)), policy);
        return *this;
    }

    /// Starts the children and waits until all have ended for good. May be called again afterwards,
    /// which makes a supervisor a child of another one:
    ///
    ///     application.add("services", [&] { return services.run(); });
    ///
    /// Errors        the error of the child that was one too many, with its own type, after all
    ///               have ended; those before it, and those that followed, are in suppressed().
    ///               restarted_too_often if that child ended normally. simul::cancelled, and the
    ///               error of a child with restart_policy::never, without another start.
    /// Suspends      unless there are no children.
    /// Cancellation  partial. The children are cancelled, the newest first, each when the one
    ///               before has ended; the call ends after the last.
    /// Threads       the loop's thread.
    /// Lifetime      the supervisor must outlive the call.
    /// Complexity    O(children) for each restart.
    [[nodiscard]] task<> run() { return core_.run(); }

    /// The number of children, and of those that run now.
    [[nodiscard]] std::size_t size() const noexcept { return core_.size(); }
    [[nodiscard]] std::size_t running() const noexcept { return core_.running(); }

    /// How many restarts there were since run() began; a restart of several children is one.
    [[nodiscard]] std::size_t restarts() const noexcept { return core_.restarts(); }

private:
    detail::supervisor_core core_;
};

}  // namespace simul
