// SPDX-License-Identifier: Apache-2.0
//
// fetch/fetch.hpp: fetches the pages of a list at once and writes down their links.
//
//     list ──▶ at most `concurrency` pages at a time: request ▶ body ▶ links ──▶ result_table
//                            │
//                            └──▶ event_log: a line or two for each page, one if it fails
#pragma once

#include <cstddef>
#include <span>

#include "simul/coro/task.hpp"
#include "simul/http/session.hpp"

#include "common/page_links.hpp"
#include "fetch/log_line.hpp"
#include "fetch/result_table.hpp"
#include "fetch/url_list.hpp"

namespace simul::program {

/// How pages are fetched.
class fetch_options {
public:
    fetch_options();

    http::session_options session;
    page_link_options links;
    std::size_t concurrency = 100;  ///< pages at a time, and connections
    bool aiohttp_wording = false;   ///< tell failures as aiohttp would
};

/// What has become of a list. Counted while it is being fetched.
struct fetch_counts {
    std::size_t answered = 0;  ///< some server said something, if only 404
    std::size_t complete = 0;  ///< the links are in the table
    std::size_t failed = 0;
};

/// Fetches every page of the list and appends its links to the table. A page that fails, in
/// whatever way, is one line of the log.
///
/// Errors        output_error, which ends the whole; the pages before it are complete.
/// Suspends      unless the list is empty.
/// Cancellation  partial. Pages whose rows were being written are written; the others leave no
///               rows. `counts` tells how far it came.
/// Lifetime      the arguments must outlive the call.
[[nodiscard]] task<> fetch_pages(std::span<const listed_url> list, const fetch_options& options,
                                 result_table& table, const event_log& log, fetch_counts& counts);

}  // namespace simul::program
