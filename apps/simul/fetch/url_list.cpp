// SPDX-License-Identifier: Apache-2.0
#include "fetch/url_list.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "simul/base/unique_fd.hpp"

namespace simul::program {

namespace {

constexpr std::string_view blanks = " \t\r\n\f\v";

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace

void url_list::add_lines(std::string_view text, std::string_view name) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty()) continue;
        std::string place{name};
        place.append(":").append(std::to_string(number));
        add(line, std::move(place));
    }
}

void url_list::add(std::string_view text, std::string place) {
    const std::string_view written = trimmed(text);
    const auto address = web::url::parse(written);
    const bool can_be_fetched =
        address && (address->scheme() == "http" || address->scheme() == "https");
    if (!can_be_fetched) {
        rejected_line& added = rejected_.emplace_back();
        added.place = std::move(place);
        added.text = written;
        added.why =
            address ? "only http: and https: addresses can be fetched" : address.error().message();
        return;
    }
    if (!known_.insert(*address).second) return;
    listed_url& added = urls_.emplace_back();
    added.address = *address;
    const bool has_secret = !address->username().empty() || !address->password().empty();
    added.shown = has_secret ? address->without_credentials().href() : std::string{written};
}

std::string read_list(const std::string& path, std::size_t limit) {
    unique_fd opened;
    int descriptor = 0;
    if (path != "-") {
        opened = unique_fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        if (!opened) throw std::system_error{errno, std::system_category(), path};
        descriptor = opened.get();
    }
    std::string text;
    char buffer[65536];
    while (true) {
        const ::ssize_t count = ::read(descriptor, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw std::system_error{errno, std::system_category(), path};
        if (count == 0) return text;
        text.append(buffer, static_cast<std::size_t>(count));
        if (text.size() > limit) {
            throw std::system_error{std::make_error_code(std::errc::file_too_large), path};
        }
    }
}

}  // namespace simul::program
