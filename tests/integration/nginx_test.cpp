// SPDX-License-Identifier: Apache-2.0
//
// The client against nginx, configured by http/nginx.conf.in. After each case the same session asks
// for a nonce and must get its own.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <optional>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/http/error.hpp"
#include "simul/io/connect.hpp"
#include "simul/io/tcp.hpp"
#include "simul/tls/error.hpp"
#include "support/http_asking.hpp"
#include "support/reserved_port.hpp"
#include "support/run_on_backends.hpp"
#include "support/test_authority.hpp"
#include "support/test_data.hpp"

namespace simul::test {
namespace {

using namespace std::chrono_literals;

using http::request;
using http::response;
using http::session;
using http::session_options;
using http::stage;

constexpr std::size_t large_size = std::size_t{20} * 1024 * 1024;

void write_file(const std::filesystem::path& path, std::string_view text) {
    std::ofstream file{path, std::ios::binary};
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
}

// nginx with a site of its own in a temporary directory.
class nginx_server {
public:
    static std::string program() {
        return first_working({{"nginx", "-v"}, {"/usr/sbin/nginx", "-v"}});
    }

    explicit nginx_server(const std::string& program) : other_authority_{"another authority"} {
        const std::filesystem::path& directory = directory_.path();
        const std::filesystem::path site = directory / "site";
        std::filesystem::create_directories(site / "folder");
        write_file(site / "0", "");
        write_file(site / "1", "a");
        write_file(site / "100k", noise(102400));
        write_file(site / "large", noise(large_size));
        write_file(site / "folder" / "index.html", "the index");
        write_file(site / "text", words());
        const test_authority& authority = test_authority::shared();
        write_file(directory / "chain.pem", authority.chain_of(authority.localhost));
        write_file(directory / "key.pem", authority.localhost.key);
        write_file(directory / "foreign-chain.pem",
                   other_authority_.chain_of(other_authority_.localhost));
        write_file(directory / "foreign-key.pem", other_authority_.localhost.key);
        write_file(directory / "nginx.conf", configuration());
        process_.emplace(std::vector<std::string>{program, "-p", directory.string(), "-e", "stderr",
                                                  "-c", (directory / "nginx.conf").string()});
        // It says which of the system's calls it waits with after it has begun to listen.
        std::string line = process_->read_line();
        while (!line.empty() && line.find("event method") == std::string::npos) {
            line = process_->read_line();
        }
        is_running_ = !line.empty();
    }

    [[nodiscard]] bool is_running() const noexcept { return is_running_; }
    [[nodiscard]] std::uint16_t port(const std::string& name) const {
        return ports_.at(name).number();
    }

    // A few kilobytes that compress well.
    static std::string words() {
        std::string text;
        for (int i = 0; i < 5000; ++i) text.append("line ").append(std::to_string(i)).append("\n");
        return text;
    }

private:
    std::string configuration() {
        std::string text =
            read_whole_file(SIMUL_SOURCE_DIR "/tests/integration/http/nginx.conf.in");
        replace_all(text, "@directory@", directory_.path().string());
        for (const char* name : {"plain", "secure", "few", "abrupt", "old", "foreign"}) {
            const std::string number = std::to_string(ports_[name].number());
            replace_all(text, std::string{"@"}.append(name).append("@"), number);
        }
        return text;
    }

    static void replace_all(std::string& text, const std::string& word, const std::string& by) {
        for (std::size_t at = text.find(word); at != std::string::npos;
             at = text.find(word, at + by.size())) {
            text.replace(at, word.size(), by);
        }
    }

    temporary_directory directory_;
    test_authority other_authority_;
    std::map<std::string, reserved_port> ports_;
    std::optional<child_process> process_;
    bool is_running_ = false;
};

class nginx : public testing::TestWithParam<backend_kind> {
public:
    static void SetUpTestSuite() {
        const std::string program = nginx_server::program();
        if (!program.empty()) server_ = std::make_unique<nginx_server>(program);
    }
    static void TearDownTestSuite() { server_.reset(); }

    void SetUp() override {
        if (!server_) GTEST_SKIP() << "nginx is not installed (Debian: nginx-light)";
        ASSERT_TRUE(server_->is_running()) << "nginx did not start";
    }

    static std::string url(std::string_view path, const std::string& server = "plain") {
        const bool secure = server == "secure" || server == "old" || server == "foreign";
        std::string text{secure ? "https://127.0.0.1:" : "http://127.0.0.1:"};
        text.append(std::to_string(server_->port(server))).append("/").append(path);
        return text;
    }

    static session_options one_connection() {
        tls::client_options trust;
        trust.use_system_authorities = false;
        trust.authorities = test_authority::shared().root.certificate;
        session_options options;
        options.max_connections = 1;
        options.trust.emplace(trust);
        return options;
    }

    // Runs a case with a session, which gets its own answer after it.
    template <class Body>
    void with_session(session_options options, Body body) {
        run(
            [](session_options chosen, Body& does) -> task<> {
                session web{std::move(chosen)};
                co_await does(web);
                const auto* test = testing::UnitTest::GetInstance()->current_test_info();
                co_await expect_own_answer(web, url("nonce"), test->name());
            }(std::move(options), body),
            options_for(GetParam()));
    }
    template <class Body>
    void with_session(Body body) {
        with_session(one_connection(), std::move(body));
    }

    static std::unique_ptr<nginx_server> server_;
};

std::unique_ptr<nginx_server> nginx::server_;

// --- files --------------------------------------------------------------------------------------

TEST_P(nginx, serves_files_of_0_and_1_and_100_KiB_on_one_connection) {
    with_session([](session& web) -> task<> {
        const std::vector<std::pair<std::string, std::string>> files{
            {"0", ""}, {"1", "a"}, {"100k", noise(102400)}, {"0", ""}};
        for (const auto& [name, content] : files) {
            const http_result came = co_await ask(web, url(name));
            EXPECT_EQ(came.status, 200) << came.text;
            EXPECT_TRUE(came.body == content) << name << " has " << came.body.size() << " bytes";
        }
        EXPECT_EQ(web.statistics().connections, 1U);
        EXPECT_EQ(web.statistics().reused, 3U);
    });
}

// Reads a large body in pieces and compares each.
task<std::size_t> read_large(session& web, std::string where) {
    const std::string wanted = noise(large_size);
    response got = co_await web.get(std::move(where));
    EXPECT_EQ(got.headers().get("content-length"), std::to_string(large_size));
    std::vector<char> buffer(50'000);
    std::size_t at = 0;
    while (true) {
        const std::size_t count = co_await got.read_some(std::as_writable_bytes(std::span{buffer}));
        if (count == 0) break;
        const bool same =
            std::string_view{buffer.data(), count} == std::string_view{wanted}.substr(at, count);
        EXPECT_TRUE(same) << "at " << at;
        if (!same) break;
        at += count;
    }
    co_return at;
}

TEST_P(nginx, streams_20_MiB) {
    with_session([](session& web) -> task<> {
        const std::size_t size = co_await read_large(web, url("large"));
        EXPECT_EQ(size, large_size);
        EXPECT_EQ(web.statistics().idle, 1U);
    });
}

TEST_P(nginx, streams_20_MiB_over_tls) {
    with_session([](session& web) -> task<> {
        const std::size_t size = co_await read_large(web, url("large", "secure"));
        EXPECT_EQ(size, large_size);
        EXPECT_EQ(web.statistics().idle, 1U);
    });
}

TEST_P(nginx, gives_up_a_large_body_in_the_middle) {
    with_session([](session& web) -> task<> {
        for (const char* server : {"plain", "secure"}) {
            {
                response got = co_await web.get(url("large", server));
                const http::partial_body begin = co_await got.read_up_to(1000);
                EXPECT_TRUE(begin.bytes == noise(1000));
                EXPECT_FALSE(begin.is_complete);
            }
            const auto late = co_await move_on_after(3ms, ask(web, url("large", server)));
            EXPECT_TRUE(!late || late->code == std::error_code{});
        }
    });
}

TEST_P(nginx, refuses_a_body_that_is_larger_than_allowed) {
    session_options options = one_connection();
    options.max_body = 102399;
    with_session(std::move(options), [](session& web) -> task<> {
        const http_result came = co_await ask(web, url("100k"));
        EXPECT_EQ(came.code, http::errc::body_too_large) << came.text;
    });
    options = one_connection();
    options.max_body = 102400;
    with_session(std::move(options), [](session& web) -> task<> {
        const http_result came = co_await ask(web, url("100k"));
        EXPECT_TRUE(came.body == noise(102400)) << came.text;
    });
}

TEST_P(nginx, gives_ranges_of_a_file) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("100k"));
        asked.headers.add("Range", "bytes=1000-1999");
        const http_result part = co_await ask(web, std::move(asked));
        EXPECT_EQ(part.status, 206);
        EXPECT_EQ(part.fields.get("content-range"), "bytes 1000-1999/102400");
        EXPECT_TRUE(part.body == noise(102400).substr(1000, 1000));
        asked = asking(url("100k"));
        asked.headers.add("Range", "bytes=102400-");
        const http_result beyond = co_await ask(web, std::move(asked));
        EXPECT_EQ(beyond.status, 416);
        asked = asking(url("100k"));
        asked.headers.add("Range", "bytes=0-9,20-29");
        const http_result parts = co_await ask(web, std::move(asked));
        EXPECT_EQ(parts.status, 206);
        EXPECT_NE(parts.body.find("bytes 20-29/102400"), std::string::npos);
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(nginx, answers_304_when_nothing_has_changed) {
    with_session([](session& web) -> task<> {
        const http_result first = co_await ask(web, url("100k"));
        const std::string tag{first.fields.get("etag").value_or("")};
        EXPECT_FALSE(tag.empty());
        request asked = asking(url("100k"));
        asked.headers.add("If-None-Match", tag);
        const http_result second = co_await ask(web, std::move(asked));
        EXPECT_EQ(second.status, 304) << second.text;
        EXPECT_EQ(second.body, "");
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(nginx, answers_head_with_the_length_and_no_body) {
    with_session([](session& web) -> task<> {
        for (const char* path : {"100k", "packed/text", "until-close/text", "absent"}) {
            const http_result came = co_await ask(web, asking(url(path), http::method::head));
            EXPECT_EQ(came.code, std::error_code{}) << path << ": " << came.text;
            EXPECT_EQ(came.status, std::string_view{path} == "absent" ? 404 : 200);
            EXPECT_EQ(came.body, "");
        }
        const http_result came = co_await ask(web, asking(url("100k"), http::method::head));
        EXPECT_EQ(came.fields.get("content-length"), "102400");
    });
}

// --- codings and framings -----------------------------------------------------------------------

TEST_P(nginx, unpacks_gzip_that_comes_in_chunks) {
    with_session([](session& web) -> task<> {
        const http_result came = co_await ask(web, url("packed/text"));
        EXPECT_EQ(came.fields.get("content-encoding"), "gzip");
        EXPECT_EQ(came.fields.get("transfer-encoding"), "chunked");
        EXPECT_TRUE(came.body == nginx_server::words()) << came.body.size() << came.text;
        const http_result plain = co_await ask(web, url("text"));
        EXPECT_FALSE(plain.fields.contains("content-encoding"));
        EXPECT_TRUE(plain.body == came.body);
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(nginx, leaves_gzip_packed_when_told_to) {
    session_options options = one_connection();
    options.decode = false;
    with_session(std::move(options), [](session& web) -> task<> {
        const http_result unasked = co_await ask(web, url("packed/text"));
        EXPECT_TRUE(unasked.body == nginx_server::words());
        request asked = asking(url("packed/text"));
        asked.headers.add("Accept-Encoding", "gzip");
        const http_result came = co_await ask(web, std::move(asked));
        EXPECT_TRUE(came.body.starts_with("\x1f\x8b")) << came.text;
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(nginx, reads_until_the_connection_is_closed) {
    with_session([](session& web) -> task<> {
        for (const char* server : {"plain", "secure", "old"}) {
            const http_result came = co_await ask(web, url("until-close/text", server));
            EXPECT_EQ(came.code, std::error_code{}) << server << ": " << came.text;
            EXPECT_FALSE(came.fields.contains("content-length"));
            EXPECT_FALSE(came.fields.contains("transfer-encoding"));
            EXPECT_TRUE(came.body == nginx_server::words());
            EXPECT_EQ(web.statistics().idle, 0U);
        }
    });
}

// --- statuses -----------------------------------------------------------------------------------

TEST_P(nginx, gives_errors_as_responses_and_keeps_the_connection) {
    with_session([](session& web) -> task<> {
        const std::vector<std::pair<std::string, int>> cases{
            {"absent", 404}, {"secret", 403}, {"broken", 500}, {"absent", 404}, {"nothing", 204}};
        for (const auto& [path, status] : cases) {
            const http_result came = co_await ask(web, url(path));
            EXPECT_EQ(came.status, status) << came.text;
            EXPECT_EQ(came.body.empty(), status == 204);
        }
        EXPECT_EQ(web.statistics().connections, 1U);
    });
}

TEST_P(nginx, refuses_to_post_to_a_file) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("1"), http::method::post);
        asked.with_body("hello", "text/plain");
        const http_result came = co_await ask(web, std::move(asked));
        EXPECT_EQ(came.status, 405) << came.text;
    });
}

TEST_P(nginx, says_that_it_was_closed_without_an_answer) {
    with_session([](session& web) -> task<> {
        const http_result first = co_await ask(web, url("silence"));
        EXPECT_EQ(first.code, http::errc::unexpected_end) << first.text;
        EXPECT_EQ(first.where, stage::waiting_for_answer);
        EXPECT_EQ(web.statistics().retries, 0U);

        // On a connection that had served a request this looks like one that had died meanwhile.
        co_await expect_own_answer(web, url("nonce"), "kept");
        const http_result second = co_await ask(web, url("silence"));
        EXPECT_EQ(second.code, http::errc::unexpected_end) << second.text;
        EXPECT_EQ(web.statistics().retries, 1U);

        co_await expect_own_answer(web, url("nonce"), "kept again");
        request posted = asking(url("silence"), http::method::post);
        posted.with_body("once only", "text/plain");
        const http_result third = co_await ask(web, std::move(posted));
        EXPECT_EQ(third.code, http::errc::unexpected_end) << third.text;
        EXPECT_EQ(web.statistics().retries, 1U);
    });
}

// --- redirects ----------------------------------------------------------------------------------

TEST_P(nginx, follows_the_redirect_of_a_folder) {
    with_session([](session& web) -> task<> {
        const http_result came = co_await ask(web, url("folder"));
        EXPECT_EQ(came.body, "the index") << came.text;
        EXPECT_EQ(came.url, url("folder/"));
        EXPECT_EQ(came.hops, 1U);
        EXPECT_EQ(web.statistics().connections, 1U);
    });
    session_options options = one_connection();
    options.max_redirects = 0;
    with_session(std::move(options), [](session& web) -> task<> {
        const http_result came = co_await ask(web, url("folder"));
        EXPECT_EQ(came.status, 301) << came.text;
        EXPECT_EQ(came.fields.get("location"), url("folder/"));
    });
}

TEST_P(nginx, repeats_method_and_body_after_307_and_not_after_303) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("307"), http::method::put);
        asked.with_body("hello", "text/plain");
        const http_result same = co_await ask(web, std::move(asked));
        EXPECT_EQ(same.body, "PUT 5 text/plain") << same.text;
        asked = asking(url("303"), http::method::post);
        asked.with_body("hello", "text/plain");
        const http_result other = co_await ask(web, std::move(asked));
        EXPECT_EQ(other.body, "GET  ") << other.text;
    });
}

TEST_P(nginx, shows_no_credentials_to_where_a_redirect_leads) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("elsewhere"));
        asked.headers.add("Authorization", "Bearer secret");
        asked.headers.add("Cookie", "a=b");
        asked.headers.add("X-Other", "stays");
        const http_result came = co_await ask(web, std::move(asked));
        EXPECT_EQ(came.body, "[][][stays]") << came.text;
    });
}

// --- sizes --------------------------------------------------------------------------------------

TEST_P(nginx, takes_a_field_of_31_KiB_and_refuses_one_of_32_and_its_name) {
    with_session([](session& web) -> task<> {
        const http_result fits = co_await ask(web, url("31k"));
        EXPECT_EQ(fits.fields.get("x-long").value_or("").size(), 31U * 1024) << fits.text;
        const http_result too_long = co_await ask(web, url("32k"));
        EXPECT_EQ(too_long.code, http::errc::field_too_large) << too_long.text;
        EXPECT_EQ(too_long.where, stage::reading_head);
    });
}

TEST_P(nginx, is_told_that_a_request_is_too_large) {
    with_session([](session& web) -> task<> {
        request asked = asking(url("nonce"));
        asked.headers.add("X-Long", std::string(9000, 'a'));
        const http_result field = co_await ask(web, std::move(asked));
        EXPECT_EQ(field.status, 400) << field.text;
        const http_result line = co_await ask(web, url(std::string(9000, 'a')));
        EXPECT_EQ(line.status, 414) << line.text;
    });
}

TEST_P(nginx, answers_413_before_it_has_read_the_body) {
    with_session([](session& web) -> task<> {
        for (const char* server : {"plain", "secure", "abrupt"}) {
            for (const std::size_t size : {70'000U, 5'000'000U}) {
                request asked = asking(url("1", server), http::method::post);
                asked.with_body(std::string(size, 'a'), "text/plain");
                const http_result came = co_await ask(web, std::move(asked));
                EXPECT_EQ(came.status, 413) << server << " " << size << ": " << came.text;
            }
        }
    });
}

async_generator<std::string> many_pieces() {
    for (int i = 0; i < 500; ++i) {
        std::string piece(10'000, 'a');
        co_yield piece;
    }
}

TEST_P(nginx, answers_413_while_a_body_in_chunks_is_still_made) {
    with_session([](session& web) -> task<> {
        for (const char* server : {"plain", "abrupt"}) {
            request asked = asking(url("1", server), http::method::post);
            asked.with_stream(many_pieces(), "text/plain");
            const http_result came = co_await ask(web, std::move(asked));
            EXPECT_TRUE(came.status == 413 || came.status == 405)
                << server << ": " << came.status << came.text;
        }
    });
}

// --- connections --------------------------------------------------------------------------------

TEST_P(nginx, goes_on_when_the_server_closes_after_so_many_requests) {
    with_session([](session& web) -> task<> {
        for (int i = 0; i < 10; ++i) {
            std::string nonce{"request "};
            nonce.append(std::to_string(i));
            co_await expect_own_answer(web, url("nonce", "few"), nonce);
        }
        EXPECT_EQ(web.statistics().connections, 4U);
        EXPECT_EQ(web.statistics().reused, 6U);
        EXPECT_EQ(web.statistics().retries, 0U);
    });
}

TEST_P(nginx, counts_the_requests_of_a_connection_as_the_client_does) {
    with_session([](session& web) -> task<> {
        std::string connection;
        for (std::size_t i = 1; i <= 50; ++i) {
            const http_result came = co_await ask(web, url("connection"));
            const std::size_t space = came.body.find(' ');
            if (connection.empty()) connection = came.body.substr(0, space);
            EXPECT_EQ(came.body.substr(0, space), connection);
            EXPECT_EQ(came.body.substr(space + 1), std::to_string(i));
        }
        EXPECT_EQ(web.statistics().reused, 49U);
    });
}

// A TCP connection that is counted as long as it is open.
class counted_stream {
public:
    struct count {
        std::size_t now = 0;
        std::size_t most = 0;
    };

    counted_stream(tcp_stream held, count& counts) : held_{std::move(held)}, counts_{&counts} {
        counts.most = std::max(counts.most, ++counts.now);
    }
    counted_stream(counted_stream&&) noexcept = default;
    counted_stream& operator=(counted_stream&&) = delete;
    ~counted_stream() = default;

    auto read_some(std::span<std::byte> buffer) noexcept { return held_.read_some(buffer); }
    auto write_some(std::span<const std::byte> bytes) noexcept { return held_.write_some(bytes); }
    auto shutdown() noexcept { return held_.shutdown(); }
    void close() noexcept { held_.close(); }
    [[nodiscard]] bool has_input() const noexcept { return held_.has_input(); }

    static task<any_stream> connect(count& counts, std::string host, std::uint16_t port) {
        const endpoint where{ip_address::parse(host).value(), port};
        tcp_stream made = co_await simul::connect(where);
        co_return any_stream{counted_stream{std::move(made), counts}};
    }

private:
    struct one_less {
        void operator()(count* counts) const noexcept { --counts->now; }
    };

    tcp_stream held_;
    std::unique_ptr<count, one_less> counts_;
};

TEST_P(nginx, serves_100_requests_at_once_over_8_connections) {
    counted_stream::count open;
    session_options options = one_connection();
    options.max_connections = 8;
    options.connect = [&open](std::string host, std::uint16_t port) {
        return counted_stream::connect(open, std::move(host), port);
    };
    with_session(std::move(options), [](session& web) -> task<> {
        std::size_t right = 0;
        task_group group;
        for (std::size_t i = 0; i < 100; ++i) {
            group.spawn([&web, &right, i]() -> task<> {
                std::string nonce{"one of many "};
                nonce.append(std::to_string(i));
                request asked = asking(url("nonce", i % 4 == 0 ? "secure" : "plain"));
                asked.headers.add("X-Nonce", nonce);
                const http_result came = co_await ask(web, std::move(asked));
                if (came.body == std::string{"nonce "}.append(nonce)) ++right;
                EXPECT_LE(web.statistics().in_use, 8U);
            });
        }
        co_await group.run();
        EXPECT_EQ(right, 100U);
        EXPECT_EQ(web.statistics().requests, 100U);
        EXPECT_EQ(web.statistics().waiting, 0U);
        EXPECT_LE(web.statistics().idle, 8U);
    });
    EXPECT_EQ(open.now, 0U);
    EXPECT_EQ(open.most, 8U);
}

TEST_P(nginx, keeps_connections_over_tls) {
    with_session([](session& web) -> task<> {
        for (const char* server : {"secure", "old"}) {
            const http::session_statistics before = web.statistics();
            for (int i = 0; i < 5; ++i) {
                std::string nonce{"over TLS "};
                nonce.append(std::to_string(i));
                co_await expect_own_answer(web, url("nonce", server), nonce);
            }
            EXPECT_EQ(web.statistics().connections - before.connections, 1U) << server;
            EXPECT_EQ(web.statistics().reused - before.reused, 4U) << server;
        }
    });
}

// --- trust --------------------------------------------------------------------------------------

TEST_P(nginx, is_refused_with_the_certificate_of_an_unknown_authority) {
    with_session([](session& web) -> task<> {
        const http_result came = co_await ask(web, url("1", "foreign"));
        EXPECT_EQ(came.code, tls::errc::unknown_authority) << came.text;
        EXPECT_EQ(came.where, stage::handshaking);
        EXPECT_NE(came.text.find("another authority"), std::string::npos) << came.text;
    });
}

TEST_P(nginx, is_refused_with_the_certificate_of_another_host) {
    session_options options = one_connection();
    options.overrides.emplace_back("shop.test", std::nullopt,
                                   std::vector{ip_address::parse("127.0.0.1").value()});
    options.overrides.emplace_back("shop.example.test", std::nullopt,
                                   std::vector{ip_address::parse("127.0.0.1").value()});
    with_session(std::move(options), [](session& web) -> task<> {
        std::string where{"https://shop.test:"};
        where.append(std::to_string(server_->port("secure"))).append("/1");
        const http_result wrong = co_await ask(web, where);
        EXPECT_EQ(wrong.code, tls::errc::host_mismatch) << wrong.text;
        EXPECT_EQ(wrong.where, stage::handshaking);
        where.insert(where.find("test"), "example.");
        const http_result right = co_await ask(web, where);
        EXPECT_EQ(right.body, "a") << right.text;
    });
}

TEST_P(nginx, speaks_plain_on_one_port_and_tls_on_another) {
    with_session([](session& web) -> task<> {
        std::string where = url("1", "secure");
        where.erase(4, 1);  // http, at the port of https
        const http_result plain = co_await ask(web, where);
        EXPECT_EQ(plain.status, 400) << plain.text;
        where = url("1");
        where.insert(4, "s");
        const http_result secured = co_await ask(web, where);
        EXPECT_EQ(secured.code, tls::errc::not_tls) << secured.text;
        EXPECT_EQ(secured.where, stage::handshaking);
    });
}

// --- time ---------------------------------------------------------------------------------------

TEST_P(nginx, is_given_up_when_its_body_comes_too_slowly) {
    session_options options = one_connection();
    options.limits.idle = 400ms;
    with_session(std::move(options), [](session& web) -> task<> {
        const http_result came = co_await ask(web, url("slow/100k"));
        EXPECT_EQ(came.code, errc::timed_out) << came.text;
        EXPECT_EQ(came.where, stage::reading_body) << came.text;
    });
}

TEST_P(nginx, is_given_up_when_the_whole_takes_too_long) {
    session_options options = one_connection();
    options.limits.total = 600ms;
    with_session(std::move(options), [](session& web) -> task<> {
        const http_result came = co_await ask(web, url("measured/large"));
        EXPECT_EQ(came.code, errc::timed_out) << came.text;
        EXPECT_NE(came.text.find("the whole request"), std::string::npos) << came.text;
    });
}

INSTANTIATE_TEST_SUITE_P(backends, nginx,
                         testing::Values(backend_kind::epoll, backend_kind::io_uring),
                         [](const auto& each) { return std::string{name_of(each.param)}; });

}  // namespace
}  // namespace simul::test
