// SPDX-License-Identifier: Apache-2.0
#include "io/signal_name.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>
#include <utility>

namespace simul::detail {

namespace {

using named_signal = std::pair<int, std::string_view>;

constexpr std::array<named_signal, 31> names{{
    {SIGABRT, "SIGABRT"}, {SIGALRM, "SIGALRM"}, {SIGBUS, "SIGBUS"},       {SIGCHLD, "SIGCHLD"},
    {SIGCONT, "SIGCONT"}, {SIGFPE, "SIGFPE"},   {SIGHUP, "SIGHUP"},       {SIGILL, "SIGILL"},
    {SIGINT, "SIGINT"},   {SIGIO, "SIGIO"},     {SIGKILL, "SIGKILL"},     {SIGPIPE, "SIGPIPE"},
    {SIGPROF, "SIGPROF"}, {SIGPWR, "SIGPWR"},   {SIGQUIT, "SIGQUIT"},     {SIGSEGV, "SIGSEGV"},
    {SIGSTOP, "SIGSTOP"}, {SIGSYS, "SIGSYS"},   {SIGTERM, "SIGTERM"},     {SIGTRAP, "SIGTRAP"},
    {SIGTSTP, "SIGTSTP"}, {SIGTTIN, "SIGTTIN"}, {SIGTTOU, "SIGTTOU"},     {SIGURG, "SIGURG"},
    {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}, {SIGVTALRM, "SIGVTALRM"}, {SIGWINCH, "SIGWINCH"},
    {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSTKFLT, "SIGSTKFLT"},
}};

}  // namespace

std::string name_of_signal(int number) {
    const auto* const found = std::ranges::find(names, number, &named_signal::first);
    if (found != names.end()) return std::string{found->second};
    return "signal " + std::to_string(number);
}

}  // namespace simul::detail
