// SPDX-License-Identifier: Apache-2.0
//
// The crawler ladder, rows S060 to S069: what each of the examples crawler_*.cpp claims.
//
// What counts is how many requests the server had at once and how often the crawler was put to
// sleep; both are the same on a machine that is busy. Times are compared where the claim is one of
// time, with delays that are long beside everything else.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <ranges>
#include <sstream>
#include <string>
#include <vector>

#include "program_path.hpp"
#include "support/child_process.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {
namespace {

const std::vector<std::string> rungs{"blocking", "nonblocking", "callbacks", "one_page",
                                     "future",   "delegating",  "tasks"};

/// What a program says of one crawl on standard error.
struct measurement {
    double seconds = 0;
    double delays = 0;
    double processor = 0;  // seconds
    double share = 0;      // of the processor, in percent
    long waits = 0;
};

struct crawl_result {
    std::string text;  // everything else
    std::vector<measurement> crawls;
    int code = 0;
};

crawl_result run_rung(const std::string& rung, std::vector<std::string> arguments,
                      const std::string& backend = "") {
    std::vector<std::string> command{"timeout",
                                     "60",
                                     "env",
                                     "SIMUL_BACKEND=" + backend,
                                     "sh",
                                     "-c",
                                     "exec \"$0\" \"$@\" 2>&1",
                                     std::string{SIMUL_EXAMPLES}.append("crawler_").append(rung)};
    command.insert(command.end(), arguments.begin(), arguments.end());
    child_process program{command};
    std::istringstream output{program.read_all()};

    crawl_result result;
    for (std::string line; std::getline(output, line);) {
        measurement found;
        const int count = std::sscanf(
            line.c_str(), "%lf s, %lf delays, CPU %lf s (%lf %%), waits: %ld", &found.seconds,
            &found.delays, &found.processor, &found.share, &found.waits);
        if (count == 5) {
            result.crawls.push_back(found);
        } else {
            result.text += line;
            result.text += '\n';
        }
    }
    result.code = program.wait();
    return result;
}

/// Crawls, with a test that everything about it is in order but for the time it took.
measurement crawl(const std::string& rung, int milliseconds, int at_once,
                  const std::string& backend = "") {
    SCOPED_TRACE(rung);
    const crawl_result result = run_rung(rung, {"--delay", std::to_string(milliseconds)}, backend);
    EXPECT_EQ(result.code, 0) << result.text;
    EXPECT_TRUE(result.text.starts_with("10 pages, 83")) << result.text;
    std::string wanted{"requests at once: "};
    wanted += std::to_string(at_once);
    wanted += ',';
    EXPECT_TRUE(result.text.contains(wanted)) << result.text;
    EXPECT_EQ(result.crawls.size(), 1U);
    return result.crawls.empty() ? measurement{} : result.crawls.front();
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values.at(values.size() / 2);
}

/// Lines of a source file: all, and those that are more than blank or a comment.
struct line_count {
    int all = 0;
    int code = 0;
};

line_count count_lines(const std::string& name) {
    std::ifstream file{std::string{SIMUL_SOURCE_DIR "/examples/"}.append(name)};
    EXPECT_TRUE(file) << name;
    line_count result;
    for (std::string line; std::getline(file, line);) {
        ++result.all;
        const std::size_t first = line.find_first_not_of(' ');
        if (first != std::string::npos && line.compare(first, 2, "//") != 0) ++result.code;
    }
    return result;
}

std::vector<std::string> real_backends() {
    std::vector<std::string> names;
    for (const backend_kind kind : test_backends()) {
        if (kind != backend_kind::simulated) names.emplace_back(name_of(kind));
    }
    return names;
}

TEST(crawler_ladder, blocking_sockets_take_one_delay_for_each_page) {
    const measurement blocking = crawl("blocking", 100, 1);
    EXPECT_GE(blocking.delays, 10);
    EXPECT_LT(blocking.delays, 15);
    EXPECT_GE(blocking.waits, 10);
}

// It is never put to sleep, so it takes all of a processor that it can get: what share that is
// depends on who else wants one.
TEST(crawler_ladder, a_busy_loop_wins_nothing_and_never_sleeps) {
    const measurement blocking = crawl("blocking", 50, 1);
    const measurement spinning = crawl("nonblocking", 50, 1);
    EXPECT_GE(spinning.delays, 10);
    EXPECT_LT(spinning.waits, 10);
    EXPECT_GT(spinning.processor, 5 * blocking.processor);
    std::printf(
        "note: crawler_nonblocking burns %.0f %% of a processor, crawler_blocking %.0f %%\n",
        spinning.share, blocking.share);
}

TEST(crawler_ladder, callbacks_futures_and_delegation_wait_for_all_pages_together) {
    for (const char* rung : {"callbacks", "future", "delegating"}) {
        const measurement found = crawl(rung, 300, 10);
        EXPECT_GE(found.delays, 1);
        EXPECT_LT(found.delays, 2) << rung;
    }
}

TEST(crawler_ladder, a_selector_gains_nothing_and_costs_nothing_for_one_page) {
    std::vector<double> blocking;
    std::vector<double> selecting;
    for (int round = 0; round != 3; ++round) {
        const crawl_result result = run_rung("one_page", {"--delay", "100"});
        ASSERT_EQ(result.code, 0) << result.text;
        ASSERT_EQ(result.crawls.size(), 2U) << result.text;
        blocking.push_back(result.crawls[0].delays);
        selecting.push_back(result.crawls[1].delays);
    }
    EXPECT_GE(std::ranges::min(blocking), 1);
    EXPECT_GE(std::ranges::min(selecting), 1);
    EXPECT_LT(median(selecting), 1.25 * median(blocking));
    EXPECT_LT(median(blocking), 1.25 * median(selecting));
}

TEST(crawler_ladder, tasks_are_eight_times_as_fast_as_blocking_sockets_on_each_backend) {
    const measurement blocking = crawl("blocking", 300, 1);
    for (const std::string& backend : real_backends()) {
        SCOPED_TRACE(backend);
        std::vector<double> seconds;
        for (int round = 0; round != 3; ++round) {
            seconds.push_back(crawl("tasks", 300, 10, backend).seconds);
        }
        const double ratio = blocking.seconds / median(seconds);
        EXPECT_GE(ratio, 8);
        std::printf("note: crawler_tasks on %s is %.1f times as fast as crawler_blocking\n",
                    backend.c_str(), ratio);
    }
}

TEST(crawler_ladder, tasks_need_no_more_lines_than_blocking_sockets) {
    const line_count tasks = count_lines("crawler_tasks.cpp");
    const line_count blocking = count_lines("crawler_blocking.cpp");
    EXPECT_GT(tasks.code, 0);
    EXPECT_LE(tasks.code, blocking.code);
    EXPECT_LE(tasks.all, blocking.all);
}

TEST(crawler_ladder, each_rung_is_shorter_than_a_hundred_lines_and_future_and_task_than_forty_one) {
    for (const std::string& rung : rungs) {
        const line_count found = count_lines(std::string{"crawler_"}.append(rung).append(".cpp"));
        EXPECT_GT(found.code, 0);
        EXPECT_LT(found.all, 100) << rung;
    }
    EXPECT_LE(count_lines("support/future.hpp").code, 40);
}

TEST(crawler_ladder, the_server_runs_on_each_backend_beneath_every_rung) {
    for (const std::string& backend : real_backends()) {
        SCOPED_TRACE(backend);
        for (const std::string& rung : rungs) {
            const crawl_result result = run_rung(rung, {"--delay", "1"}, backend);
            EXPECT_EQ(result.code, 0) << rung << '\n' << result.text;
            EXPECT_FALSE(result.crawls.empty()) << rung << '\n' << result.text;
        }
    }
}

TEST(crawler_ladder, says_what_is_wrong_with_its_arguments_or_its_backend) {
    const crawl_result text = run_rung("tasks", {"--delay", "soon"});
    EXPECT_EQ(text.code, 2);
    EXPECT_EQ(text.text, "error: argument --delay: not a valid number: 'soon'\n");

    const crawl_result none = run_rung("tasks", {"--delay", "0"});
    EXPECT_EQ(none.code, 2);
    EXPECT_EQ(none.text, "error: argument --delay: must be 1 or more\n");

    const crawl_result more = run_rung("tasks", {"--speed", "8"});
    EXPECT_EQ(more.code, 2);
    EXPECT_TRUE(more.text.ends_with("crawler_tasks [--delay MILLISECONDS]\n")) << more.text;

    const crawl_result simulated = run_rung("tasks", {}, "simulated");
    EXPECT_EQ(simulated.code, 2);
    EXPECT_TRUE(simulated.text.ends_with("; set SIMUL_BACKEND to epoll or io_uring, or unset it\n"))
        << simulated.text;
}

}  // namespace
}  // namespace simul::test
