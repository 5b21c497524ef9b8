// SPDX-License-Identifier: Apache-2.0
//
// support/network_namespace.hpp: a network of its own for a test, in which every port is free and
// any address may be that of the loopback device. Mounts made in there are seen in there only.
#pragma once

#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/child_process.hpp"

namespace simul::test {

/// It lasts as long as a process in it: start one with beginning(), and others with joining().
/// Needs root, or a system that lets users make namespaces, and util-linux and iproute2.
class network_namespace {
public:
    /// Why none can be made here; nothing if one can.
    static std::string why_not() {
        static const std::string reason = [] {
            std::vector<std::string> words{"sh", "-c", "exec \"$0\" \"$@\" 2>&1"};
            const std::vector<std::string> more = in_new_one("ip address add 192.0.2.1/32 dev lo");
            words.insert(words.end(), more.begin(), more.end());
            child_process attempt{std::move(words)};
            std::string said = attempt.read_all();
            if (attempt.wait() == 0) return std::string{};
            std::string text{"no network namespace can be made here (Debian: iproute2, util-linux"};
            return text.append("): ").append(said);
        }();
        return reason;
    }

    /// The beginning of a command that runs in a new one, after these commands of the shell.
    static std::vector<std::string> beginning(std::string_view commands) {
        std::string text{commands};
        if (!text.empty()) text.append(" && ");
        return in_new_one(text.append("exec \"$0\" \"$@\""));
    }

    /// The beginning of a command that runs in that of a process.
    static std::vector<std::string> joining(::pid_t pid) {
        std::vector<std::string> words{"nsenter", "--target", std::to_string(pid), "--net",
                                       "--mount"};
        if (!is_root()) words.insert(words.end(), {"--user", "--preserve-credentials"});
        return words;
    }

private:
    static bool is_root() noexcept { return ::geteuid() == 0; }

    static std::vector<std::string> in_new_one(std::string_view commands) {
        std::string text{"ip link set lo up && "};
        std::vector<std::string> words{"unshare", "--net", "--mount"};
        if (!is_root()) words.insert(words.end(), {"--user", "--map-root-user"});
        words.insert(words.end(), {"sh", "-c", text.append(commands)});
        return words;
    }
};

}  // namespace simul::test
