// SPDX-License-Identifier: Apache-2.0
#include "crawl/records.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <concepts>

#include "common/text.hpp"

namespace simul::program {

namespace {

constexpr bool is_plain_in_json(char each) noexcept {
    return (each >= ' ') & (each <= '~') & (each != '"') & (each != '\\');
}

// Nearly every text of a record is an address or a type: ASCII that stands for itself.
void append_json_text(std::string& to, std::string_view text) {
    unsigned char special = 0;
    for (const char each : text) special |= static_cast<unsigned char>(!is_plain_in_json(each));
    if (special == 0) {
        to.append(1, '"').append(text).push_back('"');
        return;
    }
    using nlohmann::json;
    const std::string quoted = json(text).dump(-1, ' ', false, json::error_handler_t::replace);
    // U+2028 and U+2029 are line ends to some readers of JSON lines.
    std::size_t from = 0;
    for (std::size_t at = quoted.find("\xE2\x80"); at != std::string::npos;
         at = quoted.find("\xE2\x80", at + 2)) {
        if (at + 2 >= quoted.size()) break;
        const char last = quoted[at + 2];
        if (last != '\xA8' && last != '\xA9') continue;
        to.append(quoted, from, at - from).append(last == '\xA8' ? "\\u2028" : "\\u2029");
        from = at + 3;
    }
    to.append(quoted, from);
}

// One object on a line of its own.
class json_line {
public:
    explicit json_line(std::string& to) : to_{to} {}

    void member(std::string_view name, std::string_view text) {
        begin(name);
        append_json_text(to_, text);
    }
    void member(std::string_view name, std::integral auto number) {
        begin(name);
        to_.append(std::to_string(number));
    }
    void is_true(std::string_view name) {
        begin(name);
        to_.append("true");
    }
    void end() { to_.append("}\n"); }

private:
    void begin(std::string_view name) {
        to_.append(is_first_ ? "{\"" : ",\"").append(name).append("\":");
        is_first_ = false;
    }

    std::string& to_;
    bool is_first_ = true;
};

}  // namespace

void append_line(std::string& to, const page_record& page) {
    json_line line{to};
    line.member("url", page.url);
    line.member("status", page.status);
    line.member("type", page.type);
    if (page.bytes) line.member("bytes", *page.bytes);
    if (page.cut) line.is_true("cut");
    line.member("depth", page.depth);
    if (page.links) line.member("links", *page.links);
    if (page.invalid_links != 0) line.member("invalid_links", page.invalid_links);
    if (!page.title.empty()) line.member("title", page.title);
    line.member("milliseconds",
                std::chrono::duration_cast<std::chrono::milliseconds>(page.took).count());
    if (!page.redirected_to.empty()) line.member("redirected_to", page.redirected_to);
    if (!page.found_on.empty()) line.member("found_on", page.found_on);
    line.end();
}

void append_line(std::string& to, const error_record& error) {
    json_line line{to};
    line.member("url", error.url);
    line.member("stage", error.stage);
    line.member("cause", error.cause);
    if (!error.found_on.empty()) line.member("found_on", error.found_on);
    line.end();
}

void append_lines(std::string& to, const web::url& source, std::span<const found_link> links) {
    const std::string first = table_cell(source.href());
    std::size_t size = to.size();
    for (const found_link& link : links) {
        constexpr std::size_t others = 32;  // the kind, the count, what stands between
        size += first.size() + link.target.href().size() + link.rel.size() + others;
    }
    to.reserve(size);
    for (const found_link& link : links) {
        to.append(first).push_back('\t');
        append_table_cell(to, link.target.href());
        to.append(1, '\t').append(web::name_of(link.kind)).push_back('\t');
        append_table_cell(to, link.rel);
        to.push_back('\t');
        to.append(std::to_string(link.count)).push_back('\n');
    }
}

}  // namespace simul::program
