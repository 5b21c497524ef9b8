// SPDX-License-Identifier: Apache-2.0
//
// The load of an echo server: connections that each send a message, wait until it has come back and
// send the next. `echo_load PORT CONNECTIONS SECONDS SERVER_PID`; one line of JSON: messages,
// seconds, percentiles of the round trip, and the CPU time of the server and of this program.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { message_size = 64, warm_up_milliseconds = 400, stalled_milliseconds = 5000 };

struct connection {
    int descriptor;
    int received;
    uint64_t sent_at;
};

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

// Nanoseconds on a CPU of all threads of a process, system calls included.
static uint64_t cpu_time_of(int process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR* threads = opendir(path);
    if (threads == NULL) return 0;
    uint64_t sum = 0;
    struct dirent* each;
    while ((each = readdir(threads)) != NULL) {
        if (each->d_name[0] == '.') continue;
        char name[400];
        unsigned long long value = 0;
        snprintf(name, sizeof name, "%s/%s/schedstat", path, each->d_name);
        FILE* file = fopen(name, "r");
        if (file == NULL) continue;
        if (fscanf(file, "%llu", &value) == 1) sum += value;
        fclose(file);
    }
    closedir(threads);
    return sum;
}

// A histogram with 64 steps for each power of two.
enum { steps = 64 };
static uint64_t histogram[64 * steps];

static void count_round_trip(uint64_t nanoseconds) {
    if (nanoseconds < steps) {
        ++histogram[nanoseconds];
        return;
    }
    const int power = 63 - __builtin_clzll(nanoseconds);
    ++histogram[(power - 5) * steps + (int)((nanoseconds >> (power - 6)) & (steps - 1))];
}

static uint64_t percentile(uint64_t total, double part) {
    const uint64_t wanted = (uint64_t)((double)total * part);
    uint64_t seen = 0;
    for (int i = 0; i < 64 * steps; ++i) {
        seen += histogram[i];
        if (seen <= wanted) continue;
        if (i < steps) return (uint64_t)i;
        const int power = i / steps + 5;
        return ((uint64_t)1 << power) + ((uint64_t)(i % steps) << (power - 6));
    }
    return 0;
}

static void fail(const char* what) {
    fprintf(stderr, "echo_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(int port) {
    const int one = 1;
    const struct sockaddr_in where = {.sin_family = AF_INET,
                                      .sin_port = htons((unsigned short)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0 || connect(descriptor, (const struct sockaddr*)&where, sizeof where) != 0) {
        fail("connect");
    }
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    return descriptor;
}

static void send_message(struct connection* to) {
    static const char message[message_size] = "what is sent comes back";
    to->received = 0;
    to->sent_at = now();
    if (send(to->descriptor, message, message_size, MSG_NOSIGNAL) != message_size) fail("send");
}

// Returns whether a whole message has come back.
static int receive(struct connection* from) {
    char buffer[4096];
    const ssize_t size = recv(from->descriptor, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EAGAIN) return 0;
    if (size <= 0) fail("the server closed a connection");
    from->received += (int)size;
    return from->received >= message_size;
}

int main(int count, char** words) {
    if (count != 5) {
        fprintf(stderr, "usage: echo_load PORT CONNECTIONS SECONDS SERVER_PID\n");
        return 2;
    }
    const int connections = atoi(words[2]);
    const uint64_t length = (uint64_t)(atof(words[3]) * 1e9);
    const int server = atoi(words[4]);
    struct connection* all = calloc((size_t)connections, sizeof *all);
    const int epoll = epoll_create1(0);
    for (int i = 0; i < connections; ++i) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        all[i].descriptor = connect_to(atoi(words[1]));
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].descriptor, &event);
    }
    for (int i = 0; i < connections; ++i) send_message(&all[i]);

    const uint64_t warm = now() + warm_up_milliseconds * UINT64_C(1000000);
    uint64_t began = 0, server_began = 0, own_began = 0, messages = 0, time = 0;
    do {
        struct epoll_event events[512];
        const int ready = epoll_wait(epoll, events, 512, stalled_milliseconds);
        if (ready <= 0) fail("no answer for five seconds");
        for (int i = 0; i < ready; ++i) {
            struct connection* each = events[i].data.ptr;
            if (!receive(each)) continue;
            if (began != 0) {
                count_round_trip(now() - each->sent_at);
                ++messages;
            }
            send_message(each);
        }
        time = now();
        if (began == 0 && time >= warm) {
            began = time;
            server_began = cpu_time_of(server);
            own_began = cpu_time_of(getpid());
        }
    } while (began == 0 || time < began + length);

    const double server_time = (double)(cpu_time_of(server) - server_began);
    const double own_time = (double)(cpu_time_of(getpid()) - own_began);
    const double elapsed = (double)(now() - began);
    printf(
        "{\"messages\": %llu, \"seconds\": %.4f, \"rate\": %.0f, \"p50\": %.1f, \"p99\": %.1f, "
        "\"server_cpu\": %.1f, \"server_busy\": %.3f, \"load_busy\": %.3f}\n",
        (unsigned long long)messages, elapsed / 1e9, (double)messages / elapsed * 1e9,
        (double)percentile(messages, 0.5) / 1e3, (double)percentile(messages, 0.99) / 1e3,
        messages != 0 ? server_time / (double)messages : 0, server_time / elapsed,
        own_time / elapsed);
    return 0;
}
