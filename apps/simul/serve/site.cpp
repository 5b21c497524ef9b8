// SPDX-License-Identifier: Apache-2.0
#include "serve/site.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "simul/http/status.hpp"

namespace simul::program {

std::string_view path_and_query_of(const http::wire::request_head& asked) noexcept {
    std::string_view target{asked.target};
    if (asked.form == http::wire::target_form::absolute) {
        const std::size_t authority = target.find("://");
        target.remove_prefix(authority == target.npos ? target.size() : authority + 3);
        target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
    }
    return target.empty() ? std::string_view{"/"} : target;
}

std::string_view path_of(const http::wire::request_head& asked) noexcept {
    std::string_view path = path_and_query_of(asked);
    path = path.substr(0, path.find('?'));
    return path.empty() ? std::string_view{"/"} : path;
}

answer status_page(int status) {
    answer page;
    page.status = status;
    page.type = "text/html; charset=utf-8";
    const std::string_view words = http::status::reason_phrase(status);
    page.body = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><title>{0} {1}</title></head>\n"
        "<body><h1>{0} {1}</h1></body></html>\n",
        status, words);
    return page;
}

}  // namespace simul::program
