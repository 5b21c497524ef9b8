// SPDX-License-Identifier: Apache-2.0
//
// The header with asio's coroutine.
#include <asio/awaitable.hpp>
