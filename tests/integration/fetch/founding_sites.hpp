// SPDX-License-Identifier: Apache-2.0
//
// fetch/founding_sites.hpp: the founding list, the copy of its sites, and what is to come of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/child_process.hpp"
#include "support/test_authority.hpp"
#include "support/test_data.hpp"
#include "support/text_pieces.hpp"

namespace simul::test {

inline constexpr const char* founding_list =
    "https://regex101.com/\n"
    "https://docs.python.org/3/this-url-will-404.html\n"
    "https://www.nytimes.com/guides/\n"
    "https://www.mediamatters.org/\n"
    "https://1.1.1.1/\n"
    "https://www.politico.com/tipsheets/morning-money\n"
    "https://www.bloomberg.com/markets/economics\n"
    "https://www.ietf.org/rfc/rfc2616.txt\n";

/// The links of each page that has some.
inline const std::map<std::string, std::size_t> founding_counts{
    {"https://regex101.com/", 23},
    {"https://www.nytimes.com/guides/", 120},
    {"https://www.mediamatters.org/", 115},
    {"https://1.1.1.1/", 36},
    {"https://www.politico.com/tipsheets/morning-money", 143},
    {"https://www.bloomberg.com/markets/economics", 3},
};

inline constexpr const char* not_found_page = "https://docs.python.org/3/this-url-will-404.html";

/// The server, and the certificate it shows for every one of its names.
class founding_sites {
public:
    founding_sites() : founding_sites{{}, {}} {}

    /// `before` are the words of a command that goes on with the words behind it; `more` are
    /// further arguments of the server.
    founding_sites(std::vector<std::string> before, const std::vector<std::string>& more) {
        certificate_request wanted = server_named("regex101.com");
        wanted.names = {
            "regex101.com",     "docs.python.org",   "www.nytimes.com", "*.mediamatters.org",
            "www.politico.com", "www.bloomberg.com", "www.ietf.org",    "*.test"};
        // A name with a star and only one more label is not believed by everybody.
        for (const char* name :
             {"odd", "image", "escape", "hanging", "reset", "short", "loop", "broken", "refused"}) {
            wanted.names.push_back(joined({name, ".test"}));
        }
        wanted.addresses = {"1.1.1.1"};
        const test_authority& authority = test_authority::shared();
        const issued_certificate leaf = authority.server(wanted);
        authority_ = files_.write("authority.pem", authority.root.certificate);
        std::vector<std::string> command = std::move(before);
        command.emplace_back("python3");
        command.emplace_back(SIMUL_SOURCE_DIR "/tests/integration/fetch/founding_sites.py");
        command.push_back(files_.write("chain.pem", authority.chain_of(leaf)).string());
        command.push_back(files_.write("key.pem", leaf.key).string());
        command.insert(command.end(), more.begin(), more.end());
        process_.emplace(std::move(command));
        port_ = process_->read_line();
    }

    [[nodiscard]] const std::string& port() const noexcept { return port_; }
    [[nodiscard]] std::string authority() const { return authority_.string(); }
    [[nodiscard]] ::pid_t pid() const noexcept { return process_->pid(); }
    [[nodiscard]] std::string read_line() { return process_->read_line(); }

private:
    temporary_files files_;
    std::filesystem::path authority_;
    std::optional<child_process> process_;
    std::string port_;
};

/// What a run of the program left behind.
class fetch_result {
public:
    fetch_result() = default;

    /// Reads its standard error and its table from files.
    fetch_result(int exit_code, const std::filesystem::path& log_file,
                 const std::filesystem::path& table)
        : code{exit_code}, lines{lines_of(read_whole_file(table))} {
        for (const std::string& line : lines_of(read_whole_file(log_file))) {
            const bool has_time = line.size() > 9 && line[2] == ':' && line[5] == ':';
            log.push_back(has_time ? line.substr(9) : line);
        }
    }

    int code = -1;
    std::string standard_output;
    std::vector<std::string> log;    ///< without the times
    std::vector<std::string> lines;  ///< of the table

    [[nodiscard]] bool told(std::string_view line) const {
        return std::ranges::find(log, line) != log.end();
    }
    [[nodiscard]] bool told_like(std::string_view part) const {
        return std::ranges::any_of(
            log, [&](const std::string& line) { return line.find(part) != std::string::npos; });
    }
    [[nodiscard]] std::string whole_log() const {
        std::string text;
        for (const std::string& line : log) text.append(line).append("\n");
        return text;
    }
};

inline std::map<std::string, std::size_t> count_by_source(const std::vector<std::string>& lines) {
    std::map<std::string, std::size_t> counts;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::size_t tab = lines[i].find('\t');
        EXPECT_NE(tab, std::string::npos) << lines[i];
        ++counts[lines[i].substr(0, tab)];
    }
    return counts;
}

/// Looks at the table of the founding list: its 441 lines.
inline void expect_founding_table(const fetch_result& result) {
    EXPECT_EQ(result.code, 0) << result.whole_log();
    ASSERT_EQ(result.lines.size(), 441U) << result.whole_log();
    EXPECT_EQ(result.lines.front(), "source_url\tparsed_url");
    EXPECT_EQ(count_by_source(result.lines), founding_counts);
    const std::set<std::string> distinct{result.lines.begin(), result.lines.end()};
    EXPECT_EQ(distinct.size(), 441U);
    EXPECT_TRUE(distinct.contains(
        "https://www.nytimes.com/guides/\thttps://www.nytimes.com/guides/guide-119.html"));
    EXPECT_TRUE(
        distinct.contains("https://www.mediamatters.org/\t"
                          "https://www.mediamatters.org/%C3%A9t%C3%A9/114"));
    EXPECT_TRUE(
        distinct.contains("https://1.1.1.1/\thttps://1.1.1.1/"
                          "%D1%81%D1%82%D1%80%D0%B0%D0%BD%D0%B8%D1%86%D0%B0-0"));
    EXPECT_TRUE(
        distinct.contains("https://www.politico.com/tipsheets/morning-money\t"
                          "https://www.politico.com/news/142"));
}

/// Looks at what was told about the founding list with --compat-log, in whatever order.
inline void expect_founding_log(const fetch_result& result) {
    std::vector<std::string> expected{
        joined({"ERROR:areq: aiohttp exception for ", not_found_page, " [404]: Not Found"})};
    std::map<std::string, std::size_t> counts = founding_counts;
    counts["https://www.ietf.org/rfc/rfc2616.txt"] = 0;
    for (const auto& [url, count] : counts) {
        expected.push_back(joined({"INFO:areq: Got response [200] for URL: ", url}));
        expected.push_back(
            joined({"INFO:areq: Found ", std::to_string(count), " links for ", url}));
        if (count == 0) continue;
        expected.push_back(joined({"INFO:areq: Wrote results for source URL: ", url}));
    }
    std::vector<std::string> told = result.log;
    std::ranges::sort(told);
    std::ranges::sort(expected);
    EXPECT_EQ(told, expected);
}

}  // namespace simul::test
