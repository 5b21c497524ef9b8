// SPDX-License-Identifier: Apache-2.0
#include "simul/http/coding.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "coding_stage.hpp"
#include "simul/base/assert.hpp"
#include "simul/http/error.hpp"

namespace simul::http {

namespace {

std::string_view trimmed(std::string_view text) noexcept {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool same_name(std::string_view text, std::string_view lower_case) noexcept {
    return std::ranges::equal(text, lower_case, [](char left, char right) {
        return (left >= 'A' && left <= 'Z' ? static_cast<char>(left - 'A' + 'a') : left) == right;
    });
}

// What the other side wrote, fit for a message: short, and nothing that moves a cursor.
std::string shown(std::string_view name) {
    constexpr std::size_t longest = 40;
    std::string text{name.substr(0, longest)};
    for (char& character : text) {
        if (character < ' ' || character > '~') character = '?';
    }
    if (name.size() > longest) text.append("...");
    return text;
}

}  // namespace

struct decoder::chain {
    // One coding, and the bytes it has made that the next one has not taken.
    struct link {
        explicit link(std::unique_ptr<coding_stage> decodes) : stage{std::move(decodes)} {}

        std::unique_ptr<coding_stage> stage;
        std::vector<std::byte> made;  // empty for the last link, which fills the caller's buffer
        std::size_t begin = 0;
        std::size_t end = 0;
        std::uint64_t total = 0;
        std::size_t in_this_call = 0;
        coding_stage::status last = coding_stage::status::need_input;
    };

    explicit chain(const decoding_limits& given) : limits{given} {
        SIMUL_ASSERT(limits.step > 0 && limits.max_codings > 0, "a decoding limit of nothing");
    }

    void add_all(std::string_view content_encoding);
    void add(std::string_view name);
    void order();

    coding_stage::status pull(std::size_t index, std::span<const std::byte>& input,
                              std::span<std::byte>& output);
    bool grows_too_much(std::uint64_t made) const noexcept;
    void fail(std::error_code code) noexcept { error = code; }

    decoding_limits limits;
    std::vector<link> links;  // as the bytes go: the coding applied last is the first
    std::uint64_t total_in = 0;
    std::uint64_t total_out = 0;
    std::error_code error;
};

void decoder::chain::add_all(std::string_view content_encoding) {
    while (true) {
        const auto comma = content_encoding.find(',');
        add(trimmed(content_encoding.substr(0, comma)));
        if (comma == std::string_view::npos) return;
        content_encoding.remove_prefix(comma + 1);
    }
}

void decoder::chain::add(std::string_view name) {
    if (name.empty() || same_name(name, "identity")) return;
    std::unique_ptr<coding_stage> (*make)() = nullptr;
    if (same_name(name, "gzip") || same_name(name, "x-gzip")) {
        make = make_gzip_stage;
    } else if (same_name(name, "deflate")) {
        make = make_deflate_stage;
    } else if (same_name(name, "br")) {
        make = make_brotli_stage;
    } else if (same_name(name, "zstd")) {
        make = make_zstd_stage;
    } else {
        throw std::system_error{make_error_code(errc::unsupported_coding), shown(name)};
    }
    if (links.size() == limits.max_codings) {
        throw std::system_error{make_error_code(errc::too_many_codings)};
    }
    links.emplace_back(make());
}

void decoder::chain::order() {
    std::ranges::reverse(links);
    for (std::size_t index = 0; index + 1 < links.size(); ++index) {
        links[index].made.resize(limits.step);
    }
}

bool decoder::chain::grows_too_much(std::uint64_t made) const noexcept {
    if (limits.max_ratio == 0 || made <= limits.ratio_from) return false;
    // made > max_ratio * total_in, without the overflow
    return made / limits.max_ratio + (made % limits.max_ratio != 0 ? 1 : 0) > total_in;
}

// Lets a link decode into `output`, and those before it make what it needs, until the output is
// full or there is nothing more to decode; each of them makes at most a step in one call, so
// output_full may come with room left. Both spans lose at their front what is done.
coding_stage::status decoder::chain::pull(std::size_t index, std::span<const std::byte>& input,
                                          std::span<std::byte>& output) {
    using enum coding_stage::status;
    link& self = links[index];
    link* before = index == 0 ? nullptr : &links[index - 1];
    while (true) {
        const auto given = before == nullptr ? input
                                             : std::span<const std::byte>{before->made}.subspan(
                                                   before->begin, before->end - before->begin);
        const auto done = self.stage->run(given, output);
        if (before == nullptr) {
            input = input.subspan(done.consumed);
            total_in += done.consumed;
        } else {
            before->begin += done.consumed;
        }
        output = output.subspan(done.produced);
        self.total += done.produced;
        self.in_this_call += done.produced;
        self.last = done.now;
        if (done.now == failed) fail(errc::decoding_failed);
        if (done.now == out_of_memory) fail(std::make_error_code(std::errc::not_enough_memory));
        if (!error && grows_too_much(self.total)) fail(errc::ratio_exceeded);
        if (error) return failed;
        if (done.now == output_full || before == nullptr) return done.now;

        const std::size_t left = limits.step - before->in_this_call;
        if (left == 0 || output.empty()) return output_full;
        std::span<std::byte> room = std::span{before->made}.first(left);
        const auto supply = pull(index - 1, input, room);
        before->begin = 0;
        before->end = left - room.size();
        if (supply == failed) return failed;
        if (before->end != 0) continue;
        // Nothing more to be had: whole if both are, and the one before is asked again if it says.
        if (supply == output_full) return output_full;
        return supply == finished ? self.last : need_input;
    }
}

decoder::decoder(std::string_view content_encoding, const decoding_limits& limits)
    : decoder{std::span{&content_encoding, 1}, limits} {}

decoder::decoder(std::span<const std::string_view> content_encodings, const decoding_limits& limits)
    : chain_{std::make_unique<chain>(limits)} {
    for (const std::string_view value : content_encodings) chain_->add_all(value);
    chain_->order();
}

decoder::decoder(decoder&& other) noexcept = default;
decoder& decoder::operator=(decoder&& other) noexcept = default;
decoder::~decoder() = default;

decoder::result decoder::decode(std::span<const std::byte> input, std::span<std::byte> output) {
    SIMUL_ASSERT(chain_ != nullptr, "a decoder that was moved from");
    chain& self = *chain_;
    result done;
    done.error = self.error;
    if (done.error) return done;
    if (output.empty()) {
        done.next = state::output_full;
        return done;
    }

    // At the limit of the output there is room for one byte more, which must not come.
    std::array<std::byte, 1> beyond{};
    std::size_t room = std::min(output.size(), self.limits.step);
    if (self.limits.max_output != 0) {
        const std::uint64_t left = self.limits.max_output - self.total_out;
        if (left < room) room = static_cast<std::size_t>(left);
    }
    std::span<std::byte> target = room == 0 ? std::span{beyond} : output.first(room);
    const std::size_t target_size = target.size();
    const std::size_t input_size = input.size();

    auto now = coding_stage::status::finished;
    if (self.links.empty()) {
        const std::size_t count = std::min(input.size(), target.size());
        if (count != 0) std::memcpy(target.data(), input.data(), count);
        self.total_in += count;
        input = input.subspan(count);
        target = target.subspan(count);
        if (!input.empty()) now = coding_stage::status::output_full;
    } else {
        for (chain::link& link : self.links) link.in_this_call = 0;
        now = self.pull(self.links.size() - 1, input, target);
    }

    done.consumed = input_size - input.size();
    done.produced = target_size - target.size();
    if (room == 0 && done.produced != 0) {
        done.produced = 0;
        if (!self.error) self.fail(errc::decoded_too_large);
    }
    self.total_out += done.produced;
    done.error = self.error;
    switch (now) {
        case coding_stage::status::output_full: done.next = state::output_full; break;
        case coding_stage::status::finished: done.next = state::finished; break;
        default: break;
    }
    return done;
}

std::error_code decoder::finish() const noexcept {
    SIMUL_ASSERT(chain_ != nullptr, "a decoder that was moved from");
    if (chain_->error || chain_->total_in == 0) return chain_->error;
    const bool whole = std::ranges::all_of(chain_->links, [](const chain::link& link) {
        return link.last == coding_stage::status::finished && link.begin == link.end;
    });
    return whole ? std::error_code{} : make_error_code(errc::decoding_failed);
}

bool decoder::is_identity() const noexcept {
    return chain_->links.empty();
}

std::uint64_t decoder::total_input() const noexcept {
    return chain_->total_in;
}

std::uint64_t decoder::total_output() const noexcept {
    return chain_->total_out;
}

}  // namespace simul::http
