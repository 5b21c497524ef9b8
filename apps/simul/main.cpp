// SPDX-License-Identifier: Apache-2.0
//
// The program simul: one subcommand in each folder beside this file.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/exit_code.hpp"
#include "common/process.hpp"
#include "common/text.hpp"
#include "crawl/command.hpp"
#include "demonstrate.hpp"
#include "fetch/command.hpp"
#include "serve/command.hpp"
#include "simul/concurrency/task_handle.hpp"

namespace {

using namespace simul::program;

// Runs the program with these words and returns its exit code.
int command(std::vector<std::string> words) {
    CLI::App program{"asynchronous tools for the web"};
    program.name("simul");
    program.require_subcommand(1);
    int result = exit_done;
    add_crawl(program, result);
    add_fetch(program, result);
    add_serve(program, result);
    program.parse_complete_callback([] {
        try {
            check_backend();
        } catch (const std::invalid_argument& wrong) {
            throw CLI::ValidationError{"SIMUL_BACKEND", wrong.what()};
        }
    });
    const auto commands = program.get_subcommands([](const CLI::App*) { return true; });
    const auto is_meant = [&](const CLI::App* each) { return each->check_name(words.front()); };
    if (!words.front().starts_with('-') && std::ranges::none_of(commands, is_meant)) {
        std::fprintf(stderr, "simul: there is no command \"%s\": use crawl, fetch or serve\n",
                     printable(words.front(), 100).c_str());
        return exit_usage;
    }
    try {
        std::ranges::reverse(words);  // CLI11 takes them from the back
        program.parse(std::move(words));
    } catch (const CLI::ParseError& wrong) {
        const int code = program.exit(wrong);
        return code == 0 ? exit_done : exit_usage;  // 0: --help
    } catch (const simul::cancelled&) {
        return exit_interrupted;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "simul: %s\n", printable(failure.what()).c_str());
        return exit_limit;
    }
    return result;
}

}  // namespace

int main(int count, char** words) {
    if (count != 1) return command(std::vector<std::string>(words + 1, words + count));
    try {
        check_backend();
        return demonstrate(command);
    } catch (const std::invalid_argument& wrong) {
        std::fprintf(stderr, "simul: SIMUL_BACKEND: %s\n", wrong.what());
        return exit_usage;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "simul: %s\n", printable(failure.what()).c_str());
        return exit_limit;
    }
}
