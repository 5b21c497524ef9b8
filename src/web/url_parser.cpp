// SPDX-License-Identifier: Apache-2.0
#include "web/url_parser.hpp"

#include <utility>

#include "simul/base/assert.hpp"
#include "web/host.hpp"
#include "web/url_characters.hpp"

namespace simul::web::detail {

using namespace url_text;

namespace {

constexpr url_errc none{};

scheme_type type_of(std::string_view scheme) noexcept {
    switch (scheme.size()) {
        case 2: return scheme == "ws" ? scheme_type::ws : scheme_type::other;
        case 3:
            if (scheme == "wss") return scheme_type::wss;
            return scheme == "ftp" ? scheme_type::ftp : scheme_type::other;
        case 4:
            if (scheme == "http") return scheme_type::http;
            return scheme == "file" ? scheme_type::file : scheme_type::other;
        case 5: return scheme == "https" ? scheme_type::https : scheme_type::other;
        default: return scheme_type::other;
    }
}

std::string_view without_surrounding_blanks(std::string_view text) noexcept {
    const auto blank = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

bool is_tab_or_line_end(char c) noexcept {
    return c == '\t' || c == '\n' || c == '\r';
}

/// Length of the scheme that stands before a colon, or 0.
std::size_t scheme_length(std::string_view text) noexcept {
    if (text.empty() || !is_alpha(text[0])) return 0;
    std::size_t i = 1;
    while (i < text.size() && (properties_of(text[i]) & in_scheme) != 0) ++i;
    return i < text.size() && text[i] == ':' ? i : 0;
}

bool is_drive_letter(std::string_view text) noexcept {
    return text.size() == 2 && is_alpha(text[0]) && (text[1] == ':' || text[1] == '|');
}

bool starts_with_drive_letter(std::string_view text) noexcept {
    if (!is_drive_letter(text.substr(0, 2))) return false;
    return text.size() == 2 || std::string_view{"/\\?#"}.contains(text[2]);
}

/// "/C:" at the beginning of a path, as a whole segment; empty if it is not there.
std::string_view drive_of(std::string_view path) noexcept {
    if (path.size() < 3 || path[0] != '/' || !is_alpha(path[1]) || path[2] != ':') return {};
    if (path.size() > 3 && path[3] != '/') return {};
    return path.substr(0, 3);
}

/// Whether a dot, plain or encoded, is all there is before `rest`; removes it.
bool take_dot(std::string_view& rest) noexcept {
    if (rest.starts_with('.')) {
        rest.remove_prefix(1);
        return true;
    }
    if (rest.size() >= 3 && rest[0] == '%' && rest[1] == '2' && to_lower(rest[2]) == 'e') {
        rest.remove_prefix(3);
        return true;
    }
    return false;
}

/// How many dots the segment consists of: 1, 2, or 0 when it is an ordinary one.
int dots_of(std::string_view segment) noexcept {
    if (segment.empty() || segment.size() > 6 || !take_dot(segment)) return 0;
    if (segment.empty()) return 1;
    return take_dot(segment) && segment.empty() ? 2 : 0;
}

}  // namespace

std::expected<url, std::error_code> url_parser::parse(std::string_view input, const url* base,
                                                      const url_options& options) {
    SIMUL_ASSERT(options.max_length <= longest_url, "url_options: max_length is above 256 MiB");
    if (input.size() > options.max_length) return std::unexpected{url_errc::too_long};

    std::string_view text = without_surrounding_blanks(input);
    std::string cleaned;
    if (text.contains('\t') || text.contains('\n') || text.contains('\r')) {
        cleaned.assign(text);
        std::erase_if(cleaned, is_tab_or_line_end);
        text = cleaned;
    }

    url_parser parser;
    const url_errc error = parser.start(text, base);
    if (error != none) return std::unexpected{error};
    if (parser.out_.size() > options.max_length) return std::unexpected{url_errc::too_long};
    return std::move(parser.url_);
}

url_errc url_parser::start(std::string_view input, const url* base) {
    out_.clear();
    out_.reserve(input.size() + (base != nullptr ? base->query_end() : 0u) + 8);
    url_.opaque_path_ = false;

    const std::size_t length = scheme_length(input);
    if (length != 0) {
        for (const char c : input.substr(0, length)) out_.push_back(to_lower(c));
        url_.type_ = type_of(out_);
        special_ = url_.is_special();
        url_.scheme_end_ = here();
        out_.push_back(':');
        return after_scheme(input.substr(length + 1), base);
    }
    if (base != nullptr) return no_scheme(input, *base);
    const std::size_t end = input.find_first_of(":/?#");
    const bool colon = end != std::string_view::npos && input[end] == ':';
    return colon ? url_errc::missing_scheme : url_errc::relative_without_base;
}

url_errc url_parser::after_scheme(std::string_view rest, const url* base) {
    if (url_.type_ == scheme_type::file) {
        return file(rest, base != nullptr && base->type_ == scheme_type::file ? base : nullptr);
    }
    if (special_) {
        if (base != nullptr && base->type_ == url_.type_ && !rest.starts_with("//")) {
            return relative(rest, *base);
        }
        while (!rest.empty() && is_slash(rest[0])) rest.remove_prefix(1);
        return authority(rest);
    }
    if (rest.starts_with("//")) return authority(rest.substr(2));
    url_.username_end_ = url_.host_begin_ = url_.host_end_ = url_.path_begin_ = here();
    if (rest.starts_with('/')) {
        path(rest.substr(1));
    } else {
        opaque_path(rest);
    }
    return none;
}

url_errc url_parser::no_scheme(std::string_view rest, const url& base) {
    if (base.opaque_path_) {
        if (!rest.starts_with('#')) return url_errc::opaque_base;
        url_ = base;
        out_.resize(base.query_end());
        url_.fragment_begin_ = url::absent;
        query_and_fragment(rest);
        return none;
    }
    if (base.type_ == scheme_type::file) return file(rest, &base);
    return relative(rest, base);
}

url_errc url_parser::relative(std::string_view rest, const url& base) {
    copy_scheme(base);
    if (!rest.empty() && is_slash(rest[0])) {
        if (rest.size() > 1 && is_slash(rest[1])) {
            rest.remove_prefix(2);
            while (special_ && !rest.empty() && is_slash(rest[0])) rest.remove_prefix(1);
            return authority(rest);
        }
        copy_authority(base);
        path(rest.substr(1));
        return none;
    }
    copy_authority(base);
    if (rest.empty() || rest[0] == '#') {
        copy_path_and_query(base);
        query_and_fragment(rest);
    } else if (rest[0] == '?') {
        copy_path(base);
        protect_path();
        query_and_fragment(rest);
    } else {
        copy_path(base);
        shorten_path();
        path(rest);
    }
    return none;
}

url_errc url_parser::file(std::string_view rest, const url* base) {
    url_.type_ = scheme_type::file;
    special_ = true;
    out_.assign("file://");
    url_.scheme_end_ = 4;
    url_.username_end_ = url_.host_begin_ = url_.host_end_ = url_.path_begin_ = here();
    url_.host_kind_ = host_kind::empty;

    if (rest.size() > 1 && is_slash(rest[0]) && is_slash(rest[1])) return file_host(rest.substr(2));
    if (base == nullptr) {
        path(!rest.empty() && is_slash(rest[0]) ? rest.substr(1) : rest);
        return none;
    }
    copy_authority(*base);
    if (!rest.empty() && is_slash(rest[0])) {
        rest.remove_prefix(1);
        if (!starts_with_drive_letter(rest)) out_.append(drive_of(base->path()));
        path(rest);
    } else if (rest.empty() || rest[0] == '#') {
        copy_path_and_query(*base);
        query_and_fragment(rest);
    } else if (rest[0] == '?') {
        copy_path(*base);
        query_and_fragment(rest);
    } else {
        if (!starts_with_drive_letter(rest)) {
            copy_path(*base);
            shorten_path();
        }
        path(rest);
    }
    return none;
}

url_errc url_parser::file_host(std::string_view rest) {
    const std::string_view host = rest.substr(0, rest.find_first_of("/\\?#"));
    if (is_drive_letter(host)) {  // file://C:/x means file:///C:/x
        path(rest);
        return none;
    }
    if (!host.empty()) {
        const url_errc error = parse_host(host, false, out_, url_.host_kind_);
        if (error != none) return error;
        if (std::string_view{out_}.substr(url_.host_begin_) == "localhost") {
            out_.resize(url_.host_begin_);
            url_.host_kind_ = host_kind::empty;
        }
        url_.host_end_ = here();
    }
    path_start(rest.substr(host.size()));
    return none;
}

url_errc url_parser::authority(std::string_view rest) {
    std::size_t end = 0;
    std::size_t at = std::string_view::npos;
    while (end < rest.size()) {
        const char c = rest[end];
        if ((properties_of(c) & ends_authority) != 0 || (special_ && c == '\\')) break;
        if (c == '@') at = end;
        ++end;
    }

    out_.append("//");
    url_.username_end_ = here();
    std::string_view host = rest.substr(0, end);
    if (at != std::string_view::npos) {
        credentials(host.substr(0, at));
        host.remove_prefix(at + 1);
        if (host.empty()) return url_errc::missing_host;
    }
    url_.host_begin_ = here();
    const url_errc error = host_and_port(host);
    if (error != none) return error;
    path_start(rest.substr(end));
    return none;
}

void url_parser::credentials(std::string_view text) {
    const std::size_t colon = text.find(':');
    append_text(out_, text.substr(0, colon), encode_set::userinfo);
    const std::uint32_t begin = url_.username_end_;
    url_.username_end_ = here();
    if (colon != std::string_view::npos && colon + 1 < text.size()) {
        out_.push_back(':');
        append_text(out_, text.substr(colon + 1), encode_set::userinfo);
    }
    if (here() != begin) out_.push_back('@');
}

url_errc url_parser::host_and_port(std::string_view text) {
    std::size_t colon = std::string_view::npos;
    bool in_brackets = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '[') in_brackets = true;
        if (text[i] == ']') in_brackets = false;
        if (text[i] == ':' && !in_brackets) {
            colon = i;
            break;
        }
    }
    const std::string_view host = text.substr(0, colon);
    if (host.empty()) {
        if (special_ || colon != std::string_view::npos) return url_errc::missing_host;
        url_.host_kind_ = host_kind::empty;
    } else {
        const url_errc error = parse_host(host, !special_, out_, url_.host_kind_);
        if (error != none) return error;
    }
    url_.host_end_ = here();
    return colon != std::string_view::npos ? port(text.substr(colon + 1)) : none;
}

url_errc url_parser::port(std::string_view digits) {
    if (digits.empty()) return none;
    unsigned value = 0;
    bool in_range = true;
    for (const char c : digits) {
        if (!is_digit(c)) return url_errc::bad_port;
        if (in_range) value = value * 10 + static_cast<unsigned>(c - '0');
        in_range = value <= 0xFFFF;
    }
    if (!in_range) return url_errc::port_out_of_range;
    if (value == default_port(url_.type_)) return none;

    url_.has_port_ = true;
    url_.port_ = static_cast<std::uint16_t>(value);
    char text[6];
    std::size_t begin = sizeof text;
    do {
        text[--begin] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    text[--begin] = ':';
    out_.append(text + begin, sizeof text - begin);
    return none;
}

void url_parser::path_start(std::string_view rest) {
    url_.path_begin_ = here();
    if (special_) {
        if (!rest.empty() && is_slash(rest[0])) rest.remove_prefix(1);
        path(rest);
    } else if (rest.starts_with('/')) {
        path(rest.substr(1));
    } else {
        query_and_fragment(rest);  // what ends an authority and is no slash
    }
}

void url_parser::path(std::string_view rest) {
    std::size_t position = 0;
    while (true) {
        std::size_t end = position;
        bool plain = true;
        for (; end < rest.size(); ++end) {
            const char c = rest[end];
            if ((properties_of(c) & ends_authority) != 0 || (special_ && c == '\\')) break;
            if (in_set(c, encode_set::path)) plain = false;
        }
        const std::string_view segment = rest.substr(position, end - position);
        const bool slash_follows = end < rest.size() && is_slash(rest[end]);

        const int dots = dots_of(segment);
        if (dots == 2) shorten_path();
        if (dots == 0) {
            const bool drive = url_.type_ == scheme_type::file && here() == url_.path_begin_ &&
                               is_drive_letter(segment);
            out_.push_back('/');
            if (plain) {
                out_.append(segment);
            } else {
                append_text(out_, segment, encode_set::path);
            }
            if (drive) {  // the bar of C| may have been encoded
                out_.resize(url_.path_begin_ + 2);
                out_.push_back(':');
            }
        } else if (!slash_follows) {
            out_.push_back('/');
        }
        position = end;
        if (!slash_follows) break;
        ++position;
    }

    protect_path();
    query_and_fragment(rest.substr(position));
}

void url_parser::opaque_path(std::string_view rest) {
    url_.opaque_path_ = true;
    const std::size_t end = rest.find_first_of("?#");
    std::string_view text = rest.substr(0, end);
    // A space at the very end would be lost when the address is read again.
    const bool last_is_space = text.ends_with(' ');
    if (last_is_space) text.remove_suffix(1);
    append_text(out_, text, encode_set::c0_control);
    if (last_is_space) out_.append("%20");
    if (end != std::string_view::npos) query_and_fragment(rest.substr(end));
}

void url_parser::query_and_fragment(std::string_view rest) {
    if (rest.starts_with('?')) {
        const std::string_view query = rest.substr(1, rest.find('#') - 1);
        url_.query_begin_ = here();
        out_.push_back('?');
        append_text(out_, query, special_ ? encode_set::special_query : encode_set::query);
        rest.remove_prefix(query.size() + 1);
    }
    if (rest.starts_with('#')) {
        url_.fragment_begin_ = here();
        out_.push_back('#');
        append_text(out_, rest.substr(1), encode_set::fragment);
    }
}

void url_parser::copy_scheme(const url& base) {
    url_.type_ = base.type_;
    special_ = base.is_special();
    url_.scheme_end_ = base.scheme_end_;
    out_.assign(base.href_, 0, base.scheme_end_ + 1);
}

void url_parser::copy_authority(const url& base) {
    url_.username_end_ = base.username_end_;
    url_.host_begin_ = base.host_begin_;
    url_.host_end_ = base.host_end_;
    url_.has_port_ = base.has_port_;
    url_.port_ = base.port_;
    url_.host_kind_ = base.host_kind_;
    // Without a host the base may hold "/." here, which belongs to its path and not to ours.
    const std::uint32_t end = base.has_host() ? base.path_begin_ : base.scheme_end_ + 1;
    out_.assign(base.href_, 0, end);
    url_.path_begin_ = end;
}

void url_parser::copy_path(const url& base) {
    out_.append(base.path());
}

void url_parser::copy_path_and_query(const url& base) {
    copy_path(base);
    protect_path();
    if (!base.has_query()) return;
    url_.query_begin_ = here();
    out_.append(base.part(base.query_begin_, base.query_end()));
}

void url_parser::protect_path() {
    if (url_.has_host() || !std::string_view{out_}.substr(url_.path_begin_).starts_with("//")) {
        return;
    }
    out_.insert(url_.path_begin_, "/.");
    url_.path_begin_ += 2;
}

void url_parser::shorten_path() {
    const std::string_view path = std::string_view{out_}.substr(url_.path_begin_);
    if (url_.type_ == scheme_type::file && path.size() == 3 && !drive_of(path).empty()) return;
    if (!path.empty()) out_.resize(url_.path_begin_ + path.rfind('/'));
}

}  // namespace simul::web::detail
