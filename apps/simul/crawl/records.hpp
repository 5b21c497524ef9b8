// SPDX-License-Identifier: Apache-2.0
//
// crawl/records.hpp: the lines of the files that a crawl writes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "crawl/page.hpp"
#include "simul/base/time.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// The first line of links.tsv.
inline constexpr std::string_view link_header = "source_url\ttarget_url\telement\trel\tcount\n";

/// One answer, as pages.jsonl has it.
class page_record {
public:
    page_record() {}

    std::string url;
    int status = 0;
    std::string type;                    ///< the Content-Type field
    std::optional<std::uint64_t> bytes;  ///< of the decoded body, if it was read
    bool cut = false;                    ///< it has more than --max-body, which were not read
    unsigned depth = 0;
    std::optional<std::size_t> links;  ///< distinct ones, if they were read
    std::size_t invalid_links = 0;     ///< references that are no addresses
    std::string title;
    duration took{};
    std::string redirected_to;
    std::string found_on;  ///< empty for a start address
};

/// One failure, as errors.jsonl has it.
class error_record {
public:
    error_record() {}

    std::string url;
    std::string stage;
    std::string cause;
    std::string found_on;
};

/// Appends the line of a page, of an error, of each link. Whatever the web put into them, they are
/// one line each: of UTF-8 in JSON, or of five cells between tabs.
void append_line(std::string& to, const page_record& page);
void append_line(std::string& to, const error_record& error);
void append_lines(std::string& to, const web::url& source, std::span<const found_link> links);

}  // namespace simul::program
