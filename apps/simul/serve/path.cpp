// SPDX-License-Identifier: Apache-2.0
#include "serve/path.hpp"

#include <utility>

#include "simul/http/status.hpp"
#include "simul/web/percent_encoding.hpp"

namespace simul::program {

namespace {

constexpr std::size_t longest_segment = 255;
constexpr std::size_t longest_path = 4000;

constexpr int digit_of(char hexadecimal) noexcept {
    if (hexadecimal >= '0' && hexadecimal <= '9') return hexadecimal - '0';
    const char lower = static_cast<char>(hexadecimal | 0x20);
    if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
    return -1;
}

// Appends one segment; 0, or the status to answer.
int append_segment(std::string& to, std::string_view sent) {
    const std::size_t begin = to.size();
    for (std::size_t at = 0; at != sent.size(); ++at) {
        char byte = sent[at];
        if (byte == '%') {
            const int high = sent.size() - at > 2 ? digit_of(sent[at + 1]) : -1;
            const int low = high >= 0 ? digit_of(sent[at + 2]) : -1;
            if (low < 0) return http::status::bad_request;
            byte = static_cast<char>(high * 16 + low);
            at += 2;
        }
        // A slash can only come from an escape: the segments were cut at the plain ones.
        if (byte == '/' || byte == '\\' || byte == '\0') return http::status::bad_request;
        to.push_back(byte);
    }
    const std::size_t size = to.size() - begin;
    if (size == 0 || size > longest_segment || to.size() > longest_path || to[begin] == '.') {
        return http::status::not_found;
    }
    return 0;
}

}  // namespace

std::expected<served_path, int> read_path(std::string_view sent) {
    if (!sent.starts_with('/')) return std::unexpected{http::status::bad_request};
    sent.remove_prefix(1);
    served_path path{{}, sent.empty() || sent.ends_with('/')};
    if (sent.ends_with('/'))
        sent.remove_suffix(1);
    else if (sent.empty())
        return path;
    int refused = 0;
    while (true) {
        const std::size_t slash = sent.find('/');
        const int problem = append_segment(path.relative, sent.substr(0, slash));
        // A malformed segment behind one that is only not here still makes the whole malformed.
        if (problem == http::status::bad_request) return std::unexpected{problem};
        if (problem != 0) refused = problem;
        if (slash == sent.npos) break;
        path.relative.push_back('/');
        sent.remove_prefix(slash + 1);
    }
    if (refused != 0) return std::unexpected{refused};
    return path;
}

std::string write_path(const served_path& path) {
    std::string raw{"/"};
    for (const char each : path.relative) {
        // The set `path` leaves the percent sign alone.
        if (each == '%') {
            raw.append("%25");
        } else {
            raw.push_back(each);
        }
    }
    if (path.is_directory && !path.relative.empty()) raw.push_back('/');
    return web::percent_encode(raw, web::encode_set::path);
}

}  // namespace simul::program
