// SPDX-License-Identifier: Apache-2.0
//
// crawl/statistics.hpp: what a crawl counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "crawl/scope.hpp"
#include "simul/base/time.hpp"

namespace simul::program {

/// Why a crawl ended.
enum class ending : std::uint8_t {
    finished,       ///< nothing was left
    interrupted,    ///< Ctrl-C
    time_over,      ///< --max-time
    output_failed,  ///< a file could not be written
};

/// What has happened so far.
class crawl_statistics {
public:
    crawl_statistics() {}

    std::uint64_t pages = 0;      ///< answers that are neither redirects nor errors
    std::uint64_t redirects = 0;  ///< answers that lead elsewhere
    std::uint64_t failures = 0;   ///< addresses that could not be had, or answered 400 and above
    std::uint64_t retries = 0;
    std::uint64_t bytes = 0;      ///< of bodies, decoded
    std::uint64_t links = 0;      ///< rows of links.tsv
    std::uint64_t cut = 0;        ///< bodies over --max-body
    std::uint64_t abandoned = 0;  ///< requests in flight when time was up
    std::uint64_t left = 0;       ///< addresses that were never asked for
    std::uint64_t robots_files = 0;
    std::map<std::string, std::uint64_t> errors;         ///< by cause
    std::array<std::uint64_t, refusal_count> refused{};  ///< links, by reason
    duration took{};
    ending end = ending::finished;
};

}  // namespace simul::program
