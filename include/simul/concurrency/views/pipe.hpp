// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views/pipe.hpp: the `|` between streams, operators and terminals, and how a
// stream is run.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "simul/concurrency/views/iterate.hpp"
#include "simul/coro/task.hpp"

namespace simul::views {

/// What stands at the right of a `|` and makes a pipeline of a pipeline: map(f), take(3). Two of
/// them combine to one. An lvalue is copied, so that it can be used again.
template <class Apply>
class [[nodiscard("an operator needs a stream at its left")]] adaptor {
public:
    explicit adaptor(Apply apply) : apply_{std::move(apply)} {}

    template <description Pipeline>
    auto operator()(Pipeline source) && {
        return apply_(std::move(source));
    }

private:
    Apply apply_;
};

/// What stands at the right of the last `|` and runs the stream: for_each(f), to_vector().
template <class Run>
class [[nodiscard("a terminal needs a stream at its left")]] terminal {
public:
    explicit terminal(Run run) : run_{std::move(run)} {}

    template <description Pipeline>
    auto operator()(Pipeline source) && {
        return run_(std::move(source));
    }

private:
    Run run_;
};

template <streamable Source, class Apply>
[[nodiscard]] auto operator|(Source&& source, adaptor<Apply> next) {
    return std::move(next)(views::iterate(std::forward<Source>(source)));
}

template <class First, class Second>
[[nodiscard]] auto operator|(adaptor<First> first, adaptor<Second> second) {
    auto both = [first = std::move(first), second = std::move(second)](auto source) mutable {
        return std::move(second)(std::move(first)(std::move(source)));
    };
    return adaptor<decltype(both)>{std::move(both)};
}

template <streamable Source, class Run>
[[nodiscard]] auto operator|(Source&& source, terminal<Run> run) {
    return std::move(run)(views::iterate(std::forward<Source>(source)));
}

template <class First, class Run>
[[nodiscard]] auto operator|(adaptor<First> first, terminal<Run> run) {
    auto both = [first = std::move(first), run = std::move(run)](auto source) mutable {
        return std::move(run)(std::move(first)(std::move(source)));
    };
    return terminal<decltype(both)>{std::move(both)};
}

/// A stream that runs, as the body of with_stream sees it.
///
/// Threads       the loop's thread.
/// Lifetime      the body's; cannot be moved out of it.
template <class Item>
class stream_reader {
public:
    explicit stream_reader(async_generator<Item> items) noexcept : items_{std::move(items)} {}
    stream_reader(const stream_reader&) = delete;
    stream_reader& operator=(const stream_reader&) = delete;

    /// Asks for the next item.
    ///
    /// Returns       std::optional<Item>, empty at the end.
    /// Errors        those of the stream, after which it has ended.
    /// Suspends      when the stream does.
    /// Cancellation  partial. The stream has ended: do not put a time-out of your own around it,
    ///               but views::timeout into it.
    /// Threads       the loop's thread.
    /// Lifetime      the reader must outlive the call; one call at a time.
    /// Complexity    O(1) for each operator that the item passes.
    [[nodiscard]] next_awaitable<Item> next() noexcept { return items_.next(); }

private:
    async_generator<Item> items_;
};

namespace detail {

template <class Result, class Pipeline, class Body>
task<Result> run_stream(Pipeline source, Body body) {
    const auto in_group = [&](task_group& group) -> task<Result> {
        stream_reader<typename Pipeline::value_type> reader{std::move(source).open(group)};
        co_return co_await body(reader);
    };
    co_return co_await with_task_group(in_group);
}

template <class Body, class Source>
using body_result_t = typename simul::detail::task_result<
    std::invoke_result_t<Body&, stream_reader<item_of<Source>>&>>::type;

template <class Run>
auto make_terminal(Run run) {
    return terminal<Run>{std::move(run)};
}

template <class Apply>
auto make_adaptor(Apply apply) {
    return adaptor<Apply>{std::move(apply)};
}

/// An operator that is a function from the running stream to the running stream. `make` is called
/// with the group and the opened source.
template <class Make>
auto make_stage(Make make) {
    return make_adaptor([make = std::move(make)]<class Source>(Source source) mutable {
        using made = decltype(make(std::declval<task_group&>(),
                                   std::declval<async_generator<typename Source::value_type>>()));
        return make_pipeline<typename made::value_type>(
            [source = std::move(source), make = std::move(make)](task_group& group) mutable {
                return make(group, std::move(source).open(group));
            });
    });
}

}  // namespace detail

/// Runs a stream for as long as `body` runs, and gives it a reader: for loops that no terminal
/// expresses.
///
///     co_await with_stream(std::move(lines), [](auto& reader) -> task<> {
///         while (auto line = co_await reader.next()) co_await answer(*line);
///     });
///
/// When the body ends, before the stream or after it, all that the stream runs is cancelled, and
/// the call returns after the last of it has ended.
///
/// Returns       what the body's task returns.
/// Errors        what the body lets out, so also an error of the stream. An error of work that the
///               body did not wait for goes to the unhandled-error handler.
/// Suspends      when the body does.
/// Cancellation  partial. The request goes to the body and to all that the stream runs; the call
///               ends when the last of it has ended.
/// Threads       the loop's thread.
/// Lifetime      the body is kept until the call has ended. Lvalues that the stream was made of
///               must outlive it.
/// Source        aiostream's `async with xs.stream() as streamer`.
template <streamable Source, class Body>
[[nodiscard]] auto with_stream(Source&& source, Body body)
    -> task<detail::body_result_t<Body, Source>> {
    return detail::run_stream<detail::body_result_t<Body, Source>>(
        views::iterate(std::forward<Source>(source)), std::move(body));
}

}  // namespace simul::views
