// SPDX-License-Identifier: Apache-2.0
//
// http/connection_pool.hpp: who may have a connection, and which idle ones may be had again.
//
// A *slot* is the right to one connection. A request takes a slot of its origin, waiting in line
// while the session or the origin has none left, and holds it through a lease. Whoever gives a slot
// back hands it to the first in line that may have it, at once: between release and wake-up nobody
// else can take it.
//
// Invariants
//   1. Slots in use <= limits.total, per origin <= limits.per_origin, and connections that are
//   open,
//      idle or in a lease, <= limits.total: whoever has a slot and no connection makes room among
//      the idle ones before it opens one.
//   2. A connection becomes idle only if its lease was told keep(). A lease that is destroyed
//      without it, by an error or by cancellation, closes its connection: an answer that was asked
//      for and not read can never meet another request.
//   3. Whoever stands in line cannot be served now: its origin is full, or everything is.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/coro/task.hpp"
#include "simul/runtime/timer.hpp"

#include "http/connection.hpp"

namespace simul::http::detail {

class pool_limits {
public:
    pool_limits() noexcept = default;

    std::size_t total = 100;
    std::size_t per_origin = 8;
    std::size_t waiters = 10'000;
    duration keep_alive = std::chrono::seconds{15};
};

class connection_pool {
    struct origin;

public:
    /// A slot, and the connection in it once there is one.
    class lease {
    public:
        lease() noexcept = default;
        lease(lease&& other) noexcept
            : pool_{std::exchange(other.pool_, nullptr)},
              origin_{other.origin_},
              connection_{std::move(other.connection_)},
              keeps_{other.keeps_} {}
        lease& operator=(lease&& other) noexcept {
            if (this != &other) {
                release();
                pool_ = std::exchange(other.pool_, nullptr);
                origin_ = other.origin_;
                connection_ = std::move(other.connection_);
                keeps_ = other.keeps_;
            }
            return *this;
        }
        ~lease() { release(); }

        [[nodiscard]] bool has_connection() const noexcept { return connection_ != nullptr; }
        [[nodiscard]] connection& get() const noexcept { return *connection_; }
        void fill(std::unique_ptr<connection> made) noexcept { connection_ = std::move(made); }

        /// Closes the connection and keeps the slot, to connect anew.
        void discard_connection() noexcept { connection_.reset(); }

        /// The exchange is complete: the connection may serve another request.
        void keep() noexcept { keeps_ = true; }

        /// Gives slot and connection back.
        void release() noexcept;

    private:
        friend connection_pool;
        lease(connection_pool& pool, origin& from) noexcept : pool_{&pool}, origin_{&from} {}

        connection_pool* pool_ = nullptr;
        origin* origin_ = nullptr;
        std::unique_ptr<connection> connection_;
        bool keeps_ = false;
    };

    explicit connection_pool(const pool_limits& limits) noexcept : limits_{limits}, sweep_{*this} {}
    connection_pool(const connection_pool&) = delete;
    connection_pool& operator=(const connection_pool&) = delete;
    ~connection_pool();

    /// Waits for a slot of the origin; an idle connection that is still good comes with it.
    ///
    /// Errors        errc::pool_full if too many wait already.
    /// Cancellation  clean.
    task<lease> acquire(std::string origin_name);

    void close_idle() noexcept;

    [[nodiscard]] std::size_t idle() const noexcept { return idle_count_; }
    [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_count_; }

private:
    struct in_line;

    struct origin {
        std::string name;
        std::size_t in_use = 0;
        std::size_t waiting = 0;
        intrusive_list<connection, idle_in_origin> idle;  ///< the one used last is at the end
    };

    struct sweep_timer : timer {
        explicit sweep_timer(connection_pool& of) noexcept
            : timer{[](timer& self) noexcept { static_cast<sweep_timer&>(self).pool.sweep(); }},
              pool{of} {}
        connection_pool& pool;
    };

    bool try_take_slot(origin& wanted) noexcept;
    void give_slot_back(origin& from) noexcept;
    void put_idle(origin& to, std::unique_ptr<connection> unused) noexcept;
    std::unique_ptr<connection> take_idle(origin& from) noexcept;
    void close_one(connection& idle) noexcept;
    void sweep() noexcept;
    void forget_if_unused(origin& candidate) noexcept;

    pool_limits limits_;
    std::unordered_map<std::string, origin> origins_;
    intrusive_list<in_line> line_;
    intrusive_list<connection, idle_in_pool> idle_;  ///< the one used longest ago is in front
    std::size_t in_use_ = 0;
    std::size_t idle_count_ = 0;
    std::size_t waiting_count_ = 0;
    sweep_timer sweep_;
};

}  // namespace simul::http::detail
