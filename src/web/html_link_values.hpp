// SPDX-License-Identifier: Apache-2.0
//
// web/html_link_values.hpp: attributes whose values have a syntax of their own.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "simul/web/html_links.hpp"

namespace simul::web::detail {

/// The known tokens of a rel attribute.
[[nodiscard]] html_rel rel_tokens_in(std::string_view rel) noexcept;

/// What <meta name=robots content> asks for.
struct robots_directives {
    bool noindex = false;
    bool nofollow = false;
};
[[nodiscard]] robots_directives robots_directives_in(std::string_view content) noexcept;

/// The address in "5; url=next.html"; nothing if there is none, or if it is no refresh at all.
[[nodiscard]] std::optional<std::string_view> refresh_url(std::string_view content) noexcept;

/// The addresses of a srcset, one after the other.
class srcset_reader {
public:
    explicit srcset_reader(std::string_view value) noexcept : rest_{value} {}

    [[nodiscard]] std::optional<std::string_view> next() noexcept;
    [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

private:
    std::string_view rest_;
};

}  // namespace simul::web::detail
