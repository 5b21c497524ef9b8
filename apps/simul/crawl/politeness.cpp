// SPDX-License-Identifier: Apache-2.0
#include "crawl/politeness.hpp"

#include <algorithm>
#include <charconv>

#include <time.h>

#include "simul/io/address.hpp"

namespace simul::program {

namespace {

bool is_digit(char each) noexcept {
    return each >= '0' && each <= '9';
}

}  // namespace

std::optional<time_point> host_rate::opens_at() const noexcept {
    if (held_ || in_flight_ >= limit_) return std::nullopt;
    return next_;
}

void host_rate::started(time_point now) noexcept {
    if (last_start_) {
        const duration gap = now - *last_start_;
        if (!smallest_gap_ || gap < *smallest_gap_) smallest_gap_ = gap;
    }
    last_start_ = now;
    most_ = std::max(most_, ++in_flight_);
    wait_until(saturating_add(now, pause_));
}

void host_rate::ended(time_point now) noexcept {
    --in_flight_;
    wait_until(saturating_add(now, pause_));
}

void host_rate::raise_pause(duration least) noexcept {
    if (least <= pause_) return;
    pause_ = least;
    if (last_start_) wait_until(saturating_add(*last_start_, pause_));
}

void host_rate::wait_until(time_point when) noexcept {
    next_ = std::max(next_, when);
}

void host_rate::failed(time_point now) noexcept {
    if (++failures_ < failures_before_sleep) return;
    const unsigned doublings = std::min(failures_ - failures_before_sleep, 7U);
    if (doublings == 7) given_up_ = true;
    wait_until(saturating_add(now, std::min(first_sleep * (1U << doublings), longest_sleep)));
}

bool is_loopback_host(const web::url& address) {
    std::string_view host = address.host();
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host == "localhost" || host.ends_with(".localhost")) return true;
    if (!address.is_ip_host()) return false;
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    const auto parsed = ip_address::parse(host);
    return parsed && parsed->is_loopback();
}

bool is_own_host(const web::url& address, const politeness_options& options) {
    return is_loopback_host(address) ||
           std::ranges::find(options.own_hosts, address.host()) != options.own_hosts.end();
}

bool obeys_robots(const web::url& address, const politeness_options& options) {
    return !options.ignore_robots ||
           std::ranges::find(options.own_hosts, address.host()) == options.own_hosts.end();
}

host_rate rate_for(const web::url& address, const politeness_options& options) {
    const bool own = is_own_host(address, options);
    const duration usual = own ? duration::zero() : duration{std::chrono::seconds{1}};
    const std::size_t at_once = own ? 64 : 1;
    return host_rate{options.delay.value_or(usual), options.per_host.value_or(at_once)};
}

duration back_off(unsigned failures) noexcept {
    const unsigned doublings = std::min(failures == 0 ? 0U : failures - 1, 6U);
    return std::chrono::seconds{1} * (1U << doublings);
}

std::optional<duration> retry_after(std::string_view value,
                                    std::chrono::system_clock::time_point now) {
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
    if (value.empty()) return std::nullopt;
    if (std::ranges::all_of(value, is_digit)) {
        std::uint64_t seconds = 0;
        const auto end = value.data() + value.size();
        if (std::from_chars(value.data(), end, seconds).ec != std::errc{} ||
            seconds > 1'000'000'000) {
            seconds = 1'000'000'000;
        }
        return std::chrono::seconds{seconds};
    }
    struct tm parts{};
    const std::string text{value};
    const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    const auto when = std::chrono::system_clock::from_time_t(::timegm(&parts));
    if (when <= now) return duration::zero();
    return saturating_duration(when - now);
}

std::string product_token(std::string_view user_agent) {
    std::string token;
    for (const char each : user_agent) {
        const bool is_upper = each >= 'A' && each <= 'Z';
        const bool is_lower = each >= 'a' && each <= 'z';
        if (!is_upper && !is_lower && !is_digit(each) && each != '-' && each != '_') break;
        token.push_back(is_upper ? static_cast<char>(each - 'A' + 'a') : each);
    }
    return token;
}

}  // namespace simul::program
