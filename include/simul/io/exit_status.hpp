// SPDX-License-Identifier: Apache-2.0
//
// simul/io/exit_status.hpp: how a process has ended.
#pragma once

#include <optional>
#include <string>

namespace simul {

/// How a process has ended: with a code of its own, or by a signal.
class exit_status {
public:
    [[nodiscard]] static exit_status with_code(int code) noexcept {
        return exit_status{code, 0, false};
    }
    [[nodiscard]] static exit_status by_signal(int signal, bool dumped_core = false) noexcept {
        return exit_status{0, signal, dumped_core};
    }

    /// It ended by itself, with the code 0.
    [[nodiscard]] bool ok() const noexcept { return code_ == 0 && signal_ == 0; }

    /// What it gave to exit(3); empty if a signal ended it.
    [[nodiscard]] std::optional<int> code() const noexcept {
        return signal_ == 0 ? std::optional{code_} : std::nullopt;
    }

    /// The signal that ended it; empty if it ended by itself.
    [[nodiscard]] std::optional<int> signal() const noexcept {
        return signal_ != 0 ? std::optional{signal_} : std::nullopt;
    }

    /// The signal left an image of its memory behind.
    [[nodiscard]] bool dumped_core() const noexcept { return dumped_core_; }

    /// In words for people: "code 2", "signal SIGKILL".
    [[nodiscard]] std::string text() const;

    friend bool operator==(const exit_status&, const exit_status&) noexcept = default;

private:
    exit_status(int code, int signal, bool dumped_core) noexcept
        : code_{code}, signal_{signal}, dumped_core_{dumped_core} {}

    int code_;
    int signal_;
    bool dumped_core_;
};

}  // namespace simul
