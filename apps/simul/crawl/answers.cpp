// SPDX-License-Identifier: Apache-2.0
#include "crawl/answers.hpp"

#include <fmt/format.h>

#include "simul/base/error.hpp"
#include "simul/http/error.hpp"
#include "simul/http/headers.hpp"
#include "simul/http/status.hpp"
#include "simul/io/dns.hpp"

namespace simul::program {

bool is_trouble_of_host(const std::error_code& code) {
    if (code.category() == std::system_category()) return true;
    return code == errc::timed_out || code == errc::closed || code == dns_errc::timed_out ||
           code == dns_errc::server_failure || code == dns_errc::no_server ||
           code == http::errc::unexpected_end || code == http::errc::truncated_head ||
           code == http::errc::truncated_body;
}

std::string cause_of(const http::request_error& failure) {
    std::string_view text = failure.what();
    // What stands before it are the address and the stage.
    const std::string stage = fmt::format(": {}: ", http::to_string(failure.where()));
    if (const std::size_t at = text.find(stage); at != std::string_view::npos) {
        text.remove_prefix(at + stage.size());
    }
    return std::string{text};
}

std::string status_text(int status) {
    const std::string_view reason = http::status::reason_phrase(status);
    return reason.empty() ? fmt::format("{}", status) : fmt::format("{} {}", status, reason);
}

bool is_credential(std::string_view field) {
    return http::equals_ignoring_case(field, "Authorization") ||
           http::equals_ignoring_case(field, "Cookie") ||
           http::equals_ignoring_case(field, "Proxy-Authorization");
}

}  // namespace simul::program
