// SPDX-License-Identifier: Apache-2.0
#include "fetch/fetch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/concurrency/task_group.hpp"
#include "simul/http/error.hpp"
#include "simul/http/request_error.hpp"
#include "simul/web/content_type.hpp"

namespace simul::program {

namespace {

// A body, and what is needed to understand it.
struct fetched_page {
    fetched_page() {}

    web::url address;
    std::string content_type;
    std::string body;
};

// One run over a list: several workers, each taking the next page when it has finished one.
class fetch_run {
public:
    fetch_run(std::span<const listed_url> list, const fetch_options& options, result_table& table,
              const event_log& log, fetch_counts& counts)
        : list_{list},
          options_{options},
          table_{table},
          log_{log},
          counts_{counts},
          session_{options.session} {}

    task<> work() {
        while (next_ < list_.size()) {
            const listed_url& wanted = list_[next_++];
            co_await handle(wanted);
        }
    }

private:
    task<> handle(const listed_url& wanted) {
        std::optional<fetched_page> page;
        std::optional<int> status;
        try {
            page = co_await fetch(wanted, status);
        } catch (const http::request_error& failure) {
            tell_failure(wanted, failure, status);
        }
        if (!page) {
            ++counts_.failed;
            co_return;
        }
        const std::optional<std::vector<std::string>> links = find_links(wanted, *page);
        if (!links) {
            ++counts_.failed;
            co_return;
        }
        log_.info(fmt::format("Found {} links for {}", links->size(), wanted.shown));
        if (!links->empty()) {
            co_await table_.append(wanted.shown, *links);
            log_.info(fmt::format("Wrote results for source URL: {}", wanted.shown));
        }
        ++counts_.complete;
    }

    task<fetched_page> fetch(const listed_url& wanted, std::optional<int>& status) {
        http::request asked{wanted.address};
        http::response answer = co_await session_.send(std::move(asked));
        ++counts_.answered;
        status = answer.status();
        if (answer.status() >= 400) {
            co_await answer.discard();
            answer.raise_for_status();
        }
        log_.info(fmt::format("Got response [{}] for URL: {}", answer.status(), wanted.shown));
        fetched_page page;
        page.address = answer.url();
        page.content_type = answer.headers().get("Content-Type").value_or("");
        const std::optional<web::content_type> type = web::content_type::parse(page.content_type);
        if (type && !type->is_text()) {
            log_.debug(
                fmt::format("Not text but {}, left unread: {}", type->essence(), wanted.shown));
            co_await answer.discard();
        } else {
            page.body = co_await answer.read_all();
        }
        co_return page;
    }

    std::optional<std::vector<std::string>> find_links(const listed_url& wanted,
                                                       const fetched_page& page) const {
        page_links found;
        try {
            found = find_page_links(page.body, page.content_type, page.address, options_.links);
        } catch (const std::system_error& failure) {
            log_.error(
                fmt::format("{}: decoding the page: {}", wanted.shown, failure.code().message()));
            return std::nullopt;
        }
        if (found.invalid != 0) {
            log_.debug(fmt::format("Left out {} links that are no address: {}", found.invalid,
                                   wanted.shown));
        }
        if (found.dropped != 0) {
            log_.warning(fmt::format("Left out {} links, more than {} on one page: {}",
                                     found.dropped, options_.links.html.max_links, wanted.shown));
        }
        std::vector<std::string> links;
        links.reserve(found.links.size());
        for (const page_link& each : found.links) links.push_back(each.address.href());
        return links;
    }

    void tell_failure(const listed_url& wanted, const http::request_error& failure,
                      const std::optional<int>& status) const {
        const bool is_status = failure.code() == http::errc::bad_status && status;
        std::string_view what = failure.what();
        if (options_.aiohttp_wording) {
            // What follows the address and the stage; of a status the number is told before.
            what.remove_prefix(failure.address().size() + 2);
            what.remove_prefix(std::min(what.find(": ") + 2, what.size()));
            if (is_status) what.remove_prefix(std::min(what.find(' ') + 1, what.size()));
            log_.error(fmt::format("aiohttp exception for {} [{}]: {}", wanted.shown,
                                   is_status ? std::to_string(*status) : "None", what));
        } else if (failure.address() == wanted.address.without_credentials().href()) {
            log_.error(what);
        } else {
            log_.error(fmt::format("{}: redirected to {}", wanted.shown, what));
        }
    }

    std::span<const listed_url> list_;
    const fetch_options& options_;
    result_table& table_;
    const event_log& log_;
    fetch_counts& counts_;
    http::session session_;
    std::size_t next_ = 0;
};

}  // namespace

fetch_options::fetch_options() {
    using std::chrono::seconds;
    session.limits.first_byte = seconds{15};
    session.limits.idle = seconds{15};
    session.limits.total = seconds{60};
    session.max_body = std::size_t{10} << 20;
    session.user_agent = "simul/0.1";
}

task<> fetch_pages(std::span<const listed_url> list, const fetch_options& options,
                   result_table& table, const event_log& log, fetch_counts& counts) {
    co_await table.begin();
    fetch_run run{list, options, table, log, counts};
    task_group workers;
    const std::size_t count = std::min(options.concurrency, list.size());
    for (std::size_t i = 0; i != count; ++i) workers.spawn(run.work());
    co_await workers.run();
}

}  // namespace simul::program
