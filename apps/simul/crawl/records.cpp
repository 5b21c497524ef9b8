// SPDX-License-Identifier: Apache-2.0
#include "crawl/records.hpp"

#include <nlohmann/json.hpp>

#include <chrono>

#include "common/text.hpp"

namespace simul::program {

namespace {

using nlohmann::ordered_json;

// U+2028 and U+2029 are line ends to some readers of JSON lines.
void append_json(std::string& to, const ordered_json& value) {
    const std::string text = value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    std::size_t from = 0;
    for (std::size_t at = text.find("\xE2\x80"); at != std::string::npos;
         at = text.find("\xE2\x80", at + 2)) {
        if (at + 2 >= text.size()) break;
        const char last = text[at + 2];
        if (last != '\xA8' && last != '\xA9') continue;
        to.append(text, from, at - from).append(last == '\xA8' ? "\\u2028" : "\\u2029");
        from = at + 3;
    }
    to.append(text, from).push_back('\n');
}

}  // namespace

void append_line(std::string& to, const page_record& page) {
    ordered_json line;
    line["url"] = page.url;
    line["status"] = page.status;
    line["type"] = page.type;
    if (page.bytes) line["bytes"] = *page.bytes;
    if (page.cut) line["cut"] = true;
    line["depth"] = page.depth;
    if (page.links) line["links"] = *page.links;
    if (page.invalid_links != 0) line["invalid_links"] = page.invalid_links;
    if (!page.title.empty()) line["title"] = page.title;
    line["milliseconds"] = std::chrono::duration_cast<std::chrono::milliseconds>(page.took).count();
    if (!page.redirected_to.empty()) line["redirected_to"] = page.redirected_to;
    if (!page.found_on.empty()) line["found_on"] = page.found_on;
    append_json(to, line);
}

void append_line(std::string& to, const error_record& error) {
    ordered_json line;
    line["url"] = error.url;
    line["stage"] = error.stage;
    line["cause"] = error.cause;
    if (!error.found_on.empty()) line["found_on"] = error.found_on;
    append_json(to, line);
}

void append_lines(std::string& to, const web::url& source, std::span<const found_link> links) {
    const std::string first = table_cell(source.href());
    for (const found_link& link : links) {
        to.append(first).push_back('\t');
        to.append(table_cell(link.target.href())).push_back('\t');
        to.append(web::name_of(link.kind)).push_back('\t');
        to.append(table_cell(link.rel)).push_back('\t');
        to.append(std::to_string(link.count)).push_back('\n');
    }
}

}  // namespace simul::program
