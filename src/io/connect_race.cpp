// SPDX-License-Identifier: Apache-2.0
#include "io/connect_race.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace simul::detail {

namespace {

// Somebody answered; somebody may be there; nobody can be there from here.
int telling(const std::error_code& code) noexcept {
    if (code == std::errc::connection_refused || code == std::errc::connection_reset) return 4;
    if (code == std::errc::timed_out || code == errc::timed_out) return 3;
    if (code == std::errc::permission_denied || code == std::errc::operation_not_permitted) {
        return 2;
    }
    if (code == std::errc::host_unreachable || code == std::errc::network_unreachable) return 1;
    return 0;
}

}  // namespace

std::vector<endpoint> connection_order(const std::vector<endpoint>& candidates) {
    std::array<std::vector<endpoint>, 2> families;
    for (const endpoint& each : candidates) {
        auto& same = families[each.address().is_v6() == candidates.front().address().is_v6()];
        if (std::ranges::find(same, each) == same.end()) same.push_back(each);
    }
    const auto& [others, first] = families;
    std::vector<endpoint> ordered;
    ordered.reserve(others.size() + first.size());
    for (std::size_t index = 0; index < std::max(others.size(), first.size()); ++index) {
        if (index < first.size()) ordered.push_back(first[index]);
        if (index < others.size()) ordered.push_back(others[index]);
    }
    return ordered;
}

void throw_connect_failure(const std::vector<failed_attempt>& failures) {
    if (failures.empty()) {
        throw std::system_error{std::make_error_code(std::errc::destination_address_required),
                                "cannot connect without an address"};
    }
    const auto worst = std::ranges::max_element(
        failures, {}, [](const failed_attempt& each) { return telling(each.code); });
    std::string text{"cannot connect to "};
    for (const failed_attempt& each : failures) {
        if (text.back() != ' ') text.append(", ");
        text.append(each.where.to_string());
        if (failures.size() == 1) break;
        text.append(" (").append(each.code.message()).append(")");
    }
    throw std::system_error{worst->code, text};
}

}  // namespace simul::detail
