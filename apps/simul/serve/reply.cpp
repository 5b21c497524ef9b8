// SPDX-License-Identifier: Apache-2.0
#include "serve/reply.hpp"

#include <chrono>

#include "serve/date.hpp"
#include "simul/http/status.hpp"
#include "simul/http/wire/serializer.hpp"

namespace simul::program {

namespace {

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Whether an element such as "gzip;q=0" excludes what it names.
bool has_zero_weight(std::string_view parameters) noexcept {
    const std::string_view weight = trimmed(parameters);
    if (weight.size() < 3 || (weight[0] != 'q' && weight[0] != 'Q') || weight[1] != '=') {
        return false;
    }
    return weight.substr(2).find_first_not_of("0.") == weight.npos;
}

std::string tag_of(const answer& said, bool is_coded) {
    std::string tag;
    if (said.tag.empty()) return tag;
    tag.append("\"").append(said.tag).append(is_coded ? "-gzip\"" : "\"");
    return tag;
}

}  // namespace

bool accepts_gzip(const http::headers& asked) {
    bool by_star = false;
    for (const std::string_view element : asked.get_list("accept-encoding")) {
        const std::size_t semicolon = element.find(';');
        const std::string_view coding = trimmed(element.substr(0, semicolon));
        const bool excluded =
            semicolon != element.npos && has_zero_weight(element.substr(semicolon + 1));
        if (http::equals_ignoring_case(coding, "gzip")) return !excluded;
        if (coding == "*") by_star = !excluded;
    }
    return by_star;
}

bool is_known_already(const http::headers& asked, std::string_view tag, const answer& said) {
    if (asked.contains("if-none-match")) {
        for (std::string_view each : asked.get_list("if-none-match")) {
            if (each == "*") return true;
            if (each.starts_with("W/")) each.remove_prefix(2);
            if (!tag.empty() && each == tag) return true;
        }
        return false;
    }
    const auto since = asked.get("if-modified-since");
    if (!since || !said.modified) return false;
    const auto known = read_date(*since);
    return known && *said.modified <= *known;
}

reply make_reply(const http::wire::request_head* asked, const answer& said, bool is_last) {
    using namespace http;
    const bool is_coded =
        !said.gzip_body.empty() && asked != nullptr && accepts_gzip(asked->headers);
    const std::string tag = tag_of(said, is_coded);

    reply made;
    made.status = said.status;
    if (said.status == status::ok && asked != nullptr &&
        is_known_already(asked->headers, tag, said)) {
        made.status = status::not_modified;
    }
    headers fields;
    fields.add(
        "Date",
        write_date(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())));
    fields.add("Server", "simul");
    if (!tag.empty()) fields.add("ETag", tag);
    if (said.modified) fields.add("Last-Modified", write_date(*said.modified));
    if (!said.gzip_body.empty()) fields.add("Vary", "Accept-Encoding");
    if (made.status != status::not_modified) {
        made.body = is_coded ? said.gzip_body : said.body;
        made.from_file = said.content ? said.content_size : 0;
        made.body_size = said.content ? said.content_size : made.body.size();
        if (!said.type.empty()) fields.add("Content-Type", said.type);
        if (is_coded) fields.add("Content-Encoding", "gzip");
        if (!said.location.empty()) fields.add("Location", said.location);
        if (said.status == status::method_not_allowed) fields.add("Allow", "GET, HEAD");
        fields.add("X-Content-Type-Options", "nosniff");
        fields.add("Content-Length", std::to_string(made.body_size));
    }
    if (is_last) {
        fields.add("Connection", "close");
    } else if (asked != nullptr && asked->version == wire::version::http_1_0) {
        fields.add("Connection", "keep-alive");
    }
    if (asked != nullptr && asked->method == method::head) {
        made.body = {};
        made.from_file = 0;
        made.body_size = 0;
    }
    wire::append_response_head(made.head, made.status, status::reason_phrase(made.status), fields);
    return made;
}

}  // namespace simul::program
