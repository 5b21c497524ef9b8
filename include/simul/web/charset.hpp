// SPDX-License-Identifier: Apache-2.0
//
// simul/web/charset.hpp: the encodings of the web, and text of any of them as UTF-8.
//
// Which encoding a page has is told, in this order, by a byte order mark, by the Content-Type it
// came with, and by the page itself; choose_charset() weighs the three. Nothing is guessed from the
// frequency of letters: a page of which nobody tells anything is UTF-8 if it can be, and
// windows-1252 otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace simul::web {

/// The encodings of the web, all of them.
///
/// Source        WHATWG Encoding, "names and labels".
enum class encoding : std::uint8_t {
    utf_8,
    ibm866,
    iso_8859_2,
    iso_8859_3,
    iso_8859_4,
    iso_8859_5,
    iso_8859_6,
    iso_8859_7,
    iso_8859_8,
    iso_8859_8_i,
    iso_8859_10,
    iso_8859_13,
    iso_8859_14,
    iso_8859_15,
    iso_8859_16,
    koi8_r,
    koi8_u,
    macintosh,
    windows_874,
    windows_1250,
    windows_1251,
    windows_1252,
    windows_1253,
    windows_1254,
    windows_1255,
    windows_1256,
    windows_1257,
    windows_1258,
    x_mac_cyrillic,
    gbk,
    gb18030,
    big5,
    euc_jp,
    iso_2022_jp,
    shift_jis,
    euc_kr,
    replacement,  ///< encodings that are dangerous to read; any text of it is one U+FFFD
    utf_16be,
    utf_16le,
    x_user_defined,
};

/// The name of an encoding as the standard writes it, "UTF-8" or "windows-1252".
[[nodiscard]] std::string_view name_of(encoding which) noexcept;

/// The encoding that a page means by a label: `latin1` is windows-1252, `utf8` is UTF-8. In any
/// case, blanks around it do not count.
///
/// Returns       nothing for a label that no browser knows.
/// Source        WHATWG Encoding, "get an encoding".
[[nodiscard]] std::optional<encoding> encoding_of_label(std::string_view label) noexcept;

/// Text in UTF-8 that was there already, or had to be made.
///
/// Lifetime      while is_borrowed() it is a view of the bytes that were decoded.
class decoded_text {
public:
    decoded_text() noexcept = default;
    /// Text that is in UTF-8 where it lies.
    explicit decoded_text(std::string_view borrowed) noexcept : borrowed_{borrowed} {}
    /// Text that was made.
    explicit decoded_text(std::string&& owned) noexcept : owned_{std::move(owned)} {}

    /// The text, valid UTF-8 throughout.
    ///
    /// Lifetime      until this object is moved from or gone, or the decoded bytes are.
    [[nodiscard]] std::string_view view() const noexcept {
        return owned_ ? std::string_view{*owned_} : borrowed_;
    }
    /// True if nothing was copied.
    [[nodiscard]] bool is_borrowed() const noexcept { return !owned_; }
    /// The text as a string of its own; copies it only if it is borrowed.
    [[nodiscard]] std::string to_string() && {
        return owned_ ? std::move(*owned_) : std::string{borrowed_};
    }

private:
    std::string_view borrowed_;
    std::optional<std::string> owned_;
};

/// The text that `bytes` are in an encoding. What is malformed becomes U+FFFD. A byte order mark of
/// UTF-8 or UTF-16 wins against `which`, and is left out.
///
/// Errors        std::bad_alloc. A library without the tables of an encoding is an error of
///               std::errc::not_supported, thrown as std::system_error.
/// Lifetime      bytes that are UTF-8 without a fault, and ASCII in most encodings, are not copied:
///               `bytes` must outlive the text.
/// Complexity    O(bytes); at most three bytes of text for one of them.
/// Source        WHATWG Encoding, "decode". The tables of the encodings of East Asia are those of
///               ICU, which differ from the standard's in rare characters.
[[nodiscard]] decoded_text decode_to_utf8(std::span<const std::byte> bytes, encoding which);
[[nodiscard]] decoded_text decode_to_utf8(std::string_view bytes, encoding which);

/// True if the bytes are UTF-8 without a fault.
[[nodiscard]] bool is_valid_utf8(std::string_view bytes) noexcept;

/// An encoding, and who named it.
struct charset_choice {
    /// Who named an encoding.
    enum class source {
        byte_order_mark,
        header,   ///< Content-Type
        meta,     ///< the page
        assumed,  ///< nobody
    };

    encoding which = encoding::utf_8;
    source named_by = source::assumed;

    friend bool operator==(const charset_choice&, const charset_choice&) = default;
};

/// Chooses the encoding of a page. Labels that are empty or unknown do not count.
///
/// `meta` is what the page says of itself. As it was read in an encoding that has ASCII, UTF-16
/// cannot be true there and means UTF-8; x-user-defined means windows-1252. If nobody names an
/// encoding, it is UTF-8 for bytes that are valid, and windows-1252 for all others; a character cut
/// in two at the very end does not make bytes invalid if there are whole ones before it.
///
/// Complexity    O(1) if an encoding is named, otherwise O(bytes).
/// Source        WHATWG HTML, "determining the character encoding", without its guesses.
[[nodiscard]] charset_choice choose_charset(std::string_view bytes, std::string_view content_type,
                                            std::string_view meta) noexcept;

}  // namespace simul::web
