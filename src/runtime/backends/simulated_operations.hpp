// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/simulated_operations.hpp: what is in flight in the simulated world, and whose
// the buffers are.
//
// Stricter than a kernel, in order to find what a kernel would only sometimes punish: while a
// receive or read is in flight its buffer is filled with a pattern and must keep it (under
// AddressSanitizer a touch is reported where it happens); while a send or write is in flight its
// buffer must not change. A violation ends the process through assertion_failed.
#pragma once

#include <cstdint>
#include <vector>

#include "simul/runtime/operation.hpp"

namespace simul::detail {

class simulated_operations {
public:
    /// The operation is in flight from now on, and its buffer belongs to the world. False for lack
    /// of memory: then it is completed, with ENOMEM.
    bool start(operation& request) noexcept;

    /// It is not any more. Unlinks it and gives its buffer back.
    void leave(operation& request) noexcept;

    /// Gives the buffer back early, to whoever is about to use it. Does nothing for an operation
    /// that is not in flight, and nothing the second time.
    void give_back_buffer(operation& request) noexcept;

    /// In the shape of completions: whether a poll has taken the operation on.
    [[nodiscard]] bool is_seen(const operation& request) const noexcept {
        return records_[request.slot].seen_by_poll;
    }
    void see(const operation& request) noexcept { records_[request.slot].seen_by_poll = true; }

    [[nodiscard]] std::size_t count() const noexcept { return count_; }

private:
    // operation::slot is its index.
    struct record {
        std::uint64_t checksum = 0;  // of what it sends
        bool owns_buffer = false;
        bool seen_by_poll = false;
    };

    void add_records();
    void take_buffer(operation& request) noexcept;

    std::vector<record> records_;
    std::vector<std::uint32_t> free_records_;
    std::size_t count_ = 0;
};

}  // namespace simul::detail
