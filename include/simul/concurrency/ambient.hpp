// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/ambient.hpp: one loop in the background, for the whole process.
#pragma once

#include "simul/concurrency/blocking_portal.hpp"

namespace simul {

/// The portal of the process, made when it is first asked for: tasks from anywhere in a program
/// that is not asynchronous, without a loop to be made or ended.
///
///     int main() { std::cout << simul::ambient_portal().submit(fetch_all).get(); }
///
/// When the program ends, by return from main() or by std::exit, the portal is stopped: what still
/// runs is cancelled and cleans up, while the ending thread waits. Call ambient_portal().stop() at
/// the end of main() if tasks use something that ends earlier in the list of exit handlers, such as
/// statics that were made after the portal. After the end every call fails with closed, also in
/// destructors of statics. If the portal's own thread calls std::exit, nothing is waited for.
///
/// Prefer a blocking_portal of your own, or run(): whoever reads a function sees then where its
/// tasks live and when they end.
///
/// Errors        as for blocking_portal's constructor, at the first call.
/// Threads       any.
/// Source        the ambient event loop of Python's unsync.
[[nodiscard]] blocking_portal& ambient_portal();

}  // namespace simul
