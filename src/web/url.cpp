// SPDX-License-Identifier: Apache-2.0
#include "simul/web/url.hpp"

#include "web/url_parser.hpp"

namespace simul::web {

std::expected<url, std::error_code> url::parse(std::string_view input, const url_options& options) {
    return detail::url_parser::parse(input, nullptr, options);
}

std::expected<url, std::error_code> url::parse(std::string_view reference, const url& base,
                                               const url_options& options) {
    return detail::url_parser::parse(reference, &base, options);
}

std::string_view url::username() const noexcept {
    if (!has_host()) return {};
    return part(scheme_end_ + 3, username_end_);
}

std::string_view url::password() const noexcept {
    if (!has_host() || host_begin_ == username_end_ || href_[username_end_] != ':') return {};
    return part(username_end_ + 1, host_begin_ - 1);
}

std::optional<std::uint16_t> url::port() const noexcept {
    if (!has_port_) return std::nullopt;
    return port_;
}

std::optional<std::uint16_t> url::effective_port() const noexcept {
    if (has_port_) return port_;
    return detail::default_port(type_);
}

std::uint32_t url::query_end() const noexcept {
    return fragment_begin_ != absent ? fragment_begin_ : static_cast<std::uint32_t>(href_.size());
}

std::string_view url::query() const noexcept {
    if (!has_query()) return {};
    return part(query_begin_ + 1, query_end());
}

std::string_view url::fragment() const noexcept {
    if (!has_fragment()) return {};
    return part(fragment_begin_ + 1, static_cast<std::uint32_t>(href_.size()));
}

std::string_view url::path_and_query() const noexcept {
    return part(path_begin_, query_end());
}

bool url::has_tuple_origin() const noexcept {
    return is_special() && type_ != detail::scheme_type::file;
}

std::string url::origin() const {
    if (has_tuple_origin()) {
        std::string result;
        result.reserve(path_begin_);
        result.append(part(0, scheme_end_ + 3));
        result.append(part(host_begin_, path_begin_));
        return result;
    }
    if (scheme() == "blob") {
        url_options options;
        options.max_length = detail::longest_url;  // encoding may lengthen what is inside
        const auto inner = parse(path(), options);
        if (inner && (inner->type_ == detail::scheme_type::http ||
                      inner->type_ == detail::scheme_type::https)) {
            return inner->origin();
        }
    }
    return "null";
}

bool url::has_origin_of(const url& other) const {
    if (has_tuple_origin() && other.has_tuple_origin()) {
        // Host and port stand side by side in the text.
        return type_ == other.type_ &&
               part(host_begin_, path_begin_) == other.part(other.host_begin_, other.path_begin_);
    }
    const std::string own = origin();
    return own != "null" && own == other.origin();
}

url url::without_fragment() const {
    url result = *this;
    result.href_.resize(query_end());
    result.fragment_begin_ = absent;
    return result;
}

url url::without_credentials() const {
    url result = *this;
    if (!has_host()) return result;
    const std::uint32_t begin = scheme_end_ + 3;
    const std::uint32_t dropped = host_begin_ - begin;
    result.href_.erase(begin, dropped);
    result.username_end_ = begin;
    result.host_begin_ = begin;
    result.host_end_ -= dropped;
    result.path_begin_ -= dropped;
    if (has_query()) result.query_begin_ -= dropped;
    if (has_fragment()) result.fragment_begin_ -= dropped;
    return result;
}

}  // namespace simul::web
