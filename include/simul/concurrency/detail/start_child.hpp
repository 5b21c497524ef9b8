// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/start_child.hpp: a child that is waited for until it is ready.
//
// Until it is ready the child runs in a group of one, inside the operation that waits for it. When
// it says that it is, it moves to the group that was meant, and the group of one is empty.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "simul/base/error.hpp"
#include "simul/concurrency/detail/group.hpp"
#include "simul/coro/detail/result_slot.hpp"

namespace simul {

namespace detail {

class start_child_base;
template <class Make>
class start_child_operation;

/// What readiness is whatever its type.
class readiness_base {
public:
    readiness_base() noexcept = default;
    readiness_base(const readiness_base&) = delete;
    readiness_base& operator=(const readiness_base&) = delete;

    /// True once the child has said that it is ready.
    [[nodiscard]] bool is_set() const noexcept { return is_set_; }

protected:
    void announce() noexcept;

private:
    friend start_child_base;

    start_child_base* waiting_ = nullptr;  // nullptr once the call has ended
    bool is_set_ = false;
};

}  // namespace detail

/// How a child tells group.start() that it is ready. Lives as long as the child.
///
/// Threads       the loop's thread.
template <class Value = void>
class readiness : public detail::readiness_base {
public:
    using value_type = Value;

    /// Says that the child is ready; `value` is what start() returns. Once; checked. If start() was
    /// cancelled meanwhile, the child does not move: it ends at its next await.
    void set(Value value) {
        if (result_ != nullptr) result_->emplace(std::move(value));
        announce();
    }

private:
    template <class>
    friend class detail::start_child_operation;

    std::optional<Value>* result_ = nullptr;
};

template <>
class readiness<void> : public detail::readiness_base {
public:
    using value_type = void;

    /// Says that the child is ready.
    void set() noexcept { announce(); }
};

namespace detail {

/// The call of start(), without the types of the child.
class start_child_base : public waiter {
public:
    start_child_base(group& target, spawn_options&& options)
        : waiter{&respond},
          target_{target},
          pending_{group_options{}},
          options_{std::move(options)} {}

    started start(waiter& self) noexcept;

protected:
    /// Makes the record, with its task, of a child that keeps its readiness.
    virtual child* make_child(group& first) = 0;
    ~start_child_base() = default;

    /// The record's readiness belongs to this call.
    void expect(readiness_base& ready) noexcept { ready.waiting_ = this; }

    void throw_if_not_ready();

private:
    friend readiness_base;
    static void respond(waiter& self, notice what) noexcept;
    void child_is_ready() noexcept;

    group& target_;
    group pending_;
    spawn_options options_;
    child* child_ = nullptr;
    std::exception_ptr failure_;
    bool is_starting_ = false;
    bool is_ready_ = false;
};

template <class Make>
struct readiness_of;
template <class Result, class Class, class Value>
struct readiness_of<Result (Class::*)(readiness<Value>&) const> {
    using type = readiness<Value>;
};
template <class Result, class Class, class Value>
struct readiness_of<Result (Class::*)(readiness<Value>&)> {
    using type = readiness<Value>;
};
template <class Result, class Value>
struct readiness_of<Result (*)(readiness<Value>&)> {
    using type = readiness<Value>;
};

template <class Make>
struct call_of {
    using type = decltype(&Make::operator());
};
template <class Result, class Argument>
struct call_of<Result (*)(Argument)> {
    using type = Result (*)(Argument);
};

/// Keeps the callable and the readiness as long as the child.
template <class Make, class Readiness>
class starting_child final : public child {
public:
    starting_child(group& owner, Make&& make) : child{owner, nullptr}, make_{std::move(make)} {}

    void make() {
        static_assert(std::same_as<std::invoke_result_t<Make&, Readiness&>, task<void>>,
                      "start() takes a callable that returns task<>: what the child has to give "
                      "goes through readiness::set()");
        spawned = make_(ready).release();
    }

    Readiness ready;

private:
    Make make_;
};

template <class Make>
class start_child_operation final : public start_child_base {
    using readiness_type = typename readiness_of<typename call_of<Make>::type>::type;
    using value = typename readiness_type::value_type;

public:
    start_child_operation(group& target, Make&& make, spawn_options&& options)
        : start_child_base{target, std::move(options)}, make_{std::move(make)} {}

    value take() {
        throw_if_not_ready();
        if constexpr (!std::is_void_v<value>) return *std::move(result_);
    }

private:
    child* make_child(group& first) override {
        using record = starting_child<Make, readiness_type>;
        auto made = std::make_unique<record>(first, std::move(make_));
        made->make();
        expect(made->ready);
        if constexpr (!std::is_void_v<value>) made->ready.result_ = &result_;
        return made.release();
    }

    Make make_;
    std::optional<std::conditional_t<std::is_void_v<value>, std::monostate, value>> result_;
};

template <class Make>
class [[nodiscard("co_await it")]] start_child_awaitable {
public:
    start_child_awaitable(group& target, Make&& make, spawn_options&& options)
        : target_{target}, make_{std::move(make)}, options_{std::move(options)} {}
    auto operator co_await() && {
        return start_child_operation<Make>{target_, std::move(make_), std::move(options_)};
    }

private:
    group& target_;
    Make make_;
    spawn_options options_;
};

}  // namespace detail

}  // namespace simul
