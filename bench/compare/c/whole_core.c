// SPDX-License-Identifier: Apache-2.0
//
// Whether this core is all there: the time of a loop of eight additions that may be made at once to
// that of a loop of four that must follow one another. It is 0.45 on a core of one's own, and 0.62
// to 0.69 where somebody else seems to use the other hyper-thread, which no count of the system
// shows to a virtual machine. How fast the clock runs does not matter. The loops are to be short: a
// long one without branches shows nothing.
#include <stdio.h>
#include <time.h>

enum { rounds = 20000000 };

static double cpu_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// An addition that the compiler neither leaves out nor puts together with the next.
#define ADD_TO(number)                       \
    do {                                     \
        (number) += 1;                       \
        __asm__ volatile("" : "+r"(number)); \
    } while (0)

int main(void) {
    unsigned long a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
    const double began = cpu_seconds();
    for (int round = 0; round < rounds; ++round) {
        ADD_TO(a);
        ADD_TO(a);
        ADD_TO(a);
        ADD_TO(a);
    }
    const double between = cpu_seconds();
    for (int round = 0; round < rounds; ++round) {
        ADD_TO(a);
        ADD_TO(b);
        ADD_TO(c);
        ADD_TO(d);
        ADD_TO(e);
        ADD_TO(f);
        ADD_TO(g);
        ADD_TO(h);
    }
    const double end = cpu_seconds();
    printf("{\"ratio\": %.3f}\n", (end - between) / (between - began));
    return 0;
}
