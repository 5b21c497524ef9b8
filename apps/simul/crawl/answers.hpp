// SPDX-License-Identifier: Apache-2.0
//
// crawl/answers.hpp: what answers and failures mean to a crawl.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include "simul/http/request_error.hpp"

namespace simul::program {

/// Whether a failure is one of the host or of the way there, so that trying again later may help:
/// connections that are refused or break, time-outs, name servers without an answer. Names that do
/// not exist, certificates that are wrong and answers that make no sense stay as they are.
[[nodiscard]] bool is_trouble_of_host(const std::error_code& code);

/// The cause of a failed request, without the address and the stage.
[[nodiscard]] std::string cause_of(const http::request_error& failure);

/// "404 Not Found".
[[nodiscard]] std::string status_text(int status);

/// Whether a request field tells who asks: Authorization, Cookie and Proxy-Authorization.
[[nodiscard]] bool is_credential(std::string_view field);

}  // namespace simul::program
