// SPDX-License-Identifier: Apache-2.0
//
// What takes memory without doing anything: sleeping tasks, idle connections. tests/memory measures
// in the same way and holds the figures to a budget.
#include "measure.hpp"
#include "memory/idle_memory.hpp"

int main() {
    using namespace simul;
    bench::report_bytes("heap of a sleeping task", test::bytes_of_sleeping_task());
    for (const backend_kind backend : {backend_kind::epoll, backend_kind::io_uring}) {
        const bool is_epoll = backend == backend_kind::epoll;
        bench::report_bytes(is_epoll ? "heap of an idle TCP connection, epoll"
                                     : "heap of an idle TCP connection, io_uring",
                            test::bytes_of_idle_tcp_connection(backend));
        bench::report_bytes(is_epoll ? "heap of an idle TLS connection, epoll"
                                     : "heap of an idle TLS connection, io_uring",
                            test::bytes_of_idle_tls_connection(backend));
    }
}
