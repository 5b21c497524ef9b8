// SPDX-License-Identifier: Apache-2.0
//
// http/server_state.hpp: what the connections of one server share.
#pragma once

#include <algorithm>

#include "http/date_line.hpp"
#include "http/server_workspace.hpp"
#include "simul/base/intrusive_list.hpp"
#include "simul/base/time.hpp"
#include "simul/http/detail/request_handler.hpp"
#include "simul/http/server_options.hpp"

namespace simul::http::detail {

class server_connection;

class server_state {
public:
    server_state(request_handler& answers, const server_options& chosen)
        : handler{answers},
          options{chosen},
          workspaces{chosen.request},
          common_fields{chosen.name},
          shortest_limit{std::min(
              {chosen.head, chosen.body_idle, chosen.whole, chosen.idle, chosen.stalled})} {}

    [[nodiscard]] server_counters& counters() noexcept {
        return options.counters != nullptr ? *options.counters : own_counters_;
    }

    request_handler& handler;
    const server_options& options;
    workspace_pool workspaces;
    date_line common_fields;
    duration shortest_limit;
    intrusive_list<server_connection> connections;
    bool is_stopping = false;  ///< each connection ends after the request it is at

private:
    server_counters own_counters_;
};

}  // namespace simul::http::detail
