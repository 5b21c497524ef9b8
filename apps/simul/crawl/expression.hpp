// SPDX-License-Identifier: Apache-2.0
//
// crawl/expression.hpp: a regular expression of the command line.
#pragma once

#include <memory>
#include <string>

namespace simul::program {

/// An expression as RE2 understands it: it takes time in proportion to the text, whoever wrote it.
/// Copies share one state.
///
/// Errors        std::invalid_argument, with what is wrong, if it is none.
class expression {
public:
    explicit expression(const std::string& text);

    /// Whether it matches anywhere in `text`.
    [[nodiscard]] bool is_in(const std::string& text) const;

private:
    struct compiled;
    std::shared_ptr<const compiled> state_;
};

}  // namespace simul::program
