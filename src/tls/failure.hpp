// SPDX-License-Identifier: Apache-2.0
//
// tls/failure.hpp: why a connection is over, kept so that every later call can say it again.
#pragma once

#include <string>

#include "simul/tls/error.hpp"

namespace simul::tls::detail {

class failure {
public:
    failure() {}
    explicit failure(errc what, std::string why = {}) : code{what}, detail{std::move(why)} {}

    errc code = errc::protocol_error;
    std::string detail;
    int alert = -1;
    std::string alert_name;
    std::string subject;
    int depth = -1;

    /// Throws it: as a handshake_error while shaking hands or when there is more to tell.
    [[noreturn]] void raise(bool is_handshake) const {
        if (is_handshake || alert != -1) {
            throw handshake_error{code, detail, alert, alert_name, subject, depth};
        }
        if (detail.empty()) throw std::system_error{code};
        throw std::system_error{code, detail};
    }
};

}  // namespace simul::tls::detail
