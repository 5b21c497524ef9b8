// SPDX-License-Identifier: Apache-2.0
#include "io/dns_cache.hpp"

#include <algorithm>
#include <utility>

#include "simul/runtime/loop.hpp"

namespace simul::detail {

/// One task's duty to end a flight, whichever way it ends itself.
class dns_cache::leadership {
public:
    leadership(dns_cache& owner, const std::string& host, std::shared_ptr<flight> led) noexcept
        : owner_{owner}, host_{host}, flight_{std::move(led)} {}
    leadership(const leadership&) = delete;
    leadership& operator=(const leadership&) = delete;
    ~leadership() { end(); }

    void finish(const dns_answer& answer) {
        flight_->answer = answer;
        end();
    }

private:
    void end() noexcept {
        if (!flight_) return;
        owner_.flights_.erase(host_);
        std::exchange(flight_, nullptr)->ended.set();
    }

    dns_cache& owner_;
    const std::string& host_;
    std::shared_ptr<flight> flight_;
};

dns_cache::dns_cache(const resolver_options& options, question ask)
    : max_entries_{options.cache_entries},
      min_lifetime_{options.min_lifetime},
      max_lifetime_{std::max(options.min_lifetime, options.max_lifetime)},
      failure_lifetime_{options.failure_lifetime},
      ask_{std::move(ask)} {}

task<dns_answer> dns_cache::find(std::string host) {
    while (true) {
        if (const dns_answer* known = find_remembered(host)) {
            ++counts_.cached;
            co_return *known;
        }
        std::shared_ptr<flight>& place = flights_[host];
        if (place) {
            ++counts_.joined;
            const std::shared_ptr<flight> joined = place;
            co_await joined->ended.wait();
            if (joined->answer) co_return *joined->answer;
            continue;
        }
        place = std::make_shared<flight>();
        leadership led{*this, host, place};
        ++counts_.asked;
        dns_answer answer = co_await ask_(host);
        remember(host, answer);
        led.finish(answer);
        co_return answer;
    }
}

const dns_answer* dns_cache::find_remembered(const std::string& host) {
    const auto found = index_.find(host);
    if (found == index_.end()) return nullptr;
    if (found->second->expires <= loop::current().now()) {
        forget(found->second);
        return nullptr;
    }
    order_.splice(order_.begin(), order_, found->second);
    return &found->second->answer;
}

void dns_cache::remember(const std::string& host, const dns_answer& answer) {
    if (const auto old = index_.find(host); old != index_.end()) forget(old->second);
    if (max_entries_ == 0) return;
    if (order_.size() >= max_entries_) forget(std::prev(order_.end()));
    const duration lifetime = answer.failure
                                  ? failure_lifetime_
                                  : std::clamp(answer.lifetime, min_lifetime_, max_lifetime_);
    if (lifetime <= duration::zero()) return;
    order_.push_front(entry{host, answer, saturating_add(loop::current().now(), lifetime)});
    index_.emplace(order_.front().host, order_.begin());
    counts_.entries = order_.size();
}

void dns_cache::forget(std::list<entry>::iterator old) noexcept {
    index_.erase(old->host);
    order_.erase(old);
    counts_.entries = order_.size();
}

void dns_cache::clear() noexcept {
    index_.clear();
    order_.clear();
    counts_.entries = 0;
}

}  // namespace simul::detail
