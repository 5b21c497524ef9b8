// SPDX-License-Identifier: Apache-2.0
//
// http/base64.hpp: the credentials of Basic authentication.
#pragma once

#include <string>
#include <string_view>

namespace simul::http::detail {

/// "Basic " and the base64 form of "user:password".
///
/// Source        RFC 7617, RFC 4648 section 4.
[[nodiscard]] inline std::string basic_credentials(std::string_view text) {
    static constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result{"Basic "};
    for (std::size_t i = 0; i < text.size(); i += 3) {
        const std::string_view group = text.substr(i, 3);
        unsigned bits = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            bits = bits << 8U | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            const unsigned sextet = bits >> (18U - 6U * static_cast<unsigned>(k)) & 63U;
            result.push_back(k <= group.size() ? alphabet[sextet] : '=');
        }
    }
    return result;
}

}  // namespace simul::http::detail
