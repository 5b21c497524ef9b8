// SPDX-License-Identifier: Apache-2.0
#include "simul/web/robots.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <set>
#include <utility>

#include "simul/base/assert.hpp"
#include "simul/web/charset.hpp"

namespace simul::web {

namespace {

constexpr char wildcard = '\0';  // a NUL of the file itself is percent-encoded

constexpr bool is_letter_or_digit(char character) noexcept {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9');
}

char lower(char character) noexcept {
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a')
                                                : character;
}

bool is_named(std::string_view key, std::string_view lower_case) noexcept {
    return std::ranges::equal(key, lower_case, {}, lower);
}

std::string_view trimmed(std::string_view text) noexcept {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The name of a crawler: what stands before its version, say, in lower case.
std::string product_token_of(std::string_view text) {
    std::string token;
    for (const char character : text) {
        if (!is_letter_or_digit(character) && character != '-' && character != '_') break;
        token.push_back(lower(character));
    }
    return token;
}

// Unreserved or reserved in RFC 3986: what may stand in a URL as it is.
bool is_url_character(char character) noexcept {
    static constexpr auto table = [] {
        std::array<bool, 256> made{};
        for (unsigned byte = 0; byte < made.size(); ++byte) {
            const char each = static_cast<char>(byte);
            made[byte] = is_letter_or_digit(each) ||
                         (byte != 0 && std::string_view{"-._~:/?#[]@!$&'()*+,;="}.find(each) !=
                                           std::string_view::npos);
        }
        return made;
    }();
    return table[static_cast<unsigned char>(character)];
}

int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

void append_encoded(std::string& text, char character) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(character);
    text.push_back('%');
    text.push_back(digits[byte >> 4U]);
    text.push_back(digits[byte & 0xfU]);
}

// Appends a path in the form in which paths are compared.
void append_normalised(std::string& text, std::string_view path, bool stars_are_wildcards) {
    for (std::size_t at = 0; at < path.size(); ++at) {
        char character = path[at];
        if (stars_are_wildcards && character == '*') {
            text.push_back(wildcard);
            continue;
        }
        if (character == '%' && at + 2 < path.size()) {
            const int high = hex_value(path[at + 1]);
            const int low = hex_value(path[at + 2]);
            if (high >= 0 && low >= 0) {
                character = static_cast<char>(high * 16 + low);
                at += 2;
            }
        }
        if (is_url_character(character)) {
            text.push_back(character);
        } else {
            append_encoded(text, character);
        }
    }
}

// Where `piece` first is in `text` from `at` on. memmem is linear where find() is quadratic: both
// are written by strangers.
std::size_t find_piece(std::string_view text, std::size_t at, std::string_view piece) noexcept {
    if (piece.empty()) return at;
    const void* found = ::memmem(text.data() + at, text.size() - at, piece.data(), piece.size());
    return found == nullptr
               ? std::string_view::npos
               : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// Between two wildcards, the first place that fits leaves the most to what follows. So the path is
// gone through once, however many wildcards there are, which adds its length to `work`.
bool matches(std::string_view pattern, bool to_the_end, std::string_view path,
             std::size_t& work) noexcept {
    auto end = pattern.find(wildcard);
    std::string_view piece = pattern.substr(0, end);
    if (!path.starts_with(piece)) return false;
    std::size_t at = piece.size();
    if (end != std::string_view::npos) work += path.size();
    while (end != std::string_view::npos) {
        pattern.remove_prefix(end + 1);
        end = pattern.find(wildcard);
        piece = pattern.substr(0, end);
        if (to_the_end && end == std::string_view::npos) {
            return path.size() - at >= piece.size() && path.ends_with(piece);
        }
        at = find_piece(path, at, piece);
        if (at == std::string_view::npos) return false;
        at += piece.size();
    }
    return !to_the_end || at == path.size();
}

// Seconds, perhaps with a fraction, in milliseconds.
std::optional<std::int64_t> parse_delay(std::string_view text) noexcept {
    constexpr std::int64_t most = 1'000'000'000;
    const auto digit = [](char character) { return character >= '0' && character <= '9'; };
    std::int64_t seconds = 0;
    std::size_t at = 0;
    for (; at < text.size() && digit(text[at]); ++at) {
        seconds = std::min(most, seconds * 10 + (text[at] - '0'));
    }
    std::size_t digits = at;
    std::int64_t thousandths = 0;
    if (at < text.size() && text[at] == '.') {
        ++at;
        bool more = false;
        for (std::int64_t value = 100; at < text.size() && digit(text[at]); ++at, ++digits) {
            thousandths += value * (text[at] - '0');
            more = more || (value == 0 && text[at] != '0');
            value /= 10;
        }
        if (more) ++thousandths;
    }
    if (digits == 0 || at != text.size()) return std::nullopt;
    return std::min(seconds * 1000 + thousandths, most * 1000);
}

}  // namespace

class robots::parser {
public:
    explicit parser(robots& into) : into_{into} {}

    void line(std::string_view text, std::size_t number) {
        const auto colon = text.find(':');
        if (colon == std::string_view::npos) return;
        const std::string_view key = trimmed(text.substr(0, colon));
        const std::string_view value = trimmed(text.substr(colon + 1));
        if (is_named(key, "user-agent")) {
            agent_line(value);
        } else if (is_named(key, "allow")) {
            rule_line(value, true, number);
        } else if (is_named(key, "disallow")) {
            rule_line(value, false, number);
        } else if (is_named(key, "crawl-delay")) {
            delay_line(value);
        } else if (is_named(key, "sitemap")) {
            if (!value.empty() && known_sitemaps_.emplace(value).second) {
                into_.sitemaps_.emplace_back(value);
            }
        }
    }

    void finish() {
        end_group();
        std::ranges::sort(into_.agents_, {}, [this](const agent& entry) {
            return std::pair{into_.text_of(entry.name), entry.group};
        });
    }

private:
    part store(std::string_view text) {
        const part stored{static_cast<std::uint32_t>(into_.storage_.size()),
                          static_cast<std::uint32_t>(text.size())};
        into_.storage_.append(text);
        return stored;
    }

    // Lines that name agents, with others but rules between them, begin a group together.
    void agent_line(std::string_view value) {
        if (!naming_agents_) {
            end_group();
            naming_agents_ = true;
            const auto rule_count = static_cast<std::uint32_t>(into_.rules_.size());
            into_.groups_.push_back({rule_count, rule_count});
            first_agent_ = into_.agents_.size();
        }
        const bool everybody = value == "*" || value.starts_with("* ") || value.starts_with("*\t");
        agent named;
        named.name = everybody ? store("*") : store(product_token_of(value));
        named.group = static_cast<std::uint32_t>(into_.groups_.size() - 1);
        into_.agents_.push_back(named);
    }

    void rule_line(std::string_view value, bool allow, std::size_t number) {
        if (into_.groups_.empty()) return;
        naming_agents_ = false;
        // A rule without a path matches nothing, and nor does one that is no path.
        if (!value.starts_with('/') && !value.starts_with('*')) return;
        rule made;
        made.written = store(value);
        made.line = static_cast<std::uint32_t>(number);
        made.allow = allow;
        made.to_the_end = value.ends_with('$');
        if (made.to_the_end) value.remove_suffix(1);
        made.pattern.begin = static_cast<std::uint32_t>(into_.storage_.size());
        append_normalised(into_.storage_, value, true);
        made.pattern.size = static_cast<std::uint32_t>(into_.storage_.size() - made.pattern.begin);
        made.specificity = made.pattern.size + (made.to_the_end ? 1 : 0);
        into_.rules_.push_back(made);
        into_.groups_.back().last_rule = static_cast<std::uint32_t>(into_.rules_.size());
    }

    // Noted at the last agent before it; end_group() gives it to those before that one.
    void delay_line(std::string_view value) {
        if (into_.groups_.empty()) return;
        if (const auto delay = parse_delay(value)) {
            std::int64_t& noted = into_.agents_.back().delay;
            noted = std::max(noted, *delay);
        }
    }

    void end_group() {
        std::int64_t longest = -1;
        for (std::size_t index = into_.agents_.size(); index-- > first_agent_;) {
            std::int64_t& delay = into_.agents_[index].delay;
            longest = std::max(longest, delay);
            delay = longest;
        }
        first_agent_ = into_.agents_.size();
    }

    robots& into_;
    bool naming_agents_ = false;
    std::size_t first_agent_ = 0;
    std::set<std::string, std::less<>> known_sitemaps_;
};

robots robots::parse(std::string_view text, const robots_limits& limits) {
    const auto is_end_of_line = [](char character) {
        return character == '\n' || character == '\r';
    };
    SIMUL_ASSERT(limits.max_size <= std::size_t{1} << 29, "a robots.txt of more than 512 MiB");
    bool cut = false;
    if (text.size() > limits.max_size) {
        cut = !is_end_of_line(text[limits.max_size]);
        text = text.substr(0, limits.max_size);
    }
    decoded_text decoded;
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
        decoded = decode_to_utf8(text, encoding::utf_8);
        text = decoded.view();
    } else if (text.starts_with("\xef\xbb\xbf")) {
        text.remove_prefix(3);
    }

    robots parsed;
    parsed.max_work_ = limits.max_work;
    parser parses{parsed};
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const auto end = text.find_first_of("\r\n");
        if (end == std::string_view::npos && cut) break;
        std::string_view line = text.substr(0, end);
        text.remove_prefix(line.size());
        text.remove_prefix(text.starts_with("\r\n") ? 2 : std::min<std::size_t>(text.size(), 1));

        const bool too_long = line.size() > limits.max_line;
        line = line.substr(0, limits.max_line);
        const auto comment = line.find('#');
        if (too_long && comment == std::string_view::npos) continue;
        parses.line(line.substr(0, comment), number);
    }
    parses.finish();
    return parsed;
}

std::span<const robots::agent> robots::agents_named(std::string_view product_token) const {
    const auto name_of_agent = [this](const agent& entry) { return text_of(entry.name); };
    const std::string token = product_token_of(product_token);
    if (!token.empty()) {
        const auto found =
            std::ranges::equal_range(agents_, std::string_view{token}, {}, name_of_agent);
        if (!found.empty()) return found;
    }
    return std::ranges::equal_range(agents_, std::string_view{"*"}, {}, name_of_agent);
}

bool robots::allows(std::string_view product_token, std::string_view path_and_query) const {
    return why(product_token, path_and_query).allowed;
}

robots_verdict robots::why(std::string_view product_token, std::string_view path_and_query) const {
    std::string path;
    path.reserve(path_and_query.size() + 1);
    path_and_query = path_and_query.substr(0, path_and_query.find('#'));
    if (!path_and_query.starts_with('/')) path.push_back('/');
    append_normalised(path, path_and_query, false);

    robots_verdict verdict;
    if (path == "/robots.txt") {
        verdict.because = robots_verdict::cause::robots_txt_itself;
        return verdict;
    }
    const auto agents = agents_named(product_token);
    if (agents.empty()) return verdict;
    verdict.because = robots_verdict::cause::no_rule;
    verdict.agent = text_of(agents.front().name);

    const rule* best = nullptr;
    std::size_t work = 0;
    std::uint32_t last_group = 0;
    bool first = true;
    for (const agent& named : agents) {
        // An agent may be named in one group over and over.
        if (!first && named.group == last_group) continue;
        first = false;
        last_group = named.group;
        for (auto index = groups_[named.group].first_rule; index < groups_[named.group].last_rule;
             ++index) {
            const rule& candidate = rules_[index];
            if (work > max_work_) {
                verdict.allowed = false;
                verdict.because = robots_verdict::cause::too_costly;
                return verdict;
            }
            const bool better =
                best == nullptr || candidate.specificity > best->specificity ||
                (candidate.specificity == best->specificity && candidate.allow && !best->allow);
            if (better && matches(text_of(candidate.pattern), candidate.to_the_end, path, work)) {
                best = &candidate;
            }
        }
    }
    if (best == nullptr) return verdict;
    verdict.allowed = best->allow;
    verdict.because = robots_verdict::cause::rule;
    verdict.rule = text_of(best->written);
    verdict.line = best->line;
    return verdict;
}

std::optional<std::chrono::milliseconds> robots::crawl_delay(std::string_view product_token) const {
    std::int64_t longest = -1;
    for (const agent& named : agents_named(product_token)) {
        longest = std::max(longest, named.delay);
    }
    if (longest < 0) return std::nullopt;
    return std::chrono::milliseconds{longest};
}

}  // namespace simul::web
