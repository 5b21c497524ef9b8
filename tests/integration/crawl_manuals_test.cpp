// SPDX-License-Identifier: Apache-2.0
//
// The program crawls two real sites: the manuals of PostgreSQL 15 and of Python 3.11 as Debian
// packages them, served by nginx over HTTP and HTTPS. What it found is compared, link by link, with
// what another parser (gumbo) finds in the same files.
#include <gtest/gtest.h>
#include <gumbo.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "program_path.hpp"
#include "simul/web/url.hpp"
#include "support/child_process.hpp"
#include "support/http_asking.hpp"
#include "support/reserved_port.hpp"
#include "support/test_authority.hpp"
#include "support/test_data.hpp"

namespace simul::test {
namespace {

// What is known of a manual.
struct manual {
    const char* name;
    const char* package;
    const char* directory;
    std::size_t pages;
    std::size_t links;
    std::size_t pairs;
    std::size_t external;
    std::size_t dead_links;
};

constexpr manual postgresql{"PostgreSQL",
                            "postgresql-doc-15",
                            "/usr/share/doc/postgresql-doc-15/html",
                            1169,
                            25194,
                            12861,
                            1720,
                            0};
constexpr manual python{
    "Python", "python3.11-doc", "/usr/share/doc/python3.11/html", 526, 164177, 22541, 4183, 1};

// A page and an address on it, without its fragment.
using link_pair = std::pair<std::string, std::string>;

struct found_links {
    found_links() = default;

    std::set<std::string> pages;
    std::set<link_pair> pairs;
    std::set<link_pair> as_written;  ///< pairs of the same, with the address as the page spells it
    std::size_t links = 0;

    // The same links at another origin.
    [[nodiscard]] found_links moved(const std::string& from, const std::string& to) const {
        const auto move = [&](const std::string& address) {
            return address.starts_with(from) ? to + address.substr(from.size()) : address;
        };
        found_links all;
        all.links = links;
        for (const std::string& each : pages) all.pages.insert(move(each));
        for (const link_pair& each : pairs) {
            all.pairs.emplace(move(each.first), move(each.second));
        }
        for (const link_pair& each : as_written) {
            all.as_written.emplace(move(each.first), move(each.second));
        }
        return all;
    }

    static std::set<std::string> external(const std::set<link_pair>& pairs,
                                          const std::string& origin) {
        std::set<std::string> all;
        for (const link_pair& each : pairs) {
            if (!each.second.starts_with(origin)) all.insert(each.second);
        }
        return all;
    }
};

// --- the other parser
// -----------------------------------------------------------------------------

void collect(const GumboNode& node, std::vector<std::string>& into) {
    std::vector<const GumboNode*> left{&node};
    while (!left.empty()) {
        const GumboNode* next = left.back();
        left.pop_back();
        if (next->type != GUMBO_NODE_ELEMENT) continue;
        if (next->v.element.tag == GUMBO_TAG_A) {
            const GumboAttribute* href = gumbo_get_attribute(&next->v.element.attributes, "href");
            if (href != nullptr) into.emplace_back(href->value);
        }
        const GumboVector& children = next->v.element.children;
        for (unsigned i = 0; i < children.length; ++i) {
            left.push_back(static_cast<const GumboNode*>(children.data[i]));
        }
    }
}

std::vector<std::string> references_in(const std::string& text) {
    GumboOutput* parsed = gumbo_parse_with_options(&kGumboDefaultOptions, text.data(), text.size());
    std::vector<std::string> found;
    collect(*parsed->root, found);
    gumbo_destroy_output(&kGumboDefaultOptions, parsed);
    return found;
}

// Crawls the files themselves, beginning at index.html.
found_links links_of_files(const manual& which, const std::string& origin) {
    found_links found;
    std::vector<std::string> left{origin + "/index.html"};
    found.pages.insert(left.front());
    while (!left.empty()) {
        const std::string page = left.back();
        left.pop_back();
        const web::url address = web::url::parse(page).value();
        std::filesystem::path file{which.directory};
        file += std::string{address.path()};
        const std::string text = read_whole_file(file);
        for (const std::string& reference : references_in(text)) {
            ++found.links;
            auto target = web::url::parse(reference, address);
            if (!target) continue;
            const std::string where = target->without_fragment().href();
            found.pairs.emplace(page, where);
            const bool is_external = !where.starts_with(origin);
            found.as_written.emplace(
                page, is_external ? reference.substr(0, reference.find('#')) : where);
            const bool is_page =
                where.starts_with(origin + "/") && target->path().ends_with(".html");
            if (!is_page) continue;
            std::filesystem::path linked{which.directory};
            linked += std::string{target->path()};
            if (!target->has_query() && std::filesystem::is_regular_file(linked) &&
                found.pages.insert(where).second) {
                left.push_back(where);
            }
        }
    }
    return found;
}

// --- the crawl
// --------------------------------------------------------------------------------------

found_links links_of_crawl(const std::filesystem::path& directory) {
    found_links found;
    std::ifstream table{directory / "links.tsv"};
    std::string line;
    std::getline(table, line);
    EXPECT_EQ(line, "source_url\ttarget_url\telement\trel\tcount");
    while (std::getline(table, line)) {
        std::istringstream cells{line};
        std::string source;
        std::string target;
        std::string element;
        std::string rel;
        std::string count;
        std::getline(cells, source, '\t');
        std::getline(cells, target, '\t');
        std::getline(cells, element, '\t');
        std::getline(cells, rel, '\t');
        std::getline(cells, count, '\t');
        if (element != "anchor") continue;
        found.links += std::stoul(count);
        EXPECT_TRUE(found.pairs.emplace(source, target).second || !rel.empty())
            << source << " " << target << " stands there twice";
    }
    std::ifstream pages{directory / "pages.jsonl"};
    while (std::getline(pages, line)) {
        const std::size_t begin = line.find("\"url\":\"");
        if (begin == std::string::npos || line.find("\"links\":") == std::string::npos) continue;
        const std::size_t end = line.find('"', begin + 7);
        found.pages.insert(line.substr(begin + 7, end - begin - 7));
    }
    return found;
}

// nginx with both manuals, each at a port of its own, plain and with TLS.
class manual_server {
public:
    static std::string program() {
        return first_working({{"nginx", "-v"}, {"/usr/sbin/nginx", "-v"}});
    }

    explicit manual_server(const std::string& program) {
        const std::filesystem::path& directory = directory_.path();
        const test_authority& authority = test_authority::shared();
        write(directory / "chain.pem", authority.chain_of(authority.localhost));
        write(directory / "key.pem", authority.localhost.key);
        write(directory / "root.pem", authority.root.certificate);
        write(directory / "nginx.conf", configuration());
        process_.emplace(std::vector<std::string>{program, "-p", directory.string(), "-e", "stderr",
                                                  "-c", (directory / "nginx.conf").string()});
        std::string line = process_->read_line();
        while (!line.empty() && line.find("event method") == std::string::npos) {
            line = process_->read_line();
        }
        is_running_ = !line.empty();
    }

    [[nodiscard]] bool is_running() const noexcept { return is_running_; }
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }
    [[nodiscard]] std::string origin(const manual& which, bool secure) {
        std::string text{secure ? "https" : "http"};
        text.append("://127.0.0.1:");
        text.append(std::to_string(port(which, secure).number()));
        return text;
    }

private:
    reserved_port& port(const manual& which, bool secure) { return ports_[{which.name, secure}]; }

    static void write(const std::filesystem::path& path, std::string_view text) {
        std::ofstream file{path, std::ios::binary};
        file.write(text.data(), static_cast<std::streamsize>(text.size()));
    }

    std::string configuration() {
        const std::string directory = directory_.path().string();
        std::ostringstream text;
        text << "daemon off;\nmaster_process off;\npid " << directory << "/nginx.pid;\n"
             << "error_log /dev/stdout notice;\nevents { worker_connections 1024; }\nhttp {\n"
             << "include /etc/nginx/mime.types;\naccess_log off;\nerror_log " << directory
             << "/error.log warn;\nkeepalive_requests 100000;\n";
        for (const char* temporary : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
            text << temporary << "_temp_path " << directory << "/" << temporary << ";\n";
        }
        text << "ssl_certificate " << directory << "/chain.pem;\nssl_certificate_key " << directory
             << "/key.pem;\n";
        for (const manual* each : {&postgresql, &python}) {
            text << "server { listen 127.0.0.1:" << port(*each, false).number()
                 << " reuseport; listen 127.0.0.1:" << port(*each, true).number()
                 << " ssl reuseport; root " << each->directory << "; }\n";
        }
        text << "}\n";
        return text.str();
    }

    temporary_directory directory_;
    std::map<std::pair<std::string, bool>, reserved_port> ports_;
    std::optional<child_process> process_;
    bool is_running_ = false;
};

struct crawl_case {
    const manual* which;
    bool secure;
    const char* backend;
};

class crawled_manual : public testing::TestWithParam<crawl_case> {
public:
    static void SetUpTestSuite() {
        const std::string program = manual_server::program();
        if (!program.empty()) server_ = std::make_unique<manual_server>(program);
    }
    static void TearDownTestSuite() { server_.reset(); }

    void SetUp() override {
        if (!server_) GTEST_SKIP() << "nginx is not installed (Debian: nginx-light)";
        ASSERT_TRUE(server_->is_running()) << "nginx did not start";
        const std::filesystem::path index =
            std::filesystem::path{GetParam().which->directory} / "index.html";
        if (!std::filesystem::exists(index)) {
            GTEST_SKIP() << "the package " << GetParam().which->package << " is not installed";
        }
    }

protected:
    static inline std::unique_ptr<manual_server> server_;
};

std::string some_of(const std::set<link_pair>& pairs) {
    std::string text;
    int left = 5;
    for (const auto& [page, target] : pairs) {
        if (left-- == 0) break;
        text.append("\n  ").append(page).append(" -> ").append(target);
    }
    return text;
}

TEST_P(crawled_manual, has_exactly_the_links_that_another_parser_finds) {
    const manual& which = *GetParam().which;
    const std::string origin = server_->origin(which, GetParam().secure);
    const temporary_directory results;
    const std::string state = (results.path() / "state").string();
    std::string backend{"SIMUL_BACKEND="};
    backend.append(GetParam().backend);
    child_process crawl{{"env", backend, SIMUL_PROGRAM, "crawl", origin + "/index.html", "--state",
                         state, "--quiet", "--authority",
                         (server_->directory() / "root.pem").string()}};
    const std::string said = crawl.read_all();
    const int code = crawl.wait();
    // The Python manual as Debian packages it has one dead link, to its own changelog.
    EXPECT_EQ(code, which.dead_links == 0 ? 0 : 1) << said;

    static std::map<std::string, found_links> truths;  // of a manual, at an origin of no server
    const std::string nowhere{"http://manual.test"};
    if (!truths.contains(which.name)) truths.emplace(which.name, links_of_files(which, nowhere));
    const found_links truth = truths.at(which.name).moved(nowhere, origin);
    const found_links found = links_of_crawl(state);
    EXPECT_EQ(truth.pages.size(), which.pages);
    EXPECT_EQ(truth.links, which.links);
    // The known counts tell spellings of one address apart: http://a and http://a/, for instance.
    EXPECT_EQ(truth.as_written.size(), which.pairs);
    EXPECT_EQ(truth.external(truth.as_written, origin).size(), which.external);

    EXPECT_TRUE(found.pages == truth.pages)
        << found.pages.size() << " pages instead of " << truth.pages.size();
    EXPECT_EQ(found.links, truth.links);
    std::set<link_pair> missing;
    std::ranges::set_difference(truth.pairs, found.pairs, std::inserter(missing, missing.end()));
    std::set<link_pair> surplus;
    std::ranges::set_difference(found.pairs, truth.pairs, std::inserter(surplus, surplus.end()));
    EXPECT_EQ(missing.size(), 0U) << some_of(missing);
    EXPECT_EQ(surplus.size(), 0U) << some_of(surplus);
    std::printf("note: %s manual, %s, %s: %zu pages, %zu links, %zu pairs, %zu external\n",
                which.name, GetParam().secure ? "https" : "http", GetParam().backend,
                found.pages.size(), found.links, found.pairs.size(),
                found.external(found.pairs, origin).size());
}

INSTANTIATE_TEST_SUITE_P(manuals, crawled_manual,
                         testing::Values(crawl_case{&postgresql, false, "epoll"},
                                         crawl_case{&postgresql, false, "io_uring"},
                                         crawl_case{&postgresql, true, "epoll"},
                                         crawl_case{&postgresql, true, "io_uring"},
                                         crawl_case{&python, false, "epoll"},
                                         crawl_case{&python, false, "io_uring"},
                                         crawl_case{&python, true, "epoll"},
                                         crawl_case{&python, true, "io_uring"}),
                         [](const auto& of) {
                             std::string name{of.param.which->name};
                             name.append(of.param.secure ? "_https_" : "_http_");
                             name.append(of.param.backend);
                             return name;
                         });

}  // namespace
}  // namespace simul::test
