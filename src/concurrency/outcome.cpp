// SPDX-License-Identifier: Apache-2.0
#include "simul/concurrency/outcome.hpp"

namespace simul::detail {

std::error_code current_error_code() {
    try {
        throw;
    } catch (const error& known) {
        return known.code();
    } catch (const std::system_error& known) {
        return known.code();
    }
}

}  // namespace simul::detail
