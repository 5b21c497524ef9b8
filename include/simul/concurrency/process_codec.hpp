// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/process_codec.hpp: how values travel between the processes of a process_pool.
//
// Both ends are the same program, so there is no version, no byte order and no type information:
// what one end writes the other reads in the same order with the same types.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace simul {

/// Collects the bytes of values.
///
/// Threads       one at a time.
class process_writer {
public:
    process_writer() noexcept = default;

    /// Appends bytes.
    ///
    /// Errors        std::bad_alloc.
    void write(std::span<const std::byte> bytes) {
        const std::size_t before = bytes_.size();
        bytes_.resize(before + bytes.size());
        std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(before));
    }

    /// Replaces bytes written before, for a count that is known later.
    void overwrite(std::size_t position, std::span<const std::byte> bytes) noexcept {
        std::memcpy(bytes_.data() + position, bytes.data(), bytes.size());
    }

    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] std::vector<std::byte> take() noexcept { return std::move(bytes_); }

private:
    std::vector<std::byte> bytes_;
};

/// Reads values back.
///
/// Threads       one at a time.
/// Lifetime      does not own the bytes.
class process_reader {
public:
    explicit process_reader(std::span<const std::byte> bytes) noexcept : rest_{bytes} {}

    /// The next `count` bytes.
    ///
    /// Errors        std::out_of_range if there are not so many: some process_codec reads what it
    ///               has not written.
    std::span<const std::byte> read(std::size_t count) {
        if (count > rest_.size()) {
            throw std::out_of_range{"a process_codec reads more than was written"};
        }
        const std::span<const std::byte> bytes = rest_.first(count);
        rest_ = rest_.subspan(count);
        return bytes;
    }

    /// How many bytes have not been read.
    [[nodiscard]] std::size_t size() const noexcept { return rest_.size(); }

private:
    std::span<const std::byte> rest_;
};

namespace detail {

template <class Type>
inline constexpr bool is_process_view = false;
template <class Character, class Traits>
inline constexpr bool is_process_view<std::basic_string_view<Character, Traits>> = true;
template <class Element, std::size_t Extent>
inline constexpr bool is_process_view<std::span<Element, Extent>> = true;
template <class Type>
inline constexpr bool is_process_view<std::reference_wrapper<Type>> = true;

/// A pointer to a function or to a member means the same in all processes; one to an object not.
template <class Type>
inline constexpr bool is_object_pointer =
    std::is_pointer_v<Type> && !std::is_function_v<std::remove_pointer_t<Type>>;

/// What is sent as it lies in memory.
template <class Type>
concept process_plain = std::is_trivially_copyable_v<Type> && !is_object_pointer<Type> &&
                        !is_process_view<Type> && !std::is_null_pointer_v<Type>;

}  // namespace detail

/// How values of a type are written and read. Trivially copyable types, std::string, and vector,
/// array, pair, tuple and optional of what has a codec have one; for other types specialise it:
///
///     template <>
///     struct simul::process_codec<point_cloud> {
///         static void write(process_writer& to, const point_cloud& value);
///         static point_cloud read(process_reader& from);
///     };
///
/// A pointer means nothing in another process. The ones that can be seen are rejected when the
/// program is compiled; a pointer inside of a struct cannot be seen.
template <class Type>
struct process_codec {
    static_assert(detail::process_plain<Type>,
                  "this type cannot be sent to another process: specialise simul::process_codec "
                  "for it (pointers, references and views mean nothing there: send the value)");

    static void write(process_writer& to, const Type& value) {
        to.write(std::as_bytes(std::span{&value, 1}));
    }
    static Type read(process_reader& from) {
        std::array<std::byte, sizeof(Type)> bytes;
        std::ranges::copy(from.read(sizeof(Type)), bytes.begin());
        return std::bit_cast<Type>(bytes);
    }
};

namespace detail {

inline void write_count(process_writer& to, std::size_t count) {
    process_codec<std::uint64_t>::write(to, count);
}

inline std::size_t read_count(process_reader& from) {
    return static_cast<std::size_t>(process_codec<std::uint64_t>::read(from));
}

/// A container of elements that lie one after the other in memory.
template <class Container>
struct process_codec_of_plain {
    using element = typename Container::value_type;

    static void write(process_writer& to, const Container& values) {
        write_count(to, values.size());
        to.write(std::as_bytes(std::span{values.data(), values.size()}));
    }
    static Container read(process_reader& from) {
        const std::size_t count = read_count(from);
        if (count > from.size() / sizeof(element)) static_cast<void>(from.read(from.size() + 1));
        const std::span<const std::byte> bytes = from.read(count * sizeof(element));
        Container values(count, element());
        if (count != 0) {
            std::memcpy(static_cast<void*>(values.data()), bytes.data(), bytes.size());
        }
        return values;
    }
};

template <class Type>
concept process_plain_element =
    process_plain<Type> && std::default_initializable<Type> && !std::same_as<Type, bool>;

}  // namespace detail

template <class Character, class Traits, class Allocator>
struct process_codec<std::basic_string<Character, Traits, Allocator>>
    : detail::process_codec_of_plain<std::basic_string<Character, Traits, Allocator>> {};

template <class Element, class Allocator>
    requires detail::process_plain_element<Element>
struct process_codec<std::vector<Element, Allocator>>
    : detail::process_codec_of_plain<std::vector<Element, Allocator>> {};

template <class Element, class Allocator>
struct process_codec<std::vector<Element, Allocator>> {
    static void write(process_writer& to, const std::vector<Element, Allocator>& values) {
        detail::write_count(to, values.size());
        for (const auto& each : values) process_codec<Element>::write(to, each);
    }
    static std::vector<Element, Allocator> read(process_reader& from) {
        std::vector<Element, Allocator> values;
        for (std::size_t left = detail::read_count(from); left != 0; --left) {
            values.push_back(process_codec<Element>::read(from));
        }
        return values;
    }
};

template <class... Elements>
struct process_codec<std::tuple<Elements...>> {
    static void write(process_writer& to, const std::tuple<Elements...>& value) {
        std::apply(
            [&](const Elements&... each) { (process_codec<Elements>::write(to, each), ...); },
            value);
    }
    static std::tuple<Elements...> read(process_reader& from) {
        return std::tuple<Elements...>{process_codec<Elements>::read(from)...};
    }
};

template <class First, class Second>
struct process_codec<std::pair<First, Second>> {
    static void write(process_writer& to, const std::pair<First, Second>& value) {
        process_codec<First>::write(to, value.first);
        process_codec<Second>::write(to, value.second);
    }
    static std::pair<First, Second> read(process_reader& from) {
        return std::pair<First, Second>{process_codec<First>::read(from),
                                        process_codec<Second>::read(from)};
    }
};

template <class Element, std::size_t Count>
    requires(!detail::process_plain<Element>)
struct process_codec<std::array<Element, Count>> {
    static void write(process_writer& to, const std::array<Element, Count>& values) {
        for (const Element& each : values) process_codec<Element>::write(to, each);
    }
    static std::array<Element, Count> read(process_reader& from) {
        return read_all(from, std::make_index_sequence<Count>{});
    }

private:
    template <std::size_t... Index>
    static std::array<Element, Count> read_all(process_reader& from,
                                               std::index_sequence<Index...>) {
        return {{(static_cast<void>(Index), process_codec<Element>::read(from))...}};
    }
};

template <class Element>
struct process_codec<std::optional<Element>> {
    static void write(process_writer& to, const std::optional<Element>& value) {
        process_codec<bool>::write(to, value.has_value());
        if (value) process_codec<Element>::write(to, *value);
    }
    static std::optional<Element> read(process_reader& from) {
        if (!process_codec<bool>::read(from)) return std::nullopt;
        return process_codec<Element>::read(from);
    }
};

}  // namespace simul
