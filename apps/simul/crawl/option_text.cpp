// SPDX-License-Identifier: Apache-2.0
#include "crawl/option_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <expected>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/text.hpp"

namespace simul::program {

namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view expected) {
    throw std::invalid_argument{fmt::format("\"{}\": {}", printable(text, 200), expected)};
}

std::expected<web::url, rejected_address> parse_start_address(std::string_view text) {
    const auto rejected = [](std::string_view shown, std::string_view why) {
        rejected_address wrong;
        wrong.text = printable(shown, 200);
        wrong.why = why;
        return std::unexpected{std::move(wrong)};
    };
    auto address = web::url::parse(text);
    if (!address) {
        if (address.error() == web::url_errc::missing_scheme ||
            address.error() == web::url_errc::relative_without_base) {
            return rejected(text, "no address; write https:// before the host");
        }
        return rejected(text, address.error().message());
    }
    if (address->scheme() != "http" && address->scheme() != "https") {
        return rejected(text, "neither http:// nor https://");
    }
    if (!address->username().empty() || !address->password().empty()) {
        return rejected(address->without_credentials().href(),
                        "had a user name or password in it; use --header \"Authorization: ...\"");
    }
    if (address->href().size() > 2083) return rejected(text, "longer than 2,083 bytes");
    return std::move(*address);
}

}  // namespace

std::size_t read_size(std::string_view text) {
    constexpr std::string_view expected = "not a size such as 500k, 10M or 1G";
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value == 0 || value > (std::uint64_t{1} << 40)) {
        refuse(text, expected);
    }
    const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    std::size_t factor = 1;
    if (rest == "k" || rest == "K") {
        factor = std::size_t{1} << 10;
    } else if (rest == "M") {
        factor = std::size_t{1} << 20;
    } else if (rest == "G") {
        factor = std::size_t{1} << 30;
    } else if (!rest.empty()) {
        refuse(text, expected);
    }
    return static_cast<std::size_t>(value) * factor;
}

void read_header(std::string_view text, http::headers& into) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) refuse(text, "not of the form \"Name: value\"");
    const std::string_view name = text.substr(0, colon);
    const std::string_view value = trimmed(text.substr(colon + 1));
    if (!http::is_token(name)) refuse(name, "not the name of a header field");
    if (!http::is_field_value(value)) refuse(value, "holds characters no header field may hold");
    for (const std::string_view own :
         {"Host", "Connection", "Content-Length", "Transfer-Encoding", "User-Agent"}) {
        if (http::equals_ignoring_case(name, own)) {
            refuse(name, own == "User-Agent" ? "is set with --user-agent"
                                             : "is set by the program itself");
        }
    }
    into.add(name, value);
}

web::url read_start_address(std::string_view text) {
    auto address = parse_start_address(text);
    if (!address) refuse(address.error().text, address.error().why);
    return std::move(*address);
}

address_list read_address_list(std::string_view text, std::string_view name) {
    address_list list;
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.empty() || line.starts_with('#')) continue;
        auto address = parse_start_address(line);
        if (address) {
            list.addresses.push_back(std::move(*address));
        } else {
            rejected_address& wrong = list.rejected.emplace_back(std::move(address.error()));
            wrong.place = fmt::format("{}, line {}", printable(name, 500), number);
        }
    }
    return list;
}

std::size_t read_choice(std::string_view text, std::initializer_list<std::string_view> words) {
    std::size_t number = 0;
    for (const std::string_view each : words) {
        if (text == each) return number;
        ++number;
    }
    refuse(text, fmt::format("none of {}", fmt::join(words, ", ")));
}

}  // namespace simul::program
