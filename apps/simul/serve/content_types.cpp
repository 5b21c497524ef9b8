// SPDX-License-Identifier: Apache-2.0
#include "serve/content_types.hpp"

#include "simul/http/headers.hpp"

namespace simul::program {

namespace {

struct known_type {
    std::string_view extension;
    std::string_view type;
};

constexpr known_type known_types[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"xhtml", "application/xhtml+xml"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"jsonl", "application/jsonl"},
    {"map", "application/json"},
    {"xml", "application/xml"},
    {"atom", "application/atom+xml"},
    {"rss", "application/rss+xml"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"tsv", "text/tab-separated-values; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/vnd.microsoft.icon"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"pdf", "application/pdf"},
    {"wasm", "application/wasm"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"warc", "application/warc"},
};

}  // namespace

std::string_view content_type_of(std::string_view name) noexcept {
    name = name.substr(name.rfind('/') + 1);  // npos + 1 is 0
    const std::size_t dot = name.rfind('.');
    if (dot != name.npos && dot != 0) {
        const std::string_view extension = name.substr(dot + 1);
        for (const known_type& each : known_types) {
            if (http::equals_ignoring_case(each.extension, extension)) return each.type;
        }
    }
    return "application/octet-stream";
}

}  // namespace simul::program
