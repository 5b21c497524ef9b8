// SPDX-License-Identifier: Apache-2.0
//
// The founding list once more, as its users run it: the sites are at port 443 of addresses of their
// own, names are led there by --resolve, and 1.1.1.1 is what it says. All of that is possible in a
// network of its own only.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>

#include "integration/fetch/founding_sites.hpp"
#include "program_path.hpp"
#include "support/child_process.hpp"
#include "support/network_namespace.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {
namespace {

using namespace std::chrono_literals;

const std::map<std::string, std::string> founding_addresses{
    {"regex101.com", "127.0.0.11"},     {"docs.python.org", "127.0.0.12"},
    {"www.nytimes.com", "127.0.0.13"},  {"www.mediamatters.org", "127.0.0.14"},
    {"www.politico.com", "127.0.0.15"}, {"www.bloomberg.com", "127.0.0.16"},
    {"www.ietf.org", "127.0.0.17"},
};

// Each address that is asked for, behind that of the server where it was asked for.
const std::vector<std::string> founding_requests{
    "1.1.1.1 https://1.1.1.1/",
    "127.0.0.11 https://regex101.com/",
    "127.0.0.12 https://docs.python.org/3/this-url-will-404.html",
    "127.0.0.13 https://www.nytimes.com/guides/",
    "127.0.0.13 https://www.nytimes.com/guides/index.html",
    "127.0.0.14 https://www.mediamatters.org/",
    "127.0.0.15 https://www.politico.com/tipsheets/morning-money",
    "127.0.0.16 https://www.bloomberg.com/markets/economics",
    "127.0.0.17 https://www.ietf.org/rfc/rfc2616.txt",
};

class fetch_at_port_443 : public testing::TestWithParam<backend_kind> {
protected:
    static void SetUpTestSuite() {
        if (std::string_view{SIMUL_PROGRAM}.empty() || !network_namespace::why_not().empty()) {
            return;
        }
        sites_ = std::make_unique<founding_sites>(
            network_namespace::beginning("ip address add 1.1.1.1/32 dev lo"),
            std::vector<std::string>{"0.0.0.0", "443"});
    }
    static void TearDownTestSuite() { sites_.reset(); }

    void SetUp() override {
        if (std::string_view{SIMUL_PROGRAM}.empty()) GTEST_SKIP() << "the program is not built";
        if (!sites_) GTEST_SKIP() << network_namespace::why_not();
        ASSERT_EQ(sites_->port(), "443") << "the server did not start";
        const std::vector<backend_kind> able = test_backends();
        if (std::ranges::find(able, GetParam()) == able.end()) {
            GTEST_SKIP() << name_of(GetParam()) << " cannot run here";
        }
    }

    // Runs the program in the network of the sites, with the founding list.
    [[nodiscard]] fetch_result fetch(const std::vector<std::string>& more) const {
        const temporary_directory folder;
        const std::string log = folder.path() / "log";
        const std::string list = folder.path() / "urls.txt";
        const std::string table = folder.path() / "foundurls.txt";
        std::ofstream{list, std::ios::binary} << founding_list;
        std::vector<std::string> words = network_namespace::joining(sites_->pid());
        words.insert(words.end(),
                     {"timeout", "120", "env", joined({"SIMUL_BACKEND=", name_of(GetParam())}),
                      "sh", "-c", joined({"exec \"$0\" \"$@\" 2>'", log, "'"}), SIMUL_PROGRAM,
                      "fetch", "--authority", sites_->authority(), "-f", list, "-o", table});
        for (const auto& [host, address] : founding_addresses) {
            words.insert(words.end(), {"--resolve", joined({host, ":443:", address})});
        }
        words.insert(words.end(), more.begin(), more.end());
        child_process process{std::move(words)};
        return fetch_result{process.wait(), log, table};
    }

    // The next requests that the sites were asked, in the order of the list above.
    [[nodiscard]] static std::vector<std::string> next_requests(std::size_t count) {
        std::vector<std::string> asked;
        while (asked.size() != count) asked.push_back(sites_->read_line());
        std::ranges::sort(asked);
        return asked;
    }

    static std::unique_ptr<founding_sites> sites_;
};

std::unique_ptr<founding_sites> fetch_at_port_443::sites_;

TEST_P(fetch_at_port_443, writes_the_441_lines_and_tells_it_in_the_founding_words) {
    const auto began = std::chrono::steady_clock::now();
    const fetch_result result = fetch({"--compat-log"});
    const auto took = std::chrono::steady_clock::now() - began;
    expect_founding_table(result);
    expect_founding_log(result);
    ASSERT_FALSE(HasFailure());
    EXPECT_GE(took, 300ms) << "the slow host was none";
    EXPECT_EQ(next_requests(founding_requests.size()), founding_requests);
}

TEST_P(fetch_at_port_443, names_a_page_that_failed_and_why) {
    const fetch_result result = fetch({});
    expect_founding_table(result);
    ASSERT_FALSE(HasFailure());
    EXPECT_TRUE(result.told(joined(
        {"ERROR:areq: ", not_found_page, ": reading the head of the answer: 404 Not Found"})))
        << result.whole_log();
    EXPECT_EQ(next_requests(founding_requests.size()), founding_requests);
}

// What is not named has no address in here: that the others do is the work of --resolve.
TEST_P(fetch_at_port_443, looks_up_what_resolve_does_not_name) {
    const fetch_result result = fetch({"https://unnamed.test/"});
    expect_founding_table(result);
    ASSERT_FALSE(HasFailure());
    EXPECT_TRUE(result.told_like("ERROR:areq: https://unnamed.test/: resolving the name: "))
        << result.whole_log();
    EXPECT_EQ(next_requests(founding_requests.size()), founding_requests);
}

INSTANTIATE_TEST_SUITE_P(backends, fetch_at_port_443,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         [](const auto& each) { return std::string{name_of(each.param)}; });

}  // namespace
}  // namespace simul::test
