// SPDX-License-Identifier: Apache-2.0
//
// tls/context_state.hpp: what a context holds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "simul/base/time.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/tls/context.hpp"

struct ssl_ctx_st;

namespace simul::tls::detail {

struct free_context {
    void operator()(ssl_ctx_st* owned) const noexcept;
};

struct context_state {
    std::unique_ptr<ssl_ctx_st, free_context> ssl;
    bool is_server = false;
    bool verifies_host = false;
    bool require_alpn = false;
    std::vector<std::string> alpn;
    std::string alpn_list;  ///< as on the wire: each behind a byte with its length
    duration handshake_timeout{};
    unique_fd key_log;
};

struct context_access {
    template <class Context>
    static std::shared_ptr<const context_state> state(const Context& context) {
        return context.state_;
    }
};

}  // namespace simul::tls::detail
