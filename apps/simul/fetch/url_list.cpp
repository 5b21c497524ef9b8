// SPDX-License-Identifier: Apache-2.0
#include "fetch/url_list.hpp"

#include <utility>

#include "common/option_text.hpp"

namespace simul::program {

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

}  // namespace simul::program
