// SPDX-License-Identifier: Apache-2.0
#include "web/html_elements.hpp"

#include <algorithm>
#include <array>

namespace simul::web::detail {

namespace {

// A set of names, written down as words and looked up by number.
class name_set {
public:
    consteval explicit name_set(std::string_view words) {
        while (!words.empty()) {
            const std::size_t end = std::min(words.find(' '), words.size());
            numbers_[static_cast<std::size_t>(size_++)] = element(words.substr(0, end));
            words.remove_prefix(std::min(end + 1, words.size()));
        }
        std::sort(numbers_.begin(), numbers_.begin() + size_);
    }

    [[nodiscard]] bool has(std::uint64_t name) const noexcept {
        return std::binary_search(numbers_.begin(), numbers_.begin() + size_, name);
    }

private:
    std::array<std::uint64_t, 100> numbers_{};
    std::ptrdiff_t size_ = 0;
};

}  // namespace

bool is_void(std::uint64_t name) noexcept {
    static constexpr name_set names{
        "area base basefont bgsound br col embed frame hr image img input keygen link meta "
        "param source track wbr"};
    return names.has(name);
}

bool is_special(std::uint64_t name) noexcept {
    static constexpr name_set names{
        "address applet area article aside base basefont bgsound blockquote body br button "
        "caption center col colgroup dd details dir div dl dt embed fieldset figcaption "
        "figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html "
        "iframe img input keygen li link listing main marquee menu meta nav noembed noframes "
        "noscript object ol p param plaintext pre script search section select source style "
        "summary table tbody td template textarea tfoot th thead title tr track ul wbr xmp"};
    return names.has(name);
}

bool is_formatting(std::uint64_t name) noexcept {
    static constexpr name_set names{"a b big code em font i nobr s small strike strong tt u"};
    return names.has(name);
}

bool is_ordinary(std::uint64_t name) noexcept {
    static constexpr name_set names{
        "abbr acronym audio bdi bdo canvas cite data del dfn ins kbd label map mark meter "
        "optgroup option output picture progress q rp rt ruby samp slot span sub sup time var "
        "video"};
    return names.has(name);
}

bool breaks_out(std::uint64_t name) noexcept {
    static constexpr name_set names{
        "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr "
        "i img li listing menu meta nobr ol p pre ruby s small span strong strike sub sup "
        "table tt u ul var"};
    return names.has(name);
}

bool closes_paragraph(std::uint64_t name) noexcept {
    static constexpr name_set names{
        "address article aside blockquote center details dialog dd dir div dl dt fieldset "
        "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr li listing main "
        "menu nav ol p plaintext pre search section summary table ul xmp"};
    return names.has(name);
}

}  // namespace simul::web::detail
