// SPDX-License-Identifier: Apache-2.0
//
// unit/web/html_tokens.hpp: tokens written down as lines of text, for comparing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simul/web/html_content_model.hpp"
#include "simul/web/html_tokenizer.hpp"

namespace simul::test {

using token_lines = std::vector<std::string>;

/// Writes down what it is given: "start p class=x", "end p", "text ...", "comment ...".
class token_recorder : public web::html_sink {
public:
    token_lines lines;
    std::vector<std::pair<std::string, std::uint64_t>> errors;
    std::vector<std::uint64_t> offsets;
    std::uint64_t end = 0;

    /// Steers the tokenizer, if there is one.
    web::html_content_model* model = nullptr;

    void start_tag(const web::html_tag& tag) override {
        write_tag("start ", tag);
        if (model != nullptr) model->start_tag(tag);
    }
    void end_tag(const web::html_tag& tag) override {
        write_tag("end ", tag);
        if (model != nullptr) model->end_tag(tag);
    }
    void characters(std::string_view text, std::uint64_t offset) override {
        if (!lines.empty() && lines.back().starts_with("text ")) {
            lines.back().append(text);
        } else {
            write("text ", text, offset);
        }
    }
    void comment(const web::html_comment& comment) override {
        write("comment ", comment.data, comment.offset);
        if (comment.truncated) lines.back().append(" (cut)");
    }
    void doctype(const web::html_doctype& doctype) override {
        write("doctype", "", doctype.offset);
        for (const auto& part :
             {doctype.name, doctype.public_identifier, doctype.system_identifier}) {
            lines.back().append(" ").append(part.value_or("-"));
        }
        if (doctype.force_quirks) lines.back().append(" quirks");
        if (doctype.truncated) lines.back().append(" (cut)");
    }
    void end_of_file(std::uint64_t offset) override { end = offset; }
    void parse_error(web::html_error error, std::uint64_t offset) override {
        errors.emplace_back(web::name_of(error), offset);
    }

private:
    void write(std::string_view kind, std::string_view text, std::uint64_t offset) {
        offsets.push_back(offset);
        lines.emplace_back(kind).append(text);
    }
    void write_tag(std::string_view kind, const web::html_tag& tag) {
        write(kind, tag.name, tag.offset);
        std::string& line = lines.back();
        for (const web::html_attribute& attribute : tag.attributes) {
            line.append(" ").append(attribute.name).append("=").append(attribute.value);
            if (attribute.truncated) line.append("(cut)");
        }
        if (tag.self_closing) line.append(" /");
        if (tag.truncated) line.append(" (cut)");
    }
};

/// The tokens of a text in one state, without a content model.
inline token_lines tokens_of(std::string_view text, web::html_tokenizer_state state = {},
                             std::string_view last_start_tag = {},
                             const web::html_tokenizer_options& options = {}) {
    token_recorder recorder;
    web::html_tokenizer tokenizer{recorder, options};
    tokenizer.set_state(state);
    tokenizer.set_last_start_tag(last_start_tag);
    tokenizer.feed(text);
    tokenizer.finish();
    return recorder.lines;
}

/// The tokens of a document, with a content model, fed in pieces of `step` bytes.
inline token_lines document_tokens(std::string_view text, std::size_t step = std::string_view::npos,
                                   std::size_t max_depth = 512) {
    token_recorder recorder;
    web::html_tokenizer tokenizer{recorder};
    web::html_content_model model{tokenizer, max_depth};
    recorder.model = &model;
    for (std::size_t at = 0; at < text.size(); at += std::min(step, text.size() - at)) {
        tokenizer.feed(text.substr(at, step));
    }
    tokenizer.finish();
    return recorder.lines;
}

}  // namespace simul::test
