// SPDX-License-Identifier: Apache-2.0
#include "simul/web/html_links.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include <cstring>

#include "simul/web/html_content_model.hpp"
#include "web/html_elements.hpp"
#include "web/html_link_values.hpp"
#include "web/html_scan.hpp"

namespace simul::web {

using detail::element;
using detail::equals_ignoring_case;
using detail::is_space;
using detail::strip;

std::string_view name_of(html_link_kind kind) noexcept {
    switch (kind) {
        case html_link_kind::anchor: return "anchor";
        case html_link_kind::area: return "area";
        case html_link_kind::link: return "link";
        case html_link_kind::base: return "base";
        case html_link_kind::image: return "image";
        case html_link_kind::image_candidate: return "image_candidate";
        case html_link_kind::source: return "source";
        case html_link_kind::iframe: return "iframe";
        case html_link_kind::frame: return "frame";
        case html_link_kind::form: return "form";
        case html_link_kind::script: return "script";
        case html_link_kind::refresh: return "refresh";
        case html_link_kind::video: return "video";
        case html_link_kind::poster: return "poster";
        case html_link_kind::audio: return "audio";
        case html_link_kind::track: return "track";
        case html_link_kind::embed: return "embed";
        case html_link_kind::object: return "object";
        case html_link_kind::citation: return "citation";
    }
    return "unknown";
}

std::string_view html_page::keep(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > block_left_) {
        constexpr std::size_t block_size = std::size_t{16} * 1024;
        block_left_ = std::max(block_size, text.size());
        blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_left_));
        block_at_ = blocks_.back().get();
    }
    char* const copy = block_at_;
    std::memcpy(copy, text.data(), text.size());
    block_at_ += text.size();
    block_left_ -= text.size();
    return {copy, text.size()};
}

namespace {

// The elements that html_element() or the content model do something with. The set may hold others
// as well: each name is one of 256 bits.
class element_filter {
public:
    consteval explicit element_filter(std::string_view words) {
        while (!words.empty()) {
            const std::size_t end = std::min(words.find(' '), words.size());
            const std::size_t place = place_of(element(words.substr(0, end)));
            bits_[place / 64] |= std::uint64_t{1} << place % 64;
            words.remove_prefix(std::min(end + 1, words.size()));
        }
    }

    [[nodiscard]] bool may_have(std::uint64_t name) const noexcept {
        const std::size_t place = place_of(name);
        return (bits_[place / 64] >> place % 64 & 1) != 0;
    }

private:
    static constexpr std::size_t place_of(std::uint64_t name) noexcept {
        return static_cast<std::size_t>(name * 0x9E3779B97F4A7C15 >> 56);
    }

    std::array<std::uint64_t, 4> bits_{};
};

constexpr element_filter remarkable{
    "a area audio base blockquote button del embed form frame iframe image img input ins link math "
    "meta noembed noframes object plaintext q script source style svg template textarea title "
    "track video xmp"};

}  // namespace

class html_link_extractor::state final : public html_sink {
public:
    explicit state(const html_link_options& options)
        : options_{options},
          robots_name_{options.robots_name},
          tokenizer_{*this, options_.tokenizer},
          model_{tokenizer_} {}

    void feed(std::string_view chunk) { tokenizer_.feed(chunk); }

    html_page finish() {
        tokenizer_.finish();
        finish_title();
        page_.limits = tokenizer_.limit_counts();
        page_.size = tokenizer_.fed();
        return std::move(page_);
    }

private:
    void start_tag(const html_tag& tag) override;
    void end_tag(const html_tag& tag) override;
    void characters(std::string_view text, std::uint64_t offset) override;

    // Whether the model has nothing open: as long as there is no HTML inside of svg and math, what
    // is open in it is one of these.
    [[nodiscard]] bool nothing_open() const noexcept {
        return !html_inside_ && !model_.in_foreign_content();
    }

    // Kept apart from the way of most tags, which is short without them.
    [[gnu::noinline]] void start_remarkable_tag(const html_tag& tag, std::uint64_t name);
    [[gnu::noinline]] void end_remarkable_tag(const html_tag& tag);
    void html_element(const html_tag& tag, std::uint64_t name);
    void svg_element(const html_tag& tag, std::uint64_t name);
    void read_meta(const html_tag& tag);
    void read_base(const html_tag& tag);
    void collect_anchors(const html_tag& tag, std::uint64_t name);
    void finish_title();

    html_link* add(html_link_kind kind, const html_tag& tag, std::string_view url);
    html_link* add(html_link_kind kind, const html_tag& tag, const html_attribute* attribute);
    void add_with_rel(html_link_kind kind, const html_tag& tag);
    void add_candidates(const html_tag& tag, std::string_view attribute);
    void add_form(const html_tag& tag, std::string_view action, std::string_view method);

    html_link_options options_;
    std::string robots_name_;
    html_page page_;
    html_tokenizer tokenizer_;
    html_content_model model_;
    std::uint64_t templates_ = 0;  // open ones: what is in them is inert
    std::string title_;
    bool in_title_ = false;
    bool title_seen_ = false;
    bool html_inside_ = false;  // there was HTML inside of svg or math
};

// --- tags
// -----------------------------------------------------------------------------------------

void html_link_extractor::state::start_tag(const html_tag& tag) {
    const std::uint64_t name = element(tag.name);
    if (options_.anchors || remarkable.may_have(name) || !nothing_open()) {
        start_remarkable_tag(tag, name);
    }
}

void html_link_extractor::state::start_remarkable_tag(const html_tag& tag, std::uint64_t name) {
    const bool outside = nothing_open();
    const html_namespace space = model_.start_tag(tag);
    if (!outside && space == html_namespace::html) html_inside_ = true;
    if (space == html_namespace::html && name == element("template")) [[unlikely]] {
        ++templates_;
        return;
    }
    if (templates_ > 0) [[unlikely]]
        return;
    if (options_.anchors) collect_anchors(tag, name);
    if (space == html_namespace::html) [[likely]] {
        html_element(tag, name);
    } else if (space == html_namespace::svg) {
        svg_element(tag, name);
    }
}

void html_link_extractor::state::end_tag(const html_tag& tag) {
    in_title_ = false;  // a title holds no tags
    if (templates_ != 0 || !nothing_open()) end_remarkable_tag(tag);
}

void html_link_extractor::state::end_remarkable_tag(const html_tag& tag) {
    const html_namespace space = model_.end_tag(tag);
    if (templates_ > 0 && space == html_namespace::html && tag.name == "template") [[unlikely]] {
        --templates_;
    }
}

void html_link_extractor::state::html_element(const html_tag& tag, std::uint64_t name) {
    using enum html_link_kind;
    switch (name) {
        case element("a"): add_with_rel(anchor, tag); break;
        case element("area"): add_with_rel(area, tag); break;
        case element("link"):
            add_with_rel(link, tag);
            add_candidates(tag, "imagesrcset");
            break;
        case element("base"): read_base(tag); break;
        case element("meta"): read_meta(tag); break;
        case element("img"):
        case element("image"):
            add(image, tag, tag.find("src"));
            add_candidates(tag, "srcset");
            break;
        case element("source"):
            add(source, tag, tag.find("src"));
            add_candidates(tag, "srcset");
            break;
        case element("iframe"): add(iframe, tag, tag.find("src")); break;
        case element("frame"): add(frame, tag, tag.find("src")); break;
        case element("form"): add_form(tag, "action", "method"); break;
        case element("button"): add_form(tag, "formaction", "formmethod"); break;
        case element("input"):
            if (equals_ignoring_case(tag.value("type").value_or(""), "image")) {
                add(image, tag, tag.find("src"));
            }
            add_form(tag, "formaction", "formmethod");
            break;
        case element("script"): add(script, tag, tag.find("src")); break;
        case element("video"):
            add(video, tag, tag.find("src"));
            add(poster, tag, tag.find("poster"));
            break;
        case element("audio"): add(audio, tag, tag.find("src")); break;
        case element("track"): add(track, tag, tag.find("src")); break;
        case element("embed"): add(embed, tag, tag.find("src")); break;
        case element("object"): add(object, tag, tag.find("data")); break;
        case element("blockquote"):
        case element("q"):
        case element("ins"):
        case element("del"):
            if (options_.citations) add(citation, tag, tag.find("cite"));
            break;
        case element("title"):
            in_title_ = !title_seen_;
            title_seen_ = true;
            break;
        default: break;
    }
}

void html_link_extractor::state::svg_element(const html_tag& tag, std::uint64_t name) {
    const html_attribute* href = tag.find("href");
    if (href == nullptr) href = tag.find("xlink:href");
    switch (name) {
        case element("a"): add(html_link_kind::anchor, tag, href); break;
        case element("image"): add(html_link_kind::image, tag, href); break;
        case element("script"): add(html_link_kind::script, tag, href); break;
        default: break;
    }
}

void html_link_extractor::state::read_base(const html_tag& tag) {
    const html_attribute* href = tag.find("href");
    if (href == nullptr) return;
    if (!page_.base) page_.base = page_.keep(strip(href->value));
    add(html_link_kind::base, tag, href);
}

void html_link_extractor::state::read_meta(const html_tag& tag) {
    const html_attribute* content = tag.find("content");
    if (content == nullptr) return;
    if (const auto pragma = tag.value("http-equiv");
        pragma && equals_ignoring_case(*pragma, "refresh")) {
        if (const auto url = detail::refresh_url(content->value)) {
            if (html_link* added = add(html_link_kind::refresh, tag, *url)) {
                added->truncated = content->truncated;
            }
        }
    }
    const std::string_view name = strip(tag.value("name").value_or(""));
    const bool for_us = equals_ignoring_case(name, "robots") ||
                        (!robots_name_.empty() && equals_ignoring_case(name, robots_name_));
    if (!for_us) return;
    const detail::robots_directives directives = detail::robots_directives_in(content->value);
    page_.noindex = page_.noindex || directives.noindex;
    page_.nofollow = page_.nofollow || directives.nofollow;
}

void html_link_extractor::state::collect_anchors(const html_tag& tag, std::uint64_t name) {
    const auto collect = [this](std::optional<std::string_view> value) {
        if (!value || value->empty()) return;
        if (page_.anchors.size() >= options_.max_anchors) {
            ++page_.anchors_dropped;
        } else {
            page_.anchors.push_back(page_.keep(*value));
        }
    };
    const auto id = tag.value("id");
    collect(id);
    if (name != element("a")) return;
    const auto old_name = tag.value("name");
    if (old_name != id) collect(old_name);
}

// --- links
// ----------------------------------------------------------------------------------------

html_link* html_link_extractor::state::add(html_link_kind kind, const html_tag& tag,
                                           std::string_view url) {
    if (page_.links.size() >= options_.max_links) [[unlikely]] {
        ++page_.links_dropped;
        return nullptr;
    }
    html_link& added = page_.links.emplace_back();
    added.kind = kind;
    added.url = page_.keep(strip(url));
    added.offset = tag.offset;
    return &added;
}

html_link* html_link_extractor::state::add(html_link_kind kind, const html_tag& tag,
                                           const html_attribute* attribute) {
    if (attribute == nullptr) return nullptr;
    html_link* added = add(kind, tag, attribute->value);
    if (added != nullptr) added->truncated = attribute->truncated;
    return added;
}

void html_link_extractor::state::add_with_rel(html_link_kind kind, const html_tag& tag) {
    html_link* added = add(kind, tag, tag.find("href"));
    if (added == nullptr) return;
    const auto rel = tag.value("rel");
    if (!rel) return;
    added->rel = page_.keep(strip(*rel));
    added->rel_tokens = detail::rel_tokens_in(added->rel);
}

void html_link_extractor::state::add_candidates(const html_tag& tag, std::string_view attribute) {
    const html_attribute* set = tag.find(attribute);
    if (set == nullptr) return;
    detail::srcset_reader reader{set->value};
    while (const auto url = reader.next()) {
        html_link* added = add(html_link_kind::image_candidate, tag, *url);
        // Where the set was cut the last candidate may be half of one.
        if (added != nullptr) added->truncated = set->truncated && reader.at_end();
    }
}

void html_link_extractor::state::add_form(const html_tag& tag, std::string_view action,
                                          std::string_view method) {
    html_link* added = add(html_link_kind::form, tag, tag.find(action));
    if (added == nullptr) return;
    const auto how = tag.value(method);
    added->is_post =
        how && (equals_ignoring_case(*how, "post") || equals_ignoring_case(*how, "dialog"));
}

// --- the title
// ------------------------------------------------------------------------------------

void html_link_extractor::state::characters(std::string_view text, std::uint64_t /*offset*/) {
    if (!in_title_) [[likely]]
        return;
    for (const char c : text) {
        if (title_.size() > options_.max_title) break;  // one byte over says that there was more
        if (!is_space(c)) {
            title_ += c;
        } else if (!title_.empty() && title_.back() != ' ') {
            title_ += ' ';
        }
    }
}

void html_link_extractor::state::finish_title() {
    std::string_view title = strip(title_);
    if (title.size() > options_.max_title) {
        const auto is_continuation = [](char c) {
            return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
        };
        std::size_t size = options_.max_title;
        while (size > 0 && is_continuation(title[size])) --size;
        title = strip(title.substr(0, size));
        page_.title_truncated = true;
    }
    page_.title = page_.keep(title);
}

// --- the public face
// ------------------------------------------------------------------------------

html_link_extractor::html_link_extractor(const html_link_options& options)
    : state_{std::make_unique<state>(options)} {}
html_link_extractor::html_link_extractor(html_link_extractor&&) noexcept = default;
html_link_extractor& html_link_extractor::operator=(html_link_extractor&&) noexcept = default;
html_link_extractor::~html_link_extractor() = default;

void html_link_extractor::feed(std::string_view chunk) {
    state_->feed(chunk);
}

html_page html_link_extractor::finish() {
    return state_->finish();
}

html_page extract_links(std::string_view document, const html_link_options& options) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    const bool is_marked = document.starts_with(byte_order_mark);
    html_link_extractor extractor{options};
    extractor.feed(document.substr(is_marked ? byte_order_mark.size() : 0));
    return extractor.finish();
}

}  // namespace simul::web
