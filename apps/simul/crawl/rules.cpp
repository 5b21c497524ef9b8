// SPDX-License-Identifier: Apache-2.0
//
// The part of the engine that fetches robots.txt.
#include <fmt/format.h>

#include <utility>

#include "crawl/answers.hpp"
#include "crawl/engine.hpp"
#include "simul/http/status.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::program {

namespace {

namespace status = http::status;

const std::size_t max_rules_size = web::robots_limits{}.max_size;
constexpr unsigned max_rules_redirects = 5;
constexpr duration rules_lifetime = std::chrono::hours{24};

web::url rules_address(const web::url& page) {
    return web::url::parse("/robots.txt", page).value();
}

}  // namespace

task<> crawler::learn_rules(frontier::host& of, const web::url& address) {
    rules_failure why;
    std::optional<web::robots> rules = co_await ask_rules(rules_address(address), why);
    const time_point moment = loop::current().now();
    output_lines lines = take_rules(of, address, std::move(rules), why);
    frontier_.finish(of, moment);
    frontier_.release(of);
    changed_.set();
    co_await outputs_.put(std::move(lines));
    --in_flight_;
    changed_.set();
}

task<std::optional<web::robots>> crawler::ask_rules(web::url where, rules_failure& why) {
    std::optional<web::robots> rules;
    try {
        for (unsigned hops = 0; hops <= max_rules_redirects; ++hops) {
            http::response answer = co_await session_.send(request_for(where));
            const int code = answer.status();
            if (status::is_redirect(code)) {
                auto target = web::url::parse(answer.headers().get("Location").value_or(""), where);
                if (!target) break;
                where = target->without_fragment();
                co_await answer.discard();
                continue;
            }
            if (status::is_server_error(code) || code == status::too_many_requests) {
                why.cause = status_text(code);
                co_return rules;
            }
            if (!status::is_success(code)) break;
            // One byte more, so that parse() sees whether the last line is cut in two.
            const http::partial_body body = co_await answer.read_up_to(max_rules_size + 1);
            rules.emplace(web::robots::parse(body.bytes));
            co_return rules;
        }
        rules.emplace();  // there is none, which allows everything
    } catch (const http::request_error& failure) {
        why.cause = fmt::format("{}: {}", http::to_string(failure.where()), cause_of(failure));
        why.try_again = is_trouble_of_host(failure.code());
    }
    co_return rules;
}

output_lines crawler::take_rules(frontier::host& of, const web::url& address,
                                 std::optional<web::robots> rules, const rules_failure& why) {
    output_lines lines;
    const time_point moment = loop::current().now();
    site& known = sites_[address.origin()];
    ++counted_.robots_files;
    if (!rules) {
        of.rate.failed(moment);
        if (why.try_again && ++known.failures <= options_.max_retries) {
            of.rate.wait_until(saturating_add(moment, back_off(known.failures)));
            return lines;
        }
        known.reachable = false;
        known.known_until = saturating_add(moment, rules_lifetime);
        error_record error;
        error.url = rules_address(address).href();
        error.stage = "robots.txt";
        error.cause = why.cause;
        ++counted_.failures;
        report(error);
        append_line(lines.errors, error);
        return lines;
    }
    of.rate.worked();
    known.failures = 0;
    known.reachable = true;
    known.known_until = saturating_add(moment, rules_lifetime);
    known.rules = std::move(*rules);
    if (const auto asked = known.rules.crawl_delay(robots_name_)) {
        if (*asked > options_.politeness.max_crawl_delay) {
            of.closed = refusal::crawl_delay;
        } else {
            of.rate.raise_pause(*asked);
        }
    }
    return lines;
}

}  // namespace simul::program
