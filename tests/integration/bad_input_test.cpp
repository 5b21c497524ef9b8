// SPDX-License-Identifier: Apache-2.0
//
// What `simul crawl` makes of everything that can be wrong: hosts, answers, certificates, names,
// addresses, disks, command lines. What fails is told in one line with its address, the stage it
// had come to, and the cause; everything else goes on; and what is written can be read.
//
// The crawls of the broken sites wait for limits of time, and try again what may be better later,
// so all of them run at the same time, before the tests look at what they left.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <set>
#include <utility>

#include <cerrno>

#include "integration/crawl/broken_sites.hpp"
#include "simul/base/error.hpp"
#include "simul/http/error.hpp"
#include "simul/io/dns.hpp"
#include "simul/tls/error.hpp"
#include "support/network_namespace.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {
namespace {

using json = crawl_run::json;

// The stages of a request, as they are told.
constexpr const char* resolving = "resolving the name";
constexpr const char* connecting = "connecting";
constexpr const char* handshaking = "agreeing on TLS";
constexpr const char* waiting = "waiting for an answer";
constexpr const char* in_head = "reading the head of the answer";
constexpr const char* in_body = "reading the body of the answer";
constexpr const char* redirecting = "redirecting";
constexpr const char* answered = "answer";

// What is to be told about an address.
class expectation {
public:
    expectation(std::string where, std::string at, std::string why)
        : url{std::move(where)}, stage{std::move(at)}, cause{std::move(why)} {}
    expectation(std::string where, std::string at, const std::error_code& why)
        : expectation{std::move(where), std::move(at), why.message()} {}
    template <class Code>
        requires std::is_error_code_enum_v<Code>
    expectation(std::string where, std::string at, Code why)
        : expectation{std::move(where), std::move(at), make_error_code(why)} {}

    std::string url;
    std::string stage;
    std::string cause;  // the end of it, or a part
};

std::error_code of_system(int number) {
    return {number, std::system_category()};
}

std::vector<expectation> expected_failures(const broken_sites& sites) {
    const auto at = [&](const char* name) { return sites.at(name); };
    const auto secure = [&](const char* name) { return sites.secure_at(name); };
    const auto good = [&](const char* path) { return sites.at("good", path); };
    return {
        {good("/missing"), answered, "404 Not Found"},
        {good("/broken"), answered, "500 Internal Server Error"},
        {good("/loop-b"), redirecting, "a redirect to where the request had been before"},
        {good("/itself"), redirecting, "a redirect to where the request had been before"},
        {good("/hop-11"), redirecting, "one request was sent elsewhere too often"},
        {good("/nowhere"), redirecting, "a redirect without a usable Location"},
        {good("/invalid-location"), redirecting, "a redirect without a usable Location"},

        {at("refused"), connecting, of_system(ECONNREFUSED)},
        {at("full"), connecting, errc::timed_out},
        {at("silent"), waiting, errc::timed_out},
        {at("closing"), waiting, http::errc::unexpected_end},
        {at("resetting"), waiting, of_system(ECONNRESET)},
        {at("head-stalls"), in_head, errc::timed_out},
        {at("head-cut"), in_head, http::errc::truncated_head},
        {at("head-endless"), in_head, http::errc::too_many_fields},
        {at("field-endless"), in_head, http::errc::field_too_large},
        {at("not-http"), in_head, http::errc::not_http},
        {at("bad-length"), in_head, http::errc::bad_content_length},
        {at("body-stalls"), in_body, errc::timed_out},
        {at("body-cut"), in_body, http::errc::truncated_body},
        {at("body-reset"), in_body, of_system(ECONNRESET)},
        {at("body-drips"), in_body, "the time for the whole request is over"},
        {at("false-gzip"), in_body, http::errc::decoding_failed},

        {secure("expired"), handshaking, tls::errc::certificate_expired},
        {secure("not-yet-valid"), handshaking, tls::errc::certificate_not_yet_valid},
        {secure("other-host"), handshaking, tls::errc::host_mismatch},
        {secure("self-signed"), handshaking, tls::errc::self_signed},
        {secure("unknown-authority"), handshaking, tls::errc::unknown_authority},
        {secure("incomplete-chain"), handshaking, tls::errc::incomplete_chain},
        {secure("wrong-purpose"), handshaking, tls::errc::wrong_purpose},
        {secure("weak-key"), handshaking, tls::errc::weak_key},
        {secure("weak-digest"), handshaking, tls::errc::weak_digest},
        {secure("bad-signature"), handshaking, tls::errc::bad_signature},
        {secure("path-too-long"), handshaking, tls::errc::path_too_long},
        {secure("chain-too-long"), handshaking, tls::errc::chain_too_long},
        {secure("invalid-authority"), handshaking, tls::errc::invalid_authority},
        {secure("name-constraint"), handshaking, tls::errc::name_constraint},
        {secure("message-too-long"), handshaking, tls::errc::message_too_long},
        {secure("tls-old"), handshaking, tls::errc::protocol_version},
        {secure("tls-no-version"), handshaking, tls::errc::protocol_version},
        {secure("tls-no-cipher"), handshaking, tls::errc::no_common_cipher},
        {secure("tls-refused"), handshaking, tls::errc::handshake_failed},
        {secure("tls-none"), handshaking, tls::errc::not_tls},
        {secure("tls-closing"), handshaking, tls::errc::closed_during_handshake},
        {secure("tls-resetting"), handshaking, of_system(ECONNRESET)},
        {secure("tls-silent"), handshaking, errc::timed_out},
        {secure("tls-client-certificate"), waiting, tls::errc::certificate_required},
        {secure("tls-altered"), waiting, tls::errc::bad_record},
        {secure("tls-cut"), in_body, tls::errc::truncated},
    };
}

std::vector<expectation> expected_failures_of_the_network(const broken_sites& sites) {
    return {
        {sites.at("missing"), resolving, dns_errc::not_found},
        {sites.at("empty"), resolving, dns_errc::no_address},
        {sites.at("failing"), resolving, dns_errc::server_failure},
        {sites.at("refusing"), resolving, dns_errc::refused},
        {sites.at("unanswered"), resolving, dns_errc::timed_out},
        {sites.at("private"), connecting, "is not on the public internet"},
        {sites.at("unroutable"), connecting, of_system(ENETUNREACH)},
        {sites.at("unreachable"), connecting, of_system(EHOSTUNREACH)},
    };
}

constexpr const char* limits =
    "resolve=0.5,connect=0.5,handshake=0.8,first-byte=0.8,idle=0.8,total=1.6";

std::vector<std::string> arguments_for(const broken_sites& sites,
                                       const std::vector<std::string>& more) {
    std::vector<std::string> words = sites.arguments();
    words.insert(words.end(), {"--quiet", "--scope", "any", "--robots", "ignore"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

std::string write_file(const std::filesystem::path& path, std::string_view text) {
    std::ofstream{path, std::ios::binary} << text;
    return path.string();
}

class bad_input : public testing::TestWithParam<backend_kind> {
protected:
    static void SetUpTestSuite() {
        if (std::string_view{SIMUL_PROGRAM}.empty()) return;
        sites_ = std::make_unique<broken_sites>();
        if (network_namespace::why_not().empty()) {
            const std::string conf =
                write_file(files().path() / "resolv.conf", "nameserver 127.0.0.1\n");
            nameless_ = std::make_unique<broken_sites>(network_namespace::beginning(
                joined({"ip route add unreachable 203.0.113.1 && mount --bind '", conf,
                        "' /etc/resolv.conf"})));
        }
        if (!sites_->is_running()) return;
        for (const backend_kind kind : test_backends()) {
            if (kind == backend_kind::simulated) continue;
            runs_.try_emplace(
                kind, name_of(kind),
                arguments_for(*sites_, {sites_->at("good"), sites_->secure_at("good", "/a"),
                                        "--timeout", limits}));
            if (!nameless_ || !nameless_->is_running()) continue;
            std::vector<std::string> words = {nameless_->at("good"), "--timeout", limits};
            for (const char* name :
                 {"missing", "empty", "failing", "refusing", "unanswered", "private"}) {
                words.insert(words.end(), {"--i-own-this", joined({name, ".test"})});
            }
            nameless_runs_.try_emplace(kind, name_of(kind), arguments_for(*nameless_, words),
                                       network_namespace::joining(nameless_->pid()));
        }
        for (auto& [kind, run] : runs_) run.finish();
        for (auto& [kind, run] : nameless_runs_) run.finish();
    }
    static void TearDownTestSuite() {
        runs_.clear();
        nameless_runs_.clear();
        sites_.reset();
        nameless_.reset();
    }

    void SetUp() override {
        if (std::string_view{SIMUL_PROGRAM}.empty()) GTEST_SKIP() << "the program is not built";
        ASSERT_TRUE(sites_->is_running()) << "the server did not start";
        if (!runs_.contains(GetParam())) {
            GTEST_SKIP() << name_of(GetParam()) << " cannot run here";
        }
    }

    [[nodiscard]] static const crawl_run& run() { return runs_.at(GetParam()); }

    // A crawl that is short, and over.
    [[nodiscard]] static std::unique_ptr<crawl_run> crawl(const std::vector<std::string>& more,
                                                          std::vector<std::string> before = {}) {
        auto made = std::make_unique<crawl_run>(name_of(GetParam()), arguments_for(*sites_, more),
                                                std::move(before));
        made->finish();
        return made;
    }

    [[nodiscard]] static const temporary_directory& files() {
        static const temporary_directory folder;
        return folder;
    }

    static void expect_one_line_for_each(const crawl_run& of,
                                         const std::vector<expectation>& failures);
    static void expect_a_record_of_each(const crawl_run& of,
                                        const std::vector<expectation>& failures,
                                        const std::string& found_on);

    static inline std::unique_ptr<broken_sites> sites_;
    static inline std::unique_ptr<broken_sites> nameless_;
    static inline std::map<backend_kind, crawl_run> runs_;
    static inline std::map<backend_kind, crawl_run> nameless_runs_;
};

void bad_input::expect_one_line_for_each(const crawl_run& of,
                                         const std::vector<expectation>& failures) {
    for (const expectation& each : failures) {
        const std::vector<std::string> lines = of.told(joined({each.url, ": "}));
        ASSERT_EQ(lines.size(), 1U) << each.url << "\n" << of.whole_log();
        EXPECT_TRUE(lines.front().starts_with(joined({each.url, ": ", each.stage, ": "})))
            << lines.front();
        EXPECT_NE(lines.front().find(each.cause), std::string::npos)
            << lines.front() << "\ninstead of " << each.cause;
    }
    EXPECT_EQ(of.log.size(), failures.size()) << of.whole_log();
}

void bad_input::expect_a_record_of_each(const crawl_run& of,
                                        const std::vector<expectation>& failures,
                                        const std::string& found_on) {
    for (const expectation& each : failures) {
        const json record = crawl_run::record_of(of.failures, each.url);
        ASSERT_TRUE(record.is_object()) << each.url;
        EXPECT_EQ(record.value("stage", ""), each.stage) << record;
        EXPECT_NE(record.value("cause", "").find(each.cause), std::string::npos) << record;
        // The ends of chains of redirects were found on the address before.
        if (each.stage == redirecting) continue;
        EXPECT_EQ(record.value("found_on", ""), found_on) << record;
    }
    EXPECT_EQ(of.failures.size(), failures.size());
}

// --- hosts, answers and certificates -------------------------------------------------------------

TEST_P(bad_input, tells_each_failure_in_one_line_with_address_stage_and_cause) {
    expect_one_line_for_each(run(), expected_failures(*sites_));
}

TEST_P(bad_input, writes_one_record_of_each_failure) {
    expect_a_record_of_each(run(), expected_failures(*sites_), sites_->at("good"));
}

TEST_P(bad_input, goes_on_with_the_pages_that_are_good) {
    EXPECT_EQ(run().code, 1) << run().whole_log();
    const std::vector<std::string> good{sites_->at("good"),
                                        sites_->at("good", "/a"),
                                        sites_->at("good", "/b"),
                                        sites_->at("good", "/invalid-links"),
                                        sites_->secure_at("good", "/a"),
                                        sites_->secure_at("good", "/b")};
    for (const std::string& each : good) {
        const json record = crawl_run::record_of(run().pages, each);
        ASSERT_TRUE(record.is_object()) << each;
        EXPECT_EQ(record.value("status", 0), 200) << record;
        EXPECT_TRUE(record.contains("links")) << record;
    }
    const auto read = std::ranges::count_if(
        run().pages, [](const json& record) { return record.contains("links"); });
    EXPECT_EQ(static_cast<std::size_t>(read), good.size());
}

TEST_P(bad_input, writes_a_record_of_each_answer_that_was_no_page) {
    const std::vector<std::pair<std::string, int>> answers{
        {"/missing", 404}, {"/broken", 500},  {"/loop-a", 302}, {"/loop-b", 302},
        {"/itself", 301},  {"/nowhere", 302}, {"/hop-11", 302}, {"/invalid-location", 302}};
    for (const auto& [path, status] : answers) {
        const json record = crawl_run::record_of(run().pages, sites_->at("good", path));
        ASSERT_TRUE(record.is_object()) << path;
        EXPECT_EQ(record.value("status", 0), status) << record;
    }
    // A link of a page that failed is not followed.
    EXPECT_TRUE(run().told(sites_->at("good", "/never")).empty());
}

TEST_P(bad_input, writes_a_row_of_each_link_to_what_fails) {
    std::set<std::string> targets;
    for (const std::vector<std::string>& row : run().links) {
        ASSERT_EQ(row.size(), 5U);
        if (row[0] != sites_->at("good")) continue;
        EXPECT_TRUE(targets.insert(row[1]).second) << row[1];
    }
    for (const expectation& each : expected_failures(*sites_)) {
        if (each.stage == redirecting) continue;
        EXPECT_TRUE(targets.contains(each.url)) << each.url;
    }
    EXPECT_FALSE(targets.contains(sites_->at("good", "/never")));
}

TEST_P(bad_input, counts_links_that_are_no_addresses) {
    for (const char* path : {"/", "/invalid-links"}) {
        const json record = crawl_run::record_of(run().pages, sites_->at("good", path));
        EXPECT_EQ(record.value("invalid_links", 0), 4) << record;
    }
}

TEST_P(bad_input, names_links_that_are_no_addresses_when_asked_to_explain) {
    const std::string page = sites_->at("good", "/invalid-links");
    const auto explained = crawl({page, "--explain"});
    EXPECT_EQ(explained->code, 0) << explained->whole_log();
    for (const char* link : {"http://[", "http://a b.test/", "http://good.test:99999/"}) {
        const std::string line =
            joined({"not followed: ", link, ": not an address, found on ", page});
        EXPECT_EQ(explained->told(line).size(), 1U) << line << "\n" << explained->whole_log();
    }
}

// --- the network ---------------------------------------------------------------------------------

TEST_P(bad_input, tells_names_without_address_and_hosts_out_of_reach_from_each_other) {
    if (!nameless_) GTEST_SKIP() << network_namespace::why_not();
    ASSERT_TRUE(nameless_->is_running()) << "the server did not start";
    const crawl_run& of = nameless_runs_.at(GetParam());
    EXPECT_EQ(of.code, 1) << of.whole_log();
    std::vector<expectation> failures = expected_failures_of_the_network(*nameless_);
    expect_one_line_for_each(of, failures);
    expect_a_record_of_each(of, failures, nameless_->at("good"));
    EXPECT_EQ(of.pages.size(), 3U);
}

TEST_P(bad_input, says_so_when_nothing_could_be_reached) {
    std::vector<std::string> words = sites_->arguments();
    words.insert(words.end(), {"--quiet", sites_->secure_at("expired")});
    crawl_run all_in_vain{name_of(GetParam()), words};
    all_in_vain.finish();
    EXPECT_EQ(all_in_vain.code, 3) << all_in_vain.whole_log();
    // robots.txt is the first that is asked for, and without it nothing else is.
    const expectation only{sites_->secure_at("expired", "/robots.txt"), "robots.txt",
                           tls::errc::certificate_expired};
    expect_one_line_for_each(all_in_vain, {only});
    EXPECT_TRUE(all_in_vain.pages.empty());
}

// --- fetch ---------------------------------------------------------------------------------------

// What the pages of fetch_test.cpp do not show: each limit of time, and each failure of TLS.
TEST_P(bad_input, is_told_by_fetch_in_the_same_words) {
    const auto fetch = [&](const broken_sites& sites, std::vector<expectation> failures,
                           std::vector<std::string> words) {
        const temporary_directory folder;
        const std::string table = folder.path() / "table";
        const std::string log = folder.path() / "log";
        words.insert(words.end(),
                     {"timeout", "120", "env", joined({"SIMUL_BACKEND=", name_of(GetParam())}),
                      "sh", "-c", joined({"exec \"$0\" \"$@\" 2>'", log, "'"}), SIMUL_PROGRAM,
                      "fetch", "--timeout", limits, "-o", table});
        for (const std::string& each : sites.resolutions()) words.push_back(each);
        words.push_back(sites.at("good", "/a"));
        std::erase_if(failures, [](const expectation& each) {
            return each.stage == answered || each.stage == redirecting;
        });
        for (const expectation& each : failures) words.push_back(each.url);
        child_process process{words};
        EXPECT_EQ(process.wait(), 0);
        std::vector<std::string> errors;
        for (const std::string& line : lines_of(read_whole_file(log))) {
            if (line.find(" ERROR:areq: ") != std::string::npos) errors.push_back(line.substr(9));
        }
        EXPECT_EQ(errors.size(), failures.size());
        for (const expectation& each : failures) {
            const std::string beginning =
                joined({"ERROR:areq: ", each.url, ": ", each.stage, ": "});
            const auto found = std::ranges::find_if(errors, [&](const std::string& line) {
                return line.starts_with(beginning) && line.find(each.cause) != std::string::npos;
            });
            EXPECT_NE(found, errors.end()) << beginning << each.cause << "\n"
                                           << read_whole_file(log);
        }
        EXPECT_EQ(lines_of(read_whole_file(table)).size(), 3U);
    };
    fetch(*sites_, expected_failures(*sites_), {});
    if (!nameless_) GTEST_SKIP() << network_namespace::why_not();
    std::vector<expectation> failures = expected_failures_of_the_network(*nameless_);
    // A crawl does not go there; one who gives fetch an address means it.
    std::erase_if(failures, [](const expectation& each) { return each.stage == connecting; });
    // Here the session looks names up, and its limit is the one that passes.
    const std::string unanswered = nameless_->at("unanswered");
    std::erase_if(failures, [&](const expectation& each) { return each.url == unanswered; });
    failures.emplace_back(unanswered, resolving, errc::timed_out);
    failures.emplace_back(nameless_->at("unroutable"), connecting, of_system(ENETUNREACH));
    failures.emplace_back(nameless_->at("unreachable"), connecting, of_system(EHOSTUNREACH));
    fetch(*nameless_, std::move(failures), network_namespace::joining(nameless_->pid()));
}

// --- start addresses -----------------------------------------------------------------------------

constexpr const char* wrong_lines =
    "example.org\n"
    "# a comment\n"
    "http://[::1/\n"
    "ftp://good.test/\n"
    "http://me:secret@good.test/\n";

TEST_P(bad_input, names_each_line_that_is_no_address_and_crawls_the_others) {
    const std::string name = (files().path() / "list").string();
    write_file(name, joined({wrong_lines, sites_->at("good", "/a"), "\n"}));
    const std::vector<expectation> wrong{
        {"example.org", "", "no address; write https:// before the host"},
        {"http://[::1/", "", "the host in brackets is no IPv6 address"},
        {"ftp://good.test/", "", "neither http:// nor https://"},
        {"http://good.test/", "", "had a user name or password in it"},
    };
    const std::vector<std::pair<std::vector<std::string>, std::string>> ways{
        {{"--file", name}, name}, {{"--file", "-"}, "standard input"}, {{"-"}, "standard input"}};
    for (const auto& [arguments, shown] : ways) {
        const auto of =
            crawl(arguments, {"sh", "-c", joined({"exec \"$0\" \"$@\" <'", name, "'"})});
        EXPECT_EQ(of->code, 1) << of->whole_log();
        EXPECT_EQ(of->pages.size(), 2U);
        std::vector<expectation> all = wrong;
        std::size_t number = 0;
        for (expectation& each : all) {
            number += number == 1 ? 2 : 1;
            each.stage = joined({"reading ", shown, ", line ", std::to_string(number)});
        }
        expect_one_line_for_each(*of, all);
        expect_a_record_of_each(*of, all, "");
        EXPECT_EQ(of->whole_log().find("secret"), std::string::npos);
    }
}

TEST_P(bad_input, refuses_a_list_without_any_address) {
    const std::string empty = write_file(files().path() / "empty", "\n# nothing\n");
    const std::string wrong = write_file(files().path() / "wrong", wrong_lines);
    for (const auto& [list, part] :
         {std::pair{empty, std::string{"there is no address in it"}},
          std::pair{wrong,
                    joined({wrong, ", line 1: \"example.org\": no address; write https://"})}}) {
        const auto of = crawl({"--file", list});
        EXPECT_EQ(of->code, 2) << list;
        EXPECT_EQ(of->told("--file: ").size(), 1U) << of->whole_log();
        EXPECT_NE(of->whole_log().find(part), std::string::npos) << of->whole_log();
        EXPECT_FALSE(std::filesystem::exists(of->path("state")));
    }
}

// --- outputs -------------------------------------------------------------------------------------

TEST_P(bad_input, names_a_directory_that_cannot_be_written_and_the_fix) {
    const std::filesystem::path folder = files().path() / name_of(GetParam());
    std::filesystem::create_directories(folder / "results/pages.jsonl/in the way");
    write_file(folder / "file", "no directory");
    const std::vector<std::pair<std::string, std::string>> cases{
        {folder / "missing/state", "No such file or directory"},
        {folder / "file", "Not a directory"},
        {folder / "file/state", "Not a directory"},
        {folder / "results", "Directory not empty"},
        {"/proc", "No such file or directory"},
        {joined({"/tmp/", std::string(300, 'x')}), "File name too long"},
    };
    for (const auto& [directory, cause] : cases) {
        const auto of = crawl({sites_->at("good", "/a"), "--fresh", "--state", directory});
        EXPECT_EQ(of->code, 2) << directory;
        EXPECT_EQ(of->log, std::vector<std::string>{
                               joined({"simul crawl: --state ", directory, ": ", cause,
                                       "; choose a directory that can be made and written"})});
    }
}

TEST_P(bad_input, replaces_no_results_unless_told_to) {
    const std::filesystem::path folder = files().path() / joined({name_of(GetParam()), "-old"});
    std::filesystem::create_directories(folder);
    write_file(folder / "links.tsv", "precious");
    const auto of = crawl({sites_->at("good", "/a"), "--state", folder.string()});
    EXPECT_EQ(of->code, 2);
    EXPECT_EQ(of->told("simul crawl: ").size(), 1U) << of->whole_log();
    EXPECT_NE(of->whole_log().find("--fresh"), std::string::npos) << of->whole_log();
    EXPECT_EQ(read_whole_file(folder / "links.tsv"), "precious");
}

// What stands in the files after one of them could not grow any more.
void expect_whole_lines(const crawl_run& of, const std::string& cause) {
    EXPECT_EQ(of.code, 4) << of.whole_log();
    ASSERT_EQ(of.log.size(), 1U) << of.whole_log();
    EXPECT_TRUE(of.log.front().ends_with(joined({": cannot be written: ", cause})))
        << of.log.front();
    EXPECT_FALSE(of.links.empty());
    std::set<std::pair<std::string, std::string>> distinct;
    for (const std::vector<std::string>& row : of.links) {
        EXPECT_TRUE(distinct.emplace(row.at(0), row.at(1)).second) << row.at(0) << row.at(1);
    }
    EXPECT_FALSE(of.pages.empty());
}

TEST_P(bad_input, leaves_whole_lines_where_a_file_may_not_grow) {
    // As a full disk does it, this cuts a write short.
    const auto of = crawl({sites_->at("good", "/many/0")},
                          {"sh", "-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""});
    expect_whole_lines(*of, "File too large");
}

TEST_P(bad_input, leaves_whole_lines_on_a_full_disk) {
    if (!nameless_) GTEST_SKIP() << network_namespace::why_not();
    const temporary_directory copy;
    const temporary_directory disk;
    const std::string small = disk.path().string();
    std::vector<std::string> before = network_namespace::joining(nameless_->pid());
    // The disk is seen in there only, so that what is on it must be copied.
    before.insert(before.end(),
                  {"sh", "-c",
                   joined({"mount -t tmpfs -o size=64k tmpfs '", small,
                           "' && { \"$0\" \"$@\"; code=$?; cp '", small, "'/state/* '",
                           copy.path().string(), "'; umount '", small, "'; exit $code; }"})});
    crawl_run of{name_of(GetParam()),
                 arguments_for(*nameless_, {nameless_->at("good", "/many/0"), "--state",
                                            joined({small, "/state"})}),
                 before};
    of.finish();
    of.read_files(copy.path());
    expect_whole_lines(of, "No space left on device");
}

// --- command lines -------------------------------------------------------------------------------

TEST_P(bad_input, names_the_flag_and_the_fix_of_a_wrong_command_line) {
    struct wrong_line {
        std::vector<std::string> arguments;
        std::string flag;
        std::string fix;
    };
    const std::string url = "http://good.test/";
    const std::string text = write_file(files().path() / "text", "no certificate\n");
    const std::vector<wrong_line> cases{
        {{}, "URL", "give one such as https://example.org/, a file of them with --file"},
        {{"example.org"}, "URL", "write https:// before the host"},
        {{"ftp://example.org/"}, "URL", "neither http:// nor https://"},
        {{"http://me:secret@h/"}, "URL", "use --header \"Authorization: ...\""},
        {{"--file", files().path() / "absent"}, "--file", "No such file or directory"},
        {{"--file", files().path()}, "--file", "Is a directory"},
        {{url, "--file"}, "--file", "FILE missing"},
        {{url, "--unknown"}, "--unknown", "--help"},
        {{url, "--scope", "planet"}, "--scope", "\"planet\": none of host, domain, prefix, any"},
        {{url, "--query", "maybe"}, "--query", "\"maybe\": none of keep, drop"},
        {{url, "--robots", "maybe"}, "--robots", "\"maybe\": none of obey, ignore"},
        {{url, "--robots", "ignore"}, "--robots", "name each of them with --i-own-this HOST"},
        {{url, "--i-own-this", "a/b"}, "--i-own-this", "\"a/b\" is not the name of a host"},
        {{url, "--include", "("}, "--include", "missing )"},
        {{url, "--exclude", "["}, "--exclude", "missing ]"},
        {{url, "--depth", "-1"}, "--depth", "not in range 0 to"},
        {{url, "--depth", "deep"}, "--depth", "not in range 0 to"},
        {{url, "--max-pages", "0"}, "--max-pages", "not in range 1 to"},
        {{url, "--max-pages-per-host", "x"}, "--max-pages-per-host", "not in range 1 to"},
        {{url, "--per-host", "0"}, "--per-host", "not in range 1 to"},
        {{url, "--concurrency", "0"}, "--concurrency", "not in range 1 to"},
        {{url, "--delay", "soon"}, "--delay", "such as 500ms, 2s, 5m or 1h"},
        {{url, "--max-time", "x"}, "--max-time", "such as 500ms, 2s, 5m or 1h"},
        {{url, "--max-body", "much"}, "--max-body", "such as 500k, 10M or 1G"},
        {{url, "--timeout", "5"}, "--timeout", "not of the form NAME="},
        {{url, "--timeout", "dns=5"}, "--timeout", "none of resolve, connect, handshake"},
        {{url, "--resolve", "a:443"}, "--resolve", "HOST:PORT:ADDRESS"},
        {{url, "--authority", text}, "--authority", "give a file of certificates in PEM"},
        {{url, "--authority", text + ".none"}, "--authority", "No such file or directory"},
        {{url, "--header", "x"}, "--header", "\"Name: value\""},
        {{url, "--header", "User-Agent: x"}, "--header", "is set with --user-agent"},
        {{url, "--user-agent", "(x)"}, "--user-agent", "it must begin with a letter"},
        {{url, "--contact", "a\nb"}, "--contact", "no control characters"},
    };
    for (const wrong_line& each : cases) {
        crawl_run of{name_of(GetParam()), each.arguments};
        of.finish();
        EXPECT_EQ(of.code, 2) << each.flag << " " << each.fix;
        ASSERT_FALSE(of.log.empty()) << each.flag << " " << each.fix;
        EXPECT_NE(of.log.front().find(each.flag), std::string::npos) << of.log.front();
        EXPECT_NE(of.whole_log().find(each.fix), std::string::npos)
            << of.whole_log() << "instead of " << each.fix;
        EXPECT_EQ(of.said, "") << each.flag;
        EXPECT_EQ(of.whole_log().find("secret"), std::string::npos);
        EXPECT_FALSE(std::filesystem::exists(of.path("state"))) << each.flag;
    }
}

INSTANTIATE_TEST_SUITE_P(backends, bad_input,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         [](const auto& each) { return std::string{name_of(each.param)}; });

}  // namespace
}  // namespace simul::test
