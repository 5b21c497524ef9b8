// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/readiness_backend.hpp: the contract of completions on top of a call that is
// given every descriptor anew and says which are ready, as poll(2) and select(2) do.
//
// Every operation is tried at once, and waits only when it would block. Nothing is registered and
// nothing remembered between two waits: readiness is a level, so an event cannot be missed, and a
// descriptor number that gets another file under us needs no care. What it costs is that each wait
// looks at every descriptor with something in flight. That is fine for some hundred; epoll and
// io_uring are for more.
//
// Invariants
//   1. An operation in flight is in exactly one lane of its descriptor.
//   2. A descriptor with something in flight has exactly one element in `queries_`, and its entry
//      says so. One with nothing may still have it until the next wait, which drops it first.
//   3. The first element of `queries_` is the wake-up, and its events never change.
//   4. The kernel owns nothing: a cancel is an unlink, and is confirmed at once.
#pragma once

#include <span>
#include <vector>

#include "runtime/backends/readiness.hpp"

namespace simul::detail {

/// The backends poll and select, except for the call that waits.
class readiness_backend : public backend {
public:
    readiness_backend(const readiness_backend&) = delete;
    readiness_backend& operator=(const readiness_backend&) = delete;
    ~readiness_backend() override;

    bool submit(operation& request) noexcept final;
    bool cancel(operation& request) noexcept final;
    void poll(time_point deadline) noexcept final;
    void wake() noexcept final { wake_.wake(); }
    [[nodiscard]] std::array<int, 2> own_descriptors() const noexcept final {
        return {wake_.descriptor(), -1};
    }
    [[nodiscard]] time_point now() const noexcept final { return monotonic_now(); }
    void forget(int descriptor) noexcept final;
    void for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                            void* context) noexcept final;
    [[nodiscard]] std::size_t in_flight() const noexcept final { return in_flight_; }

protected:
    /// `descriptor_limit`: operations on descriptors of this number and above end with EOVERFLOW,
    /// because the call that waits cannot name them.
    ///
    /// Errors        std::system_error with the system's code; EOVERFLOW if the wake-up is beyond
    ///               the limit.
    explicit readiness_backend(int descriptor_limit);

private:
    struct descriptor_entry : operation_lanes {
        bool is_queried = false;
    };

    /// Waits until one of `queries` is ready, a signal, or `limit` (nullptr: none). Sets `revents`
    /// of each to the events that may hold: to say too much costs an attempt, to say too little
    /// would lose an event.
    ///
    /// Returns       how many were set; negative when none was, whatever they say.
    virtual int wait(std::span<pollfd> queries, const timespec* limit) noexcept = 0;

    descriptor_entry* query(int descriptor) noexcept;
    void renew_queries() noexcept;
    void dispatch(const pollfd& answer) noexcept;
    void retry(operation_list& list) noexcept;

    wake_event wake_;
    int descriptor_limit_;
    descriptor_table<descriptor_entry> entries_;
    std::vector<pollfd> queries_;
    std::size_t in_flight_ = 0;
};

}  // namespace simul::detail
