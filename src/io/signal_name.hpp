// SPDX-License-Identifier: Apache-2.0
//
// io/signal_name.hpp: what a signal is called.
#pragma once

#include <string>

namespace simul::detail {

/// Such as "SIGHUP"; "signal 35" for one without a name of its own.
std::string name_of_signal(int number);

}  // namespace simul::detail
