// SPDX-License-Identifier: Apache-2.0
//
// tls/session.hpp: who may wait for the transport, and when.
//
// Invariants
//   1. The engine is touched between awaits only, so it needs no lock.
//   2. Only the holder of `receiving_` reads the transport. Who comes after it looks whether the
//      input has grown meanwhile, and if so tries its own step again instead of reading.
//   3. Only the holder of `sending_` writes to the transport, and takes the engine's output in the
//      order in which it was made. What was taken and not sent can never be sent: `is_broken_`.
//   4. A reader does not send, except an alert when all is over. So it never waits for a peer that
//      waits for it.
//   5. Whoever waits keeps the session alive: close() ends it, and the stream may be destroyed
//      before its turn has come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "simul/concurrency/mutex.hpp"
#include "tls/engine.hpp"

namespace simul::tls::detail {

class session : public std::enable_shared_from_this<session> {
public:
    /// `already_read` is what comes before the next bytes of the transport.
    session(any_stream transport, std::shared_ptr<const context_state> context,
            std::vector<std::byte> already_read);

    /// Wraps a session whose handshake has ended.
    static stream make_stream(std::shared_ptr<session> connected) noexcept {
        return stream{std::move(connected)};
    }

    task<> handshake();
    task<std::size_t> read_some(std::span<std::byte> buffer);
    task<std::size_t> write_some(std::span<const std::byte> bytes);
    task<> shutdown();
    task<bool> shutdown_and_wait(duration limit);
    void close() noexcept;
    [[nodiscard]] bool has_input() const noexcept;

    [[nodiscard]] engine& machine() noexcept { return engine_; }

private:
    task<> receive(std::uint64_t seen);
    std::size_t take_already_read(std::span<std::byte> space) noexcept;
    task<> flush();
    task<> send_alert();
    task<> send_locked();
    task<bool> wait_for_farewell();
    void check_open() const;
    void check_writable() const;

    engine engine_;
    any_stream transport_;
    std::vector<std::byte> already_read_;  ///< in front of what the transport gives
    std::size_t already_taken_ = 0;        ///< of it
    mutex receiving_;
    mutex sending_;
    std::uint64_t receptions_ = 0;  ///< how often the input has grown, or ended
    bool has_ended_ = false;        ///< the transport has
    bool is_reading_ = false;
    bool is_writing_ = false;
    bool is_closed_ = false;
    bool is_broken_ = false;  ///< a write did not end
    bool said_farewell_ = false;
};

}  // namespace simul::tls::detail
