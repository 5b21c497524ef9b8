// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/views.hpp: streams of items that come over time, and an algebra of them.
//
//      auto squares = views::count(1) | views::filter(odd) | views::map(square) | views::take(3);
//      co_await (std::move(squares) | views::for_each(print));
//
// A pipeline describes; a terminal at its end makes a task, and the task runs it. Reading order:
// iterate.hpp (what a stream is), pipe.hpp (`|`, with_stream), aggregate.hpp (the terminals), then
// the operators as one needs them. detail/background.hpp tells how the ones that run something at
// the same time end it again.
//
// Write a pipeline of lambdas that capture strings and the like into a variable first, and await it
// in the next statement: g++ 12 copies such temporaries of an awaited expression wrongly.
#pragma once

#include "simul/concurrency/views/aggregate.hpp"
#include "simul/concurrency/views/combine.hpp"
#include "simul/concurrency/views/concurrent_map.hpp"
#include "simul/concurrency/views/create.hpp"
#include "simul/concurrency/views/flatten.hpp"
#include "simul/concurrency/views/iterate.hpp"
#include "simul/concurrency/views/pipe.hpp"
#include "simul/concurrency/views/print.hpp"
#include "simul/concurrency/views/select.hpp"
#include "simul/concurrency/views/timing.hpp"
#include "simul/concurrency/views/transform.hpp"
