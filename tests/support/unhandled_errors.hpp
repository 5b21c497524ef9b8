// SPDX-License-Identifier: Apache-2.0
//
// support/unhandled_errors.hpp: collects the errors that nobody was there to receive.
#pragma once

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "simul/runtime/unhandled.hpp"

namespace simul::test {

/// As long as it lives, unhandled errors are kept instead of printed. One at a time.
class unhandled_errors {
public:
    struct report {
        std::exception_ptr error;
        std::string context;
    };

    unhandled_errors() : previous_{set_unhandled_error_handler(&keep)} { clear(); }
    unhandled_errors(const unhandled_errors&) = delete;
    unhandled_errors& operator=(const unhandled_errors&) = delete;
    ~unhandled_errors() {
        set_unhandled_error_handler(previous_);
        clear();
    }

    /// All so far, in the order in which they were reported.
    [[nodiscard]] static std::vector<report>& reports() {
        static std::vector<report> all;
        return all;
    }

    [[nodiscard]] static std::size_t count() { return reports().size(); }

    static void clear() { reports().clear(); }

    /// Where each was reported.
    [[nodiscard]] static std::vector<std::string> contexts() {
        std::vector<std::string> all;
        for (const report& each : reports()) all.push_back(each.context);
        return all;
    }

    /// The text of each.
    [[nodiscard]] static std::vector<std::string> messages() {
        std::vector<std::string> all;
        for (const report& each : reports()) {
            try {
                std::rethrow_exception(each.error);
            } catch (const std::exception& known) {
                all.emplace_back(known.what());
            } catch (...) {
                all.emplace_back("an exception of unknown type");
            }
        }
        return all;
    }

    /// The handler.
    static void keep(std::exception_ptr error, const char* context) noexcept {
        reports().push_back(report{std::move(error), context});
    }

private:
    unhandled_error_handler previous_;
};

}  // namespace simul::test
