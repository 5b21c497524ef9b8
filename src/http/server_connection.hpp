// SPDX-License-Identifier: Apache-2.0
//
// http/server_connection.hpp: one connection to a client, request after request.
//
//     idle ──first bytes──▶ head ──▶ body ──▶ handler ──▶ sending ──▶ idle, or linger and close
//      │ late: close         └──late: 408──┘                │ late: close
//
// What has come in one piece is answered in one piece: phases that need no wait are passed without
// one.
//
// One timer watches all limits. It is armed once and not touched by requests: it comes round as
// often as the shortest limit is long, or earlier when a limit ends earlier, and looks whether the
// one in force has passed.
//
// Invariants
//   1. While the timer is armed, its deadline is not after `due_`.
//   2. Nothing is left to be sent while the connection waits for bytes.
//   3. The connection has a workspace from the first bytes of a request to its answer. Between two
//      requests it has one only for a moment, if what came before did not fit into `first_`.
//   4. Bytes that were read when the wait for them had already been given up are in `arrived_`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>

#include "http/server_state.hpp"
#include "http/server_workspace.hpp"
#include "simul/base/intrusive_list.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/address.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/timer.hpp"

namespace simul::http::detail {

/// Lies in the frame of the task that looks after the connection.
class server_connection : public list_hook<server_connection>, private timer {
public:
    server_connection(accepted taken, server_state& server) noexcept;
    ~server_connection();

    /// Answers until the client goes, is too slow, sends what is no request, has had its share, or
    /// the server is to stop. That the client breaks the connection is no error.
    [[nodiscard]] task<> run();

    /// Ends the connection if it is between two requests.
    void stop_if_idle() noexcept;

private:
    enum class phase : std::uint8_t { idle, head, body, handler, sending };

    /// What is to be done before the next request can be looked at.
    enum class next_step : std::uint8_t { await_handler, send, read, wait, close };

    task<> talk();
    task<> send_rest(std::size_t sent);
    task<> refuse_late();
    task<> linger();
    task<> drain();

    [[nodiscard]] next_step advance();
    [[nodiscard]] bool accept_head();
    [[nodiscard]] bool answer_now();
    void handler_failed(const std::exception_ptr& failure) noexcept;
    void finish_answer();
    void refuse(int status);

    void enter(phase next, time_point until) noexcept;
    void enter_reading() noexcept;
    void arm_until(time_point latest, time_point now) noexcept;
    static void look_at_limits(timer& self) noexcept;

    tcp_stream stream_;
    endpoint peer_;
    server_state& server_;
    workspace_lease work_;
    event interrupted_;       // late, or to be stopped while idle
    time_point came_;         // when the latest bytes did
    time_point due_;          // when the limit in force ends
    time_point head_due_;     // when the limits of the request ends that has begun to come;
    time_point request_due_;  // time_point::max() before it was waited for
    std::size_t served_ = 0;
    std::size_t arrived_ = 0;  // see invariant 4
    std::size_t begin_ = 0;    // of work_->input, what is not parsed yet: from here …
    std::size_t end_ = 0;      // … to here
    phase phase_ = phase::idle;
    bool is_last_ = false;  // the connection ends with what is to be sent
    bool is_late_ = false;
    std::array<std::byte, 256> first_;
};

}  // namespace simul::http::detail
