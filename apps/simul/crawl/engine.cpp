// SPDX-License-Identifier: Apache-2.0
#include "crawl/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "crawl/answers.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/http/status.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"

namespace simul::program {

namespace {

namespace status = http::status;

time_point now() {
    return loop::current().now();
}

http::session_options prepared(http::session_options network, const crawl_options& options) {
    network.max_connections = options.concurrency;
    network.max_connections_per_host =
        std::max<std::size_t>(options.politeness.per_host.value_or(0), 64);
    network.max_waiting = options.concurrency;
    network.max_redirects = 0;
    network.user_agent = options.user_agent;
    return network;
}

}  // namespace

crawler::crawler(crawl_options options, http::session_options network)
    : options_{std::move(options)},
      robots_name_{product_token(options_.user_agent)},
      scope_{options_.scope, options_.seeds},
      frontier_{[this](const web::url& address) { return rate_for(address, options_.politeness); },
                options_.max_pages, options_.max_pages_per_host},
      session_{prepared(std::move(network), options_)},
      outputs_{options_.directory, [this](std::string line) {
                   if (options_.on_error) options_.on_error(std::move(line));
                   stop(ending::output_failed);
               }} {
    for (const web::url& seed : options_.seeds) {
        admit(scope_.normal_form(seed), 0, nullptr, 0);
    }
}

void crawler::stop(ending why) noexcept {
    if (std::exchange(stopping_, true)) return;
    counted_.end = why;
    changed_.set();
}

task<> crawler::run() {
    const time_point began = now();
    if (options_.max_time) deadline_ = saturating_add(began, *options_.max_time);
    co_await outputs_.open();
    co_await with_task_group([&](task_group& both) -> task<> {
        both.spawn(outputs_.run());
        co_await tell_unusable();
        co_await visit_all();
        outputs_.close();
    });
    counted_.left = frontier_.waiting();
    counted_.took = now() - began;
    stopping_ = true;
}

task<> crawler::tell_unusable() {
    for (const error_record& each : options_.unusable) {
        ++counted_.failures;
        report(each);
        output_lines lines;
        append_line(lines.errors, each);
        co_await outputs_.put(std::move(lines));
    }
}

task<> crawler::visit_all() {
    co_await with_task_group([&](task_group& visits) -> task<> {
        co_await dispatch(visits);
        const time_point patience = saturating_add(now(), options_.grace);
        while (in_flight_ != 0 && now() < patience) {
            changed_.clear();
            co_await move_on_after(patience - now(), changed_.wait());
        }
        counted_.abandoned = in_flight_;
        visits.cancel();
    });
}

task<> crawler::dispatch(task_group& visits) {
    unsigned given = 0;
    while (!stopping_) {
        const time_point at = now();
        if (at >= deadline_) {
            stop(ending::time_over);
            break;
        }
        changed_.clear();
        time_point again = deadline_;
        if (in_flight_ < options_.concurrency) {
            const frontier::taken next = frontier_.take(at);
            if (next.what != nullptr) {
                give_out(*next.what, visits);
                if (++given % 64 == 0) co_await yield_now();
                continue;
            }
            if (in_flight_ == 0 && frontier_.waiting() == 0) break;
            if (next.again) again = std::min(again, *next.again);
        }
        const duration wait = again == time_point::max() ? duration::max() : again - at;
        co_await move_on_after(wait, changed_.wait());
    }
}

// Either somebody works on it from here on, or it is refused and done with.
void crawler::give_out(frontier::entry& next, task_group& visits) {
    frontier::host& at = *next.at;
    switch (judge(next)) {
        case verdict::refused: return;
        case verdict::unknown:
            frontier_.put_back(next);
            frontier_.begin(at, now());
            frontier_.hold(at);
            ++in_flight_;
            visits.spawn(learn_rules(at, *next.address));
            return;
        case verdict::allowed:
            frontier_.begin(at, now());
            ++in_flight_;
            visits.spawn(visit(next));
            return;
    }
}

crawler::verdict crawler::judge(const frontier::entry& next) {
    const web::url& address = *next.address;
    if (next.at->closed) {
        refuse(address, *next.at->closed, next.found_on);
        return verdict::refused;
    }
    if (!obeys_robots(address, options_.politeness)) return verdict::allowed;
    const auto found = sites_.find(address.origin());
    if (found == sites_.end() || !found->second.known_until ||
        *found->second.known_until <= now()) {
        return verdict::unknown;
    }
    const site& of = found->second;
    if (!of.reachable) {
        refuse(address, refusal::robots_unreachable, next.found_on);
        return verdict::refused;
    }
    const web::robots_verdict said = of.rules.why(robots_name_, address.path_and_query());
    if (said.allowed) return verdict::allowed;
    refuse(address, refusal::robots, next.found_on,
           said.line == 0 ? std::string{} : fmt::format("line {}: {}", said.line, said.rule));
    return verdict::refused;
}

task<> crawler::visit(frontier::entry& wanted) {
    visited result = co_await ask(wanted);
    output_lines lines;
    settle(wanted, result);
    if (!result.try_again) {
        if (result.page) append_line(lines.pages, *result.page);
        if (result.error) append_line(lines.errors, *result.error);
        if (result.content) {
            append_lines(lines.links, *wanted.address, result.content->links);
            counted_.links += result.content->links.size();
        }
        changed_.set();
        co_await outputs_.put(std::move(lines));
    }
    --in_flight_;
    changed_.set();
}

task<crawler::visited> crawler::ask(const frontier::entry& wanted) {
    visited result;
    const time_point began = now();
    try {
        http::response answer = co_await session_.send(request_for(*wanted.address));
        co_await read_answer(answer, result);
    } catch (const http::request_error& failure) {
        result.page.reset();
        result.error.emplace();
        result.error->stage = http::to_string(failure.where());
        result.error->cause = cause_of(failure);
        result.is_trouble = is_trouble_of_host(failure.code());
        result.try_again = result.is_trouble;
    } catch (const std::system_error& failure) {
        result.error.emplace();
        result.error->stage = "reading the page";
        result.error->cause = failure.what();
    }
    result.took = now() - began;
    const std::string found_on =
        wanted.found_on != nullptr ? wanted.found_on->address->href() : std::string{};
    if (result.page) {
        result.page->url = wanted.address->href();
        result.page->found_on = found_on;
        result.page->depth = wanted.depth;
        result.page->took = result.took;
    }
    if (result.error) {
        result.error->url = wanted.address->href();
        result.error->found_on = found_on;
    }
    co_return result;
}

task<> crawler::read_answer(http::response& answer, visited& into) {
    page_record& page = into.page.emplace();
    page.status = answer.status();
    page.type = answer.headers().get("Content-Type").value_or("");
    if (status::is_redirect(page.status)) {
        const auto location = answer.headers().get("Location");
        auto target = location ? web::url::parse(*location, answer.url()) : web::url::parse("");
        if (target) {
            into.leads_to = scope_.normal_form(*target);
            page.redirected_to = into.leads_to->href();
        } else {
            error_record& error = into.error.emplace();
            error.stage = "redirecting";
            error.cause = "a redirect without a usable Location";
        }
        co_await answer.discard();
        co_return;
    }
    if (page.status >= 400) {
        error_record& error = into.error.emplace();
        error.stage = "answer";
        error.cause = status_text(page.status);
        into.is_trouble =
            status::is_server_error(page.status) || page.status == status::too_many_requests;
        into.try_again = into.is_trouble;
        if (const auto value = answer.headers().get("Retry-After")) {
            into.come_back = retry_after(*value, std::chrono::system_clock::now());
        }
        co_await answer.discard();
        co_return;
    }
    if (!is_page(page.type)) {
        co_await answer.discard();
        co_return;
    }
    const http::partial_body body = co_await answer.read_up_to(options_.max_body);
    page.bytes = body.bytes.size();
    page.cut = !body.is_complete;
    into.content.emplace(read_page(body.bytes, page.type, answer.url(), robots_name_));
    for (const std::string_view tag : answer.headers().get_all("X-Robots-Tag")) {
        if (robots_tag_forbids(tag, robots_name_)) into.content->nofollow = true;
    }
    page.links = into.content->links.size();
    page.invalid_links = into.content->unreadable;
    page.title = into.content->title;
}

// What an answer means for the host, the address and the frontier. Nothing here waits.
void crawler::settle(frontier::entry& wanted, visited& result) {
    frontier::host& at = *wanted.at;
    const time_point moment = now();
    if (result.is_trouble) {
        at.rate.failed(moment);
    } else {
        at.rate.worked();
    }
    if (result.come_back) {
        if (*result.come_back > options_.politeness.max_retry_after) {
            at.closed = refusal::host_given_up;
        } else {
            at.rate.wait_until(saturating_add(moment, *result.come_back));
        }
    }
    if (at.rate.given_up()) at.closed = refusal::host_given_up;
    frontier_.finish(at, moment);

    result.try_again = result.try_again && !at.closed && wanted.failures < options_.max_retries;
    if (result.try_again) {
        ++counted_.retries;
        frontier_.retry(wanted, saturating_add(moment, back_off(++wanted.failures)));
        return;
    }
    if (result.leads_to) follow_redirect(wanted, result);
    ++at.answers;
    at.time_spent += result.took;
    if (result.error) {
        ++at.failures;
        ++counted_.failures;
        report(*result.error);
    } else if (result.leads_to) {
        ++counted_.redirects;
    } else {
        ++counted_.pages;
    }
    if (result.page) {
        counted_.bytes += result.page->bytes.value_or(0);
        if (result.page->cut) ++counted_.cut;
    }
    if (result.content) admit_links(wanted, *result.content);
}

void crawler::follow_redirect(const frontier::entry& from, visited& result) {
    const web::url& target = *result.leads_to;
    bool is_loop = target == *from.address;
    const frontier::entry* before = &from;
    for (unsigned hops = from.redirects; hops != 0 && before->found_on != nullptr; --hops) {
        before = before->found_on;
        if (target == *before->address) is_loop = true;
    }
    if (is_loop || from.redirects >= options_.max_redirects) {
        error_record& error = result.error.emplace();
        error.url = from.address->href();
        error.stage = "redirecting";
        error.cause = is_loop ? "a redirect to where the request had been before"
                              : "one request was sent elsewhere too often";
        if (from.found_on != nullptr) error.found_on = from.found_on->address->href();
        return;
    }
    admit(target, from.depth, &from, from.redirects + 1);
}

void crawler::admit_links(const frontier::entry& of, const page_content& content) {
    counted_.refused[static_cast<std::size_t>(refusal::no_address)] += content.unreadable;
    if (options_.on_unreadable) {
        for (const std::string& each : content.unreadable_texts) {
            options_.on_unreadable(each, *of.address);
        }
    }
    for (const found_link& link : content.links) {
        if (!link.leads_to_page) continue;
        if (content.nofollow || link.nofollow) {
            refuse(link.target, refusal::nofollow, &of);
        } else {
            admit(scope_.normal_form(link.target), of.depth + 1, &of, 0);
        }
    }
}

void crawler::admit(const web::url& address, unsigned depth, const frontier::entry* found_on,
                    unsigned redirects) {
    // Most links lead to what is known. That belongs to the crawl, unless it is too deep from here.
    const bool by_depth = options_.scope.depth && depth > *options_.scope.depth;
    if (!by_depth && frontier_.meet_again(address, depth)) return;
    if (const auto why = scope_.refuses(address, depth)) {
        refuse(address, *why, found_on);
        return;
    }
    switch (frontier_.add(address, depth, found_on, redirects)) {
        case frontier::added::fresh:
        case frontier::added::known: break;
        case frontier::added::page_limit: refuse(address, refusal::page_limit, found_on); break;
        case frontier::added::host_page_limit:
            refuse(address, refusal::host_page_limit, found_on);
            break;
    }
}

void crawler::refuse(const web::url& address, refusal why, const frontier::entry* found_on,
                     std::string detail) {
    ++counted_.refused[static_cast<std::size_t>(why)];
    if (!options_.on_refused) return;
    options_.on_refused(address, why, std::move(detail),
                        found_on != nullptr ? found_on->address : nullptr);
}

void crawler::report(const error_record& error) {
    if (counted_.errors.size() < 1000 || counted_.errors.contains(error.cause)) {
        ++counted_.errors[error.cause];
    }
    if (options_.on_error) {
        options_.on_error(fmt::format("{}: {}: {}", error.url, error.stage, error.cause));
    }
}

http::request crawler::request_for(const web::url& address) const {
    http::request made{address};
    const bool trusted = std::ranges::any_of(
        options_.seeds, [&](const web::url& seed) { return same_origin(seed, address); });
    for (const http::header_field field : options_.headers) {
        if (trusted || !is_credential(field.name)) made.headers.add(field.name, field.value);
    }
    if (!made.headers.contains("Accept")) {
        made.headers.add("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5");
    }
    return made;
}

}  // namespace simul::program
