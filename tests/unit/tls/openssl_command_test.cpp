// SPDX-License-Identifier: Apache-2.0
//
// Against the openssl command over the loopback device: a second opinion on what we send. Skipped
// where the command is missing.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "simul/io/tcp.hpp"
#include "support/connected_streams.hpp"
#include "unit/tls/connections.hpp"

namespace simul {
namespace {

using namespace test;
using namespace std::chrono_literals;

// The openssl command; ends it when destroyed.
class openssl_command {
public:
    explicit openssl_command(const std::vector<std::string>& arguments) {
        int input[2] = {-1, -1};
        int output[2] = {-1, -1};
        if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) return;
        input_ = unique_fd{input[1]};
        output_ = unique_fd{output[0]};
        const unique_fd its_input{input[0]};
        const unique_fd its_output{output[1]};
        ::posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, its_input.get(), 0);
        ::posix_spawn_file_actions_adddup2(&actions, its_output.get(), 1);
        ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        std::vector<std::string> words{"openssl"};
        words.insert(words.end(), arguments.begin(), arguments.end());
        std::vector<char*> pointers;
        for (std::string& each : words) pointers.push_back(each.data());
        pointers.push_back(nullptr);
        if (::posix_spawnp(&process_, "openssl", &actions, nullptr, pointers.data(), environ) !=
            0) {
            process_ = -1;
        }
        ::posix_spawn_file_actions_destroy(&actions);
    }
    openssl_command(const openssl_command&) = delete;
    openssl_command& operator=(const openssl_command&) = delete;
    ~openssl_command() {
        if (process_ <= 0) return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }

    [[nodiscard]] bool is_running() const noexcept { return process_ > 0; }
    void say(std::string_view text) const {
        EXPECT_EQ(::write(input_.get(), text.data(), text.size()),
                  static_cast<::ssize_t>(text.size()));
    }

    /// What it prints, until `wanted` is in it behind `from` or it ends. Blocks.
    std::string read_until(std::string_view wanted, std::size_t from = 0) {
        while (printed_.find(wanted, from) == std::string::npos) {
            char buffer[4096];
            const ::ssize_t count = ::read(output_.get(), buffer, sizeof buffer);
            if (count <= 0) break;
            printed_.append(buffer, static_cast<std::size_t>(count));
        }
        return printed_;
    }

private:
    ::pid_t process_ = -1;
    unique_fd input_;
    unique_fd output_;
    std::string printed_;
};

bool has_command() {
    const openssl_command version{{"version"}};
    return version.is_running();
}

void run_on_epoll(task<> body) {
    run(std::move(body), options_for(backend_kind::epoll));
}

TEST(openssl_command, s_client_accepts_our_server_in_both_versions) {
    if (!has_command()) GTEST_SKIP() << "there is no openssl command";
    const temporary_files files;
    const auto root = files.write("root.pem", test_authority::shared().root.certificate);
    for (const char* const version : {"-tls1_2", "-tls1_3"}) {
        SCOPED_TRACE(version);
        const auto serve = [&]() -> task<> {
            tcp_listener listener = tcp_listener::bind(any_loopback_port());
            const std::string address =
                std::string{"127.0.0.1:"}.append(std::to_string(listener.local_endpoint().port()));
            openssl_command client{{"s_client", "-connect", address, "-CAfile", root.string(),
                                    "-verify_return_error", "-verify_hostname", "localhost",
                                    "-servername", "localhost", "-alpn", "http/1.1", version}};
            auto [accepted, peer] = co_await listener.accept();
            any_stream transport{std::move(accepted)};
            const tls::server_context context = usual_server();
            tls::stream server = co_await tls::accept(std::move(transport), context);
            EXPECT_EQ(server.server_name(), "localhost");
            EXPECT_EQ(server.alpn(), "http/1.1");
            client.say("from the command\n");
            const std::string read = co_await read_count(server, 17);
            EXPECT_EQ(read, "from the command\n");
            co_await write_all(server, bytes_of("from the library\n"));
            const std::string printed = client.read_until("from the library\n");
            EXPECT_NE(printed.find("from the library\n"), std::string::npos) << printed;
            EXPECT_NE(printed.find("Verify return code: 0 (ok)"), std::string::npos) << printed;
            const bool said = co_await server.shutdown_and_wait();
            EXPECT_TRUE(said);
        };
        run_on_epoll(serve());
    }
}

// Asked to, the command answers every request with a page.
TEST(openssl_command, our_client_accepts_s_server_in_both_versions) {
    if (!has_command()) GTEST_SKIP() << "there is no openssl command";
    const temporary_files files;
    const test_authority& authority = test_authority::shared();
    const auto leaf = files.write("leaf.pem", authority.localhost.certificate);
    const auto chain = files.write("chain.pem", authority.intermediate.certificate);
    const auto key = files.write("key.pem", authority.localhost.key);
    for (const char* const version : {"-tls1_2", "-tls1_3"}) {
        SCOPED_TRACE(version);
        openssl_command server{{"s_server", "-accept", "127.0.0.1:0", "-cert", leaf.string(),
                                "-cert_chain", chain.string(), "-key", key.string(), "-alpn",
                                "http/1.1", "-www", "-no_ticket", version}};
        constexpr std::string_view told{"ACCEPT 127.0.0.1:"};
        const std::size_t at = server.read_until(told).find(told);
        ASSERT_NE(at, std::string::npos);
        const std::string line = server.read_until("\n", at);
        const auto port = static_cast<std::uint16_t>(std::stoi(line.substr(at + told.size())));
        const auto fetch = [&]() -> task<> {
            unique_fd socket = co_await connect_socket(endpoint{ip_address::loopback_v4(), port});
            any_stream transport{tcp_stream::adopt(std::move(socket))};
            const tls::client_context context = usual_client();
            tls::stream client = co_await tls::connect(std::move(transport), context, "localhost");
            EXPECT_EQ(client.alpn(), "http/1.1");
            co_await write_all(client, bytes_of("GET / HTTP/1.0\r\n\r\n"));
            const std::string page = co_await read_to_end(client);
            EXPECT_TRUE(page.starts_with("HTTP/1.0 200")) << page;
            EXPECT_NE(page.find("</pre>"), std::string::npos) << "the whole page: " << page;
        };
        run_on_epoll(fetch());
    }
}

TEST(openssl_command, s_client_is_refused_without_a_certificate) {
    if (!has_command()) GTEST_SKIP() << "there is no openssl command";
    const auto serve = []() -> task<> {
        tcp_listener listener = tcp_listener::bind(any_loopback_port());
        const std::string address =
            std::string{"127.0.0.1:"}.append(std::to_string(listener.local_endpoint().port()));
        const openssl_command client{{"s_client", "-connect", address}};
        auto [accepted, peer] = co_await listener.accept();
        any_stream transport{std::move(accepted)};
        tls::server_options options = server_with(test_authority::shared().localhost);
        options.clients = tls::client_certificates::required;
        options.client_authorities = test_authority::shared().root.certificate;
        const tls::server_context context{options};
        const auto code = co_await code_of(tls::accept(std::move(transport), context));
        EXPECT_EQ(code, tls::errc::certificate_required);
    };
    run_on_epoll(serve());
}

}  // namespace
}  // namespace simul
