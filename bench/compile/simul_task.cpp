// SPDX-License-Identifier: Apache-2.0
//
// The header with simul's coroutine.
#include "simul/coro/task.hpp"
