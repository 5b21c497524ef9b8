// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/pool_core.hpp: the part of a pool that knows neither keys nor resources.
//
// A *slot* is the right to one resource of a line, and a line is what belongs to one key. Whoever
// acquires takes a slot, or stands in line for it, and makes a resource if none came with the slot.
// Whoever gives a slot back hands it to the first in line who may have it, at once: between release
// and wake-up nobody else can take it.
//
// Invariants
//   1. Slots + idle resources <= max_total, and for each line <= max_per_key: a slot without a
//      resource is taken only if its line has none that is idle, and after idle ones of other lines
//      were destroyed to make room.
//   2. Whoever stands in line cannot be served now: his line is full, or everything is. Those who
//      are asked to stop are passed over (ADR 0012). So a newcomer overtakes nobody.
//   3. A line is in `lines_` while somebody stands in it, and is forgotten when it is not used.
//   4. Resources are destroyed last, when all of this holds again: a destructor is foreign code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/parking_lot.hpp"
#include "simul/runtime/timer.hpp"

namespace simul {

struct pool_options;
struct pool_statistics;

namespace detail {

class pool_core;
class pool_line;
struct idle_in_pool;
struct idle_in_line;

/// One resource, with its place among the idle ones.
class pooled : public list_hook<idle_in_pool>, public list_hook<idle_in_line> {
public:
    pooled() noexcept = default;
    virtual ~pooled() = default;

    pool_line* line = nullptr;
    time_point idle_since;
};

/// What belongs to one key.
class pool_line : public list_hook<pool_line> {
public:
    std::size_t slots = 0;
    std::size_t users = 0;  ///< operations that refer to it
    parking_lot waiting;
    intrusive_list<pooled, idle_in_line> idle;  ///< the one used last is at the end
};

/// A slot, and the resource in it once there is one. Gives both back.
class pool_slot {
public:
    pool_slot() noexcept = default;
    pool_slot(pool_slot&& other) noexcept
        : core_{std::exchange(other.core_, nullptr)},
          line_{other.line_},
          resource_{std::move(other.resource_)} {}
    pool_slot& operator=(pool_slot&& other) noexcept {
        if (this != &other) {
            release(true);
            core_ = std::exchange(other.core_, nullptr);
            line_ = other.line_;
            resource_ = std::move(other.resource_);
        }
        return *this;
    }
    ~pool_slot() { release(true); }

    /// Gives it back; a resource that is not reusable is destroyed.
    void release(bool is_reusable) noexcept;

    void fill(std::unique_ptr<pooled> made) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return core_ != nullptr; }
    [[nodiscard]] pooled* resource() const noexcept { return resource_.get(); }
    [[nodiscard]] pool_line& line() const noexcept { return *line_; }

private:
    friend class pool_core;

    pool_core* core_ = nullptr;
    pool_line* line_ = nullptr;
    std::unique_ptr<pooled> resource_;
};

/// Takes a slot, or waits for one in its line.
class slot_operation : public leaf, public parked {
public:
    slot_operation(pool_core& core, pool_line& line) noexcept;
    ~slot_operation();

    started start(waiter& self) noexcept;
    pool_slot take();
    bool give_back() noexcept {
        slot_.release(true);
        return true;
    }

private:
    friend class pool_core;

    static void woken(parked& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "an object of a pool"};

    pool_core& core_;
    pool_line& line_;
    pool_slot slot_;
    std::uint64_t arrival_ = 0;
};

class [[nodiscard("co_await it")]] slot_awaitable {
public:
    slot_awaitable(pool_core& core, pool_line& line) noexcept : core_{core}, line_{line} {}
    auto operator co_await() const noexcept { return slot_operation{core_, line_}; }

private:
    pool_core& core_;
    pool_line& line_;
};

class pool_core {
public:
    explicit pool_core(const pool_options& options) noexcept;
    pool_core(const pool_core&) = delete;
    pool_core& operator=(const pool_core&) = delete;

    void close() noexcept;
    void destroy_idle() noexcept;
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

    /// True while somebody waits, or has a slot.
    [[nodiscard]] bool is_used() const noexcept { return users_ != 0 || slots_ != 0; }

    void count(pool_statistics& into) const noexcept;

    event unused;  ///< set while is_used() is false

protected:
    ~pool_core();  // after destroy_idle()

private:
    friend pool_slot;
    friend slot_operation;
    using idle_list = intrusive_list<pooled, idle_in_pool>;

    struct sweep_timer : timer {
        explicit sweep_timer(pool_core& of) noexcept
            : timer{[](timer& self) noexcept { static_cast<sweep_timer&>(self).core.sweep(); }},
              core{of} {}
        pool_core& core;
    };

    /// Removes a line that is not used, with its key.
    virtual void forget(pool_line& unused) noexcept = 0;

    bool try_take(pool_line& line, pool_slot& into, idle_list& condemned) noexcept;
    void give_back(pool_line& line, std::unique_ptr<pooled> resource) noexcept;
    void park(slot_operation& newcomer) noexcept;
    slot_operation* first_who_may() noexcept;
    void serve(idle_list& condemned) noexcept;

    void put_idle(pool_line& line, std::unique_ptr<pooled> resource) noexcept;
    std::unique_ptr<pooled> take_idle(pool_line& line, idle_list& condemned) noexcept;
    void condemn(pooled& idle, idle_list& condemned) noexcept;
    void destroy(idle_list& condemned) noexcept;
    void sweep() noexcept;

    void forget_if_unused(pool_line& line) noexcept;
    void note_use() noexcept;

    std::size_t max_total_;
    std::size_t max_per_key_;
    std::size_t max_idle_;
    duration idle_timeout_;

    intrusive_list<pool_line> lines_;
    idle_list idle_;  ///< the one used longest ago is in front
    std::size_t slots_ = 0;
    std::size_t empty_slots_ = 0;  ///< those without a resource
    std::size_t idle_count_ = 0;
    std::size_t users_ = 0;
    std::size_t waiting_ = 0;
    std::uint64_t arrivals_ = 0;
    std::uint64_t made_ = 0;
    std::uint64_t reused_ = 0;
    bool is_closed_ = false;
    sweep_timer sweep_;
};

}  // namespace detail

}  // namespace simul
