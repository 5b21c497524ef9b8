// SPDX-License-Identifier: Apache-2.0
//
// What libuv's loop itself costs, which has no tasks: a prepared callback for each turn, and timers.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

enum { turns = 1000000, timer_count = 1000000, timers_that_fire = 100000 };

static double cpu_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void report(const char* operation, double began, double count) {
    printf("{\"operation\": \"%s\", \"nanoseconds\": %.2f}\n", operation,
           (cpu_nanoseconds() - began) / count);
}

static long turns_left = turns;

static void on_turn(uv_idle_t* handle) {
    if (--turns_left == 0) uv_idle_stop(handle);
}

static void on_time(uv_timer_t* timer) {
    (void)timer;
}

int main(void) {
    uv_loop_t* loop = uv_default_loop();
    uv_idle_t handle;
    uv_idle_init(loop, &handle);
    uv_idle_start(&handle, on_turn);
    double began = cpu_nanoseconds();
    uv_run(loop, UV_RUN_DEFAULT);
    report("reschedule, one task", began, turns);

    uv_timer_t* timers = malloc(sizeof *timers * timer_count);
    if (timers == NULL) return 1;
    srand(1);
    began = cpu_nanoseconds();
    for (long i = 0; i < timer_count; ++i) {
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], on_time, 10000 + (uint64_t)rand() % 3600000, 0);
    }
    for (long i = 0; i < timer_count; ++i) uv_timer_stop(&timers[i]);
    report("arm and cancel a timer", began, timer_count);

    srand(1);
    began = cpu_nanoseconds();
    uv_update_time(loop);
    for (long i = 0; i < timers_that_fire; ++i) {
        uv_timer_start(&timers[i], on_time, (uint64_t)rand() % 200, 0);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    report("arm and fire a timer", began, timers_that_fire);
    return 0;
}
