// SPDX-License-Identifier: Apache-2.0
//
// simul/web/html_content_model.hpp: what a tree builder tells the tokenizer, without a tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simul/web/html_tokenizer.hpp"

namespace simul::web {

/// Which language an element belongs to.
enum class html_namespace : std::uint8_t { html, svg, mathml };

/// Steers a tokenizer through a document like a tree builder with scripting off would.
///
/// Tell it every tag from within the sink. After <title>, <textarea>, <style>, <script> and their
/// kind it switches the tokenizer to the text they hold; the inside of <noscript> is markup. Inside
/// of <svg> and <math> nothing is switched and CDATA sections are allowed, until an integration
/// point (foreignObject, desc, title, annotation-xml, mi and its kind) or a tag that cannot stand
/// there (<p>, <div>, <img> ...) leads back to HTML.
///
///     void start_tag(const html_tag& tag) override { model_.start_tag(tag); ... }
///     void end_tag(const html_tag& tag) override { model_.end_tag(tag); ... }
///
/// Outside of svg and math it keeps nothing at all; inside it keeps one entry per open element up
/// to a limit, and only counts those beyond it.
///
/// What it does not know, because it keeps no tree: the insertion modes (a <style> that a <select>
/// would ignore is taken for one), and which elements are open around an <svg>: an end tag in it
/// that only HTML has, like </div>, is taken to close something around it.
///
/// Lifetime      the tokenizer must outlive it.
/// Complexity    O(1) outside of svg and math; there at most the number of entries.
/// Source        HTML Living Standard, sections 13.2.6 "tree construction dispatcher" and 13.2.6.5.
class html_content_model {
public:
    explicit html_content_model(html_tokenizer& tokenizer, std::size_t max_depth = 512)
        : tokenizer_{tokenizer}, max_depth_{max_depth} {}

    /// Takes note of a start tag, and switches the tokenizer where the tag says so.
    ///
    /// Returns       the namespace of the element that begins.
    html_namespace start_tag(const html_tag& tag);

    /// Takes note of an end tag.
    ///
    /// Returns       the namespace whose rules it was taken by.
    html_namespace end_tag(const html_tag& tag);

    /// Whether the innermost open element is one of svg or math.
    [[nodiscard]] bool in_foreign_content() const noexcept {
        return !open_.empty() && open_.back().space != html_namespace::html;
    }

    /// Elements that were beyond the depth it keeps.
    [[nodiscard]] std::uint64_t uncounted() const noexcept { return beyond_total_; }

private:
    struct entry {
        std::uint64_t name;
        html_namespace space;
        bool is_html_point;  // HTML integration point
        bool is_text_point;  // MathML text integration point
    };

    html_namespace start_html(std::uint64_t name, const html_tag& tag);
    void start_foreign(std::uint64_t name, const html_tag& tag);
    void close_implied(std::uint64_t name);
    void close_list_item(std::uint64_t name, std::uint64_t other);
    void end_html(std::uint64_t name);
    void push(const entry& added);
    void cut(std::size_t size);
    void break_out();
    void tell_tokenizer();

    html_tokenizer& tokenizer_;
    std::size_t max_depth_;
    std::vector<entry> open_;  // empty outside of svg and math; the first is one of these
    std::uint64_t beyond_ = 0;
    std::uint64_t beyond_total_ = 0;
    bool told_foreign_ = false;
};

}  // namespace simul::web
