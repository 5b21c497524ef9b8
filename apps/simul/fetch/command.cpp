// SPDX-License-Identifier: Apache-2.0
#include "fetch/command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "simul/concurrency/run.hpp"
#include "simul/tls/context.hpp"

#include "common/exit_code.hpp"
#include "common/process.hpp"
#include "common/text.hpp"
#include "fetch/arguments.hpp"
#include "fetch/fetch.hpp"

namespace simul::program {

namespace {

// The command line as it was written.
struct fetch_words {
    fetch_words() {}

    std::vector<std::string> urls;
    std::string list;
    std::string output;
    std::vector<std::string> overrides;
    std::vector<std::string> connect_rules;
    std::vector<std::string> authorities;
    std::string time_limits;
    std::string user_agent;
    std::size_t concurrency = 100;
    std::size_t per_host = 0;
    std::uint64_t max_body = std::uint64_t{10} << 20;
    bool founding_expression = false;
    bool compat_log = false;
    bool is_insecure = false;
};

void complain(std::string_view message) {
    std::string line{"simul fetch: "};
    line.append(printable(message)).append("\n");
    std::fputs(line.c_str(), stderr);
}

// Each value of an option, or a message that names the option.
template <class Parse>
auto parsed(const char* option, const std::string& value, Parse parse) {
    auto result = parse(value);
    if (!result) throw CLI::ValidationError{option, printable(result.error())};
    return *std::move(result);
}

tls::client_context trust_of(const fetch_words& words) {
    tls::client_options options;
    if (words.is_insecure) options.verify = tls::verification::none_insecure;
    for (const std::string& path : words.authorities) {
        try {
            // Alone first, so that a file without a certificate is named.
            tls::client_options alone;
            alone.use_system_authorities = false;
            alone.authorities = tls::text_of_file(path).append("\n");
            static_cast<void>(tls::client_context{alone});
            options.authorities.append(alone.authorities);
        } catch (const std::system_error& failure) {
            throw CLI::ValidationError{
                "--authority", fmt::format("{}: {}", printable(path), failure.code().message())};
        }
    }
    return tls::client_context{options};
}

fetch_options options_of(const fetch_words& words) {
    fetch_options options;
    http::session_options& session = options.session;
    options.concurrency = words.concurrency;
    options.aiohttp_wording = words.compat_log;
    if (words.founding_expression) {
        options.links.finder = link_finder::founding_expression;
        options.links.schemes = link_schemes::all;
    }
    session.max_connections = words.concurrency;
    session.max_connections_per_host = words.per_host == 0 ? words.concurrency : words.per_host;
    session.max_waiting = words.concurrency;
    session.max_body = words.max_body;
    if (!words.user_agent.empty()) {
        if (!http::is_field_value(words.user_agent)) {
            throw CLI::ValidationError{"--user-agent", "it must not hold control characters"};
        }
        session.user_agent = words.user_agent;
    }
    if (!words.time_limits.empty()) {
        session.limits = parsed("--timeout", words.time_limits, [&](const std::string& text) {
            return parse_time_limits(text, session.limits);
        });
    }
    for (const std::string& each : words.overrides) {
        session.overrides.push_back(parsed("--resolve", each, &parse_override));
    }
    std::vector<connect_rule> rules;
    for (const std::string& each : words.connect_rules) {
        rules.push_back(parsed("--connect-to", each, &parse_connect_rule));
    }
    if (!rules.empty()) {
        session.connect = make_connector(std::move(rules), session.overrides);
    }
    if (words.is_insecure || !words.authorities.empty()) session.trust = trust_of(words);
    return options;
}

int fetch_all(const url_list& list, const fetch_options& options, const std::string& output) {
    std::unique_ptr<result_table> table;
    try {
        table = std::make_unique<result_table>(output);
    } catch (const output_error& failure) {
        complain(std::string{failure.what()}.append(
            "; nothing was fetched: give another file with --output"));
        return exit_usage;
    }
    const event_log log;
    for (const rejected_line& each : list.rejected()) {
        log.error(fmt::format("{}: {}: {}", each.place, each.text, each.why));
    }
    make_room_for(options.concurrency);
    fetch_counts counts;
    try {
        run(fetch_pages(list.urls(), options, *table, log, counts), interruptible());
        table->finish();
    } catch (const cancelled&) {
        complain(fmt::format("interrupted; {} of {} pages are complete, with {} {}",
                             counts.complete, list.urls().size(), table->rows(),
                             table->rows() == 1 ? "link" : "links"));
        return exit_interrupted;
    } catch (const output_error& failure) {
        complain(fmt::format("{}; {} of {} pages are complete", failure.what(), counts.complete,
                             list.urls().size()));
        return exit_limit;
    }
    return counts.answered == 0 ? exit_nothing_reachable : exit_done;
}

int run_fetch(const fetch_words& words) {
    if (words.urls.empty() && words.list.empty()) {
        throw CLI::ValidationError{"--file",
                                   "name a file of addresses, - for standard input, or "
                                   "give addresses as arguments"};
    }
    const fetch_options options = options_of(words);
    url_list list;
    if (!words.list.empty()) {
        try {
            list.add_lines(read_list(words.list), words.list == "-" ? "<stdin>" : words.list);
        } catch (const std::system_error& failure) {
            complain(fmt::format("--file {}: {}", words.list, failure.code().message()));
            return exit_usage;
        }
    }
    for (std::size_t i = 0; i != words.urls.size(); ++i) {
        list.add(words.urls[i], fmt::format("argument {}", i + 1));
    }
    if (list.urls().empty()) {
        for (const rejected_line& each : list.rejected()) {
            complain(fmt::format("{}: {}: {}", each.place, each.text, each.why));
        }
        complain(
            "there is no address to fetch: write one into each line, such as "
            "https://example.org/");
        return exit_usage;
    }
    return fetch_all(list, options, words.output);
}

}  // namespace

void add_fetch(CLI::App& program, int& result) {
    auto words = std::make_shared<fetch_words>();
    CLI::App* command =
        program.add_subcommand("fetch",
                               "Write the links of many pages to a table, in which each "
                               "line is the page and what it links to");
    // Without this an option that may be repeated would take addresses that follow for its values.
    const auto repeatable = [&](const char* name, std::vector<std::string>& values,
                                const char* help) {
        return command->add_option(name, values, help)->allow_extra_args(false);
    };
    command->add_option("URL", words->urls, "Pages to fetch, besides those of the file");
    command->add_option("-f,--file", words->list,
                        "File of addresses, one in a line; - is standard input");
    command
        ->add_option("-o,--output", words->output,
                     "File to append to; - is standard output. A new one begins with the names of "
                     "its columns")
        ->required();
    command->add_flag("--regex", words->founding_expression,
                      "Find links with the expression href=\"(.*?)\" in any text, and keep every "
                      "scheme, instead of reading HTML for <a href>");
    command->add_flag("--compat-log", words->compat_log, "Tell failures in the words of aiohttp");
    command->add_option("--concurrency", words->concurrency, "Pages, and connections, at a time")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    command
        ->add_option("--per-host", words->per_host,
                     "Connections to one host at a time; as --concurrency if not given")
        ->check(CLI::Range(1, 10'000));
    command
        ->add_option("--timeout", words->time_limits,
                     "Seconds, as in connect=10,first-byte=15,idle=15,total=60, the defaults")
        ->type_name("LIMITS");
    command->add_option("--max-body", words->max_body, "Longest page, decoded; default 10M")
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 30));
    command->add_option("--user-agent", words->user_agent, "How to introduce itself to servers");
    repeatable("--resolve", words->overrides,
               "The addresses of a host, not to be looked up; * is every port")
        ->type_name("HOST:PORT:ADDRESS[,ADDRESS]");
    repeatable("--connect-to", words->connect_rules,
               "Connect to HOST2:PORT2 in place of HOST1:PORT1; each part may be empty")
        ->type_name("HOST1:PORT1:HOST2:PORT2");
    repeatable("--authority", words->authorities, "Trust the certificates of this authority, too")
        ->type_name("FILE.pem");
    command->add_flag("--insecure", words->is_insecure,
                      "Believe any certificate: whoever is in between can read and change all");
    command->callback([words, &result] { result = run_fetch(*words); });
}

}  // namespace simul::program
