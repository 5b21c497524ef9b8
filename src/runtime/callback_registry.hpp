// SPDX-License-Identifier: Apache-2.0
//
// runtime/callback_registry.hpp: the callbacks that a loop owns, so that it can let go of them.
#pragma once

#include <cstdint>

#include "runtime/descriptor_watch.hpp"
#include "simul/runtime/detail/callback_record.hpp"

namespace simul::detail {

/// Everything that waits for a loop to call it.
///
/// Threads       the loop's thread.
class callback_registry {
public:
    /// True once the loop is being destroyed: nothing is called any more.
    [[nodiscard]] bool is_ending() const noexcept { return is_ending_; }

    /// Notes a callback that is armed or queued; it leaves by unlink().
    void add(callback_record& owned) noexcept { callbacks_.push_back(owned); }

    /// The same for a descriptor_watch: while it watches, and from then until it has ended.
    void add(descriptor_watch& begun) noexcept { watches_.push_back(begun); }
    void add_leaving(descriptor_watch& removed) noexcept { leaving_.push_back(removed); }

    /// Removes every watch of these events on a descriptor.
    ///
    /// Returns       false if there was none.
    bool remove_watches(int descriptor, std::uint32_t events) noexcept;

    /// Destroys all of it without calling any.
    void end(loop& ending) noexcept;

private:
    descriptor_watch* find(int descriptor, std::uint32_t events) noexcept;
    bool is_any_in_flight() noexcept;

    intrusive_list<callback_record> callbacks_;
    intrusive_list<descriptor_watch> watches_;
    intrusive_list<descriptor_watch> leaving_;
    bool is_ending_ = false;
};

}  // namespace simul::detail
