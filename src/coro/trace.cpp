// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "simul/coro/detail/frame.hpp"

namespace simul {

namespace {

constexpr std::size_t ring_size = 16;
constexpr std::size_t longest_trace = 48;

struct ring_entry {
    std::exception_ptr error;
    std::size_t count = 0;  // coroutines in the chain, including those not kept
    std::size_t recorded = 0;
    std::array<trace_entry, longest_trace> entries;
    detail::suppressed_list later;

    void reset() noexcept {
        later.clear();
        error = nullptr;
        count = recorded = 0;
    }
};

struct trace_ring {
    std::array<ring_entry, ring_size> entries;
    std::size_t next = 0;

    ~trace_ring() {
        for (ring_entry& entry : entries) entry.reset();
    }

    ring_entry* find(const std::exception_ptr& error) noexcept {
        for (ring_entry& entry : entries) {
            if (entry.error == error) return &entry;
        }
        return nullptr;
    }

    // Takes the oldest entry. Whatever it kept alive may run destructors, but they cannot throw and
    // cannot record: no coroutine runs in them.
    ring_entry& claim(const std::exception_ptr& error) noexcept {
        ring_entry& entry = entries[next];
        next = (next + 1) % ring_size;
        entry.reset();
        entry.error = error;
        return entry;
    }
};

trace_ring& ring() noexcept {
    static thread_local trace_ring instance;
    return instance;
}

}  // namespace

namespace detail {

void record_trace(frame& thrower) noexcept {
    trace_ring& traces = ring();
    if (traces.find(thrower.exception) != nullptr) return;
    ring_entry& entry = traces.claim(thrower.exception);
    const waiter* position = &thrower;
    while (position != nullptr) {
        if (frame* step = frame::from(const_cast<waiter&>(*position))) {
            if (entry.recorded < longest_trace) {
                trace_entry& line = entry.entries[entry.recorded++];
                line.body = step->made_at;
                line.await = step == &thrower ? std::source_location{} : step->where;
            }
            ++entry.count;
        }
        position = position->up;
    }
}

struct suppressed_error {
    suppressed_error* next;
    std::exception_ptr error;
};

void suppressed_list::add(std::exception_ptr error) noexcept {
    auto* node = new (std::nothrow) suppressed_error{nullptr, std::move(error)};
    if (node == nullptr) return;
    *last_ = node;
    last_ = &node->next;
}

void suppressed_list::attach_to(const std::exception_ptr& error) noexcept {
    if (first_ == nullptr) return;
    trace_ring& traces = ring();
    ring_entry* entry = traces.find(error);
    if (entry == nullptr) entry = &traces.claim(error);
    entry->later.splice_back(*this);
}

void suppressed_list::splice_back(suppressed_list& other) noexcept {
    if (other.first_ == nullptr) return;
    *last_ = std::exchange(other.first_, nullptr);
    last_ = std::exchange(other.last_, &other.first_);
}

void suppressed_list::clear() noexcept {
    while (first_ != nullptr) delete std::exchange(first_, first_->next);
    last_ = &first_;
}

std::vector<std::exception_ptr> suppressed_list::copy() const {
    std::vector<std::exception_ptr> errors;
    for (const suppressed_error* node = first_; node != nullptr; node = node->next) {
        errors.push_back(node->error);
    }
    return errors;
}

void clear_traces() noexcept {
    for (ring_entry& entry : ring().entries) entry.reset();
}

namespace {

// The position behind the bracket that closes the one at `open`.
std::size_t behind_bracket(std::string_view text, std::size_t open) noexcept {
    std::size_t depth = 0;
    for (std::size_t index = open; index < text.size(); ++index) {
        const char character = text[index];
        const bool arrow = character == '>' && text[index - 1] == '-';
        if (character == '(' || character == '<' || character == '[') ++depth;
        if (character == ')' || (character == '>' && !arrow) || character == ']') --depth;
        if (depth == 0) return index + 1;
    }
    return text.size();
}

// The position behind an argument list and what may follow it, such as " const [with T = int]".
std::size_t behind_arguments(std::string_view text, std::size_t open) noexcept {
    std::size_t index = behind_bracket(text, open);
    for (const std::string_view qualifier : {" const", " volatile", " &&", " &", " noexcept"}) {
        if (text.substr(index).starts_with(qualifier)) index += qualifier.size();
    }
    if (text.substr(index).starts_with(" [")) index = behind_bracket(text, index + 1);
    return index;
}

}  // namespace

// "simul::task<int> app::load(std::string)" becomes "app::load", and members of templates lose
// their arguments. g++ writes "main()::<lambda(int)>" for a lambda, clang "auto main()::(anonymous
// class)::operator()(int) const": both become "main::lambda".
std::string plain_function_name(const char* name) {
    const std::string_view text{name};
    std::string result;
    std::size_t index = 0;
    while (index < text.size()) {
        const std::string_view rest = text.substr(index);
        constexpr std::string_view clang_lambda = "(anonymous class)::operator()";
        constexpr std::string_view call = "operator()";
        const bool begins_a_name = result.empty() || result.back() == ':';
        if (rest.starts_with("<lambda(")) {
            result += "lambda";
            index = behind_bracket(text, index);
            if (!text.substr(index).starts_with("::")) break;
        } else if (rest.starts_with(clang_lambda)) {
            result += "lambda";
            index += clang_lambda.size();
        } else if (rest.starts_with("(anonymous namespace)::")) {
            index += std::strlen("(anonymous namespace)::");
        } else if (rest.starts_with("{anonymous}::")) {
            index += std::strlen("{anonymous}::");
        } else if (begins_a_name && rest.starts_with(call)) {
            result += call;
            index += call.size();
        } else if (begins_a_name && rest.starts_with("operator")) {
            const std::size_t length = std::min(rest.find('('), rest.size());
            result += rest.substr(0, length);
            index += length;
        } else if (rest.front() == '<') {
            index = behind_bracket(text, index);
        } else if (rest.front() == '(') {
            index = behind_arguments(text, index);
            if (!text.substr(index).starts_with("::")) break;
        } else {
            // What stands before a space is "static", "auto" or the type of the result.
            if (rest.front() == ' ' || rest.front() == '*' || rest.front() == '&') {
                result.clear();
            } else {
                result += rest.front();
            }
            ++index;
        }
    }
    return result;
}

std::string format_chain(std::span<const trace_entry> chain) {
    std::string text;
    const char* how = "in";
    for (const trace_entry& step : chain) {
        const std::string name = plain_function_name(step.body.function_name());
        if (step.await.line() == 0) {
            text += fmt::format("  {} {}  {}\n", how, name, step.body.file_name());
        } else {
            text += fmt::format("  {} {}  {}:{}\n", how, name, step.await.file_name(),
                                step.await.line());
        }
        how = "awaited by";
    }
    return text;
}

}  // namespace detail

std::vector<trace_entry> async_trace(const std::exception_ptr& error) {
    std::vector<trace_entry> chain;
    if (error == nullptr) return chain;
    if (const ring_entry* entry = ring().find(error)) {
        chain.assign(entry->entries.begin(),
                     entry->entries.begin() + static_cast<std::ptrdiff_t>(entry->recorded));
    }
    return chain;
}

std::string format_async_trace(const std::exception_ptr& error) {
    std::string text;
    if (error == nullptr) return text;
    const ring_entry* entry = ring().find(error);
    if (entry == nullptr) return text;
    text = detail::format_chain(std::span{entry->entries}.first(entry->recorded));
    if (entry->count > entry->recorded) {
        text += fmt::format("  and {} more\n", entry->count - entry->recorded);
    }
    return text;
}

namespace detail {

namespace {

// Calls `use` with the text of an error, which lives no longer.
template <class Use>
void with_text_of(const std::exception_ptr& error, Use use) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        use(known.what());
    } catch (...) {
        use("an exception of unknown type");
    }
}

}  // namespace

bool has_trace(const std::exception_ptr& error) noexcept {
    const ring_entry* entry = ring().find(error);
    return entry != nullptr && entry->count != 0;
}

void print_error(const char* what, const char* where, const std::exception_ptr& error) noexcept {
    with_text_of(error, [&](const char* text) {
        std::fprintf(stderr, "simul: %s%s: %s\n", what, where, text);
    });
    try {
        std::string rest = format_async_trace(error);
        for (const std::exception_ptr& later : suppressed(error)) {
            with_text_of(later, [&](const char* text) {
                rest += "  later failed: ";
                rest += text;
                rest += '\n';
            });
        }
        std::fputs(rest.c_str(), stderr);
    } catch (const std::bad_alloc&) {
        return;
    }
}

}  // namespace detail

std::vector<std::exception_ptr> suppressed(const std::exception_ptr& error) {
    if (error == nullptr) return {};
    const ring_entry* entry = ring().find(error);
    return entry != nullptr ? entry->later.copy() : std::vector<std::exception_ptr>{};
}

std::vector<std::exception_ptr> suppressed() {
    return suppressed(std::current_exception());
}

}  // namespace simul
