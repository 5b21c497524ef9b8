// SPDX-License-Identifier: Apache-2.0
//
// simul serve without a network: names, replies, the demonstration, and connections over memory
// streams with a clock that jumps.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/exit_code.hpp"
#include "serve/beneath.hpp"
#include "serve/command.hpp"
#include "serve/connection.hpp"
#include "serve/content_types.hpp"
#include "serve/date.hpp"
#include "serve/demonstration.hpp"
#include "serve/directory_site.hpp"
#include "serve/path.hpp"
#include "serve/reply.hpp"
#include "simul/base/bytes.hpp"
#include "simul/http/coding.hpp"
#include "simul/http/wire/response_parser.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/web/html_links.hpp"
#include "simul/web/robots.hpp"
#include "simul/web/url.hpp"
#include "support/run_on_backends.hpp"
#include "support/stream_tools.hpp"

namespace {

using namespace simul;
using namespace simul::program;
using namespace simul::test;
using namespace std::chrono_literals;
namespace wire = simul::http::wire;

wire::request_head asking_for(std::string target) {
    wire::request_head head;
    head.target = std::move(target);
    if (head.target.find("://") != std::string::npos) head.form = wire::target_form::absolute;
    return head;
}

// --- names ------------------------------------------------------------------------------------

struct spelling {
    std::string_view sent;
    int status;  // 0: it is read
    std::string_view relative;
};

TEST(serve_path, reads_only_what_can_be_read_in_one_way) {
    using namespace std::string_view_literals;
    const spelling table[] = {
        {"/", 0, ""},
        {"/a", 0, "a"},
        {"/a/", 0, "a"},
        {"/a/b.html", 0, "a/b.html"},
        {"/%61/%62", 0, "a/b"},
        {"/a%20b", 0, "a b"},
        {"/a+b", 0, "a+b"},
        {"/caf%C3%A9", 0, "caf\xc3\xa9"},
        {"/%FF", 0, "\xff"},
        {"/100%25", 0, "100%"},
        {"/%252e%252e", 0, "%2e%2e"},
        {"/a..b", 0, "a..b"},
        {"/a..", 0, "a.."},
        {"/~user", 0, "~user"},
        {"/a;b=c", 0, "a;b=c"},
        {"/..", 404, ""},
        {"/../", 404, ""},
        {"/../etc/passwd", 404, ""},
        {"/a/../b", 404, ""},
        {"/a/..", 404, ""},
        {"/./a", 404, ""},
        {"/a/.", 404, ""},
        {"/...", 404, ""},
        {"/%2e%2e/etc/passwd", 404, ""},
        {"/%2E./etc/passwd", 404, ""},
        {"/.%2e/etc/passwd", 404, ""},
        {"/a/%2e%2e/%2e%2e/b", 404, ""},
        {"/.htaccess", 404, ""},
        {"/.git/config", 404, ""},
        {"/%2egit/config", 404, ""},
        {"/a/.ssh/id", 404, ""},
        {"//", 404, ""},
        {"//etc/passwd", 404, ""},
        {"/a//b", 404, ""},
        {"/a//", 404, ""},
        {"/..%2fetc/passwd", 400, ""},
        {"/a%2Fb", 400, ""},
        {"/a%5cb", 400, ""},
        {"/..\\..\\etc", 400, ""},
        {"/..%5C..%5Cetc", 400, ""},
        {"/a%00.html", 400, ""},
        {"/a\0b"sv, 400, ""},
        {"/%", 400, ""},
        {"/%2", 400, ""},
        {"/%zz", 400, ""},
        {"/%-1", 400, ""},
        {"/../%2f", 400, ""},
        {"", 400, ""},
        {"a", 400, ""},
        {"..", 400, ""},
    };
    for (const spelling& each : table) {
        SCOPED_TRACE(std::string{each.sent});
        const auto read = read_path(each.sent);
        if (each.status != 0) {
            ASSERT_FALSE(read.has_value()) << read->relative;
            EXPECT_EQ(read.error(), each.status);
            continue;
        }
        ASSERT_TRUE(read.has_value()) << read.error();
        EXPECT_EQ(read->relative, each.relative);
        EXPECT_EQ(read->is_directory, each.sent.ends_with('/'));
        const auto again = read_path(write_path(*read));
        ASSERT_TRUE(again.has_value());
        EXPECT_EQ(again->relative, read->relative);
        EXPECT_EQ(again->is_directory, read->is_directory);
    }
    std::string name{"/"};
    name.append(254, 'n');
    EXPECT_TRUE(read_path(name));
    name.push_back('n');
    EXPECT_TRUE(read_path(name));
    name.push_back('n');
    EXPECT_EQ(read_path(name).error(), 404);
    std::string path;
    while (path.size() != 4000) path.append("/123456789012345678901234567890123456789");
    path.push_back('x');  // the slash at the front does not count
    EXPECT_TRUE(read_path(path));
    path.push_back('x');
    EXPECT_EQ(read_path(path).error(), 404);
}

TEST(serve_path, is_found_in_targets_of_both_forms) {
    EXPECT_EQ(path_of(asking_for("/a?b=/c")), "/a");
    EXPECT_EQ(path_and_query_of(asking_for("/a?b=/c")), "/a?b=/c");
    EXPECT_EQ(path_of(asking_for("http://host/a?b")), "/a");
    EXPECT_EQ(path_of(asking_for("http://host")), "/");
    EXPECT_EQ(path_of(asking_for("http://host:80?b")), "/");
}

TEST(serve_content_type, goes_by_what_follows_the_last_dot) {
    EXPECT_EQ(content_type_of("index.html"), "text/html; charset=utf-8");
    EXPECT_EQ(content_type_of("a/b/PICTURE.PNG"), "image/png");
    EXPECT_EQ(content_type_of("data.tar.gz"), "application/gzip");
    EXPECT_EQ(content_type_of("README"), "application/octet-stream");
    EXPECT_EQ(content_type_of("v1.2/README"), "application/octet-stream");
    EXPECT_EQ(content_type_of("html"), "application/octet-stream");
    EXPECT_EQ(content_type_of(".html"), "application/octet-stream");
    EXPECT_EQ(content_type_of("a.html."), "application/octet-stream");
}

TEST(serve_date, is_written_and_read_in_the_one_form) {
    using namespace std::chrono;
    const sys_seconds when = sys_days{1994y / November / 6} + 8h + 49min + 37s;
    EXPECT_EQ(write_date(when), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(read_date("Sun, 06 Nov 1994 08:49:37 GMT"), when);
    EXPECT_EQ(write_date(sys_days{2024y / February / 29}), "Thu, 29 Feb 2024 00:00:00 GMT");
    EXPECT_EQ(write_date(sys_seconds{-1s}), "Wed, 31 Dec 1969 23:59:59 GMT");
    for (const std::string_view wrong :
         {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
          "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
          "Sun, 06 Nov 1994 08:49:37 UTC", "Xxx, 06 Nov 1994 08:49:37 GMT",
          "Sun, 06 Nvv 1994 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT"}) {
        EXPECT_FALSE(read_date(wrong)) << wrong;
    }
}

// --- replies ----------------------------------------------------------------------------------

TEST(serve_reply, takes_gzip_only_where_the_client_does) {
    EXPECT_FALSE(accepts_gzip({}));
    EXPECT_TRUE(accepts_gzip({{"Accept-Encoding", "br, GZIP;q=0.5"}}));
    EXPECT_TRUE(accepts_gzip({{"Accept-Encoding", "*"}}));
    EXPECT_FALSE(accepts_gzip({{"Accept-Encoding", "br, deflate"}}));
    EXPECT_FALSE(accepts_gzip({{"Accept-Encoding", "gzip;q=0"}}));
    EXPECT_FALSE(accepts_gzip({{"Accept-Encoding", "*, gzip; q=0.000"}}));
    EXPECT_FALSE(accepts_gzip({{"Accept-Encoding", "xgzip"}}));
}

TEST(serve_reply, knows_what_the_client_has_already) {
    answer said;
    said.modified = std::chrono::sys_days{std::chrono::year{2026} / 1 / 15};
    const auto known = [&](http::headers fields) {
        return is_known_already(fields, "\"abc\"", said);
    };
    EXPECT_FALSE(known({}));
    EXPECT_TRUE(known({{"If-None-Match", "\"abc\""}}));
    EXPECT_TRUE(known({{"If-None-Match", "\"x\", W/\"abc\""}}));
    EXPECT_TRUE(known({{"If-None-Match", "*"}}));
    EXPECT_FALSE(known({{"If-None-Match", "\"abd\""}}));
    EXPECT_TRUE(known({{"If-Modified-Since", "Thu, 15 Jan 2026 00:00:00 GMT"}}));
    EXPECT_FALSE(known({{"If-Modified-Since", "Wed, 14 Jan 2026 23:59:59 GMT"}}));
    EXPECT_FALSE(known({{"If-Modified-Since", "yesterday"}}));
    EXPECT_FALSE(known(
        {{"If-None-Match", "\"abd\""}, {"If-Modified-Since", "Thu, 15 Jan 2026 00:00:00 GMT"}}));
}

// --- the demonstration ------------------------------------------------------------------------

// What a walk over the whole site has found.
struct walk {
    demonstration_counts counts;
    std::set<std::string> pictures_missing;
};

walk walk_through(const demonstration_site& museum) {
    const web::url home = web::url::parse("http://museum.test/").value();
    const auto rules = web::robots::parse(museum.find("/robots.txt").body);
    walk made;
    std::set<std::string> seen{home.href()};
    std::deque<web::url> queue{home};
    while (!queue.empty()) {
        const web::url at = queue.front();
        queue.pop_front();
        const auto enter = [&](const web::url& next) {
            if (seen.insert(next.href()).second) queue.push_back(next);
        };
        if (at.scheme() != "http" && at.scheme() != "https") continue;
        if (!same_origin(at, home)) {
            ++made.counts.external;
            continue;
        }
        if (!rules.allows("simul", at.path_and_query())) {
            ++made.counts.disallowed;
            continue;
        }
        const answer& said = museum.find(at.path_and_query());
        if (said.status == 404) {
            ++made.counts.missing;
        } else if (said.status == 301) {
            ++made.counts.redirects;
            enter(web::url::parse(said.location, at).value());
        } else if (!said.type.starts_with("text/html")) {
            ++made.counts.texts;
        } else {
            ++made.counts.pages;
            const web::html_page page = web::extract_links(said.body);
            web::url base = at;
            if (page.base) base = web::url::parse(*page.base, at).value();
            for (const web::html_link& each : page.links) {
                const auto address = web::url::parse(each.url, base);
                EXPECT_TRUE(address.has_value()) << at.href() << ' ' << each.url;
                if (!address) continue;
                if (each.kind == web::html_link_kind::anchor) {
                    ++made.counts.anchors;
                    enter(address->without_fragment());
                } else if (each.kind == web::html_link_kind::image ||
                           each.kind == web::html_link_kind::image_candidate ||
                           each.kind == web::html_link_kind::link) {
                    if (museum.find(address->path_and_query()).status != 200) {
                        made.pictures_missing.insert(address->href());
                    }
                }
            }
        }
    }
    return made;
}

TEST(serve_demonstration, is_what_a_walk_finds) {
    const demonstration_site museum;
    const walk made = walk_through(museum);
    const demonstration_counts& expected = museum.expected();
    EXPECT_EQ(made.counts.pages, expected.pages);
    EXPECT_EQ(made.counts.texts, expected.texts);
    EXPECT_EQ(made.counts.redirects, expected.redirects);
    EXPECT_EQ(made.counts.missing, expected.missing);
    EXPECT_EQ(made.counts.disallowed, expected.disallowed);
    EXPECT_EQ(made.counts.external, expected.external);
    EXPECT_EQ(made.counts.anchors, expected.anchors);
    EXPECT_TRUE(made.pictures_missing.empty()) << *made.pictures_missing.begin();
    EXPECT_EQ(expected.pages, 150U);
}

TEST(serve_demonstration, is_the_same_each_time) {
    const demonstration_site one;
    const demonstration_site other;
    EXPECT_EQ(one.find("/halls/ocean/").tag, other.find("/halls/ocean/").tag);
    EXPECT_NE(one.find("/halls/ocean/").tag, one.find("/halls/ocean/?page=2").tag);
    EXPECT_EQ(one.find("/halls/ocean/?page=3").status, 404);
}

TEST(serve_demonstration, has_a_page_that_is_read_from_gzip_as_well) {
    const demonstration_site museum;
    const answer& archive = museum.find("/archive");
    ASSERT_FALSE(archive.gzip_body.empty());
    http::decoder decoder{"gzip"};
    std::vector<std::byte> decoded(archive.body.size() + 1);
    const auto step = decoder.decode(bytes_of(archive.gzip_body), decoded);
    EXPECT_FALSE(step.error);
    EXPECT_FALSE(decoder.finish());
    EXPECT_EQ(text_of(std::span{decoded}.first(step.produced)), archive.body);
}

// --- files ------------------------------------------------------------------------------------

// A directory with files, links and traps, beside a secret.
class folder {
public:
    folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "simul-XXXXXX").string();
        outer_ = ::mkdtemp(pattern.data());
        root = outer_ / "root";
        std::filesystem::create_directories(root / "sub" / "deep");
        std::filesystem::create_directories(root / "empty");
        write(outer_ / "secret.txt", "secret");
        write(root / "index.html", "<h1>home</h1>");
        write(root / "a b%.txt", "blank");
        write(root / ".hidden", "hidden");
        write(root / "none.bin", "");
        write(root / "sub" / "index.html", "sub");
        write(root / "sub" / "deep" / "page.html", "deep");
        std::filesystem::create_symlink("sub/deep/page.html", root / "inside.html");
        std::filesystem::create_symlink("../secret.txt", root / "outside.txt");
        std::filesystem::create_symlink(outer_ / "secret.txt", root / "absolute.txt");
        std::filesystem::create_symlink("..", root / "up");
        std::filesystem::create_symlink("loop", root / "loop");
        std::filesystem::create_symlink("/proc/self/root", root / "magic");
        ::mkfifo((root / "pipe").c_str(), 0600);
        write(root / "unreadable.txt", "x");
        ::chmod((root / "unreadable.txt").c_str(), 0);
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(outer_, ignored);
    }

    static void write(const std::filesystem::path& where, std::string_view text) {
        std::ofstream{where, std::ios::binary} << text;
    }

    std::filesystem::path root;

private:
    std::filesystem::path outer_;
};

struct fetched {
    int status = 0;
    std::string type;
    std::string location;
    std::string body;
};

task<fetched> fetch(site& content, std::string target) {
    const wire::request_head asked = asking_for(std::move(target));
    answer said = co_await content.look_up(asked);
    fetched got;
    got.status = said.status;
    got.type = said.type;
    got.location = said.location;
    if (said.content) {
        got.body.resize(static_cast<std::size_t>(said.content_size));
        const auto room = std::as_writable_bytes(std::span{got.body});
        const std::size_t count = co_await said.content->read_at(0, room);
        EXPECT_EQ(count, got.body.size());
    }
    co_return got;
}

TEST(serve_directory, gives_files_and_the_index_of_directories) {
    const folder files;
    run_on_each_backend([&]() -> task<> {
        directory_site content{files.root};
        fetched got = co_await fetch(content, "/");
        EXPECT_EQ(got.status, 200);
        EXPECT_EQ(got.type, "text/html; charset=utf-8");
        EXPECT_EQ(got.body, "<h1>home</h1>");
        got = co_await fetch(content, "/a%20b%25.txt");
        EXPECT_EQ(got.body, "blank");
        EXPECT_EQ(got.type, "text/plain; charset=utf-8");
        got = co_await fetch(content, "/none.bin");
        EXPECT_EQ(got.status, 200);
        EXPECT_EQ(got.body, "");
        got = co_await fetch(content, "/sub");
        EXPECT_EQ(got.status, 301);
        EXPECT_EQ(got.location, "/sub/");
        got = co_await fetch(content, "http://host/sub/?x");
        EXPECT_EQ(got.body, "sub");
        got = co_await fetch(content, "/inside.html");
        EXPECT_EQ(got.body, "deep");
    });
}

TEST(serve_directory, refuses_what_is_outside_hidden_or_no_file) {
    const folder files;
    struct refused {
        std::string_view target;
        int status;
    };
    std::vector<refused> table{
        {"/outside.txt", 403},   {"/absolute.txt", 403}, {"/up/secret.txt", 403},
        {"/up/", 403},           {"/up", 403},           {"/magic/etc/passwd", 403},
        {"/pipe", 403},          {"/empty/", 403},       {"/loop", 404},
        {"/missing", 404},       {"/missing/a", 404},    {"/index.html/", 404},
        {"/index.html/a", 404},  {"/.hidden", 404},      {"/%2ehidden", 404},
        {"/../secret.txt", 404}, {"/sub/%2e%2e/", 404},  {"/..%2fsecret.txt", 400},
    };
    if (::geteuid() != 0) table.push_back({"/unreadable.txt", 403});
    simulate([&]() -> task<> {
        directory_site content{files.root};
        for (const refused& each : table) {
            std::string target{each.target};
            const fetched got = co_await fetch(content, std::move(target));
            EXPECT_EQ(got.status, each.status) << each.target;
            EXPECT_EQ(got.body, "") << each.target;
        }
    });
}

TEST(serve_directory, says_which_directory_cannot_be_opened) {
    try {
        directory_site content{"/nowhere/at/all"};
        FAIL();
    } catch (const std::filesystem::filesystem_error& failure) {
        EXPECT_EQ(failure.path1(), "/nowhere/at/all");
        EXPECT_EQ(failure.code(), std::errc::no_such_file_or_directory);
    }
}

TEST(serve_beneath, follows_no_links_where_the_kernel_cannot_watch_them) {
    const folder files;
    const unique_fd root{::open(files.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    const auto kind_of = [&](const char* name) {
        return find_beneath_without_links(root.get(), name).what;
    };
    using kind = found_file::kind;
    EXPECT_EQ(kind_of("index.html"), kind::regular);
    EXPECT_EQ(kind_of("sub/deep/page.html"), kind::regular);
    EXPECT_EQ(kind_of(""), kind::directory);
    EXPECT_EQ(kind_of("sub"), kind::directory);
    EXPECT_EQ(kind_of("missing"), kind::none);
    EXPECT_EQ(kind_of("inside.html"), kind::forbidden);
    EXPECT_EQ(kind_of("outside.txt"), kind::forbidden);
    EXPECT_EQ(kind_of("up/secret.txt"), kind::none);
    EXPECT_EQ(kind_of("../secret.txt"), kind::forbidden);
    EXPECT_EQ(kind_of("pipe"), kind::forbidden);
}

// --- connections ------------------------------------------------------------------------------

// One client and the server's side of the connection to it.
class meeting {
public:
    explicit meeting(server_options chosen = {}) : options{std::move(chosen)} {}

    // Runs `client` against a connection of its own, on a clock that jumps.
    template <class Client>
    void run(Client client) {
        simulate([&]() -> task<> {
            auto [ours, theirs] = memory_stream_pair();
            task_group group;
            group.spawn(serve(std::move(theirs)));
            group.spawn(client(ours));
            co_await group.run();
        });
    }

    task<> serve(memory_stream stream) {
        const time_point begin = now();
        try {
            co_await answer_connection(std::move(stream), endpoint{}, *content, options, stopping);
        } catch (const std::system_error&) {
            broken = true;
        }
        lasted = now() - begin;
    }

    server_options options;
    demonstration_site museum;
    site* content = &museum;
    event stopping;
    bool broken = false;
    duration lasted{};
};

// A site that fails, or waits.
class odd_site final : public site {
public:
    task<answer> look_up(const wire::request_head& asked) override {
        const std::string_view path = path_of(asked);
        if (path == "/slow") co_await sleep_for(3s);
        if (path == "/throw") throw std::runtime_error{"boom"};
        if (path == "/short") {
            throw std::system_error{EMFILE, std::system_category(), "opening"};
        }
        answer said;
        said.type = "text/plain";
        said.body = path == "/large" ? std::string(1'000'000, 'x') : std::string{"fine"};
        co_return said;
    }
};

struct got {
    int status = 0;
    http::headers fields;
    std::string body;
};

// Reads the next response; `ahead` keeps what belongs to the ones after it.
task<got> next_answer(memory_stream& from, std::string& ahead,
                      wire::asked how = wire::asked::ordinary) {
    wire::response_parser parser{how};
    got answered;
    while (true) {
        const auto step = parser.parse(bytes_of(ahead));
        answered.body.append(text_of(step.body));
        ahead.erase(0, step.consumed);
        if (step.what == wire::event::complete) break;
        if (step.what != wire::event::need_more) continue;
        std::array<std::byte, 4096> buffer{};
        const std::size_t count = co_await from.read_some(buffer);
        if (count == 0) {
            ADD_FAILURE() << "the connection was closed in front of an answer";
            co_return answered;
        }
        ahead.append(text_of(std::span{buffer}.first(count)));
    }
    answered.status = parser.head().status;
    answered.fields = parser.head().headers;
    co_return answered;
}

task<got> exchange(memory_stream& stream, std::string request,
                   wire::asked how = wire::asked::ordinary) {
    co_await write_all(stream, bytes_of(request));
    std::string ahead;
    got answered = co_await next_answer(stream, ahead, how);
    EXPECT_EQ(ahead, "");
    co_return answered;
}

TEST(serve_connection, answers_one_request_after_the_other) {
    meeting here;
    here.run([&](memory_stream& stream) -> task<> {
        got one = co_await exchange(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(one.status, 200);
        EXPECT_EQ(one.body, here.museum.find("/").body);
        EXPECT_EQ(one.fields.get("content-type"), "text/html; charset=utf-8");
        EXPECT_EQ(one.fields.get("content-length"), std::to_string(one.body.size()));
        EXPECT_TRUE(read_date(one.fields.get("date").value_or("")));
        EXPECT_FALSE(one.fields.contains("connection"));

        got head =
            co_await exchange(stream, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", wire::asked::head);
        EXPECT_EQ(head.body, "");
        EXPECT_EQ(head.fields.get("content-length"), one.fields.get("content-length"));
        EXPECT_EQ(head.fields.get("etag"), one.fields.get("etag"));

        std::string again{"GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: "};
        again.append(*one.fields.get("etag")).append("\r\n\r\n");
        got known = co_await exchange(stream, again);
        EXPECT_EQ(known.status, 304);
        EXPECT_EQ(known.body, "");
        EXPECT_FALSE(known.fields.contains("content-length"));

        got none = co_await exchange(stream, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(none.status, 404);
        got moved = co_await exchange(stream, "GET /old-entrance HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(moved.status, 301);
        EXPECT_EQ(moved.fields.get("location"), "/visit");
        got coded = co_await exchange(
            stream, "GET /archive HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        EXPECT_EQ(coded.fields.get("content-encoding"), "gzip");
        EXPECT_EQ(coded.body, here.museum.find("/archive").gzip_body);
        got plain = co_await exchange(stream, "GET /archive HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(plain.body, here.museum.find("/archive").body);
        EXPECT_NE(plain.fields.get("etag"), coded.fields.get("etag"));
        EXPECT_EQ(plain.fields.get("vary"), "Accept-Encoding");
        stream.close();
    });
    EXPECT_FALSE(here.broken);
}

TEST(serve_connection, answers_pipelined_requests_in_their_order) {
    meeting here;
    here.run([&](memory_stream& stream) -> task<> {
        const std::vector<std::string> paths{"/",      "/about",  "/none",     "/visit",
                                             "/press", "/people", "/glossary", "/map"};
        std::string requests;
        for (const std::string& path : paths) {
            requests.append("GET ").append(path).append(" HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        co_await write_all(stream, bytes_of(requests));
        std::string ahead;
        for (const std::string& path : paths) {
            const got one = co_await next_answer(stream, ahead);
            EXPECT_EQ(one.body, here.museum.find(path).body) << path;
        }
        stream.close();
    });
}

TEST(serve_connection, closes_after_its_share_of_requests) {
    server_options chosen;
    chosen.max_requests = 3;
    meeting here{chosen};
    here.run([&](memory_stream& stream) -> task<> {
        const std::string request{"GET /visit HTTP/1.1\r\nHost: a\r\n\r\n"};
        for (int number = 1; number != 4; ++number) {
            const got one = co_await exchange(stream, request);
            EXPECT_EQ(one.status, 200);
            EXPECT_EQ(one.fields.has_token("connection", "close"), number == 3);
        }
        const std::string rest = co_await read_to_end(stream);
        EXPECT_EQ(rest, "");
    });
}

TEST(serve_connection, keeps_old_clients_only_if_they_ask) {
    meeting here;
    here.run([&](memory_stream& stream) -> task<> {
        const got kept =
            co_await exchange(stream, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        EXPECT_TRUE(kept.fields.has_token("connection", "keep-alive"));
        const got last = co_await exchange(stream, "GET / HTTP/1.0\r\n\r\n");
        EXPECT_TRUE(last.fields.has_token("connection", "close"));
        const std::string rest = co_await read_to_end(stream);
        EXPECT_EQ(rest, "");
    });
}

struct bad_request {
    std::string text;
    int status;
};

TEST(serve_connection, tells_what_is_wrong_and_closes) {
    std::string long_line{"GET /"};
    long_line.append(9000, 'a').append(" HTTP/1.1\r\nHost: a\r\n\r\n");
    std::string large_field{"GET / HTTP/1.1\r\nHost: a\r\nX: "};
    large_field.append(9000, 'a').append("\r\n\r\n");
    std::string many_fields{"GET / HTTP/1.1\r\nHost: a\r\n"};
    for (int count = 0; count != 100; ++count) many_fields.append("X: y\r\n");
    many_fields.append("\r\n");
    const std::vector<bad_request> table{
        {"nonsense\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        {long_line, 414},
        {large_field, 431},
        {many_fields, 431},
        {"POST /contact HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ntext", 405},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405},
        {"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n", 405},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ntext", 200},
    };
    for (const bad_request& each : table) {
        SCOPED_TRACE(each.text.substr(0, 60));
        meeting here;
        here.run([&](memory_stream& stream) -> task<> {
            const got one = co_await exchange(stream, each.text);
            EXPECT_EQ(one.status, each.status);
            EXPECT_EQ(one.fields.get("allow"), each.status == 405
                                                   ? std::optional<std::string_view>{"GET, HEAD"}
                                                   : std::nullopt);
            EXPECT_TRUE(one.fields.has_token("connection", "close"));
            const std::string rest = co_await read_to_end(stream);
            EXPECT_EQ(rest, "");
        });
        EXPECT_FALSE(here.broken);
    }
}

TEST(serve_connection, accepts_as_many_fields_as_the_limit_says) {
    for (const int count : {99, 100, 101}) {
        std::string text{"GET / HTTP/1.1\r\nHost: a\r\n"};
        for (int number = 1; number != count; ++number) text.append("X: y\r\n");
        text.append("\r\n");
        meeting here;
        here.run([&](memory_stream& stream) -> task<> {
            const got one = co_await exchange(stream, text);
            EXPECT_EQ(one.status, count <= 100 ? 200 : 431) << count;
            stream.close();
        });
    }
}

// Sends a head in two parts.
task<got> dribble(memory_stream& stream, duration pause) {
    co_await write_all(stream, bytes_of("GET / HT"));
    co_await sleep_for(pause);
    got answered = co_await exchange(stream, "TP/1.1\r\nHost: a\r\n\r\n");
    co_return answered;
}

TEST(serve_connection, gives_a_head_ten_seconds_in_all) {
    for (const auto pause : {9999ms, 10001ms}) {
        meeting here;
        here.run([&](memory_stream& stream) -> task<> {
            const got one = co_await dribble(stream, pause);
            EXPECT_EQ(one.status, pause < 10s ? 200 : 408);
            stream.close();
        });
    }
}

TEST(serve_connection, is_not_held_by_a_client_that_sends_a_byte_a_second) {
    meeting here;
    here.run([&](memory_stream& stream) -> task<> {
        const time_point begin = now();
        const got first = co_await exchange(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(first.status, 200);
        co_await sleep_for(50s);  // idle, which is allowed
        std::string text{"GET / HTTP/1.1\r\nX: "};
        text.append(100, 'a');
        for (const char each : text) {
            if (stream.has_input()) break;
            co_await write_all(stream, bytes_of(std::string_view{&each, 1}));
            co_await sleep_for(1s);
        }
        std::string ahead;
        const got late = co_await next_answer(stream, ahead);
        EXPECT_EQ(late.status, 408);
        EXPECT_TRUE(late.fields.has_token("connection", "close"));
        EXPECT_LE(now() - begin, 62s);
        // It goes on sending: the server lingers for two seconds, and no longer.
        co_await sleep_for(3s);
        const std::error_code code = co_await code_of(write_all(stream, bytes_of("x")));
        EXPECT_EQ(code, std::errc::broken_pipe);
    });
    EXPECT_LE(here.lasted, 63s);
    EXPECT_GE(here.lasted, 60s);
}

TEST(serve_connection, closes_without_a_word_where_nothing_comes) {
    meeting here;
    here.run([&](memory_stream& stream) -> task<> {
        const time_point begin = now();
        std::string rest = co_await read_to_end(stream);
        EXPECT_EQ(rest, "");
        EXPECT_EQ(now() - begin, 10s);
    });
    meeting idle;
    idle.run([&](memory_stream& stream) -> task<> {
        const got first = co_await exchange(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(first.status, 200);
        const time_point begin = now();
        std::string rest = co_await read_to_end(stream);
        EXPECT_EQ(rest, "");
        EXPECT_EQ(now() - begin, 60s);
    });
}

TEST(serve_connection, gives_up_on_a_client_that_does_not_read) {
    odd_site odd;
    std::vector<std::string> failures;
    meeting here;
    here.content = &odd;
    here.options.log = [&](const served_request& line) {
        failures.emplace_back(line.failure);
        EXPECT_EQ(line.target, "/large");
    };
    here.run([&](memory_stream& stream) -> task<> {
        co_await write_all(stream, bytes_of("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
        co_await sleep_for(29s);
        EXPECT_EQ(here.lasted, duration{});
        co_await sleep_for(2s);
        EXPECT_EQ(here.lasted, 30s);
    });
    EXPECT_EQ(failures, std::vector<std::string>{"the client does not read"});
}

TEST(serve_connection, turns_failures_of_the_site_into_answers) {
    odd_site odd;
    std::vector<int> statuses;
    std::vector<std::string> failures;
    meeting here;
    here.content = &odd;
    here.options.log = [&](const served_request& line) {
        statuses.push_back(line.status);
        failures.emplace_back(line.failure);
    };
    here.run([&](memory_stream& stream) -> task<> {
        const got thrown = co_await exchange(stream, "GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(thrown.status, 500);
        EXPECT_EQ(thrown.body.find("boom"), std::string::npos);
        const got shortage = co_await exchange(stream, "GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(shortage.status, 503);
        const got fine = co_await exchange(stream, "GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(fine.body, "fine");
        stream.close();
    });
    EXPECT_EQ(statuses, (std::vector{500, 503, 200}));
    EXPECT_EQ(failures[0], "boom");
    EXPECT_EQ(failures[2], "");
}

TEST(serve_connection, finishes_the_answer_in_flight_when_it_is_to_stop) {
    odd_site odd;
    meeting here;
    here.content = &odd;
    here.run([&](memory_stream& stream) -> task<> {
        co_await write_all(stream, bytes_of("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"));
        co_await sleep_for(1s);
        here.stopping.set();
        std::string ahead;
        const got one = co_await next_answer(stream, ahead);
        EXPECT_EQ(one.body, "fine");
        const std::string rest = co_await read_to_end(stream);
        EXPECT_EQ(rest, "");
    });
    meeting idle;
    idle.run([&](memory_stream& stream) -> task<> {
        const got one = co_await exchange(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(one.status, 200);
        const time_point begin = now();
        idle.stopping.set();
        const std::string rest = co_await read_to_end(stream);
        EXPECT_EQ(rest, "");
        EXPECT_EQ(now(), begin);
    });
}

TEST(serve_connection, ends_with_its_task) {
    odd_site odd;
    event stopping;
    const server_options options;
    simulate([&]() -> task<> {
        auto [ours, theirs] = memory_stream_pair();
        task_group group;
        auto serving =
            group.spawn(answer_connection(std::move(theirs), endpoint{}, odd, options, stopping));
        const auto client = [&]() -> task<> {
            co_await write_all(ours, bytes_of("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"));
            co_await sleep_for(1s);
            serving.cancel();
            const std::string rest = co_await read_to_end(ours);
            EXPECT_EQ(rest, "");
        };
        group.spawn(client());
        co_await group.run();
        EXPECT_TRUE(serving.was_cancelled());
    });
    EXPECT_EQ(stopping.waiting(), 0U);
}

// --- the command ------------------------------------------------------------------------------

// What a command line is refused with; nothing if it is not.
std::string refusal_of(std::vector<std::string> words) {
    CLI::App program{"test"};
    int result = -1;
    add_serve(program, result);
    std::vector<std::string> backwards{words.rbegin(), words.rend()};
    try {
        program.parse(backwards);
    } catch (const CLI::ParseError& wrong) {
        return wrong.what();
    }
    return {};
}

TEST(serve_command, names_the_flag_and_the_fix) {
    EXPECT_NE(refusal_of({"serve"}).find("--demonstration"), std::string::npos);
    EXPECT_NE(refusal_of({"serve", "--demonstration", "/tmp"}).find("either"), std::string::npos);
    const std::string listen = refusal_of({"serve", "--demonstration", "--listen", "80\x1b[31m"});
    EXPECT_NE(listen.find("--listen"), std::string::npos);
    EXPECT_NE(listen.find("127.0.0.1:8000"), std::string::npos);
    EXPECT_EQ(listen.find('\x1b'), std::string::npos);
    const std::string directory = refusal_of({"serve", "/nowhere/at/all"});
    EXPECT_NE(directory.find("/nowhere/at/all"), std::string::npos);
    EXPECT_NE(directory.find("No such file"), std::string::npos);
}

}  // namespace
