// SPDX-License-Identifier: Apache-2.0
#include "memory/idle_memory.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <utility>

#include "memory/idle_clients.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/coro/frame_allocator.hpp"
#include "simul/io/serve.hpp"
#include "simul/io/stream.hpp"
#include "simul/io/tcp.hpp"
#include "simul/runtime/sleep.hpp"
#include "simul/tls/context.hpp"
#include "simul/tls/stream.hpp"
#include "support/counted_malloc.hpp"
#include "support/test_authority.hpp"

// For all of this program.
SIMUL_TEST_COUNT_MALLOC();

namespace simul::test {

namespace {

using namespace std::chrono_literals;

run_options on(backend_kind backend) {
    run_options options;
    options.loop.backend = backend;
    return options;
}

double bytes_since(std::int64_t before, std::size_t count) {
    return static_cast<double>(own_mallocs.bytes - before) / static_cast<double>(count);
}

/// Frames that are kept for later would not be counted when they are used again.
void keep_no_frames() {
    set_frame_cache_limit(0);
}

task<> sleep_long() {
    co_await sleep_for(24h);
}

/// Lets everything that is ready come to where it waits.
task<> settle() {
    for (int pass = 0; pass != 10; ++pass) co_await yield_now();
}

/// Counts the connections that have nothing more to do.
class idle_watch {
public:
    void one_is_idle() {
        if (++idle_ == idle_connections) all_idle.set();
    }

    event all_idle;

private:
    std::size_t idle_ = 0;
};

/// Sends back what it receives.
template <class Stream>
task<> echo(idle_watch& watch, Stream stream) {
    std::array<std::byte, idle_buffer_size> buffer;
    while (true) {
        const std::size_t size = co_await stream.read_some(buffer);
        if (size == 0) co_return;
        co_await write_all(stream, std::span{buffer}.first(size));
        watch.one_is_idle();
    }
}

task<> echo_encrypted(idle_watch& watch, const tls::server_context& context, accepted connection) {
    any_stream transport{std::move(connection.stream)};
    tls::stream stream = co_await tls::accept(std::move(transport), context);
    co_await echo(watch, std::move(stream));
}

/// Serves that many connections by `handler` and says what each takes when all are idle.
template <class Handler>
task<double> bytes_of_connection(idle_watch& watch, idle_clients::protocol spoken,
                                 Handler handler) {
    keep_no_frames();
    allow_descriptors(2 * idle_connections + 100);
    tcp_listener listener = tcp_listener::bind({ip_address::loopback_v4(), 0});
    serve_options options;
    options.max_connections = idle_connections + 1;
    options.max_per_address = options.max_connections;
    options.on_error = [&](const std::exception_ptr& failure, const endpoint&) {
        // Once all was measured they end as they like.
        if (!watch.all_idle.is_set()) std::rethrow_exception(failure);
    };
    double bytes = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn(serve(listener, std::move(handler), options));
        co_await settle();
        const std::int64_t before = own_mallocs.bytes;
        const idle_clients clients{listener.local_endpoint().port(), idle_connections, spoken};
        co_await timeout(100s, watch.all_idle.wait());
        co_await settle();
        bytes = bytes_since(before, idle_connections);
        group.cancel();
    });
    co_return bytes - idle_buffer_size;
}

}  // namespace

double bytes_of_sleeping_task() {
    keep_no_frames();
    return run([]() -> task<double> {
        double bytes = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            const std::int64_t before = own_mallocs.bytes;
            for (std::size_t each = 0; each != idle_sleepers; ++each) group.spawn(sleep_long());
            co_await settle();
            bytes = bytes_since(before, idle_sleepers);
            group.cancel();
        });
        co_return bytes;
    }());
}

double bytes_of_idle_tcp_connection(backend_kind backend) {
    idle_watch watch;
    const auto handler = [&](accepted connection) -> task<> {
        return echo(watch, std::move(connection.stream));
    };
    return run(bytes_of_connection(watch, idle_clients::protocol::tcp, handler), on(backend));
}

double bytes_of_idle_tls_connection(backend_kind backend) {
    const test_authority& authority = test_authority::shared();
    const tls::server_context context{tls::server_options{
        tls::identity{authority.chain_of(authority.localhost), authority.localhost.key}}};
    idle_watch watch;
    const auto handler = [&](accepted connection) -> task<> {
        return echo_encrypted(watch, context, std::move(connection));
    };
    return run(bytes_of_connection(watch, idle_clients::protocol::tls, handler), on(backend));
}

}  // namespace simul::test
