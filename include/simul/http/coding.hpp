// SPDX-License-Identifier: Apache-2.0
//
// simul/http/coding.hpp: the content codings gzip, deflate, br and zstd, decoded a step at a time.
//
//   body bytes ──▶ coding applied last ──▶ (at most one step between) ──▶ coding applied first ──▶
//   you
//
// A few kilobytes can stand for gigabytes, so nothing here grows with what a stream claims: each
// call does one bounded step, and the limits are looked at between the steps. What a decoder holds
// is the window of its codings: 32 KiB for gzip and deflate, 8 MiB for zstd, 16 MiB for br (which
// takes that much only for a body that is as large).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

namespace simul::http {

/// How much decoding may cost. Zero switches a limit off, except for `step`.
struct decoding_limits {
    decoding_limits() noexcept {}

    /// The decoded bytes of one body. The first ones up to this many are always given.
    std::uint64_t max_output = std::uint64_t{32} << 20;
    /// How many decoded bytes one byte of the body may stand for …
    std::uint64_t max_ratio = 200;
    /// … looked at when this many bytes have been decoded: the start of a page compresses well.
    std::uint64_t ratio_from = std::uint64_t{1} << 20;
    /// How many codings one on another, identity not counted. At least 1.
    std::size_t max_codings = 2;
    /// The decoded bytes of one call, in each coding. At least 1.
    std::size_t step = std::size_t{64} << 10;
};

/// What Accept-Encoding may say, because a decoder understands it.
[[nodiscard]] constexpr std::string_view accept_encoding() noexcept {
    return "gzip, deflate, br, zstd";
}

/// Decodes the body of one message, in whatever pieces it comes.
///
///     auto decoder = http::decoder{response.field("content-encoding")};
///     while (more of the body) {
///         auto input = the next bytes;
///         auto step = decoder.decode(input, buffer);      // again with the rest of the input, and
///         …                                               // again while it says output_full
///     }
///     if (auto error = decoder.finish()) …                // the body has ended: was it whole?
///
/// Known are gzip (and x-gzip; several members one after another are one body), deflate (in its
/// zlib wrapping or, as some servers send it, without), br, zstd (several frames are one body;
/// windows up to 8 MiB), and identity. Bytes behind the end of a stream are an error.
///
/// A pure function of its input: it waits for nothing and belongs to no loop. One call costs up to
/// a few milliseconds, so decode a large body with a yield now and then.
///
/// Threads       one at a time.
/// Lifetime      moved from, a decoder may be destroyed or assigned to.
/// Source        RFC 9110 section 8.4.1; RFC 1950, 1951, 1952, 7932, 8878; the window of zstd
///               is that of RFC 9659.
class decoder {
public:
    /// What the last call wants next.
    enum class state {
        need_input,   ///< all input is taken: give more, or finish()
        output_full,  ///< call again, with what is left of the input, even if that is nothing
        finished,     ///< all input is taken and what was given so far is a whole body
    };

    /// What one call did.
    struct result {
        std::size_t consumed = 0;  ///< bytes taken from the front of the input
        std::size_t produced = 0;  ///< bytes put to the front of the output; good beside an error
        state next = state::need_input;
        std::error_code error;  ///< the body is not to be decoded; it stays so
    };

    /// A decoder for a body whose Content-Encoding is this: a list of codings in the order they
    /// were applied, separated by commas. Several fields of that name make one list, joined by
    /// commas. An empty list is identity.
    ///
    /// Errors        std::system_error: errc::unsupported_coding for a coding that is not known,
    ///               which what() names; errc::too_many_codings.
    explicit decoder(std::string_view content_encoding,
                     const decoding_limits& limits = decoding_limits{});
    /// The same for the values of several fields, in their order.
    explicit decoder(std::span<const std::string_view> content_encodings,
                     const decoding_limits& limits = decoding_limits{});
    decoder(decoder&& other) noexcept;
    decoder& operator=(decoder&& other) noexcept;
    ~decoder();

    /// Decodes a step: takes what it can of `input` and puts at most `output.size()` bytes, and at
    /// most `limits.step`, into `output`.
    ///
    /// Errors        in the result, and the same again in every later one. errc::decoding_failed if
    ///               the bytes are none of that coding, errc::decoded_too_large if there is a byte
    ///               beyond max_output, errc::ratio_exceeded, std::errc::not_enough_memory.
    /// Complexity    O(input + step) work in each coding; no allocation after the first calls. A
    ///               stream of br fills its window, up to 16 MiB, before the first byte comes out.
    [[nodiscard]] result decode(std::span<const std::byte> input, std::span<std::byte> output);

    /// Says whether the body may end here. To be asked when decode does not say output_full.
    ///
    /// Returns       nothing if the body is whole. An empty one is: there are servers that name a
    ///               coding and send no byte.
    /// Errors        errc::decoding_failed if something is missing, or the error of decode.
    [[nodiscard]] std::error_code finish() const noexcept;

    /// True when the bytes come out as they went in.
    [[nodiscard]] bool is_identity() const noexcept;
    /// All bytes that decode took and gave.
    [[nodiscard]] std::uint64_t total_input() const noexcept;
    [[nodiscard]] std::uint64_t total_output() const noexcept;

private:
    struct chain;
    std::unique_ptr<chain> chain_;
};

/// The whole of `bytes` as one gzip member.
///
/// Errors        std::bad_alloc.
[[nodiscard]] std::vector<std::byte> encode_gzip(std::span<const std::byte> bytes);

}  // namespace simul::http
