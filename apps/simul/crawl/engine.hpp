// SPDX-License-Identifier: Apache-2.0
//
// crawl/engine.hpp: the crawl itself.
//
//     dispatch ──takes from the frontier──▶ visit ──▶ ask ──▶ read page ──▶ outputs
//         ▲                                   │                  │
//         └────────────── changed_ ◀──────────┴── links ──▶ frontier
//
// One dispatcher gives out addresses as their hosts open; each visit is a task of one group, so
// nothing outlives run(). Redirects are not followed by the session: where one leads is an address
// like others, with scope, robots.txt and pauses of its own, and is fetched once however many lead
// there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crawl/frontier.hpp"
#include "crawl/outputs.hpp"
#include "crawl/page.hpp"
#include "crawl/politeness.hpp"
#include "crawl/records.hpp"
#include "crawl/scope.hpp"
#include "crawl/statistics.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/coro/task.hpp"
#include "simul/http/request_error.hpp"
#include "simul/http/response.hpp"
#include "simul/http/session.hpp"
#include "simul/web/robots.hpp"

namespace simul::program {

/// What is crawled, and how.
class crawl_options {
public:
    crawl_options() {}

    std::vector<web::url> seeds;
    std::vector<error_record> unusable;  ///< start addresses that are none: failures from the start
    scope_options scope;
    politeness_options politeness;
    std::size_t max_pages = 100'000;
    std::size_t max_pages_per_host = 100'000'000;
    std::size_t concurrency = 256;
    std::size_t max_body = std::size_t{10} * 1024 * 1024;
    unsigned max_redirects = 10;
    unsigned max_retries = 3;
    std::optional<duration> max_time;
    duration grace = std::chrono::seconds{5};
    http::headers headers;  ///< Authorization and Cookie go to the start addresses' origins only
    std::string user_agent = "simul";
    std::filesystem::path directory;

    /// Called with one line for people: a page that failed, a robots.txt that could not be had.
    std::function<void(std::string)> on_error;
    /// Called for each link that is not followed.
    std::function<void(const web::url& link, refusal why, std::string detail,
                       const web::url* found_on)>
        on_refused;
    /// Called for links that are no addresses, for the first of a page.
    std::function<void(std::string_view text, const web::url& found_on)> on_unreadable;
};

/// One crawl.
///
/// Threads       the loop's thread.
/// Lifetime      must outlive run().
class crawler {
public:
    /// `network` opens the connections; the crawler sets its redirects, user agent and numbers.
    crawler(crawl_options options, http::session_options network);

    /// Crawls until nothing is left, or until stop(): then what is in flight may finish within
    /// the grace, and the files are completed. Once.
    ///
    /// Errors        std::system_error if the files cannot be made. A page that fails is no error.
    /// Suspends      always.
    /// Cancellation  partial: what is in flight is lost at once, lines that are not yet written are
    ///               lost, and what is written is whole. Shield it and call stop() instead.
    [[nodiscard]] task<> run();

    /// Asks for nothing more. Does nothing when it was stopped before or has ended.
    void stop(ending why) noexcept;

    [[nodiscard]] const crawl_statistics& statistics() const noexcept { return counted_; }
    [[nodiscard]] const frontier& addresses() const noexcept { return frontier_; }
    [[nodiscard]] const outputs& files() const noexcept { return outputs_; }
    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }
    [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }

private:
    // The rules of one origin.
    class site {
    public:
        site() {}

        web::robots rules;
        std::optional<time_point> known_until;
        unsigned failures = 0;
        bool reachable = true;
    };
    // How a request for a page ended.
    class visited {
    public:
        visited() {}

        std::optional<page_record> page;
        std::optional<page_content> content;
        std::optional<error_record> error;
        std::optional<web::url> leads_to;
        std::optional<duration> come_back;  // Retry-After
        duration took{};
        bool try_again = false;   // if it may be tried again
        bool is_trouble = false;  // of the host, not of the page
    };
    // Why robots.txt could not be had.
    class rules_failure {
    public:
        rules_failure() {}

        std::string cause;
        bool try_again = true;
    };
    enum class verdict : std::uint8_t { allowed, refused, unknown };

    [[nodiscard]] task<> tell_unusable();
    [[nodiscard]] task<> visit_all();
    [[nodiscard]] task<> dispatch(task_group& visits);
    [[nodiscard]] task<> visit(frontier::entry& wanted);
    [[nodiscard]] task<visited> ask(const frontier::entry& wanted);
    [[nodiscard]] task<> read_answer(http::response& answer, visited& into);
    [[nodiscard]] task<> learn_rules(frontier::host& of, const web::url& address);
    [[nodiscard]] task<std::optional<web::robots>> ask_rules(web::url where, rules_failure& why);

    void give_out(frontier::entry& next, task_group& visits);
    verdict judge(const frontier::entry& next);
    http::request request_for(const web::url& address) const;
    void admit(const web::url& address, unsigned depth, const frontier::entry* found_on,
               unsigned redirects);
    void admit_links(const frontier::entry& of, const page_content& content);
    void follow_redirect(const frontier::entry& from, visited& result);
    void settle(frontier::entry& wanted, visited& result);
    void refuse(const web::url& address, refusal why, const frontier::entry* found_on,
                std::string detail = {});
    void report(const error_record& error);
    // Gives the lines to write, if the rules could finally not be had.
    output_lines take_rules(frontier::host& of, const web::url& address,
                            std::optional<web::robots> rules, const rules_failure& why);

    crawl_options options_;
    std::string robots_name_;
    scope scope_;
    frontier frontier_;
    http::session session_;
    outputs outputs_;
    std::map<std::string, site, std::less<>> sites_;
    crawl_statistics counted_;
    event changed_;
    time_point deadline_ = time_point::max();
    std::size_t in_flight_ = 0;
    bool stopping_ = false;
};

}  // namespace simul::program
