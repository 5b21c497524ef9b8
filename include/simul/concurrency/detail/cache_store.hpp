// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/cache_store.hpp: the values that an async_cache keeps. Knows no tasks.
//
// Invariants
//   1. What is in the map is in both lists, and the lists hold nothing else.
//   2. `by_use_` has the one used last at its end. `by_age_` has the one stored last at its end,
//      which is the one that expires last, because all are kept for the same time.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"

namespace simul::detail {

template <class Key, class Value, class Hash, class Equal>
class cache_store {
public:
    cache_store(std::size_t max_size, duration time_to_live) noexcept
        : max_size_{max_size}, time_to_live_{time_to_live} {}
    cache_store(const cache_store&) = delete;
    cache_store& operator=(const cache_store&) = delete;

    /// The value of `key`, which counts as used by it; nullptr if there is none.
    const Value* find(const Key& key, time_point now) {
        forget_expired(now);
        const auto found = map_.find(key);
        if (found == map_.end()) return nullptr;
        entry& used = found->second;
        used.use_hook::unlink();
        by_use_.push_back(used);
        return &used.value;
    }

    template <class Like>
    bool contains(const Like& key, time_point now) const {
        const auto found = map_.find(key);
        return found != map_.end() && found->second.expires > now;
    }

    /// Keeps a copy; the one that was not used longest has to go if there is no room.
    void keep(const Key& key, const Value& value, time_point now) {
        forget_expired(now);
        forget(key);
        if (max_size_ == 0 || time_to_live_ <= duration::zero()) return;
        while (map_.size() >= max_size_) forget_one(by_use_.front());
        const auto place = map_.try_emplace(key, value, saturating_add(now, time_to_live_)).first;
        entry& kept = place->second;
        kept.key = &place->first;
        by_use_.push_back(kept);
        by_age_.push_back(kept);
    }

    template <class Like>
    bool forget(const Like& key) {
        const auto found = map_.find(key);
        if (found == map_.end()) return false;
        map_.erase(found);
        return true;
    }

    void clear() noexcept { map_.clear(); }

    std::size_t size(time_point now) {
        forget_expired(now);
        return map_.size();
    }

private:
    struct by_use;
    struct by_age;
    using use_hook = list_hook<by_use>;
    using age_hook = list_hook<by_age>;

    struct entry : use_hook, age_hook {
        entry(const Value& stored, time_point end) : value(stored), expires{end} {}
        ~entry() {
            use_hook::unlink();
            age_hook::unlink();
        }

        Value value;
        time_point expires;
        const Key* key = nullptr;
    };

    void forget_one(const entry& old) { map_.erase(map_.find(*old.key)); }

    void forget_expired(time_point now) {
        while (!by_age_.empty() && by_age_.front().expires <= now) forget_one(by_age_.front());
    }

    std::size_t max_size_;
    duration time_to_live_;
    intrusive_list<entry, by_use> by_use_;
    intrusive_list<entry, by_age> by_age_;
    std::unordered_map<Key, entry, Hash, Equal> map_;
};

}  // namespace simul::detail
