// SPDX-License-Identifier: Apache-2.0
#include "http/connection_pool.hpp"

#include "simul/base/assert.hpp"
#include "simul/http/error.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::http::detail {

/// One request that stands in line. Destroyed by cancellation it leaves the line, or hands on the
/// slot that it was given meanwhile.
struct connection_pool::in_line : list_hook<in_line> {
    in_line(connection_pool& of, origin& wants) noexcept : pool{of}, wanted{wants} {
        pool.line_.push_back(*this);
        ++wanted.waiting;
        ++pool.waiting_count_;
    }
    in_line(const in_line&) = delete;
    in_line& operator=(const in_line&) = delete;
    ~in_line() {
        if (list_hook<in_line>::linked()) {
            leave();
            pool.forget_if_unused(wanted);
        } else if (has_slot) {
            pool.give_slot_back(wanted);
        }
    }

    void leave() noexcept {
        list_hook<in_line>::unlink();
        --wanted.waiting;
        --pool.waiting_count_;
    }

    connection_pool& pool;
    origin& wanted;
    event granted;
    bool has_slot = false;
};

connection_pool::~connection_pool() {
    SIMUL_ASSERT(in_use_ == 0 && line_.empty(),
                 "an http::session was destroyed while a request or a response still used it");
    close_idle();
}

task<connection_pool::lease> connection_pool::acquire(std::string origin_name) {
    auto found = origins_.find(origin_name);
    if (found == origins_.end()) {
        found = origins_.try_emplace(origin_name).first;
        found->second.name = std::move(origin_name);
    }
    origin& wanted = found->second;
    if (!try_take_slot(wanted)) {
        if (waiting_count_ >= limits_.waiters) {
            forget_if_unused(wanted);
            throw std::system_error{make_error_code(errc::pool_full)};
        }
        in_line self{*this, wanted};
        co_await self.granted.wait();
        self.has_slot = false;  // from here on it is the lease's
    }
    lease granted{*this, wanted};
    granted.connection_ = take_idle(wanted);
    if (!granted.connection_) {
        // The one that will be opened needs room among the idle ones of other origins.
        while (in_use_ + idle_count_ > limits_.total) close_one(idle_.front());
    }
    co_return granted;
}

bool connection_pool::try_take_slot(origin& wanted) noexcept {
    if (in_use_ >= limits_.total || wanted.in_use >= limits_.per_origin) return false;
    ++in_use_;
    ++wanted.in_use;
    return true;
}

void connection_pool::give_slot_back(origin& from) noexcept {
    --in_use_;
    --from.in_use;
    for (in_line* candidate = line_.empty() ? nullptr : &line_.front(); candidate != nullptr;
         candidate = line_.next(*candidate)) {
        if (!try_take_slot(candidate->wanted)) continue;
        candidate->leave();
        candidate->has_slot = true;
        candidate->granted.set();
        break;
    }
    forget_if_unused(from);
}

void connection_pool::lease::release() noexcept {
    if (pool_ == nullptr) return;
    connection_pool& pool = *std::exchange(pool_, nullptr);
    std::unique_ptr<connection> used = std::move(connection_);
    if (used && keeps_ && used->is_clean()) pool.put_idle(*origin_, std::move(used));
    used.reset();
    pool.give_slot_back(*origin_);
}

void connection_pool::put_idle(origin& to, std::unique_ptr<connection> unused) noexcept {
    connection& idle = *unused.release();
    idle.owner = &to;
    idle.idle_since = loop::current().now();
    idle_.push_back(idle);
    to.idle.push_back(idle);
    ++idle_count_;
    if (!sweep_.armed()) {
        sweep_.deadline = saturating_add(idle.idle_since, limits_.keep_alive);
        loop::current().arm(sweep_);
    }
}

std::unique_ptr<connection> connection_pool::take_idle(origin& from) noexcept {
    while (!from.idle.empty()) {
        connection& last = from.idle.back();
        const bool good =
            last.is_clean() &&
            loop::current().now() < saturating_add(last.idle_since, limits_.keep_alive);
        if (!good) {
            close_one(last);
            continue;
        }
        last.list_hook<idle_in_pool>::unlink();
        last.list_hook<idle_in_origin>::unlink();
        --idle_count_;
        return std::unique_ptr<connection>{&last};
    }
    return nullptr;
}

void connection_pool::close_one(connection& idle) noexcept {
    auto& owner = *static_cast<origin*>(idle.owner);
    idle.list_hook<idle_in_pool>::unlink();
    idle.list_hook<idle_in_origin>::unlink();
    --idle_count_;
    delete &idle;
    forget_if_unused(owner);
}

void connection_pool::close_idle() noexcept {
    while (!idle_.empty()) close_one(idle_.front());
    if (sweep_.armed()) loop::current().disarm(sweep_);
}

void connection_pool::sweep() noexcept {
    const time_point now = loop::current().now();
    while (!idle_.empty()) {
        const time_point end = saturating_add(idle_.front().idle_since, limits_.keep_alive);
        if (end > now) {
            sweep_.deadline = end;
            loop::current().arm(sweep_);
            return;
        }
        close_one(idle_.front());
    }
}

void connection_pool::forget_if_unused(origin& candidate) noexcept {
    if (candidate.in_use != 0 || candidate.waiting != 0 || !candidate.idle.empty()) return;
    origins_.erase(origins_.find(candidate.name));
}

}  // namespace simul::http::detail
