// SPDX-License-Identifier: Apache-2.0
//
// Everything that asio has.
#include <asio.hpp>
