// SPDX-License-Identifier: Apache-2.0
//
// simul/web/robots.hpp: what a site's robots.txt lets a crawler fetch.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace simul::web {

/// How much of a robots.txt is read.
struct robots_limits {
    robots_limits() noexcept {}

    /// Bytes of the file, at most 512 MiB. The rest is ignored, and so is a line cut in two by
    /// this.
    std::size_t max_size = std::size_t{512} << 10;
    /// Bytes of a line without its end. A longer one is ignored, unless a comment begins within
    /// this many bytes: then what stands before the comment counts.
    std::size_t max_line = std::size_t{16} << 10;
    /// Bytes that one decision may search for what stands behind wildcards: each rule that has
    /// some, and begins like the path, goes through the whole path once. A file for which that is
    /// not enough is made to keep crawlers busy; the path is not allowed then.
    std::size_t max_work = std::size_t{4} << 20;
};

/// Why a path may be fetched or not.
struct robots_verdict {
    /// What decided.
    enum class cause {
        rule,               ///< the most specific rule that matches: see `rule` and `line`
        no_rule,            ///< there is a group for the crawler, and none of its rules matches
        no_group,           ///< there are no rules for this crawler
        robots_txt_itself,  ///< /robots.txt may always be fetched
        too_costly,         ///< not allowed: robots_limits::max_work was not enough to tell
    };

    bool allowed = true;
    cause because = cause::no_group;
    std::string_view rule;   ///< the path of the rule as it is written, "/private/*"
    std::size_t line = 0;    ///< where the rule stands, counted from 1; 0 without a rule
    std::string_view agent;  ///< whose group it was, in lower case; "*" is everybody's
};

/// The rules of one robots.txt.
///
/// A file made of anything is a valid one: lines that are no records are ignored, however they are
/// misspelt, and a file without rules allows everything. It may be in UTF-8, with or without a byte
/// order mark, or in UTF-16 with one; lines end with CR, LF or both.
///
///     const auto rules = robots::parse(body);
///     if (rules.allows("simul", "/private/index.html?page=2")) …
///
/// Which group counts: all those that name the crawler, together; if there is none, all those that
/// name `*`. Names are compared up to the first character that is no letter, digit, hyphen or
/// underscore, in any case. Which rule counts: of those that match the longest one; of two that are
/// equally long, the one that allows. `*` in a path stands for anything, `$` at its end for the
/// end.
///
/// Before paths are compared, percent-encoded characters that a URL could also hold as they are
/// (letters, digits and punctuation) are decoded, and all that a URL cannot hold is encoded. So
/// `/a%2fb` and `/a/b` are one path here, as are `/ä` and `/%c3%a4`.
///
/// Threads       any number at a time; nothing changes after parsing.
/// Source        RFC 9309. Crawl-delay and Sitemap are not in it, but on most sites.
class robots {
public:
    /// No rules: everything is allowed.
    robots() = default;

    /// Reads a file.
    ///
    /// Complexity    O(size), and memory of at most a few times the limit.
    [[nodiscard]] static robots parse(std::string_view text,
                                      const robots_limits& limits = robots_limits{});

    /// True if a crawler with this name may fetch a path.
    ///
    /// `path_and_query` is that of the URL, "/search?q=simul"; a fragment does not count.
    ///
    /// Complexity    O(rules of the crawler's groups), each with at most the length of its path; of
    ///               those with wildcards also with the length of this path, up to max_work.
    [[nodiscard]] bool allows(std::string_view product_token,
                              std::string_view path_and_query) const;

    /// The same with the reason.
    ///
    /// Lifetime      the texts in it are views of this object, which must neither go nor be moved.
    [[nodiscard]] robots_verdict why(std::string_view product_token,
                                     std::string_view path_and_query) const;

    /// How long the crawler is asked to wait between two requests, rounded up to a millisecond.
    ///
    /// Returns       nothing if its groups do not say. It belongs to the names that stand before it
    ///               in its group; if it is said more than once, the longest counts. At most
    ///               1,000,000,000 s: what is reasonable is for the caller to say.
    [[nodiscard]] std::optional<std::chrono::milliseconds> crawl_delay(
        std::string_view product_token) const;

    /// The sitemaps of the site, in the order of the file, none twice, as they are written: usually
    /// a URL.
    [[nodiscard]] std::span<const std::string> sitemaps() const noexcept { return sitemaps_; }

    /// How many rules there are, of all groups.
    [[nodiscard]] std::size_t rule_count() const noexcept { return rules_.size(); }

private:
    // A part of storage_, which holds all texts.
    struct part {
        std::uint32_t begin = 0;
        std::uint32_t size = 0;
    };
    struct rule {
        part pattern;  // normalised, a zero byte for each wildcard
        part written;
        std::uint32_t line = 0;
        std::uint32_t specificity = 0;
        bool allow = false;
        bool to_the_end = false;
    };
    struct group {
        std::uint32_t first_rule = 0;
        std::uint32_t last_rule = 0;
    };
    // A line that names an agent; sorted by the names once all are there.
    struct agent {
        part name;
        std::uint32_t group = 0;
        std::int64_t delay = -1;  // in milliseconds
    };
    class parser;

    std::string_view text_of(part where) const noexcept {
        return std::string_view{storage_}.substr(where.begin, where.size);
    }
    std::span<const agent> agents_named(std::string_view product_token) const;

    std::size_t max_work_ = robots_limits{}.max_work;
    std::string storage_;
    std::vector<rule> rules_;
    std::vector<group> groups_;
    std::vector<agent> agents_;
    std::vector<std::string> sitemaps_;
};

}  // namespace simul::web
