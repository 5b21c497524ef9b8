// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/pool.hpp: resources that are costly to make, lent out and used again.
//
// Reading order: pool and pool_lease are the contract; who may have what, and when, is in
// detail/pool_core.hpp.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/concurrency/detail/pool_core.hpp"
#include "simul/coro/task.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

/// How much a pool lends and keeps.
struct pool_options {
    pool_options() noexcept = default;

    /// Resources that exist at most, lent, being made or idle: in all, and for each key. Idle ones
    /// of other keys are destroyed when room is needed.
    std::size_t max_total = 100;
    std::size_t max_per_key = 8;

    /// Idle resources that are kept at most; the one that was used longest ago goes first.
    std::size_t max_idle = 100;

    /// How long a resource may be idle before it is destroyed; duration::max() is for ever.
    duration idle_timeout = std::chrono::seconds{15};

    /// Destroy a resource when its lease ends, unless the lease was told keep(): for connections,
    /// which an error or a request to cancel may leave in the middle of an exchange.
    bool discard_unless_kept = false;
};

/// What a pool holds now, and what it has done so far.
struct pool_statistics {
    pool_statistics() noexcept = default;

    std::size_t leased = 0;    ///< resources that are lent, or on their way to who waited for them
    std::size_t making = 0;    ///< resources that are being made
    std::size_t idle = 0;      ///< resources that nobody uses
    std::size_t waiting = 0;   ///< tasks that wait because of a limit
    std::uint64_t made = 0;    ///< resources that were made
    std::uint64_t reused = 0;  ///< times that an idle one was lent
};

template <class Key, class Resource, class Hash, class Equal>
class pool;

namespace detail {

template <class Key>
class keyed_line : public pool_line {
public:
    const Key* key = nullptr;
};

template <class Resource>
class pooled_resource final : public pooled {
public:
    explicit pooled_resource(Resource&& made) : resource(std::move(made)) {}
    Resource resource;
};

}  // namespace detail

/// A resource of a pool, lent until the lease is destroyed. Move-only.
///
/// Threads       the loop's thread.
/// Lifetime      the pool must outlive it.
template <class Key, class Resource>
class [[nodiscard("the resource goes back when it is destroyed")]] pool_lease {
public:
    pool_lease(pool_lease&&) noexcept = default;
    pool_lease& operator=(pool_lease&& other) noexcept {
        if (this != &other) {
            release();
            slot_ = std::move(other.slot_);
            is_kept_ = other.is_kept_;
        }
        return *this;
    }
    ~pool_lease() { release(); }

    [[nodiscard]] Resource& operator*() const noexcept { return resource(); }
    [[nodiscard]] Resource* operator->() const noexcept { return &resource(); }

    /// False after release(), discard() or a move.
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(slot_); }

    [[nodiscard]] const Key& key() const noexcept {
        SIMUL_ASSERT(slot_, "the lease of a pool was used after it had ended");
        return *static_cast<detail::keyed_line<Key>&>(slot_.line()).key;
    }

    /// Says that the resource may be used again, where discard_unless_kept is set.
    void keep() noexcept { is_kept_ = true; }

    /// Returns the resource now.
    void release() noexcept { slot_.release(is_kept_); }

    /// Destroys the resource now, because it is broken, and lets another one be made in its place.
    void discard() noexcept { slot_.release(false); }

private:
    template <class, class, class, class>
    friend class pool;

    pool_lease(detail::pool_slot slot, bool is_kept) noexcept
        : slot_{std::move(slot)}, is_kept_{is_kept} {}

    Resource& resource() const noexcept {
        SIMUL_ASSERT(slot_, "the lease of a pool was used after it had ended");
        return static_cast<detail::pooled_resource<Resource>&>(*slot_.resource()).resource;
    }

    detail::pool_slot slot_;
    bool is_kept_;
};

/// Lends resources of several kinds: connections to hosts, interpreters, buffers for a format.
///
///     pool<endpoint, tcp_stream> connections{[](endpoint to) { return connect_to(to); }};
///     auto connection = co_await connections.acquire(server);
///     co_await connection->write_all(request);
///
/// An idle resource of the key is lent if there is one, that which was used last; otherwise one is
/// made, within the limits. Those who wait for one key are served in the order in which they came,
/// and so are those of different keys who wait because of the limit of all; who waits for a key
/// that is exhausted does not hold up the others.
///
/// Use semaphore where there is nothing to keep.
///
/// Threads       the loop's thread.
/// Lifetime      no lease may be left, and nobody may wait, when it is destroyed; checked.
///               shutdown() waits for that.
/// Source        pools of aiohttp and of database drivers; hand-over as in Trio's semaphore.
template <class Key, class Resource, class Hash = std::hash<Key>, class Equal = std::equal_to<>>
class pool final : private detail::pool_core {
    using line = detail::keyed_line<Key>;

public:
    /// Makes a resource. Its key stays alive as long as the task that it returns.
    using factory = std::move_only_function<task<Resource>(const Key&)>;
    using lease = pool_lease<Key, Resource>;

    /// Makes an empty pool. Limits of zero are a mistake, and end the program.
    explicit pool(factory make, const pool_options& options = {})
        : pool_core{options}, make_{std::move(make)}, keeps_{!options.discard_unless_kept} {}
    ~pool() {
        SIMUL_ASSERT(!is_used(),
                     "a pool was destroyed while a lease of it was left, or somebody waited for "
                     "one: co_await its shutdown() first");
        destroy_idle();
    }

    /// Waits until the limits allow it, and lends a resource.
    ///
    /// Returns       pool_lease, which returns it.
    /// Errors        what the factory throws; closed after close().
    /// Suspends      while a limit is reached, and where the factory does.
    /// Cancellation  clean. What was handed over while the request was on its way goes to the next
    ///               who waits; so does the place of a resource whose making was cancelled.
    /// Threads       the loop's thread.
    /// Lifetime      the pool must outlive the lease.
    /// Complexity    O(1) on average; to return a resource, O(keys that somebody waits for). One
    ///               allocation for a new resource, and one for a new key.
    [[nodiscard]] task<lease> acquire(Key key) {
        detail::pool_slot slot = co_await detail::slot_awaitable{*this, line_of(key)};
        if (slot.resource() == nullptr) {
            Resource made = co_await make_(key);
            if (is_closed()) throw closed{};
            slot.fill(std::make_unique<detail::pooled_resource<Resource>>(std::move(made)));
        }
        co_return lease{std::move(slot), keeps_};
    }

    [[nodiscard]] pool_statistics statistics() const noexcept {
        pool_statistics now;
        count(now);
        return now;
    }

    /// Destroys what is idle, now. Nothing else changes.
    void clear() noexcept { destroy_idle(); }

    /// Destroys what is idle, and what comes back from now on. Those who wait, and all who come
    /// later, get closed.
    using pool_core::close;

    using pool_core::is_closed;

    /// Closes it and waits until everything has come back: then it may be destroyed.
    ///
    /// Errors        none.
    /// Suspends      while a lease is left, or somebody who waited has not gone.
    /// Cancellation  partial. It stays closed.
    /// Threads       the loop's thread.
    /// Lifetime      the pool must outlive the call.
    /// Complexity    O(tasks that wait and idle resources).
    [[nodiscard]] task<> shutdown() {
        close();
        while (is_used()) co_await unused.wait();
    }

private:
    line& line_of(const Key& key) {
        const auto place = keys_.try_emplace(key).first;
        place->second.key = &place->first;
        return place->second;
    }

    void forget(detail::pool_line& unused_line) noexcept override {
        keys_.erase(keys_.find(*static_cast<line&>(unused_line).key));
    }

    factory make_;
    std::unordered_map<Key, line, Hash, Equal> keys_;
    bool keeps_;
};

}  // namespace simul
