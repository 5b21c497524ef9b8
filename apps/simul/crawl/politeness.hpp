// SPDX-License-Identifier: Apache-2.0
//
// crawl/politeness.hpp: when a host may be asked again. No clock in here: time is told.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// The state of one host: its pause, its requests in flight, its failures.
///
/// A request may begin when fewer than the allowed number are in flight, the pause has passed since
/// the last one began and since the last one ended, and nothing else holds the host: it is asleep
/// after failures, it said when to come back, or somebody holds it to learn its rules first.
class host_rate {
public:
    host_rate(duration pause, std::size_t most_in_flight) noexcept
        : pause_{pause}, limit_{most_in_flight} {}

    /// When the next request may begin; nothing if first another one must end, or release() be
    /// called.
    [[nodiscard]] std::optional<time_point> opens_at() const noexcept;

    void started(time_point now) noexcept;
    void ended(time_point now) noexcept;

    void hold() noexcept { held_ = true; }
    void release() noexcept { held_ = false; }

    /// Makes the pause at least so long.
    void raise_pause(duration least) noexcept;

    /// Lets no request begin before `when`.
    void wait_until(time_point when) noexcept;

    /// Counts a failure. Twenty in a row put the host to sleep for a minute; each further one
    /// doubles that, up to an hour. A failure after an hour's sleep is the end: given_up().
    void failed(time_point now) noexcept;
    void worked() noexcept { failures_ = 0; }

    [[nodiscard]] bool given_up() const noexcept { return given_up_; }
    [[nodiscard]] duration pause() const noexcept { return pause_; }
    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }

    /// The shortest time between the beginnings of two requests, and the most at a time.
    [[nodiscard]] std::optional<duration> smallest_gap() const noexcept { return smallest_gap_; }
    [[nodiscard]] std::size_t most_in_flight() const noexcept { return most_; }

    static constexpr unsigned failures_before_sleep = 20;
    static constexpr duration first_sleep = std::chrono::minutes{1};
    static constexpr duration longest_sleep = std::chrono::hours{1};

private:
    duration pause_;
    std::size_t limit_;
    std::size_t in_flight_ = 0;
    std::size_t most_ = 0;
    bool held_ = false;
    bool given_up_ = false;
    unsigned failures_ = 0;
    std::optional<time_point> last_start_;
    std::optional<duration> smallest_gap_;
    time_point next_ = time_point::min();
};

/// How hosts are treated, as the command line says.
class politeness_options {
public:
    politeness_options() {}

    std::optional<duration> delay;        ///< nothing: one second, none on own hosts
    std::optional<std::size_t> per_host;  ///< nothing: 1, and 64 on own hosts
    std::vector<std::string> own_hosts;   ///< --i-own-this
    bool ignore_robots = false;           ///< on own_hosts only
    duration max_crawl_delay = std::chrono::seconds{60};
    duration max_retry_after = std::chrono::hours{1};
};

/// Whether a host is this machine: 127.0.0.0/8, ::1, or a name of localhost.
[[nodiscard]] bool is_loopback_host(const web::url& address);

/// Whether the user answers for a host: it is this machine, or was named with --i-own-this.
[[nodiscard]] bool is_own_host(const web::url& address, const politeness_options& options);

/// Whether robots.txt of this host counts.
[[nodiscard]] bool obeys_robots(const web::url& address, const politeness_options& options);

/// The rate for a host that is met the first time.
[[nodiscard]] host_rate rate_for(const web::url& address, const politeness_options& options);

/// How long to wait before an address is tried again: 1, 2, 4 s … after its first, second, third
/// failure.
[[nodiscard]] duration back_off(unsigned failures) noexcept;

/// What Retry-After asks for: a number of seconds, or a date, compared with `now`. Nothing if it
/// is neither; a date that has passed is no wait.
///
/// Source        RFC 9110 sections 10.2.3 and 5.6.7, of its dates the preferred form.
[[nodiscard]] std::optional<duration> retry_after(std::string_view value,
                                                  std::chrono::system_clock::time_point now);

/// The name that robots.txt knows a crawler by: its user agent up to the first character that is
/// no letter, digit, hyphen or underscore, in lower case.
[[nodiscard]] std::string product_token(std::string_view user_agent);

}  // namespace simul::program
