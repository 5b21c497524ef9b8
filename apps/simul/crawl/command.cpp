// SPDX-License-Identifier: Apache-2.0
#include "crawl/command.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "common/exit_code.hpp"
#include "common/process.hpp"
#include "common/text.hpp"
#include "crawl/dialler.hpp"
#include "crawl/engine.hpp"
#include "crawl/option_text.hpp"
#include "crawl/progress.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/tls/context.hpp"

namespace simul::program {

namespace {

// The command line as it was written.
class crawl_words {
public:
    crawl_words() {}

    std::vector<std::string> addresses;
    std::string list;
    std::string scope = "host";
    std::vector<std::string> include;
    std::vector<std::string> exclude;
    std::optional<unsigned> depth;
    std::size_t max_pages = 100'000;
    std::optional<std::size_t> max_pages_per_host;
    std::string query = "keep";
    std::string delay = "auto";
    std::optional<std::size_t> per_host;
    std::string robots = "obey";
    std::vector<std::string> own_hosts;
    std::size_t concurrency = 256;
    std::vector<std::string> overrides;
    std::vector<std::string> authorities;
    std::vector<std::string> headers;
    std::string user_agent;
    std::string contact;
    std::string max_body = "10M";
    std::string time_limits;
    std::string max_time;
    std::string state;
    bool fresh = false;
    bool explain = false;
    bool dry_run = false;
    bool quiet = false;
};

// Everything a crawl needs, read and checked.
class crawl_plan {
public:
    crawl_plan() {}

    crawl_options options;
    http::session_options network;
};

void say(std::string_view text) {
    std::string line = printable(text);
    line.push_back('\n');
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
}

void complain(std::string_view text) {
    std::fprintf(stderr, "simul crawl: %s\n", printable(text).c_str());
}

// What `read` makes of an option's words; what is wrong with them names the option.
template <class Read>
auto checked(const char* option, Read read) {
    try {
        return read();
    } catch (const std::invalid_argument& wrong) {
        throw CLI::ValidationError{option, wrong.what()};
    }
}

address_list read_seeds(const crawl_words& words) {
    address_list seeds;
    const auto add_list = [&](const char* option, const std::string& path) {
        const address_list more = checked(option, [&] {
            constexpr std::size_t most = std::size_t{64} << 20;
            const std::string name = path == "-" ? "standard input" : path;
            try {
                return read_address_list(read_list(path, most), name);
            } catch (const std::system_error& wrong) {
                throw std::invalid_argument{
                    fmt::format("{}: {}", printable(name), wrong.code().message())};
            }
        });
        seeds.addresses.insert(seeds.addresses.end(), more.addresses.begin(), more.addresses.end());
        seeds.rejected.insert(seeds.rejected.end(), more.rejected.begin(), more.rejected.end());
        if (!more.addresses.empty()) return;
        std::string why{
            "there is no address in it: write one such as https://example.org/ in "
            "each line"};
        if (!more.rejected.empty()) {
            const rejected_address& first = more.rejected.front();
            why = fmt::format("no line is an address; {}: \"{}\": {}", first.place, first.text,
                              first.why);
        }
        throw CLI::ValidationError{option, why};
    };
    for (const std::string& each : words.addresses) {
        if (each == "-") {
            add_list("URL", each);
        } else {
            seeds.addresses.push_back(checked("URL", [&] { return read_start_address(each); }));
        }
    }
    if (!words.list.empty()) add_list("--file", words.list);
    if (seeds.addresses.empty()) {
        throw CLI::ValidationError{
            "URL",
            "no address to begin with: give one such as https://example.org/, a file of "
            "them with --file, or - for standard input"};
    }
    return seeds;
}

std::vector<expression> read_expressions(const char* option,
                                         const std::vector<std::string>& words) {
    std::vector<expression> expressions;
    for (const std::string& each : words) {
        try {
            expressions.emplace_back(each);
        } catch (const std::invalid_argument& wrong) {
            throw CLI::ValidationError{option,
                                       fmt::format("\"{}\": {}", printable(each), wrong.what())};
        }
    }
    return expressions;
}

std::string default_directory(const web::url& seed) {
    std::string name{"crawl-"};
    for (const char each : seed.host().substr(0, 200)) {
        const bool is_plain = (each >= 'a' && each <= 'z') || (each >= '0' && each <= '9') ||
                              each == '.' || each == '-';
        name.push_back(is_plain ? each : '_');
    }
    return name;
}

politeness_options read_politeness(const crawl_words& words) {
    politeness_options options;
    options.per_host = words.per_host;
    options.ignore_robots =
        checked("--robots", [&] { return read_choice(words.robots, {"obey", "ignore"}) == 1; });
    if (words.delay != "auto") {
        options.delay = checked("--delay", [&] { return read_duration(words.delay); });
    }
    for (const std::string& each : words.own_hosts) {
        std::string text{"http://"};
        text.append(each).append("/");
        const auto address = web::url::parse(text);
        if (!address || address->path() != "/" || address->port()) {
            throw CLI::ValidationError{
                "--i-own-this", fmt::format("\"{}\" is not the name of a host", printable(each))};
        }
        options.own_hosts.emplace_back(address->host());
    }
    if (options.ignore_robots && options.own_hosts.empty()) {
        throw CLI::ValidationError{
            "--robots",
            "robots.txt is ignored on hosts of your own only: name each of them with "
            "--i-own-this HOST"};
    }
    return options;
}

http::session_options read_network(const crawl_words& words, const std::vector<web::url>& seeds) {
    http::session_options network;
    network.limits.resolve = network.limits.handshake = network.limits.connect =
        std::chrono::seconds{10};
    network.limits.first_byte = network.limits.idle = std::chrono::seconds{15};
    network.limits.total = std::chrono::seconds{60};
    if (!words.time_limits.empty()) {
        checked("--timeout", [&] { read_time_limits(words.time_limits, network.limits); });
    }
    dialler_options dialling;
    dialling.resolve_limit = network.limits.resolve;
    dialling.connect_limit = network.limits.connect;
    for (const std::string& each : words.overrides) {
        dialling.overrides.push_back(checked("--resolve", [&] { return read_override(each); }));
    }
    for (const web::url& seed : seeds) {
        dialling.named.emplace(plain_host(seed), seed.effective_port().value_or(0));
    }
    network.connect = make_dialler(std::move(dialling));
    // The connector looks the name up itself, and has a limit for either.
    network.limits.connect = duration::max();
    if (!words.authorities.empty()) {
        tls::client_options trusted;
        for (const std::string& each : words.authorities) {
            try {
                trusted.authorities.append(tls::text_of_file(each)).append("\n");
                static_cast<void>(tls::client_context{trusted});
            } catch (const std::system_error& wrong) {
                throw CLI::ValidationError{
                    "--authority", fmt::format("{}: {}; give a file of certificates in PEM",
                                               printable(each), printable(wrong.code().message()))};
            }
        }
        network.trust.emplace(trusted);
    }
    return network;
}

std::string agent_of(const crawl_words& words) {
    std::string agent = words.user_agent.empty() ? "simul/0.1" : words.user_agent;
    if (!words.contact.empty()) agent.append(" (+").append(words.contact).append(")");
    if (!http::is_field_value(agent) || product_token(agent).empty()) {
        throw CLI::ValidationError{words.user_agent.empty() ? "--contact" : "--user-agent",
                                   "it must begin with a letter, digit, hyphen or underscore, and "
                                   "hold no control characters"};
    }
    return agent;
}

crawl_plan make_plan(const crawl_words& words) {
    crawl_plan plan;
    crawl_options& options = plan.options;
    const address_list seeds = read_seeds(words);
    options.seeds = seeds.addresses;
    for (const rejected_address& each : seeds.rejected) {
        error_record& wrong = options.unusable.emplace_back();
        wrong.url = each.text;
        wrong.stage = fmt::format("reading {}", each.place);
        wrong.cause = each.why;
    }
    options.scope.how_far = checked("--scope", [&] {
        return static_cast<reach>(read_choice(words.scope, {"host", "domain", "prefix", "any"}));
    });
    options.scope.include = read_expressions("--include", words.include);
    options.scope.exclude = read_expressions("--exclude", words.exclude);
    options.scope.depth = words.depth;
    options.scope.drop_query =
        checked("--query", [&] { return read_choice(words.query, {"keep", "drop"}) == 1; });
    options.politeness = read_politeness(words);
    options.max_pages = words.max_pages;
    if (words.max_pages_per_host) options.max_pages_per_host = *words.max_pages_per_host;
    options.concurrency = words.concurrency;
    options.max_body = checked("--max-body", [&] { return read_size(words.max_body); });
    if (!words.max_time.empty()) {
        options.max_time = checked("--max-time", [&] { return read_duration(words.max_time); });
    }
    for (const std::string& each : words.headers) {
        checked("--header", [&] { read_header(each, options.headers); });
    }
    options.user_agent = agent_of(words);
    options.directory =
        words.state.empty() ? default_directory(options.seeds.front()) : words.state;
    plan.network = read_network(words, options.seeds);
    return plan;
}

// One line that says what will happen.
std::string first_line(const crawl_words& words, const crawl_options& options) {
    const web::url& seed = options.seeds.front();
    std::string line{"crawling "};
    switch (options.scope.how_far) {
        case reach::host: line.append("host "); break;
        case reach::domain: line.append("the domain of "); break;
        case reach::prefix: line.append("what is below "); break;
        case reach::any: line.append("the web from "); break;
    }
    line.append(options.scope.how_far == reach::prefix ? std::string_view{seed.href()}
                                                       : seed.host());
    if (options.seeds.size() != 1) {
        fmt::format_to(std::back_inserter(line), " and of {} more addresses",
                       options.seeds.size() - 1);
    }
    line.append(obeys_robots(seed, options.politeness) ? ", robots.txt obeyed"
                                                       : ", robots.txt ignored");
    const std::size_t at_once =
        options.politeness.per_host.value_or(is_own_host(seed, options.politeness) ? 64 : 1);
    const duration pause = rate_for(seed, options.politeness).pause();
    if (at_once == 1) {
        line.append(", one request at a time here");
    } else {
        fmt::format_to(std::back_inserter(line), ", up to {} requests at a time here", at_once);
    }
    if (pause > duration::zero()) {
        fmt::format_to(std::back_inserter(line), ", {} apart", readable(pause));
    }
    fmt::format_to(std::back_inserter(line), ", at most {} addresses, results in {}{}",
                   options.max_pages, options.directory.string(), words.fresh ? " (anew)" : "");
    return line;
}

// Ends by being cancelled: by Ctrl-C or SIGTERM, or because the crawl has ended, which makes stop()
// do nothing.
task<> wait_for_interrupt(crawler& crawl, console& on) {
    const outcome<void> woken = co_await as_outcome(sleep_until(time_point::max()));
    if (!woken.is_cancelled() || crawl.is_stopping()) co_return;
    on.line("stopping: what is in flight has 5 s; Ctrl-C again stops at once");
    crawl.stop(ending::interrupted);
}

task<> crawl_with_view(crawler& crawl, console& on, bool quiet) {
    co_await with_task_group([&](task_group& both) -> task<> {
        if (!quiet) both.spawn(show_progress(crawl, on));
        co_await crawl.run();
        both.cancel();
    });
    on.clear();
}

task<> crawl_until_interrupted(crawler& crawl, console& on, bool quiet) {
    co_await with_task_group([&](task_group& group) -> task<> {
        auto watch = group.spawn(wait_for_interrupt(crawl, on));
        co_await shield(crawl_with_view(crawl, on, quiet));
        watch.cancel();
    });
}

int run_crawl(const crawl_words& words) {
    crawl_plan plan = make_plan(words);
    const bool live = !words.quiet && can_show_live(::isatty(STDERR_FILENO) == 1,
                                                    std::getenv("NO_COLOR"), std::getenv("TERM"));
    console terminal{stderr, live};
    if (!words.quiet || words.dry_run) say(first_line(words, plan.options));
    if (words.dry_run) {
        for (const web::url& seed : plan.options.seeds) say(seed.href());
        for (const error_record& each : plan.options.unusable) {
            complain(fmt::format("{}: {}: {}", each.url, each.stage, each.cause));
        }
        return plan.options.unusable.empty() ? exit_done : exit_findings;
    }
    const std::string directory = plan.options.directory.string();
    try {
        prepare_directory(plan.options.directory, words.fresh);
    } catch (const std::system_error& wrong) {
        if (wrong.code() == std::errc::file_exists) {
            complain(
                fmt::format("{} holds the results of an earlier crawl: add --fresh to replace "
                            "them, or choose another directory with --state",
                            directory));
        } else {
            complain(fmt::format("--state {}: {}; choose a directory that can be made and written",
                                 directory, wrong.code().message()));
        }
        return exit_usage;
    }
    plan.options.on_error = [&](std::string line) { terminal.line(line); };
    if (words.explain) {
        plan.options.on_refused = [&](const web::url& link, refusal why, std::string detail,
                                      const web::url* found_on) {
            terminal.line(fmt::format(
                "not followed: {}: {}{}{}{}{}", link.href(), describe(why),
                detail.empty() ? "" : ", ", detail, found_on != nullptr ? ", found on " : "",
                found_on != nullptr ? std::string_view{found_on->href()} : std::string_view{}));
        };
        plan.options.on_unreadable = [&](std::string_view text, const web::url& found_on) {
            terminal.line(fmt::format("not followed: {}: {}, found on {}", text,
                                      describe(refusal::no_address), found_on.href()));
        };
    }
    make_room_for(words.concurrency);
    // The crawler ends inside of run(): its connections belong to the loop.
    std::string summary;
    int code = exit_interrupted;
    const auto whole = [&]() -> task<> {
        crawler crawl{std::move(plan.options), std::move(plan.network)};
        co_await crawl_until_interrupted(crawl, terminal, words.quiet);
        summary = summary_text(crawl);
        code = exit_code_of(crawl.statistics());
    };
    try {
        run(whole(), interruptible());
    } catch (const cancelled&) {
        // By a signal, which has had its say.
    } catch (const std::system_error& wrong) {
        terminal.clear();
        complain(wrong.what());
        return exit_limit;
    }
    if (!words.quiet) {
        std::fwrite(summary.data(), 1, summary.size(), stdout);
        std::fflush(stdout);
    }
    return code;
}

void add_scope_options(CLI::App& command, crawl_words& words) {
    const auto group = "Scope";
    command
        .add_option("--scope", words.scope,
                    "host: the same host, with or without www; domain: the same last two labels "
                    "of the name (which is all of co.uk, too); prefix: what begins like the "
                    "address up to its last slash; any: the whole web")
        ->type_name("host|domain|prefix|any")
        ->group(group);
    command.add_option("--include", words.include, "Follow only addresses in which this matches")
        ->type_name("RE")
        ->allow_extra_args(false)
        ->group(group);
    command.add_option("--exclude", words.exclude, "Do not follow addresses in which this matches")
        ->type_name("RE")
        ->allow_extra_args(false)
        ->group(group);
    command.add_option("--depth", words.depth, "Most links away from the first pages")
        ->check(CLI::Range(0U, 1'000'000U))
        ->type_name("N")
        ->group(group);
    command
        .add_option("--max-pages", words.max_pages,
                    "Most addresses asked for, redirects and failures included [100000]")
        ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}))
        ->type_name("N")
        ->group(group);
    command
        .add_option("--max-pages-per-host", words.max_pages_per_host,
                    "Most addresses asked for on one host")
        ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}))
        ->type_name("N")
        ->group(group);
    command
        .add_option("--query", words.query,
                    "Whether what stands behind ? belongs to an address [keep]")
        ->type_name("keep|drop")
        ->group(group);
}

void add_politeness_options(CLI::App& command, crawl_words& words) {
    const auto group = "Politeness";
    command
        .add_option("--delay", words.delay,
                    "Pause of a host between two requests [auto: 1 s, none on own hosts]")
        ->type_name("auto|TIME")
        ->group(group);
    command
        .add_option("--per-host", words.per_host,
                    "Requests to one host at a time [1, and 64 on own hosts]")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1000}))
        ->type_name("N")
        ->group(group);
    command
        .add_option("--robots", words.robots,
                    "Whether robots.txt counts; ignore needs --i-own-this [obey]")
        ->type_name("obey|ignore")
        ->group(group);
    command
        .add_option("--i-own-this", words.own_hosts,
                    "A host that is yours, besides this machine, and need not be spared")
        ->type_name("HOST")
        ->allow_extra_args(false)
        ->group(group);
    command
        .add_option("--user-agent", words.user_agent,
                    "How to introduce itself; its first word is the name for robots.txt")
        ->type_name("TEXT")
        ->group(group);
    command
        .add_option("--contact", words.contact,
                    "An address of the web or of mail that is added to the user agent")
        ->type_name("TEXT")
        ->group(group);
}

void add_network_options(CLI::App& command, crawl_words& words) {
    const auto group = "Network and limits";
    command.add_option("--concurrency", words.concurrency, "Requests at a time, in all [256]")
        ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}))
        ->type_name("N")
        ->group(group);
    command
        .add_option("--resolve", words.overrides, "The addresses of a host, not to be looked up")
        ->type_name("HOST:PORT:ADDRESS")
        ->allow_extra_args(false)
        ->group(group);
    command
        .add_option("--authority", words.authorities,
                    "Trust the certificates of this authority, too")
        ->type_name("FILE.pem")
        ->allow_extra_args(false)
        ->group(group);
    command
        .add_option("--header", words.headers,
                    "Send this field with each request; Authorization and Cookie go to the "
                    "first pages' hosts only")
        ->type_name("\"NAME: VALUE\"")
        ->allow_extra_args(false)
        ->group(group);
    command.add_option("--max-body", words.max_body, "Most bytes read of a page [10M]")
        ->type_name("SIZE")
        ->group(group);
    command
        .add_option("--timeout", words.time_limits,
                    "Limits of time: resolve, connect, handshake, first-byte, idle, total "
                    "[connect=10,first-byte=15,idle=15,total=60]")
        ->type_name("LIMITS")
        ->group(group);
    command.add_option("--max-time", words.max_time, "Stop after this time, such as 30m")
        ->type_name("TIME")
        ->group(group);
}

void add_output_options(CLI::App& command, crawl_words& words) {
    const auto group = "Output";
    command.add_option("--state", words.state, "The directory for the results [crawl-HOST]")
        ->type_name("DIR")
        ->group(group);
    command.add_flag("--fresh", words.fresh, "Replace the results of an earlier crawl")
        ->group(group);
    command.add_flag("--explain", words.explain, "Print each link that is not followed, and why")
        ->group(group);
    command.add_flag("--dry-run", words.dry_run, "Say what would be done, and do nothing")
        ->group(group);
    command.add_flag("--quiet", words.quiet, "Print errors only")->group(group);
}

}  // namespace

int exit_code_of(const crawl_statistics& counts) noexcept {
    const auto was_refused = [&](refusal why) {
        return counts.refused[static_cast<std::size_t>(why)] != 0;
    };
    if (counts.end == ending::interrupted) return exit_interrupted;
    if (counts.end != ending::finished || was_refused(refusal::page_limit)) return exit_limit;
    if (counts.pages == 0) return exit_nothing_reachable;
    return counts.failures == 0 ? exit_done : exit_findings;
}

void add_crawl(CLI::App& program, int& result) {
    auto words = std::make_shared<crawl_words>();
    CLI::App& command = *program.add_subcommand(
        "crawl", "Follow links from some pages on, and write down what is there");
    command.add_option("URL", words->addresses, "Where to begin; - is a list on standard input");
    command.add_option("-f,--file", words->list, "File of addresses to begin with, one in a line")
        ->type_name("FILE");
    add_scope_options(command, *words);
    add_politeness_options(command, *words);
    add_network_options(command, *words);
    add_output_options(command, *words);
    command.callback([words, &result] { result = run_crawl(*words); });
}

}  // namespace simul::program
