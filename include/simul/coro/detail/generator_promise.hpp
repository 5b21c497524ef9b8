// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/detail/generator_promise.hpp: what co_yield and co_return do in a generator.
//
// The awaiters have constructors although they could be aggregates: g++ 12 copies temporaries of
// aggregate type bit by bit when they live across a suspension.
#pragma once

#include <concepts>
#include <coroutine>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "simul/base/assert.hpp"
#include "simul/coro/detail/generator_frame.hpp"

namespace simul {

template <class Yield, class Send, class Return>
class generator;
template <class Range>
class elements_of;

namespace detail {

template <class Type>
inline constexpr bool is_generator = false;
template <class Yield, class Send, class Return>
inline constexpr bool is_generator<generator<Yield, Send, Return>> = true;

/// Whether elements_of(Range) goes through a loop. A generator of the same items is joined to the
/// chain instead; one of other items must have nothing else to say, or it would be lost.
template <class Range, class Yield>
inline constexpr bool is_plain_range = std::ranges::input_range<Range>;
template <class Item, class Send, class Return, class Yield>
inline constexpr bool is_plain_range<generator<Item, Send, Return>, Yield> =
    std::is_void_v<Send> && std::is_void_v<Return> && !std::same_as<Item, Yield>;

/// Stands in signatures where a generator sends or returns nothing; the functions are then
/// constrained away.
class nothing {};
template <class Type>
using or_nothing = std::conditional_t<std::is_void_v<Type>, nothing, Type>;

/// Pauses with an item; resumes with the value sent, if any.
template <class Send>
class yield_awaiter {
public:
    yield_awaiter(generator_frame& frame, const void* item) noexcept : frame_{frame}, item_{item} {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept { frame_.yield(item_); }
    auto await_resume() const {
        frame_.rethrow();
        if constexpr (!std::is_void_v<Send>) {
            auto* sent = static_cast<Send*>(frame_.sent());
            return sent ? std::optional<Send>{std::move(*sent)} : std::optional<Send>{};
        }
    }

private:
    generator_frame& frame_;
    const void* item_;
};

/// The same for a copy of the item, which the consumer may change or move from.
template <class Yield, class Send>
class yield_copy_awaiter {
public:
    yield_copy_awaiter(generator_frame& frame, const Yield& item) : frame_{frame}, copy_{item} {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) noexcept { frame_.yield(std::addressof(copy_)); }
    auto await_resume() const { return yield_awaiter<Send>{frame_, nullptr}.await_resume(); }

private:
    generator_frame& frame_;
    Yield copy_;
};

/// Pauses until `child` has finished; resumes with what it returned. A child that cannot run any
/// more, or none at all, does not pause.
template <class Promise>
class delegate_awaiter {
public:
    delegate_awaiter(generator_frame& frame, Promise* child) noexcept
        : frame_{frame}, child_{child} {}

    bool await_ready() const noexcept { return child_ == nullptr || child_->finished(); }
    void await_suspend(std::coroutine_handle<>) const noexcept { frame_.delegate_to(*child_); }
    auto await_resume() const {
        std::unique_ptr<Promise, destroyer> child{child_};
        frame_.rethrow();
        if constexpr (Promise::returns_value) {
            SIMUL_ASSERT(child && child->result(), "elements_of a generator that has no result");
            return std::move(*child->result());
        }
    }

private:
    struct destroyer {
        void operator()(Promise* child) const noexcept { child->destroy(); }
    };

    generator_frame& frame_;
    Promise* child_;
};

/// The part of a promise that depends on what is yielded: an object.
template <class Yield, class Send>
class generator_items : public generator_frame {
public:
    yield_awaiter<Send> yield_value(Yield&& item) noexcept { return {*this, std::addressof(item)}; }
    yield_copy_awaiter<Yield, Send> yield_value(const Yield& item)
        requires std::copy_constructible<Yield>
    {
        return {*this, item};
    }
};

/// The same for references: what they refer to stays where it is.
template <class Yield, class Send>
class generator_items<Yield&, Send> : public generator_frame {
public:
    yield_awaiter<Send> yield_value(Yield& item) noexcept { return {*this, std::addressof(item)}; }
};

/// The part of a promise that depends on what is returned.
template <class Return>
class generator_return {
public:
    static constexpr bool returns_value = true;

    template <class Value = Return>
        requires std::convertible_to<Value, Return>
    void return_value(Value&& value) {
        result_.emplace(std::forward<Value>(value));
    }

    std::optional<Return>& result() noexcept { return result_; }

private:
    std::optional<Return> result_;
};

template <>
class generator_return<void> {
public:
    static constexpr bool returns_value = false;
    void return_void() const noexcept {}
};

/// A range as a generator, so that there is one kind of delegation.
template <class Yield, class Range>
generator<Yield, void, void> generate_from(Range range) {
    for (auto&& item : range) co_yield static_cast<Yield>(std::forward<decltype(item)>(item));
}

template <class Yield, class Send, class Return>
class generator_promise : public generator_items<Yield, Send>, public generator_return<Return> {
public:
    generator<Yield, Send, Return> get_return_object() noexcept {
        this->set_self(std::coroutine_handle<generator_promise>::from_promise(*this));
        return generator<Yield, Send, Return>{this};
    }

    using generator_items<Yield, Send>::yield_value;

    template <class InnerSend, class Result>
        requires(std::same_as<InnerSend, Send> || std::is_void_v<InnerSend>)
    auto yield_value(elements_of<generator<Yield, InnerSend, Result>>&& source) noexcept {
        return delegate_awaiter<generator_promise<Yield, InnerSend, Result>>{
            *this, std::move(source).range().release()};
    }

    template <class Range>
        requires(is_plain_range<Range, Yield> &&
                 std::convertible_to<std::ranges::range_reference_t<Range>, Yield>)
    auto yield_value(elements_of<Range>&& source) {
        return delegate_awaiter<generator_promise<Yield, void, void>>{
            *this, generate_from<Yield, Range>(std::forward<Range>(source.range())).release()};
    }
};

}  // namespace detail
}  // namespace simul
