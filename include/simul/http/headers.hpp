// SPDX-License-Identifier: Apache-2.0
//
// simul/http/headers.hpp: the header fields of a message.
//
// Picture of the memory, which is two allocations however many fields there are:
//
//     entries   | 0,4,11 | 15,6,3 |            offset, length of the name, length of the value
//                 |        |
//     text      | Hostexample.com | Accept*/* |
//
// Removing a field leaves a gap in the text; the gaps go when they are more than half of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace simul::http {

/// Whether two texts are equal when ASCII letters of either case are the same.
[[nodiscard]] bool equals_ignoring_case(std::string_view left, std::string_view right) noexcept;

/// Whether a text is a token: not empty, and only letters, digits and !#$%&'*+-.^_`|~
///
/// Source        RFC 9110 section 5.6.2.
[[nodiscard]] bool is_token(std::string_view text) noexcept;

/// Whether a text may be sent as a field's value: no control character but the tab. Bytes above
/// 0x7F are allowed and have no meaning here.
///
/// Source        RFC 9110 section 5.5.
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

/// One field of a message, as views into the headers that hold it.
struct header_field {
    std::string_view name;
    std::string_view value;
};

/// The header fields of one message, in their order, names compared without regard to case.
///
/// A name may occur several times, as Set-Cookie does. Nothing gets in that could end a line early:
/// add and set refuse names and values with line ends, so no text from elsewhere can smuggle a
/// second field, or a second message, into the first.
///
///     http::headers headers{{"Accept", "text/html"}};
///     headers.set("User-Agent", "example/1.0");
///     if (auto type = headers.get("content-type")) ...
///
/// A message with a few dozen fields is looked through from the front each time, which is faster
/// than any index at that size.
///
/// Threads       like a container: one writer or many readers.
/// Lifetime      every view handed out ends with the next change of the object, or its move.
class headers {
    struct entry {
        std::uint32_t offset;
        std::uint32_t name_size;
        std::uint32_t value_size;
    };

public:
    /// Goes through the fields in their order. Its elements are made as it is dereferenced.
    class iterator {
    public:
        using value_type = header_field;
        using reference = header_field;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        using iterator_concept = std::forward_iterator_tag;

        iterator() noexcept = default;

        header_field operator*() const noexcept { return (*owner_)[index_]; }
        iterator& operator++() noexcept {
            ++index_;
            return *this;
        }
        iterator operator++(int) noexcept {
            iterator before{*this};
            ++index_;
            return before;
        }
        friend bool operator==(const iterator&, const iterator&) noexcept = default;

    private:
        friend class headers;
        iterator(const headers* owner, std::size_t index) noexcept : owner_{owner}, index_{index} {}

        const headers* owner_ = nullptr;
        std::size_t index_ = 0;
    };
    using const_iterator = iterator;

    headers() noexcept = default;

    /// The given fields, as if added one after the other.
    headers(std::initializer_list<header_field> fields);

    /// Appends a field, keeping others of the same name. Spaces and tabs around the value are not
    /// part of it and are left out. The views may point into this very object.
    ///
    /// Errors        errc::bad_header_name   `name` is no token.
    ///               errc::bad_header_value  `value` holds CR, LF, NUL or another control.
    ///               Nothing has changed then.
    void add(std::string_view name, std::string_view value);

    /// Makes this the only field of its name, in the place of the first one.
    ///
    /// Errors        as add.
    void set(std::string_view name, std::string_view value);

    /// Removes every field of this name.
    ///
    /// Returns       how many there were.
    std::size_t remove(std::string_view name);

    /// Removes all fields.
    void clear() noexcept;

    /// The value of the first field of this name, if there is one.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;

    /// The values of all fields of this name, in their order.
    [[nodiscard]] std::vector<std::string_view> get_all(std::string_view name) const;

    /// The elements of a comma-separated list, over all fields of this name. Spaces around them are
    /// cut off, empty ones are left out, and a comma within a quoted string does not separate.
    ///
    /// Source        RFC 9110 sections 5.3 and 5.6.1.
    [[nodiscard]] std::vector<std::string_view> get_list(std::string_view name) const;

    /// Whether there is a field of this name.
    [[nodiscard]] bool contains(std::string_view name) const noexcept;

    /// How many fields of this name there are.
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept;

    /// Whether the list of get_list(name) has this element, without regard to case:
    /// has_token("connection", "close").
    [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const noexcept;

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

    /// The field at a position below size().
    [[nodiscard]] header_field operator[](std::size_t index) const noexcept;

    [[nodiscard]] iterator begin() const noexcept { return {this, 0}; }
    [[nodiscard]] iterator end() const noexcept { return {this, entries_.size()}; }

    /// Makes room for so many fields with so many characters in names and values.
    void reserve(std::size_t fields, std::size_t characters);

    /// Appends a field that has been checked already: what parsers use. Values from responses may
    /// hold control characters other than CR, LF and NUL.
    void add_unchecked(std::string_view name, std::string_view value);

    /// Whether both have the same fields in the same order; the case of names is ignored.
    friend bool operator==(const headers& left, const headers& right) noexcept;

private:
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

    std::size_t find(std::string_view name, std::size_t from) const noexcept;
    entry append_text(std::string_view name, std::string_view value);
    std::size_t remove_from(std::string_view name, std::size_t from);
    void close_gaps();

    std::string text_;
    std::vector<entry> entries_;
};

}  // namespace simul::http
