// SPDX-License-Identifier: Apache-2.0
#include "crawl/expression.hpp"

#include <re2/re2.h>

#include <stdexcept>

namespace simul::program {

namespace {

re2::RE2::Options quiet_options() {
    re2::RE2::Options options;
    options.set_log_errors(false);
    return options;
}

}  // namespace

struct expression::compiled {
    explicit compiled(const std::string& text) : pattern{text, quiet_options()} {}

    re2::RE2 pattern;
};

expression::expression(const std::string& text) {
    auto made = std::make_shared<const compiled>(text);
    if (!made->pattern.ok()) throw std::invalid_argument{made->pattern.error()};
    state_ = std::move(made);
}

bool expression::is_in(const std::string& text) const {
    return re2::RE2::PartialMatch(text, state_->pattern);
}

}  // namespace simul::program
