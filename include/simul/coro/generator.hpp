// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/generator.hpp: functions that give their results one at a time, when asked.
//
// Reading order: generator is the whole contract, and elements_of is what its body hands items
// over with. detail/generator_promise.hpp has what co_yield does, detail/generator_frame.hpp how
// a chain of delegating generators is run and destroyed without recursion.
#pragma once

#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "simul/base/assert.hpp"
#include "simul/base/error.hpp"
#include "simul/coro/detail/generator_promise.hpp"

namespace simul {

/// Inside a generator, `co_yield elements_of(source)` yields every item of `source`, as a loop
/// around co_yield would.
///
///     co_yield elements_of(subgenerator());              // or std::move(one_in_a_variable)
///     co_yield elements_of(std::views::iota(0, 10));     // any input range
///     int total = co_yield elements_of(summing(file));   // what the inner generator returned
///
/// A generator is taken over, wherever it has got to: what is sent to the outer one goes to the
/// innermost, and so does what is thrown in. It must yield the same type, and have the same Send
/// or none. A range must have items convertible to Yield; a generator that only yields, and yields
/// another type, is such a range. Whatever has no Send drops the values that are sent meanwhile.
///
/// Errors        what escapes from `source` is rethrown from the co_yield, and may be caught there.
/// Lifetime      lvalue ranges are referenced, everything else is moved into the co_yield and
///               destroyed when it ends.
/// Complexity    an item of a generator costs one resume at any depth of delegation. A range
///               takes one allocation.
/// Source        `yield from` of PEP 380; the name is std::ranges::elements_of of C++23.
template <class Range>
class elements_of {
    static_assert(!std::is_lvalue_reference_v<Range> ||
                      !detail::is_generator<std::remove_cvref_t<Range>>,
                  "elements_of takes a generator over: write elements_of(std::move(generator))");

public:
    explicit elements_of(Range&& range) : range_{std::forward<Range>(range)} {}

    /// The source, for the promise.
    [[nodiscard]] Range& range() noexcept { return range_; }

private:
    Range range_;
};

template <class Range>
elements_of(Range&&) -> elements_of<Range>;

/// The result of a function that co_yields: a sequence of items, each computed when it is asked
/// for.
///
///     generator<int> lazy_range(int up_to) {
///         for (int index = 0; index < up_to; ++index) co_yield index;
///     }
///
///     for (int index : lazy_range(1'000'000)) std::cout << index << '\n';   // room for one int
///
/// Calling the function runs nothing. Each request runs its body to the next co_yield, where it
/// pauses with all its locals. The body runs inside whoever asks, so it cannot wait: co_await in
/// it does not compile, and async_generator is the neighbour that may.
///
/// The conversation goes both ways: send() makes the co_yield at which the body is paused give a
/// std::optional<Send>, empty when the body was resumed by next() or by a loop. The body may also
/// co_return a value of type Return.
///
/// Yield is an object type, T& or const T&. Objects are copied from lvalues and moved from
/// temporaries; references leave the items where they are, in the body.
///
/// A generator is an input range and a view, so `| std::views::take(n)` works. Its iterators take
/// an item when it is looked at (dereferenced, or compared with the end), not before: take(n)
/// takes n items. A loop that follows another one, or next(), goes on with the item after the
/// last one taken; the item at which a loop was left with break counts as taken.
///
/// Threads       one at a time; it may move between threads while it is paused.
/// Lifetime      destroying a generator closes it. Arguments that its function takes by reference
///               must outlive it.
/// Complexity    one allocation, for the frame. Closing is a loop over the frames of a chain of
///               delegations. Only generators passed as arguments to others that never ran are
///               destroyed recursively, as any object that owns another.
/// Source        generators of PEP 255, PEP 342 and PEP 380; std::generator of C++23, which has
///               no send and no result.
template <class Yield, class Send = void, class Return = void>
class [[nodiscard]] generator : public std::ranges::view_base {
    static_assert(!std::is_void_v<Yield> && !std::is_rvalue_reference_v<Yield>,
                  "a generator yields objects, T& or const T&");
    static_assert(!std::is_reference_v<Send> && !std::is_reference_v<Return>,
                  "a generator is sent, and returns, objects or nothing");

public:
    using promise_type = detail::generator_promise<Yield, Send, Return>;

    /// What next() gives: std::optional<Yield>, or a pointer when Yield is a reference. Both are
    /// false at the end.
    using item_type = std::conditional_t<std::is_reference_v<Yield>,
                                         std::add_pointer_t<std::remove_reference_t<Yield>>,
                                         std::optional<Yield>>;

    class iterator;

    generator(generator&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
    generator& operator=(generator&& other) noexcept {
        if (this != &other) destroy(std::exchange(frame_, std::exchange(other.frame_, nullptr)));
        return *this;
    }
    ~generator() { destroy(frame_); }

    /// Runs the body to its next co_yield.
    ///
    /// Returns       the item, or nothing when the body has ended, now or before.
    /// Errors        what escapes from the body; the generator is then done.
    item_type next() { return done() ? item_type{} : take(frame_->resume()); }

    /// Like next(), and makes the co_yield at which the body is paused give `value`.
    ///
    /// Errors        errc::not_started   the body has not reached its first co_yield: there is
    ///                                   nothing to receive the value, and nothing has changed.
    ///               what escapes from the body; the generator is then done.
    item_type send(detail::or_nothing<Send> value)
        requires(!std::is_void_v<Send>)
    {
        if (done()) return {};
        if (!frame_->started()) throw error{errc::not_started};
        return take(frame_->resume(std::addressof(value)));
    }

    /// Raises `exception` at the innermost co_yield at which the body is paused. The body may catch
    /// it and go on to its next co_yield.
    ///
    /// Returns       the next item, or nothing when the body has returned.
    /// Errors        what escapes from the body, `exception` unless that was caught; the generator
    ///               is then done. One that has not started, or is done, throws `exception` from
    ///               here; no part of the body runs.
    item_type throw_in(std::exception_ptr exception) {
        SIMUL_ASSERT(exception, "throw_in needs an exception");
        if (done() || !frame_->started()) {
            close();
            std::rethrow_exception(exception);
        }
        return take(frame_->resume_with(std::move(exception)));
    }

    /// Ends the generator where it is paused. Locals are destroyed in reverse order, those of inner
    /// generators before those of outer ones; nothing else of the body runs. Does nothing when
    /// it is done already.
    void close() noexcept {
        if (!done()) destroy(std::exchange(frame_, nullptr));
    }

    /// True when the body has ended or was closed. A paused generator does not know whether there
    /// is another item: only asking for it tells.
    [[nodiscard]] bool done() const noexcept { return frame_ == nullptr || frame_->finished(); }

    /// What the body returned. Empty before that, and for good when it ended in another way.
    [[nodiscard]] const std::optional<detail::or_nothing<Return>>& result() const& noexcept
        requires(!std::is_void_v<Return>)
    {
        static const std::optional<Return> none;
        return frame_ ? frame_->result() : none;
    }
    [[nodiscard]] std::optional<detail::or_nothing<Return>> result() &&
        requires(!std::is_void_v<Return>) {
            return frame_ ? std::move(frame_->result()) : std::nullopt;
        }

        /// Iterates over the items that are left. Takes none by itself.
        ///
        /// Lifetime      iterators refer to the body: they survive a move of the generator, not
        ///               close(). A reference to an item ends when another one is asked for,
        ///               through an iterator or next(); a next() inside a loop takes the item that
        ///               would have been the loop's next.
        [[nodiscard]] iterator begin() noexcept {
        return iterator{frame_};
    }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

private:
    friend promise_type;
    template <class, class, class>
    friend class detail::generator_promise;

    explicit generator(promise_type* frame) noexcept : frame_{frame} {}

    promise_type* release() noexcept {
        SIMUL_ASSERT(!frame_ || !frame_->running(), "a generator was taken over by its own body");
        return std::exchange(frame_, nullptr);
    }

    static void destroy(promise_type* frame) noexcept {
        if (frame != nullptr) frame->destroy();
    }

    /// The promise keeps items as pointers to const, whatever they are.
    static std::remove_reference_t<Yield>* item_at(const void* item) noexcept {
        return static_cast<std::remove_reference_t<Yield>*>(const_cast<void*>(item));
    }

    static item_type take(const void* item) {
        auto* place = item_at(item);
        if constexpr (std::is_reference_v<Yield>) {
            return place;
        } else {
            return place ? item_type{std::move(*place)} : item_type{};
        }
    }

    promise_type* frame_;
};

/// A position in the items of a generator. An input iterator that is moved, not copied.
template <class Yield, class Send, class Return>
class generator<Yield, Send, Return>::iterator {
public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::remove_cvref_t<Yield>;
    using difference_type = std::ptrdiff_t;
    using reference = std::add_lvalue_reference_t<Yield>;

    iterator(iterator&&) noexcept = default;
    iterator& operator=(iterator&&) noexcept = default;

    /// The item, which the consumer may change or move from unless it is const.
    reference operator*() const {
        fetch();
        return *item_at(frame_->item());
    }

    iterator& operator++() {
        fetch();
        taken_ = false;
        return *this;
    }
    void operator++(int) { ++*this; }

    friend bool operator==(const iterator& position, std::default_sentinel_t) {
        position.fetch();
        return position.frame_ == nullptr || position.frame_->finished();
    }

private:
    friend generator;
    explicit iterator(promise_type* frame) noexcept : frame_{frame} {}

    /// Takes the item at this position, once. That it does so in const functions is invisible
    /// but for the time at which the body runs.
    void fetch() const {
        if (std::exchange(taken_, true) || frame_ == nullptr || frame_->finished()) return;
        frame_->resume();
    }

    promise_type* frame_;
    mutable bool taken_ = false;
};

}  // namespace simul
