#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the parts of asyncio cost, under the names that bench/micro/core.cpp gives them.

    micro.py asyncio|uvloop"""

import asyncio
import json
import random
import sys
import time

MANY = 100_000


def report(operation, began, count):
    each = (time.process_time_ns() - began) / count
    print(json.dumps({"operation": operation, "nanoseconds": round(each, 2)}), flush=True)


async def ready_child():
    return 1


async def yield_often(times):
    for _ in range(times):
        await asyncio.sleep(0)


async def tasks():
    began = time.process_time_ns()
    for _ in range(5 * MANY):
        await ready_child()
    report("await a ready child", began, 5 * MANY)

    began = time.process_time_ns()
    for _ in range(MANY):
        await asyncio.create_task(ready_child())
    report("spawn and join one", began, MANY)

    began = time.process_time_ns()
    for _ in range(MANY // 10_000):
        async with asyncio.TaskGroup() as group:
            for _ in range(10_000):
                group.create_task(ready_child())
    report("spawn and join, 10,000 at a time", began, MANY)


async def reschedule():
    began = time.process_time_ns()
    await asyncio.create_task(yield_often(MANY))
    report("reschedule, one task", began, MANY)

    began = time.process_time_ns()
    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(yield_often(MANY // 100))
    report("reschedule, 100 tasks", began, MANY)


async def hand_over():
    count = MANY // 4
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def send_back():
        for _ in range(count):
            await back.put(await there.get())

    task = asyncio.create_task(send_back())
    began = time.process_time_ns()
    for i in range(count):
        await there.put(i)
        await back.get()
    report("round trip between two tasks by queues", began, count)
    await task


async def lock():
    mutex = asyncio.Lock()
    began = time.process_time_ns()
    for _ in range(MANY):
        async with mutex:
            pass
    report("lock and unlock a free mutex", began, MANY)


async def time_limits():
    count = MANY // 4
    began = time.process_time_ns()
    for _ in range(count):
        async with asyncio.timeout(3600):
            await ready_child()
    report("time-out around a ready child", began, count)


async def arm_and_cancel():
    count = 10 * MANY
    loop = asyncio.get_running_loop()
    lengths = [10 + random.random() * 3600 for _ in range(count)]
    began = time.process_time_ns()
    for timer in [loop.call_later(length, print) for length in lengths]:
        timer.cancel()
    report("arm and cancel a timer", began, count)


async def fire():
    loop = asyncio.get_running_loop()
    lengths = [random.randrange(200) / 1000 for _ in range(MANY)]
    left = len(lengths)
    all_have_fired = asyncio.Event()

    def count_down():
        nonlocal left
        left -= 1
        if left == 0:
            all_have_fired.set()

    began = time.process_time_ns()
    for length in lengths:
        loop.call_later(length, count_down)
    await all_have_fired.wait()
    report("arm and fire a timer", began, MANY)


async def sleep_and_wake():
    began = time.process_time_ns()
    async with asyncio.TaskGroup() as group:
        for _ in range(MANY):
            group.create_task(asyncio.sleep(random.random() * 0.2))
    report("spawn, sleep and wake", began, MANY)


async def main():
    for part in (tasks, reschedule, hand_over, lock, time_limits, arm_and_cancel, fire,
                 sleep_and_wake):
        await part()


if __name__ == "__main__":
    if sys.argv[1] == "uvloop":
        import uvloop
        uvloop.install()
    asyncio.run(main())
