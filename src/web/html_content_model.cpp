// SPDX-License-Identifier: Apache-2.0
#include "simul/web/html_content_model.hpp"

#include <algorithm>

#include "web/html_elements.hpp"
#include "web/html_scan.hpp"

namespace simul::web {

using detail::element;
using detail::equals_ignoring_case;

namespace {

// In svg, by its lower-case name.
constexpr bool is_svg_point(std::uint64_t name) noexcept {
    return name == element("foreignobject") || name == element("desc") || name == element("title");
}

constexpr bool is_math_text_point(std::uint64_t name) noexcept {
    return name == element("mi") || name == element("mo") || name == element("mn") ||
           name == element("ms") || name == element("mtext");
}

bool is_html_annotation(const html_tag& tag) noexcept {
    const auto encoding = tag.value("encoding");
    return encoding && (equals_ignoring_case(*encoding, "text/html") ||
                        equals_ignoring_case(*encoding, "application/xhtml+xml"));
}

bool is_breaking_font(std::uint64_t name, const html_tag& tag) noexcept {
    return name == element("font") && (tag.find("color") != nullptr ||
                                       tag.find("face") != nullptr || tag.find("size") != nullptr);
}

// Which scopes of HTML end at this element: svg and math elements that hold HTML.
constexpr bool ends_scope(std::uint64_t name, html_namespace space) noexcept {
    if (space == html_namespace::svg) return is_svg_point(name);
    if (space == html_namespace::mathml) {
        return is_math_text_point(name) || name == element("annotation-xml");
    }
    return false;
}

constexpr bool is_heading(std::uint64_t name) noexcept {
    return name == element("h1") || name == element("h2") || name == element("h3") ||
           name == element("h4") || name == element("h5") || name == element("h6");
}

}  // namespace

html_namespace html_content_model::start_tag(const html_tag& tag) {
    const std::uint64_t name = element(tag.name);
    if (open_.empty()) [[likely]]
        return start_html(name, tag);
    const entry& current = open_.back();
    const bool by_html_rules =
        current.space == html_namespace::html || current.is_html_point ||
        (current.is_text_point && name != element("mglyph") && name != element("malignmark")) ||
        (current.space == html_namespace::mathml && current.name == element("annotation-xml") &&
         name == element("svg"));
    if (by_html_rules) return start_html(name, tag);
    if (detail::breaks_out(name) || is_breaking_font(name, tag)) {
        break_out();
        return start_html(name, tag);
    }
    const html_namespace space = current.space;
    start_foreign(name, tag);
    return space;
}

html_namespace html_content_model::start_html(std::uint64_t name, const html_tag& tag) {
    switch (name) {
        case element("svg"):
        case element("math"): {
            const html_namespace space =
                name == element("svg") ? html_namespace::svg : html_namespace::mathml;
            if (!tag.self_closing) push({name, space, false, false});
            return space;
        }
        case element("title"):
        case element("textarea"): tokenizer_.set_state(html_tokenizer_state::rcdata); break;
        case element("style"):
        case element("xmp"):
        case element("iframe"):
        case element("noembed"):
        case element("noframes"): tokenizer_.set_state(html_tokenizer_state::rawtext); break;
        case element("script"): tokenizer_.set_state(html_tokenizer_state::script_data); break;
        case element("plaintext"): tokenizer_.set_state(html_tokenizer_state::plaintext); break;
        default: break;
    }
    if (!open_.empty()) {
        close_implied(name);
        if (!detail::is_void(name)) push({name, html_namespace::html, false, false});
    }
    return html_namespace::html;
}

void html_content_model::start_foreign(std::uint64_t name, const html_tag& tag) {
    if (tag.self_closing) return;
    const html_namespace space = open_.back().space;
    entry added{name, space, false, false};
    if (space == html_namespace::svg) {
        added.is_html_point = is_svg_point(name);
    } else {
        added.is_html_point = name == element("annotation-xml") && is_html_annotation(tag);
        added.is_text_point = is_math_text_point(name);
    }
    push(added);
}

html_namespace html_content_model::end_tag(const html_tag& tag) {
    if (open_.empty()) [[likely]]
        return html_namespace::html;
    const std::uint64_t name = element(tag.name);
    if (beyond_ > 0) {
        // Which elements these are is not known; the root's end tag ends them all.
        if (name != element("svg") && name != element("math")) {
            --beyond_;
            return open_.back().space;
        }
        beyond_ = 0;
    }
    const html_namespace current = open_.back().space;
    if (current == html_namespace::html) {
        end_html(name);
        return html_namespace::html;
    }
    if (name == element("p") || name == element("br")) {
        break_out();
        return html_namespace::html;
    }
    for (std::size_t i = open_.size(); i > 0 && open_[i - 1].space != html_namespace::html; --i) {
        if (open_[i - 1].name == name) {
            cut(i - 1);
            return current;
        }
    }
    end_html(name);
    return html_namespace::html;
}

void html_content_model::end_html(std::uint64_t name) {
    const bool formatting = detail::is_formatting(name);
    const bool scoped = formatting || (detail::is_special(name) && !detail::is_void(name));
    for (std::size_t i = open_.size(); i > 0; --i) {
        const entry& candidate = open_[i - 1];
        if (candidate.space == html_namespace::html && candidate.name == name) {
            if (formatting) {
                // Misnested formatting is mended, not closed with what is in it.
                open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i - 1));
                tell_tokenizer();
            } else {
                cut(i - 1);
            }
            return;
        }
        if (ends_scope(candidate.name, candidate.space)) return;
        const bool stops = candidate.space == html_namespace::html &&
                           detail::is_special(candidate.name) && !scoped;
        if (stops) return;
    }
    if (scoped || detail::is_ordinary(name)) cut(0);
}

void html_content_model::close_implied(std::uint64_t name) {
    if (name == element("li")) close_list_item(name, name);
    if (name == element("dd") || name == element("dt")) {
        close_list_item(element("dd"), element("dt"));
    }
    if (!detail::closes_paragraph(name)) return;
    for (std::size_t i = open_.size(); i > 0; --i) {
        const entry& candidate = open_[i - 1];
        if (candidate.space != html_namespace::html) break;
        if (candidate.name == element("p")) {
            cut(i - 1);
            break;
        }
        const bool ends_button_scope =
            candidate.name == element("button") || candidate.name == element("table") ||
            candidate.name == element("td") || candidate.name == element("th") ||
            candidate.name == element("caption") || candidate.name == element("object") ||
            candidate.name == element("marquee") || candidate.name == element("applet") ||
            candidate.name == element("template");
        if (ends_button_scope) break;
    }
    const bool closes_heading = is_heading(name) && !open_.empty() &&
                                open_.back().space == html_namespace::html &&
                                is_heading(open_.back().name);
    if (closes_heading) cut(open_.size() - 1);
}

void html_content_model::close_list_item(std::uint64_t name, std::uint64_t other) {
    for (std::size_t i = open_.size(); i > 0; --i) {
        const entry& candidate = open_[i - 1];
        if (candidate.space != html_namespace::html) return;
        if (candidate.name == name || candidate.name == other) {
            cut(i - 1);
            return;
        }
        const bool passes = !detail::is_special(candidate.name) ||
                            candidate.name == element("address") ||
                            candidate.name == element("div") || candidate.name == element("p");
        if (!passes) return;
    }
}

// Closes svg or math up to the nearest element that holds HTML.
void html_content_model::break_out() {
    std::size_t size = open_.size();
    while (size > 0 && open_[size - 1].space != html_namespace::html &&
           !open_[size - 1].is_html_point && !open_[size - 1].is_text_point) {
        --size;
    }
    cut(size);
}

void html_content_model::push(const entry& added) {
    if (open_.size() >= max_depth_) {
        ++beyond_;
        ++beyond_total_;
        return;
    }
    open_.push_back(added);
    tell_tokenizer();
}

void html_content_model::cut(std::size_t size) {
    beyond_ = 0;
    open_.resize(std::min(size, open_.size()));
    tell_tokenizer();
}

void html_content_model::tell_tokenizer() {
    const bool foreign = in_foreign_content();
    if (foreign == told_foreign_) return;
    told_foreign_ = foreign;
    tokenizer_.set_in_foreign_content(foreign);
}

}  // namespace simul::web
