// SPDX-License-Identifier: Apache-2.0
//
// The program `simul fetch` against a copy of the sites of the founding list, fetch/founding_sites.
// The sites are https: at port 443, to which nothing is sent: --connect-to leads to the copy.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>

#include "integration/fetch/founding_sites.hpp"
#include "program_path.hpp"
#include "support/child_process.hpp"
#include "support/run_on_backends.hpp"
#include "support/test_data.hpp"

namespace simul::test {
namespace {

class fetch_command : public testing::TestWithParam<backend_kind> {
protected:
    static void SetUpTestSuite() {
        if (std::string_view{SIMUL_PROGRAM}.empty()) return;
        sites_ = std::make_unique<founding_sites>();
    }
    static void TearDownTestSuite() { sites_.reset(); }

    void SetUp() override {
        if (!sites_) GTEST_SKIP() << "the program is not built";
        const std::vector<backend_kind> able = test_backends();
        if (std::ranges::find(able, GetParam()) == able.end()) {
            GTEST_SKIP() << name_of(GetParam()) << " cannot run here";
        }
    }

    [[nodiscard]] std::string path(std::string_view name) const {
        return (folder_.path() / name).string();
    }

    std::string write(std::string_view name, std::string_view text) const {
        std::ofstream file{folder_.path() / name, std::ios::binary};
        file.write(text.data(), static_cast<std::streamsize>(text.size()));
        return path(name);
    }

    // The command line, with standard error in a file.
    [[nodiscard]] std::vector<std::string> words_of(std::vector<std::string> arguments) const {
        std::vector<std::string> words{
            "env",  joined({"SIMUL_BACKEND=", name_of(GetParam())}),      "sh",
            "-c",   joined({"exec \"$0\" \"$@\" 2>'", path("log"), "'"}), SIMUL_PROGRAM,
            "fetch"};
        words.insert(words.end(), arguments.begin(), arguments.end());
        return words;
    }

    // The arguments that lead every address at port 443 to the copy.
    [[nodiscard]] std::vector<std::string> to_the_copy(std::vector<std::string> more) const {
        std::vector<std::string> arguments{"--authority", sites_->authority(), "--connect-to",
                                           joined({":443:127.0.0.1:", sites_->port()})};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    }

    [[nodiscard]] fetch_result look(int code) const {
        return fetch_result{code, path("log"), path("found.txt")};
    }

    fetch_result run_program(std::vector<std::string> arguments) const {
        child_process process{words_of(std::move(arguments))};
        std::string output = process.read_all();
        const int code = process.wait();
        fetch_result result = look(code);
        result.standard_output = std::move(output);
        return result;
    }

    fetch_result fetch(std::vector<std::string> more) const {
        more.insert(more.end(), {"-o", path("found.txt")});
        return run_program(to_the_copy(std::move(more)));
    }

    static std::unique_ptr<founding_sites> sites_;

private:
    temporary_directory folder_;
};

std::unique_ptr<founding_sites> fetch_command::sites_;

// --- the founding list ---------------------------------------------------------------------------

TEST_P(fetch_command, finds_the_links_of_the_founding_list) {
    const fetch_result result = fetch({"-f", write("urls.txt", founding_list)});
    expect_founding_table(result);
}

TEST_P(fetch_command, tells_what_happens_in_the_founding_words) {
    const fetch_result result = fetch({"-f", write("urls.txt", founding_list), "--compat-log"});
    expect_founding_log(result);
}

TEST_P(fetch_command, stamps_its_lines_with_the_time) {
    const fetch_result result = fetch({"https://www.bloomberg.com/markets/economics"});
    EXPECT_EQ(result.code, 0);
    const std::vector<std::string> lines = lines_of(read_whole_file(path("log")));
    ASSERT_EQ(lines.size(), 3U);
    for (const std::string& line : lines) {
        EXPECT_EQ(line.substr(8, 11), " INFO:areq:") << line;
        EXPECT_EQ(line.find_first_not_of("0123456789:"), 8U) << line;
    }
}

TEST_P(fetch_command, says_in_its_own_words_which_page_failed_and_why) {
    const fetch_result result = fetch({not_found_page});
    EXPECT_EQ(result.code, 0);
    const std::vector<std::string> expected{joined(
        {"ERROR:areq: ", not_found_page, ": reading the head of the answer: 404 Not Found"})};
    EXPECT_EQ(result.log, expected);
    EXPECT_EQ(result.lines.size(), 1U);
}

TEST_P(fetch_command, gives_the_same_counts_with_the_founding_expression) {
    const fetch_result result = fetch({"-f", write("urls.txt", founding_list), "--regex"});
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(count_by_source(result.lines), founding_counts);
}

TEST_P(fetch_command, reads_html_where_the_expression_matches_text) {
    EXPECT_EQ(fetch({"https://odd.test/"}).lines,
              (std::vector<std::string>{"source_url\tparsed_url",
                                        "https://odd.test/\thttps://odd.test/deep/single",
                                        "https://odd.test/\thttps://odd.test/deep/a?x=1&y=2"}));
    std::filesystem::remove(path("found.txt"));
    EXPECT_EQ(
        fetch({"https://odd.test/", "--regex"}).lines,
        (std::vector<std::string>{
            "source_url\tparsed_url", "https://odd.test/\thttps://odd.test/deep/",
            "https://odd.test/\thttps://odd.test/hidden",
            "https://odd.test/\thttps://odd.test/style.css",
            "https://odd.test/\thttps://odd.test/a?x=1&amp;y=2", "https://odd.test/\tmailto:a@b"}));
}

// --- the list ------------------------------------------------------------------------------------

TEST_P(fetch_command, takes_addresses_from_standard_input_from_a_file_and_as_arguments) {
    const std::string list = write("urls.txt", "\r\nhttps://regex101.com/\r\nhttps://1.1.1.1");
    std::vector<std::string> words = words_of(to_the_copy(
        {"-f", "-", "-o", path("found.txt"), "https://1.1.1.1/", "https://1.1.1.1/#part"}));
    words[4].append(" <'").append(list).append("'");
    child_process process{words};
    const int code = process.wait();
    const fetch_result result = look(code);
    EXPECT_EQ(result.code, 0) << result.whole_log();
    // A fragment makes another address, as it did: sets were of strings.
    EXPECT_EQ(count_by_source(result.lines),
              (std::map<std::string, std::size_t>{{"https://regex101.com/", 23},
                                                  {"https://1.1.1.1", 36},
                                                  {"https://1.1.1.1/#part", 36}}));
}

TEST_P(fetch_command, names_the_line_that_holds_no_address_and_fetches_the_others) {
    const std::string list = write("urls.txt", "https://1.1.1.1/\n\nhttps://[::1/\nftp://a/b\n");
    const fetch_result result = fetch({"-f", list});
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.lines.size(), 37U);
    EXPECT_TRUE(result.told_like(joined({"ERROR:areq: ", list, ":3: https://[::1/: "})))
        << result.whole_log();
    EXPECT_TRUE(result.told(joined({"ERROR:areq: ", list,
                                    ":4: ftp://a/b: only http: and https: addresses can be "
                                    "fetched"})))
        << result.whole_log();
}

TEST_P(fetch_command, refuses_a_command_line_that_makes_no_sense_and_names_the_flag) {
    const std::string list = write("urls.txt", founding_list);
    const std::string output = path("found.txt");
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
        {{"-f", list}, "--output"},
        {{"-o", output}, "--file"},
        {{"-f", path("missing"), "-o", output}, "--file"},
        {{"-f", path(""), "-o", output}, "--file"},
        {{"-f", write("empty", "\n \n"), "-o", output}, "no address"},
        {{"-f", write("wrong", "no address\n"), "-o", output}, "wrong:1: no address"},
        {{"-f", list, "-o", path("missing/found.txt")}, "--output"},
        {{"-f", list, "-o", path("")}, "--output"},
        {{"-f", list, "-o", output, "--timeout", "connect=soon"}, "--timeout"},
        {{"-f", list, "-o", output, "--resolve", "a:443"}, "--resolve"},
        {{"-f", list, "-o", output, "--connect-to", "a:443"}, "--connect-to"},
        {{"-f", list, "-o", output, "--authority", list}, "--authority"},
        {{"-f", list, "-o", output, "--authority", path("empty")}, "--authority"},
        {{"-f", list, "-o", output, "--concurrency", "0"}, "--concurrency"},
        {{"-f", list, "-o", output, "--user-agent", "a\nb"}, "--user-agent"},
        {{"-f", list, "-o", output, "--max-body", "much"}, "--max-body"},
        {{"-f", list, "-o", output, "--unknown"}, "--unknown"},
    };
    for (const auto& [arguments, name] : cases) {
        const fetch_result result = run_program(arguments);
        EXPECT_EQ(result.code, 2) << name;
        EXPECT_TRUE(result.told_like(name)) << name << ": " << result.whole_log();
        EXPECT_FALSE(result.told_like("Got response")) << name;
        EXPECT_FALSE(std::filesystem::exists(output)) << name;
    }
}

// --- pages that fail -----------------------------------------------------------------------------

TEST_P(fetch_command, goes_on_when_pages_fail_in_every_way) {
    const fetch_result result =
        fetch({"https://reset.test/", "https://short.test/", "https://loop.test/a",
               "https://broken.test/", "https://hanging.test/quiet", "https://unnamed.invalid/",
               "https://1.1.1.1/", "--timeout", "first-byte=0.5", "--concurrency", "3"});
    EXPECT_EQ(result.code, 0) << result.whole_log();
    EXPECT_EQ(result.lines.size(), 37U);
    const auto failures = std::ranges::count_if(
        result.log, [](const std::string& line) { return line.starts_with("ERROR"); });
    EXPECT_EQ(failures, 6) << result.whole_log();
    for (const char* part :
         {"ERROR:areq: https://reset.test/: waiting for an answer: ",
          "ERROR:areq: https://short.test/: reading the body of the answer: ",
          "ERROR:areq: https://loop.test/a: following a redirect: ",
          "ERROR:areq: https://broken.test/: reading the head of the answer: 500 ",
          "ERROR:areq: https://hanging.test/quiet: waiting for an answer: ",
          "ERROR:areq: https://unnamed.invalid/: agreeing on TLS: "}) {
        EXPECT_TRUE(result.told_like(part)) << part << "\n" << result.whole_log();
    }
    EXPECT_EQ(sites_->read_line(), "hanging /quiet");
}

TEST_P(fetch_command, says_so_when_nothing_could_be_reached) {
    const fetch_result result = run_program(
        {"https://refused.test/", "--resolve", "refused.test:*:127.0.0.1", "--connect-to",
         "refused.test:443::1", "--compat-log", "-o", path("found.txt")});
    EXPECT_EQ(result.code, 3) << result.whole_log();
    ASSERT_EQ(result.log.size(), 1U);
    EXPECT_EQ(
        result.log.front().find("ERROR:areq: aiohttp exception for https://refused.test/ [None]: "),
        0U)
        << result.log.front();
    EXPECT_TRUE(result.told_like("Connection refused")) << result.whole_log();
}

TEST_P(fetch_command, believes_no_unknown_authority_unless_told_to) {
    const std::vector<std::string> arguments{"https://1.1.1.1/", "--connect-to",
                                             joined({"1.1.1.1:443:127.0.0.1:", sites_->port()}),
                                             "-o", path("found.txt")};
    const fetch_result refused = run_program(arguments);
    EXPECT_EQ(refused.code, 3);
    EXPECT_TRUE(refused.told_like("https://1.1.1.1/: agreeing on TLS: ")) << refused.whole_log();
    EXPECT_EQ(refused.lines.size(), 1U);
    std::vector<std::string> with_flag = arguments;
    with_flag.push_back("--insecure");
    const fetch_result believed = run_program(with_flag);
    EXPECT_EQ(believed.code, 0) << believed.whole_log();
    EXPECT_EQ(believed.lines.size(), 37U);
}

TEST_P(fetch_command, leaves_alone_what_is_no_text) {
    const fetch_result result = fetch({"https://image.test/"});
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.log, (std::vector<std::string>{
                              "INFO:areq: Got response [200] for URL: https://image.test/",
                              "DEBUG:areq: Not text but image/png, left unread: "
                              "https://image.test/",
                              "INFO:areq: Found 0 links for https://image.test/"}));
}

TEST_P(fetch_command, lets_no_escape_of_the_web_through) {
    for (const char* finder : {"--compat-log", "--regex"}) {
        const fetch_result result = fetch({"https://escape.test/", finder});
        EXPECT_EQ(result.code, 0);
        EXPECT_EQ(result.whole_log().find('\x1b'), std::string::npos);
    }
    EXPECT_EQ(read_whole_file(path("found.txt")).find('\x1b'), std::string::npos);
}

// --- the output ----------------------------------------------------------------------------------

TEST_P(fetch_command, appends_to_what_is_there) {
    for (int i = 0; i < 2; ++i) {
        const fetch_result result = fetch({"https://www.bloomberg.com/markets/economics"});
        EXPECT_EQ(result.code, 0);
        EXPECT_EQ(result.lines.size(), i == 0 ? 4U : 7U);
    }
}

TEST_P(fetch_command, writes_to_standard_output) {
    const fetch_result result =
        run_program(to_the_copy({"https://www.bloomberg.com/markets/economics", "-o", "-"}));
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(lines_of(result.standard_output).size(), 4U) << result.standard_output;
}

TEST_P(fetch_command, ends_with_a_clear_line_when_the_disk_is_full) {
    const fetch_result result = run_program(to_the_copy({"https://1.1.1.1/", "-o", "/dev/full"}));
    EXPECT_EQ(result.code, 4);
    EXPECT_TRUE(
        result.told("simul fetch: /dev/full: No space left on device; 0 of 1 pages are "
                    "complete"))
        << result.whole_log();
}

TEST_P(fetch_command, leaves_whole_lines_where_a_file_may_not_grow) {
    std::vector<std::string> words =
        words_of(to_the_copy({"-f", write("urls.txt", founding_list), "-o", path("found.txt")}));
    // As a full disk does it, this cuts a write short. A block is 512 bytes, or 1024 in some
    // shells.
    words[4].insert(0, "trap '' XFSZ; ulimit -f 8; ");
    child_process process{words};
    const int code = process.wait();
    const fetch_result result = look(code);
    EXPECT_EQ(result.code, 4) << result.whole_log();
    EXPECT_TRUE(result.told_like("found.txt: File too large; ")) << result.whole_log();
    const std::string text = read_whole_file(path("found.txt"));
    EXPECT_TRUE(text.ends_with('\n'));
    EXPECT_LE(text.size(), 8192U);
    for (const std::string& line : result.lines) {
        EXPECT_EQ(std::ranges::count(line, '\t'), 1) << line;
    }
}

TEST_P(fetch_command, keeps_what_is_complete_when_it_is_interrupted) {
    child_process process{words_of(
        to_the_copy({"https://1.1.1.1/", "https://hanging.test/interrupted",
                     "https://regex101.com/", "--concurrency", "1", "-o", path("found.txt")}))};
    EXPECT_EQ(sites_->read_line(), "hanging /interrupted");
    ASSERT_EQ(::kill(process.pid(), SIGINT), 0);
    const int code = process.wait();
    const fetch_result result = look(code);
    EXPECT_EQ(result.code, 5) << result.whole_log();
    EXPECT_EQ(result.lines.size(), 37U);
    EXPECT_TRUE(result.told("simul fetch: interrupted; 1 of 3 pages are complete, with 36 links"))
        << result.whole_log();
}

INSTANTIATE_TEST_SUITE_P(backends, fetch_command,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         [](const auto& each) { return std::string{name_of(each.param)}; });

}  // namespace
}  // namespace simul::test
