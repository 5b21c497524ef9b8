// SPDX-License-Identifier: Apache-2.0
//
// io/dns_cache.hpp: remembers answers, and makes one question of equal ones.
//
// Knows nothing of DNS: the question is a function, so that all of this runs in the simulated
// world.
//
// Invariants
//   1. A name is in `flights_` exactly while one task, its leader, awaits the question.
//   2. The leader takes its name out of `flights_` and wakes the others in one step: with an answer
//      when it has one, without when it was cancelled or has failed. Then they start over, and the
//      first of them to run leads.
//   3. `order_` holds what `index_` holds, the most recently used first.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/address.hpp"
#include "simul/io/dns.hpp"

namespace simul::detail {

/// Addresses and how long they hold, or why there are none.
struct dns_answer {
    dns_answer() noexcept = default;

    std::vector<ip_address> addresses;
    std::error_code failure;
    duration lifetime{};
};

class dns_cache {
public:
    using question = std::function<task<dns_answer>(std::string host)>;

    /// Takes the sizes and times from the options.
    dns_cache(const resolver_options& options, question ask);

    /// What is remembered of `host`, what another caller is just asking, or a new answer.
    ///
    /// Errors        what the question throws; it is not remembered.
    /// Cancellation  clean.
    /// Lifetime      the cache must outlive the call.
    task<dns_answer> find(std::string host);

    void clear() noexcept;
    [[nodiscard]] const resolver_statistics& statistics() const noexcept { return counts_; }

private:
    struct flight {
        event ended;
        std::optional<dns_answer> answer;
    };
    struct entry {
        std::string host;
        dns_answer answer;
        time_point expires;
    };
    class leadership;

    const dns_answer* find_remembered(const std::string& host);
    void remember(const std::string& host, const dns_answer& answer);
    void forget(std::list<entry>::iterator old) noexcept;

    std::size_t max_entries_;
    duration min_lifetime_;
    duration max_lifetime_;
    duration failure_lifetime_;
    question ask_;

    std::list<entry> order_;
    std::unordered_map<std::string_view, std::list<entry>::iterator> index_;
    std::unordered_map<std::string, std::shared_ptr<flight>> flights_;
    resolver_statistics counts_;
};

}  // namespace simul::detail
