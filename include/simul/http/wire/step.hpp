// SPDX-License-Identifier: Apache-2.0
//
// simul/http/wire/step.hpp: what the parsers answer when they are given bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace simul::http::wire {

/// What a parser met.
enum class event : std::uint8_t {
    need_more,     ///< everything was taken, and the message goes on
    interim_head,  ///< the head of a response with status 1xx; another head follows
    head,          ///< the head of the message
    body,          ///< a piece of the body
    complete,      ///< the end of the message, trailers included
};

/// One answer of a parser: how many of the bytes it took, and what it met there.
///
///     while (true) {
///         const wire::step step = parser.parse(input);
///         input = input.subspan(step.consumed);
///         if (step.what == wire::event::need_more) break;  // input is empty now: read more
///         ...
///     }
///
/// Each call gives one event, so the same bytes are given again, without the consumed ones, until
/// the event is need_more or complete. How the bytes are cut into pieces makes no difference but
/// for the pieces of the body.
struct step {
    std::size_t consumed = 0;
    event what = event::need_more;

    /// With event::body: a view into the bytes that were given; never empty.
    std::span<const std::byte> body;
};

}  // namespace simul::http::wire
