// SPDX-License-Identifier: Apache-2.0
//
// io/signal_state.hpp: what a signal_receiver and those who wait at it share.
//
//                   somebody waits              a signal comes
//      idle ◀───────────────────────▶ armed ─────────────────────▶ posted ──the loop──▶ idle …
//             nobody waits any more           by the handler              comes to it
//
// Invariants
//   1. The handler does one thing: if the bell is armed, it becomes posted, and the record goes to
//      the loop's inbox, which takes no lock. Nothing is posted while nobody waits: what has come
//      is in the table, and who asks next looks there.
//   2. While the bell is posted the record lies in the inbox, and at least one operation waits: in
//      `waiting_`, asked to end and about to leave, or in `leaving_`. It keeps this object, and the
//      loop's run, alive. Who is asked to end and is the last one there leaves when the record has
//      been run.
//   3. Who waits is woken from there only, so that (2) cannot be broken by a shorter way.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "io/signal_table.hpp"
#include "simul/concurrency/parking_lot.hpp"
#include "simul/io/signal.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::detail {

class signal_state : public signal_catcher,
                     public posted_work,
                     public std::enable_shared_from_this<signal_state> {
public:
    explicit signal_state(loop& running) noexcept
        : signal_catcher{&heard}, posted_work{&rung, nullptr}, loop_{running} {}

    /// Catches one more signal, unless it does so already.
    void add(int number);

    /// Lets go of all signals, raises those again that were not taken, and ends the waits.
    void close() noexcept;
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

    /// What came first, unless somebody waits for it.
    caught_signal take_now() noexcept;

    /// What somebody took and does not want.
    void give_back(const caught_signal& untaken) noexcept;

    void wait(signal_operation& waiting) noexcept;

    /// Takes out one who was asked to end. Returns false if it has to wait for the record.
    bool leave(signal_operation& waiting) noexcept;

private:
    enum class bell : unsigned char { idle, armed, posted };

    static void heard(signal_catcher& self) noexcept { static_cast<signal_state&>(self).ring(); }
    static void rung(posted_work& self) noexcept;
    void ring() noexcept;
    void arm() noexcept;
    void serve() noexcept;

    loop& loop_;
    std::uint64_t numbers_ = 0;
    parking_lot waiting_;
    parking_lot leaving_;
    bool is_closed_ = false;
    std::atomic<bell> bell_{bell::idle};
};

}  // namespace simul::detail
