// SPDX-License-Identifier: Apache-2.0
//
// Everything that simul has.
#include "simul/simul.hpp"
