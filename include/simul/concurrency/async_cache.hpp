// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/async_cache.hpp: remembers what a slow function gave for each key.
//
// Reading order: async_cache is the contract; who computes what for whom is in
// detail/cache_state.hpp, what is kept and for how long in detail/cache_store.hpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/concurrency/detail/cache_state.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

/// How much an async_cache keeps, and for how long.
struct async_cache_options {
    async_cache_options() noexcept = default;

    static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

    /// Values that are kept at most; the one that was not used longest goes first. With 0 nothing
    /// is kept: calls at the same time still share one computation.
    std::size_t max_size = 128;

    /// How long a value is kept, from when its computation ended. duration::max() is for ever; zero
    /// or less keeps nothing.
    duration time_to_live = duration::max();
};

/// What an async_cache has done so far, and what it holds now.
struct async_cache_statistics {
    async_cache_statistics() noexcept = default;

    std::uint64_t hits = 0;     ///< calls that were answered at once
    std::uint64_t joined = 0;   ///< calls that waited for a computation of another one
    std::uint64_t misses = 0;   ///< computations that were begun
    std::size_t size = 0;       ///< values that are kept
    std::size_t max_size = 0;   ///< as in the options
    std::size_t in_flight = 0;  ///< computations that have not ended
};

/// A function from keys to tasks, with a memory.
///
///     async_cache<std::string, page> pages{[&](std::string url) { return fetch(url); }};
///     page front = co_await pages.get("https://example.org/");
///
/// Calls with equal keys at the same time share one computation, so that a popular value that has
/// just expired is computed once and not by everybody. A caller that is cancelled leaves the others
/// alone; the computation is cancelled with the last one. What fails, or is cancelled, is not kept:
/// the next call tries again.
///
/// Values are copied to the callers; make large ones std::shared_ptr<const T>. The time is that of
/// the loop's clock. Values that have expired are destroyed when the cache is next used.
///
/// With a Hash and an Equal that are transparent, contains() and invalidate() take whatever can be
/// compared with a key.
///
/// Threads       the loop's thread.
/// Lifetime      may be destroyed or moved while calls are under way: they end by themselves. The
///               function is kept as long. The owning group must not have ended at a miss.
/// Source        async_lru's alru_cache; shared computations as in Go's singleflight.
template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<>>
    requires std::copy_constructible<Key> && std::copy_constructible<Value>
class async_cache {
    using state = detail::cache_state<Key, Value, Hash, Equal>;

public:
    /// What computes a value. Its key stays alive as long as the task that it returns.
    using function = typename state::function;

    /// Makes an empty cache. What it computes are children of the outermost group.
    explicit async_cache(function load, const async_cache_options& options = {})
        : async_cache{std::move(load), nullptr, options} {}

    /// The same with a group of one's own.
    async_cache(function load, task_group& owner, const async_cache_options& options = {})
        : async_cache{std::move(load), &owner, options} {}

    /// Gives the value of a key, from memory or by computing it.
    ///
    /// Returns       a copy of the value.
    /// Errors        what the function throws, to all who wait for it; closed after close(); if the
    ///               owning group was cancelled and the caller was not, cancelled.
    /// Suspends      unless the value is kept.
    /// Cancellation  clean. The computation goes on while another one waits for it, else it is
    ///               cancelled too.
    /// Threads       the loop's thread.
    /// Complexity    O(1) on average; a hit allocates nothing but the call's frame.
    [[nodiscard]] task<Value> get(Key key) { return find(state_, std::move(key)); }

    /// True if get() would find a value. It does not count as used by this.
    template <class Like = Key>
    [[nodiscard]] bool contains(const Like& key) const {
        return state_->kept.contains(key, loop::current().now());
    }

    /// Forgets what is kept of a key. A computation that is under way ends for those who wait for
    /// it already; its value is not kept, and the next call begins another one.
    ///
    /// Returns       true if there was a value or a computation.
    template <class Like = Key>
    bool invalidate(const Like& key) {
        const bool was_under_way = state_->detach(key);
        return state_->kept.forget(key) || was_under_way;
    }

    /// Does the same for every key.
    void clear() noexcept {
        state_->detach_all();
        state_->kept.clear();
    }

    [[nodiscard]] async_cache_statistics statistics() const {
        async_cache_statistics now;
        now.hits = state_->hits;
        now.joined = state_->joined;
        now.misses = state_->misses;
        now.size = state_->kept.size(loop::current().now());
        now.max_size = max_size_;
        now.in_flight = state_->in_flight();
        return now;
    }

    /// Forgets everything and cancels what is under way. Those who wait for it, and all who call
    /// later, get closed.
    void close() noexcept { state_->close(); }

    [[nodiscard]] bool is_closed() const noexcept { return state_->is_closed; }

    /// Closes it and waits until every computation has ended.
    ///
    /// Errors        none.
    /// Suspends      while one has not.
    /// Cancellation  partial. It stays closed.
    /// Threads       the loop's thread.
    /// Complexity    O(computations under way).
    [[nodiscard]] task<> shutdown() { return shut(state_); }

private:
    async_cache(function load, task_group* owner, const async_cache_options& options)
        : max_size_{options.max_size},
          state_{std::make_shared<state>(std::move(load), options.max_size, options.time_to_live,
                                         owner)} {}

    static task<Value> find(std::shared_ptr<state> self, Key key) {
        if (self->is_closed) throw closed{};
        if (const Value* kept = self->kept.find(key, loop::current().now())) {
            ++self->hits;
            co_return *kept;
        }
        const shared_task<Value> flight = self->join(self, std::move(key));
        try {
            const Value& computed = co_await flight;
            co_return computed;
        } catch (const cancelled&) {
            if (!self->is_closed) throw;
        }
        throw closed{};
    }

    static task<> shut(std::shared_ptr<state> self) {
        self->close();
        co_await self->landed.wait();
    }

    std::size_t max_size_;
    std::shared_ptr<state> state_;
};

}  // namespace simul
