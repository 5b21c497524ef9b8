// SPDX-License-Identifier: Apache-2.0
//
// simul/simul.hpp: everything at once, for trying things out.
//
// Programs include what they use: each header stands alone and says what it is for.
#pragma once

#include "simul/concurrency/as_completed.hpp"
#include "simul/concurrency/barrier.hpp"
#include "simul/concurrency/channel.hpp"
#include "simul/concurrency/concurrent.hpp"
#include "simul/concurrency/condition.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/concurrency/once.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/queue.hpp"
#include "simul/concurrency/rate_limiter.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/semaphore.hpp"
#include "simul/concurrency/shared_mutex.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/staggered_race.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/concurrency/watch.hpp"
#include "simul/concurrency/with.hpp"
#include "simul/coro/async_generator.hpp"
#include "simul/coro/generator.hpp"
#include "simul/coro/task.hpp"
#include "simul/coro/trace.hpp"
#include "simul/runtime/blocking.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/runtime/unhandled.hpp"
