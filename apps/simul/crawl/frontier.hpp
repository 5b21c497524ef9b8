// SPDX-License-Identifier: Apache-2.0
//
// crawl/frontier.hpp: the addresses that are known, and which of them may be asked for now.
//
//      add() ──▶ host queue ──take()──▶ in somebody's hands ──▶ done with
//                    ▲ ▲                        │
//                    │ └──────put_back()────────┤
//                    └── later, retry() ────────┘
//
// Hosts that have something in their queue stand in one index, ordered by the time at which they
// open; a host that was asked goes behind those that open at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "crawl/politeness.hpp"
#include "crawl/scope.hpp"
#include "simul/base/time.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// Addresses, each once, in the order in which their hosts may be asked.
///
/// Everything is in memory, and all of it counts to `max_pages`: what is not admitted is not
/// remembered.
class frontier {
public:
    class host;

    /// An address, and how it came here.
    class entry {
    public:
        entry() {}

        const web::url* address = nullptr;
        host* at = nullptr;
        const entry* found_on = nullptr;  ///< nullptr for a start address
        unsigned depth = 0;               ///< links from a start address
        unsigned redirects = 0;           ///< in a row that led here
        unsigned failures = 0;
    };

    /// A host, its rate, and what became of its pages.
    class host {
    public:
        host(std::string named, host_rate at) : name{std::move(named)}, rate{at} {}

        std::string name;
        host_rate rate;
        std::optional<refusal> closed;  ///< nothing of it is asked for any more
        std::size_t admitted = 0;
        std::uint64_t answers = 0;
        std::uint64_t failures = 0;
        duration time_spent{};

    private:
        friend class frontier;
        using place = std::pair<time_point, std::uint64_t>;

        std::deque<entry*> queue;
        std::uint64_t turn = 0;
        std::optional<place> in_index;
    };

    /// What became of an addition.
    enum class added : std::uint8_t { fresh, known, page_limit, host_page_limit };

    /// What take() found.
    class taken {
    public:
        taken() {}

        entry* what = nullptr;
        std::optional<time_point> again;  ///< without an entry: when to ask again, if ever by time
    };

    using rate_maker = std::function<host_rate(const web::url&)>;

    explicit frontier(rate_maker make_rate, std::size_t max_pages = unlimited,
                      std::size_t max_pages_per_host = unlimited)
        : make_rate_{std::move(make_rate)},
          max_pages_{max_pages},
          max_pages_per_host_{max_pages_per_host} {}

    /// Takes in an address in its normal form, unless it is known. If it waits in a queue and was
    /// found on a shorter way, that is its depth from now on.
    added add(const web::url& address, unsigned depth, const entry* found_on = nullptr,
              unsigned redirects = 0);

    /// What add() does with an address that is known; whether this one is.
    bool meet_again(const web::url& address, unsigned depth);

    /// The address whose turn it is. It is out of its queue then; its host is not marked as asked
    /// before begin().
    [[nodiscard]] taken take(time_point now);

    /// A request to the host begins, and ends.
    void begin(host& asked, time_point now);
    void finish(host& asked, time_point now);

    /// Nothing of the host is given out until release().
    void hold(host& which);
    void release(host& which);

    /// Tells the index that the rate of a host, or what it is closed for, was changed.
    void refresh(host& changed);

    /// Gives an entry back, to be the next one of its host.
    void put_back(entry& returned);

    /// Gives an entry back, to wait in line again from `when` on.
    void retry(entry& returned, time_point when);

    /// Addresses that wait to be given out.
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }

    /// Addresses that were ever admitted.
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

    [[nodiscard]] const std::map<std::string, host, std::less<>>& hosts() const noexcept {
        return hosts_;
    }

private:
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    host& host_of(const web::url& address);

    rate_maker make_rate_;
    std::size_t max_pages_;
    std::size_t max_pages_per_host_;
    std::unordered_map<web::url, entry> entries_;  ///< its nodes stay where they are
    std::map<std::string, host, std::less<>> hosts_;
    std::map<host::place, host*> index_;
    std::multimap<time_point, entry*> later_;
    std::uint64_t turns_ = 0;
    std::size_t waiting_ = 0;
};

}  // namespace simul::program
