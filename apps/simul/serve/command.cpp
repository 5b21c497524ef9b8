// SPDX-License-Identifier: Apache-2.0
#include "serve/command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "common/exit_code.hpp"
#include "common/process.hpp"
#include "common/text.hpp"
#include "serve/demonstration.hpp"
#include "serve/directory_site.hpp"
#include "serve/server.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_handle.hpp"
#include "simul/io/tcp.hpp"

namespace simul::program {

namespace {

class serve_command {
public:
    serve_command() = default;

    std::string directory;
    std::string listen = "127.0.0.1:8000";
    bool demonstration = false;
    bool log = false;
};

void print_request(const served_request& line) {
    std::string text = fmt::format("{} {} {} {} {}", line.peer.to_string(),
                                   line.method.empty() ? std::string{"-"} : printable(line.method),
                                   line.target.empty() ? std::string{"-"} : printable(line.target),
                                   line.status, line.body_size);
    if (!line.failure.empty()) text.append(fmt::format(" ({})", printable(line.failure)));
    std::fprintf(stderr, "%s\n", text.c_str());
}

// The first line says where, for people and for programs that have asked for port 0.
task<int> serve_at(endpoint where, site& content, std::string what, bool log) {
    tcp_listener listener;
    std::string problem;
    try {
        listener = tcp_listener::bind(where);
    } catch (const std::system_error& failure) {
        problem = failure.code().message();
    }
    if (!problem.empty()) {
        std::fprintf(stderr,
                     "simul serve: --listen %s: %s; choose another one; port 0 is any free port\n",
                     where.to_string().c_str(), problem.c_str());
        co_return exit_usage;
    }
    std::printf("serving %s at http://%s/\n", printable(what).c_str(),
                listener.local_endpoint().to_string().c_str());
    std::fflush(stdout);
    server_options options;
    if (log) options.log = print_request;
    co_await serve_site(listener, content, options);
    co_return exit_done;
}

int run_command(const serve_command& asked) {
    if (asked.demonstration != asked.directory.empty()) {
        throw CLI::ValidationError{"serve",
                                   "give either a directory (simul serve DIR) or --demonstration"};
    }
    const std::optional<endpoint> where = endpoint::parse(asked.listen);
    if (!where) {
        throw CLI::ValidationError{
            "--listen", fmt::format("\"{}\" is no address with a port; write 127.0.0.1:8000 or "
                                    "[::1]:8000, with port 0 for any free one",
                                    printable(asked.listen, 200))};
    }
    std::unique_ptr<site> content;
    std::string what{"the demonstration"};
    if (asked.demonstration) {
        content = std::make_unique<demonstration_site>();
    } else {
        what = asked.directory;
        try {
            content = std::make_unique<directory_site>(asked.directory);
        } catch (const std::filesystem::filesystem_error& failure) {
            throw CLI::ValidationError{
                "DIR", fmt::format("cannot serve \"{}\": {}", printable(asked.directory, 1000),
                                   failure.code().message())};
        }
    }
    try {
        return run(serve_at(*where, *content, std::move(what), asked.log), interruptible());
    } catch (const cancelled&) {
        return exit_interrupted;
    }
}

}  // namespace

void add_serve(CLI::App& program, int& result) {
    CLI::App* command = program.add_subcommand(
        "serve", "serve the files of a directory, or a demonstration site, over HTTP");
    const auto asked = std::make_shared<serve_command>();
    command->add_option("DIR", asked->directory, "the directory; hidden files stay hidden");
    command
        ->add_option("--listen", asked->listen,
                     "address and port; port 0 takes any free one and prints it")
        ->capture_default_str();
    command->add_flag("--demonstration", asked->demonstration,
                      "serve a museum of 150 pages made for trying out crawlers");
    command->add_flag("--log", asked->log, "one line for each request on standard error");
    command->callback([asked, &result] { result = run_command(*asked); });
}

}  // namespace simul::program
