// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C and SIGTERM on the program: the first one ends it politely, the second one at once.
//
// Nothing here waits for a time: the server says when a request has come, and the program says that
// it has understood the first signal.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "program_path.hpp"
#include "support/child_process.hpp"
#include "support/run_on_backends.hpp"
#include "support/scripted_server.hpp"
#include "support/test_data.hpp"

namespace simul::test {
namespace {

constexpr int exit_interrupted = 5;
constexpr std::string_view stopping =
    "stopping: what is in flight has 5 s; Ctrl-C again stops at once";

std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) text.append(part);
    return text;
}

class interrupted : public testing::TestWithParam<backend_kind> {
protected:
    void SetUp() override {
        const std::vector<backend_kind> able = test_backends();
        if (std::ranges::find(able, GetParam()) == able.end()) {
            GTEST_SKIP() << name_of(GetParam()) << " cannot run here";
        }
    }

    [[nodiscard]] std::string path(std::string_view name) const {
        return (folder_.path() / name).string();
    }

    // The command line; `errors` is where standard error goes, `before` what the shell does first.
    [[nodiscard]] std::vector<std::string> words(std::vector<std::string> arguments,
                                                 std::string_view errors = "&1",
                                                 std::string_view before = "") const {
        std::vector<std::string> all{
            "env", joined({"SIMUL_BACKEND=", name_of(GetParam())}),   "sh",
            "-c",  joined({before, "exec \"$0\" \"$@\" 2>", errors}), SIMUL_PROGRAM};
        all.insert(all.end(), arguments.begin(), arguments.end());
        return all;
    }

    // A crawl, one request at a time.
    [[nodiscard]] std::vector<std::string> crawl_of(const std::string& url,
                                                    std::string_view state = "state") const {
        return words({"crawl", url, "--per-host", "1", "--state", path(state)});
    }

    // The values of a field of pages.jsonl. What was written must be whole lines; a crawl that was
    // killed may have written nothing yet, not even the head of the table.
    [[nodiscard]] std::vector<std::string> pages(std::string_view state = "state") const {
        std::vector<std::string> urls;
        const std::string text = read_whole_file(path(state) + "/pages.jsonl");
        EXPECT_TRUE(text.empty() || text.ends_with('\n')) << text;
        std::istringstream lines{text};
        for (std::string line; std::getline(lines, line);) {
            const auto parsed = nlohmann::json::parse(line, nullptr, false);
            EXPECT_TRUE(parsed.is_object()) << line;
            if (parsed.is_object()) urls.push_back(parsed.at("url"));
        }
        const std::string table = read_whole_file(path(state) + "/links.tsv");
        EXPECT_TRUE(table.empty() || table.ends_with('\n')) << table;
        std::istringstream rows{table};
        for (std::string row; std::getline(rows, row);) {
            EXPECT_EQ(std::ranges::count(row, '\t'), 4) << row;
        }
        return urls;
    }

    temporary_directory folder_;
};

// Reads lines until one that says that the program stops.
bool says_that_it_stops(child_process& program) {
    for (std::string line = program.read_line(); !line.empty(); line = program.read_line()) {
        if (line == stopping) return true;
    }
    return false;
}

// Lets a crawl come as far as its second page, which it has asked for.
scripted_request lead_to_second_page(scripted_server& server) {
    server.expect("/robots.txt", "", "404 Not Found");
    server.expect("/", "<a href=/a>a</a><a href=/b>b</a><a href=/c>c</a>");
    scripted_request asked = server.next();
    EXPECT_EQ(asked.target, "/a");
    return asked;
}

// --- simul crawl ---------------------------------------------------------------------------------

TEST_P(interrupted, crawl_finishes_what_is_in_flight_and_sums_up) {
    for (const int number : {SIGINT, SIGTERM}) {
        SCOPED_TRACE(number);
        scripted_server server;
        const std::string state = std::to_string(number);
        child_process program{crawl_of(server.url("/"), state)};
        const scripted_request asked = lead_to_second_page(server);
        ASSERT_EQ(::kill(program.pid(), number), 0);
        ASSERT_TRUE(says_that_it_stops(program));
        server.answer(asked, "<a href=/d>d</a>");
        const std::string rest = program.read_all();
        EXPECT_EQ(program.wait(), exit_interrupted);
        EXPECT_TRUE(rest.starts_with("2 pages in ")) << rest;
        EXPECT_NE(rest.find("\nnot asked for: 3; given up while in flight: 0\n"), std::string::npos)
            << rest;
        EXPECT_NE(rest.find("\nwritten:\n"), std::string::npos) << rest;
        EXPECT_EQ(pages(state), (std::vector<std::string>{server.url("/"), server.url("/a")}));
    }
}

TEST_P(interrupted, crawl_ends_at_once_the_second_time_and_leaves_whole_lines) {
    const std::pair<int, int> pairs[] = {
        {SIGINT, SIGINT}, {SIGINT, SIGTERM}, {SIGTERM, SIGINT}, {SIGTERM, SIGTERM}};
    for (const auto& [first, second] : pairs) {
        SCOPED_TRACE(first * 100 + second);
        scripted_server server;
        const std::string state = std::to_string(first * 100 + second);
        child_process program{crawl_of(server.url("/"), state)};
        lead_to_second_page(server);
        ASSERT_EQ(::kill(program.pid(), first), 0);
        ASSERT_TRUE(says_that_it_stops(program));
        ASSERT_EQ(::kill(program.pid(), second), 0);
        EXPECT_EQ(program.wait(), 128 + second);
        EXPECT_LE(pages(state).size(), 1U);
    }
}

TEST_P(interrupted, crawl_says_nothing_but_stops_when_it_is_quiet) {
    scripted_server server;
    std::vector<std::string> quiet = crawl_of(server.url("/"));
    quiet.emplace_back("--quiet");
    child_process program{quiet};
    const scripted_request asked = lead_to_second_page(server);
    ASSERT_EQ(::kill(program.pid(), SIGINT), 0);
    ASSERT_TRUE(says_that_it_stops(program));
    server.answer(asked, "x");
    EXPECT_EQ(program.read_all(), "");
    EXPECT_EQ(program.wait(), exit_interrupted);
}

// Takes the five seconds of the grace.
TEST_P(interrupted, crawl_gives_up_what_takes_longer_than_the_grace) {
    scripted_server server;
    child_process program{crawl_of(server.url("/"))};
    lead_to_second_page(server);
    ASSERT_EQ(::kill(program.pid(), SIGINT), 0);
    ASSERT_TRUE(says_that_it_stops(program));
    const std::string rest = program.read_all();
    EXPECT_EQ(program.wait(), exit_interrupted);
    EXPECT_NE(rest.find("\nnot asked for: 2; given up while in flight: 1\n"), std::string::npos)
        << rest;
    EXPECT_EQ(pages(), std::vector{server.url("/")});
}

// --- simul fetch ---------------------------------------------------------------------------------

TEST_P(interrupted, fetch_keeps_what_is_complete) {
    for (const int number : {SIGINT, SIGTERM}) {
        SCOPED_TRACE(number);
        scripted_server server;
        const std::string table = path(std::to_string(number));
        child_process program{words({"fetch", server.url("/1"), server.url("/2"), server.url("/3"),
                                     "--concurrency", "1", "-o", table})};
        server.expect("/1", "<a href=/a>a</a>");
        EXPECT_EQ(server.next().target, "/2");
        ASSERT_EQ(::kill(program.pid(), number), 0);
        const std::string said = program.read_all();
        EXPECT_EQ(program.wait(), exit_interrupted);
        EXPECT_TRUE(
            said.ends_with("simul fetch: interrupted; 1 of 3 pages are complete, with 1 link\n"))
            << said;
        EXPECT_EQ(read_whole_file(table), joined({"source_url\tparsed_url\n", server.url("/1"),
                                                  "\t", server.url("/a"), "\n"}));
    }
}

TEST_P(interrupted, fetch_ends_at_once_the_second_time_even_while_nobody_takes_its_rows) {
    scripted_server server;
    child_process program{words({"fetch", server.url("/"), "-o", "-"}, "/dev/null")};
    std::string page;
    for (int each = 0; each != 20'000; ++each) {
        page.append("<a href=/").append(std::to_string(each)).append(">x</a>");
    }
    server.expect("/", page);
    EXPECT_EQ(program.read_line(), "source_url\tparsed_url");
    EXPECT_NE(program.read_line(), "");
    // More rows than a pipe holds: politely it would wait for somebody to take them. Equal signals
    // could become one on their way, so they are not equal.
    ASSERT_EQ(::kill(program.pid(), SIGINT), 0);
    ASSERT_EQ(::kill(program.pid(), SIGTERM), 0);
    const int code = program.wait();
    EXPECT_TRUE(code == 128 + SIGINT || code == 128 + SIGTERM) << code;
}

TEST_P(interrupted, fetch_and_crawl_end_with_a_line_while_they_read_their_lists) {
    ASSERT_EQ(::mkfifo(path("list").c_str(), 0600), 0);
    const std::vector<std::string> commands[] = {
        {"fetch", "-f", path("list"), "-o", path("table")},
        {"crawl", "-f", path("list"), "--state", path("state")}};
    for (const auto& command : commands) {
        for (const int number : {SIGINT, SIGTERM}) {
            child_process program{words(command)};
            // Opens when the other end does, too.
            const unique_fd list{::open(path("list").c_str(), O_WRONLY | O_CLOEXEC)};
            ASSERT_EQ(::kill(program.pid(), number), 0);
            EXPECT_EQ(program.read_all(),
                      "simul: interrupted while reading the addresses; nothing was asked for\n");
            EXPECT_EQ(program.wait(), exit_interrupted);
        }
    }
    EXPECT_FALSE(std::filesystem::exists(path("table")));
    EXPECT_FALSE(std::filesystem::exists(path("state")));
}

// --- simul serve ---------------------------------------------------------------------------------

// A client of `simul serve`, with blocking calls. What it does not read stays with the server, but
// for some megabytes on the way.
class client {
public:
    explicit client(std::string_view port) {
        ::sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        where.sin_port = htons(static_cast<std::uint16_t>(std::stoul(std::string{port})));
        EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<::sockaddr*>(&where), sizeof where), 0);
    }

    void ask(std::string_view target) const {
        const std::string text = joined({"GET ", target, " HTTP/1.1\r\nHost: h\r\n\r\n"});
        EXPECT_EQ(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<::ssize_t>(text.size()));
    }

    // Up to `most` bytes; fewer at the end only.
    [[nodiscard]] std::string read(std::size_t most) const {
        std::string text(most, '\0');
        std::size_t size = 0;
        while (size != most) {
            const ::ssize_t count = ::recv(socket_.get(), text.data() + size, most - size, 0);
            if (count <= 0) break;
            size += static_cast<std::size_t>(count);
        }
        text.resize(size);
        return text;
    }

private:
    unique_fd socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

class serving : public interrupted {
protected:
    static constexpr std::size_t long_answer = std::size_t{32} << 20;

    void SetUp() override {
        interrupted::SetUp();
        std::filesystem::create_directory(path("site"));
        std::ofstream{path("site/short.txt")} << "short";
        std::ofstream file{path("site/long.txt"), std::ios::binary};
        const std::string block(std::size_t{1} << 20, 'x');
        for (std::size_t at = 0; at != long_answer; at += block.size()) file << block;
    }

    [[nodiscard]] std::vector<std::string> serve(std::string_view before = "") const {
        return words({"serve", path("site"), "--listen", "127.0.0.1:0"}, "&1", before);
    }

    // The port that the first line tells.
    static std::string port_of(child_process& program) {
        const std::string line = program.read_line();
        const std::size_t colon = line.rfind(':');
        EXPECT_NE(colon, std::string::npos) << line;
        return line.substr(colon + 1, line.rfind('/') - colon - 1);
    }
};

TEST_P(serving, ends_idle_connections_and_finishes_answers_in_flight) {
    for (const int number : {SIGINT, SIGTERM}) {
        SCOPED_TRACE(number);
        child_process program{serve()};
        const std::string port = port_of(program);
        const client idle{port};
        idle.ask("/short.txt");
        std::string head;
        while (!head.ends_with("short")) head.append(idle.read(1));
        {
            const client busy{port};
            busy.ask("/long.txt");
            std::string answer = busy.read(1);
            ASSERT_EQ(::kill(program.pid(), number), 0);
            EXPECT_EQ(idle.read(1), "");  // closed: it has understood
            answer.append(busy.read(2 * long_answer));
            const std::size_t body = answer.find("\r\n\r\n") + 4;
            EXPECT_EQ(answer.size() - body, long_answer);
        }
        EXPECT_EQ(program.read_all(), "");
        EXPECT_EQ(program.wait(), exit_interrupted);
    }
}

TEST_P(serving, ends_at_once_the_second_time) {
    child_process program{serve()};
    const std::string port = port_of(program);
    const client idle{port};
    idle.ask("/short.txt");
    std::string head;
    while (!head.ends_with("short")) head.append(idle.read(1));
    const client busy{port};
    busy.ask("/long.txt");
    EXPECT_EQ(busy.read(1), "H");
    ASSERT_EQ(::kill(program.pid(), SIGTERM), 0);
    EXPECT_EQ(idle.read(1), "");
    ASSERT_EQ(::kill(program.pid(), SIGTERM), 0);
    EXPECT_EQ(program.wait(), 128 + SIGTERM);
}

// What a shell starts in the background ignores Ctrl-C.
TEST_P(serving, is_ended_by_sigterm_where_ctrl_c_is_ignored) {
    child_process program{serve("trap '' INT; ")};
    const client idle{port_of(program)};
    ASSERT_EQ(::kill(program.pid(), SIGINT), 0);
    idle.ask("/short.txt");
    std::string head;
    while (!head.ends_with("short")) head.append(idle.read(1));
    ASSERT_EQ(::kill(program.pid(), SIGTERM), 0);
    EXPECT_EQ(idle.read(1), "");
    EXPECT_EQ(program.wait(), exit_interrupted);
}

constexpr auto name = [](const auto& each) { return std::string{name_of(each.param)}; };

INSTANTIATE_TEST_SUITE_P(backends, interrupted,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring), name);
INSTANTIATE_TEST_SUITE_P(backends, serving,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring), name);

}  // namespace
}  // namespace simul::test
