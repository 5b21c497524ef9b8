// SPDX-License-Identifier: Apache-2.0
//
// simul/runtime/backend.hpp: what a loop needs of an operating system, on an index card.
//
// The interface has the shape of completions, not of readiness: the backend owns an operation from
// submit until it reports its completion. A backend on readiness (epoll, poll, select) tries the
// call first and waits for the descriptor only when it would block; one on completions (io_uring)
// hands the record to the kernel. What is asked of both, and checked by one conformance suite:
//
//   1. An operation completes exactly once: by submit, by cancel, or by one call of `complete`.
//   2. `complete` is called from poll only, in completion order.
//   3. Cancel is a request. If it is confirmed, nothing of the operation happened. Otherwise the
//      operation completes later, with -ECANCELED or with the result that overtook the request.
//   4. Bytes, connections and events are never lost by a cancel: they were delivered as a result,
//      or they are still there for the next operation.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "simul/base/time.hpp"
#include "simul/runtime/operation.hpp"

namespace simul {

namespace detail {

class buffer_lender;

}  // namespace detail

/// The way a loop talks to the outside.
///
/// Threads       only the loop's thread, except wake().
class backend {
public:
    virtual ~backend() = default;

    /// Hands over an operation whose state is idle or completed.
    ///
    /// Returns       true when it completed at once: `result` is set, the state is completed, and
    ///               `complete` will not be called. False when it is in flight.
    virtual bool submit(operation& request) noexcept = 0;

    /// Asks for the end of an operation in flight.
    ///
    /// Returns       true when it is confirmed: the state is completed, the result -ECANCELED, the
    ///               buffer is free, and `complete` will not be called. False when the completion
    ///               comes later, through poll.
    virtual bool cancel(operation& request) noexcept = 0;

    /// Submits what is waiting to be submitted and collects completions, calling `complete` of
    /// each. Blocks until the first completion, a wake, or `deadline`; does not block when
    /// `deadline` is time_point::min(), and blocks without limit when it is time_point::max().
    virtual void poll(time_point deadline) noexcept = 0;

    /// Ends the current or the next poll.
    ///
    /// Threads       any.
    virtual void wake() noexcept = 0;

    /// The current time on this backend's clock.
    [[nodiscard]] virtual time_point now() const noexcept = 0;

    /// Forgets what it knows of a descriptor: to be called after a descriptor was opened and
    /// before it is closed. No operation may be in flight on it.
    virtual void forget(int descriptor) noexcept = 0;

    /// The same for one that is about to be closed and has no duplicate, so that the close by
    /// itself ends what the system knows of it. Should there be a duplicate all the same, its
    /// events may end polls for nothing; no operation takes them for its own.
    virtual void forget_closing(int descriptor) noexcept { forget(descriptor); }

    /// True when there are bytes, or the end, of a connection that the backend has received before
    /// they were asked for; the system does not know of them any more.
    [[nodiscard]] virtual bool has_received(int /*descriptor*/) noexcept { return false; }

    /// Who takes back a buffer that an operation with lends_buffer has brought; nullptr for the
    /// recycler of frames.
    [[nodiscard]] virtual detail::buffer_lender* lender_of(const void* /*buffer*/) noexcept {
        return nullptr;
    }

    /// Calls `visit` with every operation in flight on `descriptor`, so that a close can end them.
    virtual void for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                                    void* context) noexcept = 0;

    /// The number of operations in flight.
    [[nodiscard]] virtual std::size_t in_flight() const noexcept = 0;

    /// "epoll", "io_uring", "poll", "select" or "simulated".
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    /// A descriptor that is readable whenever a poll would have something to report, for somebody
    /// who waits in our place; -1 if there is none. It may be readable for nothing, too, but not
    /// again after a poll with a deadline other than time_point::min(), which takes what made it
    /// so. It belongs to the backend, which must have been made to be waited for by it. Those of
    /// epoll and io_uring have one.
    [[nodiscard]] virtual int descriptor_to_watch() const noexcept { return -1; }

    /// Submits what is waiting to be submitted, so that the descriptor above can tell.
    ///
    /// Returns       true when nobody has to call poll before that descriptor is readable.
    virtual bool prepare_to_be_watched() noexcept { return false; }

    /// The descriptors that it holds itself; -1 where there is none. For who copies the process's
    /// table of descriptors: wake() works wherever a copy is open, and the copies outlive it.
    [[nodiscard]] virtual std::array<int, 2> own_descriptors() const noexcept { return {-1, -1}; }

    /// True when it takes operations of this kind. Those up to opcode::poll every backend takes;
    /// those of files only io_uring, where the kernel has them, and elsewhere they must not be
    /// submitted.
    [[nodiscard]] virtual bool can(opcode what) const noexcept { return what <= opcode::poll; }
};

/// Names a backend in options; `automatic` prefers io_uring and falls back to epoll, and from there
/// to poll.
enum class backend_kind {
    automatic,
    epoll,
    io_uring,
    simulated,
    poll,    ///< looks at each descriptor that somebody waits for, in every wait
    select,  ///< the same, and for descriptors below FD_SETSIZE (1024) only: operations on others
             ///< end with EOVERFLOW ("value too large")
};

/// Who waits when nothing is ready: poll(), or somebody else, for descriptor_to_watch().
enum class waited_for_by { itself, descriptor };

/// A backend and the reason why it was chosen, in words for people. Where io_uring was chosen and
/// lacks operations of files, which threads then make, it names them.
struct chosen_backend {
    chosen_backend() noexcept = default;

    std::unique_ptr<backend> implementation;
    std::string reason;
};

/// Makes the backend that `kind` names. With `automatic` the environment variable SIMUL_BACKEND
/// decides (epoll, io_uring, poll, select or simulated). Without it io_uring is taken where the
/// kernel allows it, otherwise epoll, and poll where that is refused as well (but not to be waited
/// for by a descriptor, which poll does not have); the reason says why. select is for those who ask
/// for it.
///
/// Errors        std::system_error with errc::unavailable when a backend that was asked for by name
///               cannot run, SIMUL_BACKEND names none, or none is left; the message says why and
///               what to do. The system's own code if epoll or poll lacks descriptors or memory.
chosen_backend make_backend(backend_kind kind, waited_for_by who = waited_for_by::itself);

}  // namespace simul
