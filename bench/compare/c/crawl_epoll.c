// SPDX-License-Identifier: Apache-2.0
//
// The floor: a crawl in plain C on epoll that does as little as will find the pages. It is no real
// crawler: it takes `href="` for a link wherever it stands, follows references that end in .html,
// joins them by hand, wants a Content-Length, and gives up at the first surprise.
// `crawl_epoll PORT PATH CONNECTIONS`; one line of JSON: pages, failures, bytes.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { table_size = 1 << 20, longest_path = 2048 };

struct connection {
    int descriptor;
    const char* path;  // asked for
    char* buffer;
    size_t capacity, size;
    size_t head;  // its size, 0 while it is incomplete
    size_t whole;
};

static char* known[table_size];  // by hash, open addressing
static char* queue[table_size];
static size_t asked, queued;
static long pages, failures, bytes;
static int port;

static void give_up(const char* why) {
    fprintf(stderr, "crawl_epoll: %s\n", why);
    exit(1);
}

static void add(const char* path, size_t size) {
    uint64_t hash = 1469598103934665603U;
    for (size_t i = 0; i < size; ++i) hash = (hash ^ (unsigned char)path[i]) * 1099511628211U;
    size_t at = hash & (table_size - 1);
    for (; known[at] != NULL; at = (at + 1) & (table_size - 1)) {
        if (strncmp(known[at], path, size) == 0 && known[at][size] == '\0') return;
    }
    known[at] = queue[queued++] = strndup(path, size);
}

static size_t parent(const char* path, size_t size) {
    if (size > 1) --size;
    while (size > 0 && path[size - 1] != '/') --size;
    return size;
}

static void follow(const char* base, const char* reference, size_t size) {
    const char* fragment = memchr(reference, '#', size);
    if (fragment != NULL) size = (size_t)(fragment - reference);
    if (size < 5 || memcmp(reference + size - 5, ".html", 5) != 0) return;
    if (memmem(reference, size, "://", 3) != NULL) return;
    char path[longest_path];
    size_t length = 0;
    if (reference[0] != '/') {
        length = (size_t)(strrchr(base, '/') - base) + 1;
        if (length >= longest_path) return;
        memcpy(path, base, length);
        while (size >= 3) {
            if (memcmp(reference, "../", 3) == 0) {
                reference += 3, size -= 3;
                length = parent(path, length);
            } else if (memcmp(reference, "./", 2) == 0) {
                reference += 2, size -= 2;
            } else {
                break;
            }
        }
    }
    if (length + size >= longest_path) return;
    memcpy(path + length, reference, size);
    add(path, length + size);
}

static void read_links(const struct connection* of) {
    const char* at = of->buffer + of->head;
    const char* const end = of->buffer + of->whole;
    while ((at = memmem(at, (size_t)(end - at), "href=\"", 6)) != NULL) {
        at += 6;
        const char* const quote = memchr(at, '"', (size_t)(end - at));
        if (quote == NULL) break;
        follow(of->path, at, (size_t)(quote - at));
        at = quote;
    }
}

static void ask(struct connection* on) {
    char request[longest_path + 100];
    on->path = queue[asked++];
    on->size = on->head = 0;
    const int size = snprintf(request, sizeof request,
                              "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", on->path, port);
    if (send(on->descriptor, request, (size_t)size, MSG_NOSIGNAL) != size) give_up("send");
}

static void reserve(struct connection* in, size_t size) {
    if (size <= in->capacity) return;
    in->capacity = size;
    in->buffer = realloc(in->buffer, size);
}

// Returns whether an answer is complete.
static int receive(struct connection* from) {
    if (from->size == from->capacity) reserve(from, from->capacity * 2);
    const ssize_t size = recv(from->descriptor, from->buffer + from->size,
                              from->capacity - from->size, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return 0;
    if (size <= 0) give_up("the server closed a connection");
    from->size += (size_t)size;
    if (from->head == 0) {
        const char* const end = memmem(from->buffer, from->size, "\r\n\r\n", 4);
        if (end == NULL) return 0;
        const char* const length =
            memmem(from->buffer, (size_t)(end - from->buffer), "Content-Length: ", 16);
        if (length == NULL) give_up("an answer without a Content-Length");
        from->head = (size_t)(end + 4 - from->buffer);
        from->whole = from->head + (size_t)atol(length + 16);
        reserve(from, from->whole);
    }
    return from->size >= from->whole;
}

static void open_connection(struct connection* to) {
    const int one = 1;
    const struct sockaddr_in where = {.sin_family = AF_INET,
                                      .sin_port = htons((unsigned short)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to->descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(to->descriptor, (const struct sockaddr*)&where, sizeof where) != 0) {
        give_up("connect");
    }
    setsockopt(to->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    reserve(to, 1 << 16);
}

int main(int count, char** words) {
    if (count != 4) {
        fprintf(stderr, "usage: crawl_epoll PORT PATH CONNECTIONS\n");
        return 2;
    }
    port = atoi(words[1]);
    const size_t connections = (size_t)atoi(words[3]);
    add(words[2], strlen(words[2]));
    const int epoll = epoll_create1(0);
    struct connection* all = calloc(connections, sizeof *all);
    struct connection** idle = calloc(connections, sizeof(struct connection*));
    size_t free_ones = 0;
    for (size_t i = 0; i < connections; ++i) {
        open_connection(&all[i]);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].descriptor, &event);
        idle[free_ones++] = &all[i];
    }
    while (1) {
        while (free_ones != 0 && asked < queued) ask(idle[--free_ones]);
        if (free_ones == connections) break;
        struct epoll_event events[128];
        const int ready = epoll_wait(epoll, events, 128, 10000);
        if (ready <= 0) give_up("no answer for ten seconds");
        for (int i = 0; i < ready; ++i) {
            struct connection* each = events[i].data.ptr;
            if (!receive(each)) continue;
            if (memcmp(each->buffer + 9, "200", 3) == 0) {
                ++pages;
                bytes += (long)(each->whole - each->head);
                read_links(each);
            } else {
                ++failures;
            }
            idle[free_ones++] = each;
        }
    }
    printf("{\"pages\": %ld, \"failures\": %ld, \"bytes\": %ld}\n", pages, failures, bytes);
    return 0;
}
