// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/descriptor.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/backends/simulated.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"
#include "support/simulated_names.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;

detail::simulated_backend& simulated_world() {
    return static_cast<detail::simulated_backend&>(loop::current().io());
}

/// Runs `body()` on each backend, in the simulated world in both of its shapes.
template <class Body>
void run_in_each_world(Body body) {
    run_on_each_backend(body);
    SCOPED_TRACE("simulated, in the shape of completions");
    simulate([&]() -> task<> {
        simulated_world().set_completion_shape(true);
        co_await body();
    });
}

/// Two connected streams of the current backend, closed at the end of the test.
class stream_pair {
public:
    explicit stream_pair(std::size_t capacity = detail::simulated_backend::default_capacity) {
        if (loop::current().is_simulated()) {
            std::tie(left, right) = simulated_world().open_pair(capacity);
            return;
        }
        std::array<int, 2> ends{};
        const int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
        if (::socketpair(AF_UNIX, flags, 0, ends.data()) != 0) throw std::bad_alloc{};
        left = ends[0];
        right = ends[1];
    }

    task<> close_left() { co_await close_descriptor(std::exchange(left, -1)); }
    task<> close_right() { co_await close_descriptor(std::exchange(right, -1)); }
    task<> close() {
        if (left >= 0) co_await close_left();
        if (right >= 0) co_await close_right();
    }

    int left = -1;
    int right = -1;
};

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

task<std::string> receive_text(int descriptor, std::size_t most = 100) {
    std::string text(most, '?');
    text.resize(co_await receive_from(descriptor, std::as_writable_bytes(std::span{text})));
    co_return text;
}

task<> send_text(int descriptor, std::string text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
        sent += co_await send_to(descriptor, bytes_of(std::string_view{text}.substr(sent)));
    }
}

/// The code of the error that `awaited` ends with; no error at all is 0.
template <class Awaitable>
task<std::error_code> error_of(Awaitable awaited) {
    const auto ended = co_await as_outcome(std::move(awaited));
    if (!ended.has_error()) co_return std::error_code{};
    try {
        std::rethrow_exception(ended.error());
    } catch (const closed& error) {
        co_return error.code();
    } catch (const std::system_error& error) {
        co_return error.code();
    }
}

task<> until_in_flight(std::size_t count) {
    while (loop::current().statistics().operations != count) co_await yield_now();
}

// So that io_uring has handed what is pending to the kernel and epoll has been asked.
task<> some_passes() {
    for (int i = 0; i < 40; ++i) co_await yield_now();
}

TEST(descriptor, receives_what_was_sent_before_and_what_is_sent_later) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        co_await send_text(pair.left, "before");
        const auto answer_2 = co_await receive_text(pair.right);
        EXPECT_EQ(answer_2, "before");
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const auto answer_3 = co_await receive_text(pair.right, 3);
                EXPECT_EQ(answer_3, "lat");
                const auto answer_4 = co_await receive_text(pair.right);
                EXPECT_EQ(answer_4, "er");
            });
            co_await until_in_flight(1);
            co_await send_text(pair.left, "later");
        });
        EXPECT_EQ(loop::current().statistics().operations, 0U);
        co_await pair.close();
    });
}

TEST(descriptor, several_receives_are_served_in_the_order_in_which_they_began) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        std::vector<std::string> got;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (const char* name : {"a", "b", "c"}) {
                group.spawn([&, name]() -> task<> {
                    got.push_back(name + co_await receive_text(pair.right, 1));
                });
            }
            co_await until_in_flight(3);
            co_await send_text(pair.left, "123");
        });
        const std::vector<std::string> expected{"a1", "b2", "c3"};
        EXPECT_EQ(got, expected);
        co_await pair.close();
    });
}

TEST(descriptor, nothing_to_send_is_sent_at_once) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        const auto answer_5 = co_await send_to(pair.left, std::span<const std::byte>{});
        EXPECT_EQ(answer_5, 0U);
        co_await send_text(pair.left, "x");
        const auto answer_6 = co_await receive_from(pair.right, std::span<std::byte>{});
        EXPECT_EQ(answer_6, 0U);
        const auto answer_7 = co_await receive_text(pair.right);
        EXPECT_EQ(answer_7, "x") << "nothing was taken";
        co_await pair.close();
    });
}

TEST(descriptor, the_end_of_the_stream_is_no_bytes) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        co_await send_text(pair.left, "last");
        co_await pair.close_left();
        const auto answer_8 = co_await receive_text(pair.right);
        EXPECT_EQ(answer_8, "last");
        const auto answer_9 = co_await receive_text(pair.right);
        EXPECT_EQ(answer_9, "");
        const auto answer_10 = co_await receive_text(pair.right);
        EXPECT_EQ(answer_10, "");
        co_await pair.close();
    });
}

TEST(descriptor, a_receive_that_waits_sees_the_end_of_the_stream) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                const auto text = co_await receive_text(pair.right);
                EXPECT_EQ(text, "");
            });
            co_await until_in_flight(1);
            co_await pair.close_left();
        });
        co_await pair.close();
    });
}

TEST(descriptor, sending_to_a_closed_peer_is_an_error_without_a_signal) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        co_await pair.close_right();
        const auto code = co_await error_of(send_text(pair.left, "nobody"));
        EXPECT_EQ(code, std::errc::broken_pipe);
        co_await pair.close();
    });
}

TEST(descriptor, a_send_waits_until_there_is_room) {
    run_in_each_world([]() -> task<> {
        stream_pair pair{10'000};
        const std::string much(400'000, 'x');
        std::size_t received = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                co_await send_text(pair.left, much);
                co_await pair.close_left();
            });
            while (true) {
                const std::string part = co_await receive_text(pair.right, 10'000);
                if (part.empty()) break;
                received += part.size();
            }
        });
        EXPECT_EQ(received, much.size());
        co_await pair.close();
    });
}

TEST(descriptor, an_invalid_descriptor_is_an_error_of_the_await) {
    run_in_each_world([]() -> task<> {
        const auto answer_11 = co_await error_of(receive_text(-1));
        EXPECT_EQ(answer_11, std::errc::bad_file_descriptor);
        const auto answer_12 = co_await error_of(send_text(-1, "x"));
        EXPECT_EQ(answer_12, std::errc::bad_file_descriptor);
        const auto answer_13 = co_await error_of(wait_readable(-1));
        EXPECT_EQ(answer_13, std::errc::bad_file_descriptor);
        const auto answer_14 = co_await error_of(accept_descriptor(-1));
        EXPECT_EQ(answer_14, std::errc::bad_file_descriptor);
    });
}

TEST(descriptor, a_cancelled_receive_takes_no_bytes) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        co_await with_task_group([&](task_group& group) -> task<> {
            const auto receive = [&]() -> task<> {
                static_cast<void>(co_await receive_text(pair.right));
                ADD_FAILURE() << "it was cancelled";
            };
            auto before_start = group.spawn(receive);
            before_start.cancel();
            auto pending = group.spawn(receive);
            co_await until_in_flight(1);
            pending.cancel();
            while (!pending.done() || !before_start.done()) co_await yield_now();
            auto in_kernel = group.spawn(receive);
            co_await until_in_flight(1);
            co_await some_passes();
            in_kernel.cancel();
            while (!in_kernel.done()) co_await yield_now();
            EXPECT_TRUE(pending.was_cancelled());
            EXPECT_TRUE(in_kernel.was_cancelled());
        });
        EXPECT_EQ(loop::current().statistics().operations, 0U);
        co_await send_text(pair.left, "kept");
        const auto answer_15 = co_await receive_text(pair.right);
        EXPECT_EQ(answer_15, "kept");
        co_await pair.close();
    });
}

// C6: bytes are delivered and the task stopped at its next await, or nothing happened.
TEST(descriptor, bytes_and_a_request_in_one_turn_lose_nothing) {
    for (const bool bytes_first : {true, false}) {
        for (const bool flushed : {true, false}) {
            run_in_each_world([&]() -> task<> {
                stream_pair pair;
                std::string got;
                bool went_on = false;
                co_await with_task_group([&](task_group& group) -> task<> {
                    auto receiver = group.spawn([&]() -> task<> {
                        got = co_await receive_text(pair.right);
                        co_await yield_now();
                        went_on = true;
                    });
                    co_await until_in_flight(1);
                    if (flushed) co_await some_passes();
                    if (!bytes_first) receiver.cancel();
                    if (loop::current().is_simulated()) {
                        co_await send_text(pair.left, "x");
                    } else {
                        EXPECT_EQ(::send(pair.left, "x", 1, 0), 1);
                    }
                    if (bytes_first) receiver.cancel();
                    while (!receiver.done()) co_await yield_now();
                    EXPECT_TRUE(receiver.was_cancelled() || got == "x");
                });
                EXPECT_FALSE(went_on && got.empty());
                if (got.empty()) got = co_await receive_text(pair.right);
                EXPECT_EQ(got, "x");
                co_await pair.close();
            });
        }
    }
}

TEST(descriptor, a_time_out_around_a_receive_leaves_the_stream_usable) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        for (int i = 0; i < 3; ++i) {
            const auto answer_16 = co_await move_on_after(1ms, receive_text(pair.right));
            EXPECT_FALSE(answer_16);
        }
        EXPECT_EQ(loop::current().statistics().operations, 0U);
        co_await send_text(pair.left, "kept");
        const auto got = co_await move_on_after(10s, receive_text(pair.right));
        EXPECT_EQ(got, "kept");
        co_await pair.close();
    });
}

// Q8.
TEST(descriptor, close_wakes_everybody_who_waits_on_it_with_closed) {
    for (const bool flushed : {true, false}) {
        run_in_each_world([&]() -> task<> {
            stream_pair pair{16};
            int told = 0;
            co_await with_task_group([&](task_group& group) -> task<> {
                const auto told_by = [&](auto awaited) -> task<> {
                    try {
                        co_await std::move(awaited);
                        ADD_FAILURE() << "it was closed under it";
                    } catch (const closed& error) {
                        told += error.code() == errc::closed ? 1 : 0;
                    }
                };
                for (int i = 0; i < 3; ++i) group.spawn(told_by(receive_text(pair.left)));
                group.spawn(told_by(wait_readable(pair.left)));
                group.spawn(told_by(send_text(pair.left, std::string(1'000'000, 'x'))));
                co_await until_in_flight(5);
                if (flushed) co_await some_passes();
                co_await pair.close_left();
                EXPECT_EQ(loop::current().statistics().operations, 0U);
            });
            EXPECT_EQ(told, 5);
            while (!(co_await receive_text(pair.right, 1'000'000)).empty()) {
            }
            co_await pair.close();
        });
    }
}

TEST(descriptor, close_ends_also_what_begins_while_it_waits) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        int ended = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            event closing;
            const int descriptor = pair.left;
            group.spawn([&, descriptor]() -> task<> {
                const auto code = co_await error_of(receive_text(descriptor));
                EXPECT_EQ(code, errc::closed);
                ++ended;
            });
            co_await until_in_flight(1);
            co_await some_passes();
            group.spawn([&, descriptor]() -> task<> {
                // In the turn after the close began; where that ends at once, it is closed by now.
                co_await closing.wait();
                const auto code = co_await error_of(receive_text(descriptor));
                EXPECT_TRUE(code == errc::closed || code == std::errc::bad_file_descriptor) << code;
                ++ended;
            });
            while (closing.waiting() != 1) co_await yield_now();
            closing.set();
            co_await pair.close_left();
        });
        EXPECT_EQ(ended, 2);
        co_await pair.close();
    });
}

TEST(descriptor, close_closes_even_in_a_cancelled_scope) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        task_group group;
        group.spawn([&]() -> task<> {
            group.cancel();
            // An lvalue await in this very coroutine: a task of its own would not even begin.
            co_await close_descriptor(std::exchange(pair.left, -1));
            co_await yield_now();
            ADD_FAILURE() << "the await after it is stopped";
        });
        co_await group.run();
        const auto answer_17 = co_await receive_text(pair.right);
        EXPECT_EQ(answer_17, "") << "the peer was told";
        co_await pair.close();
    });
}

TEST(descriptor, a_request_while_close_waits_does_not_stop_it) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        bool told = false;
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                told = co_await error_of(receive_text(pair.left)) == errc::closed;
            });
            co_await until_in_flight(1);
            co_await some_passes();
            auto closer = group.spawn(
                [&]() -> task<> { co_await close_descriptor(std::exchange(pair.left, -1)); });
            co_await yield_now();
            closer.cancel();
        });
        EXPECT_TRUE(told);
        const auto answer_18 = co_await receive_text(pair.right);
        EXPECT_EQ(answer_18, "");
        co_await pair.close();
    });
}

TEST(descriptor, closed_and_cancelled_at_once_is_stopped) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        co_await with_task_group([&](task_group& group) -> task<> {
            auto receiver = group.spawn([&]() -> task<> {
                static_cast<void>(co_await as_result(receive_text(pair.left)));
                co_await yield_now();
                ADD_FAILURE() << "it was cancelled";
            });
            co_await until_in_flight(1);
            co_await some_passes();
            receiver.cancel();
            co_await pair.close_left();
        });
        co_await pair.close();
    });
}

TEST(descriptor, waits_for_readiness_without_taking_anything) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        co_await wait_writable(pair.left);
        const auto answer_19 = co_await move_on_after(1ms, wait_readable(pair.right));
        EXPECT_FALSE(answer_19);
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                co_await wait_readable(pair.right);
                const auto answer_20 = co_await receive_text(pair.right);
                EXPECT_EQ(answer_20, "x");
            });
            co_await until_in_flight(1);
            co_await send_text(pair.left, "x");
        });
        co_await pair.close_left();
        co_await wait_readable(pair.right);
        const auto answer_21 = co_await receive_text(pair.right);
        EXPECT_EQ(answer_21, "");
        co_await pair.close();
    });
}

// The rest is about descriptors of the system, which the simulated world has none of.

template <class Body>
void run_on_each_real_backend(Body body) {
    for (const backend_kind kind : test_backends()) {
        if (kind == backend_kind::simulated) continue;
        SCOPED_TRACE(name_of(kind));
        run(body(), options_for(kind));
    }
}

TEST(descriptor, reads_and_writes_pipes) {
    run_on_each_real_backend([]() -> task<> {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0);
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                std::array<std::byte, 8> buffer{};
                co_await wait_readable(ends[0]);
                const auto answer_22 = co_await read_descriptor(ends[0], buffer);
                EXPECT_EQ(answer_22, 4U);
                EXPECT_EQ(std::memcmp(buffer.data(), "pipe", 4), 0);
                const auto answer_23 = co_await read_descriptor(ends[0], buffer);
                EXPECT_EQ(answer_23, 0U) << "the end";
            });
            co_await until_in_flight(1);
            const auto answer_24 = co_await write_descriptor(ends[1], bytes_of("pipe"));
            EXPECT_EQ(answer_24, 4U);
            co_await some_passes();
            co_await close_descriptor(ends[1]);
        });
        co_await close_descriptor(ends[0]);
    });
}

TEST(descriptor, a_write_to_a_pipe_that_nobody_reads_is_an_error) {
    run_on_each_real_backend([]() -> task<> {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0);
        co_await close_descriptor(ends[0]);
        const auto write = [&]() -> task<> { co_await write_descriptor(ends[1], bytes_of("x")); };
        const auto answer_25 = co_await error_of(write());
        EXPECT_EQ(answer_25, std::errc::broken_pipe);
        co_await close_descriptor(ends[1]);
    });
}

TEST(descriptor, waits_for_event_descriptors) {
    run_on_each_real_backend([]() -> task<> {
        const int counter = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        co_await wait_writable(counter);
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int i = 0; i < 2; ++i) {
                group.spawn([&]() -> task<> { co_await wait_readable(counter); });
            }
            co_await until_in_flight(2);
            const std::uint64_t three = 3;
            const auto answer_26 =
                co_await write_descriptor(counter, std::as_bytes(std::span{&three, 1}));
            EXPECT_EQ(answer_26, 8U);
        });
        std::uint64_t value = 0;
        const auto into = std::as_writable_bytes(std::span{&value, 1});
        const auto answer_27 = co_await read_descriptor(counter, into);
        EXPECT_EQ(answer_27, 8U);
        EXPECT_EQ(value, 3U);
        const auto answer_28 = co_await move_on_after(1ms, read_descriptor(counter, into));
        EXPECT_FALSE(answer_28);
        co_await close_descriptor(counter);
    });
}

struct local_listener {
    local_listener() {
        fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(fd, generic, size), 0);
        EXPECT_EQ(::listen(fd, 16), 0);
        EXPECT_EQ(::getsockname(fd, generic, &size), 0);
    }

    [[nodiscard]] std::span<const std::byte> bytes() const {
        return std::as_bytes(std::span{&address, 1});
    }
    [[nodiscard]] static int open_client() {
        return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }

    int fd = -1;
    sockaddr_in address{};
};

TEST(descriptor, connects_and_accepts_on_this_machine) {
    run_on_each_real_backend([]() -> task<> {
        local_listener listener;
        const int client = local_listener::open_client();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn([&]() -> task<> {
                unique_fd accepted = co_await accept_descriptor(listener.fd);
                EXPECT_TRUE(accepted);
                EXPECT_NE(::fcntl(accepted.get(), F_GETFL) & O_NONBLOCK, 0);
                EXPECT_NE(::fcntl(accepted.get(), F_GETFD) & FD_CLOEXEC, 0);
                const auto answer_29 = co_await receive_text(accepted.get());
                EXPECT_EQ(answer_29, "hello");
                co_await send_text(accepted.get(), "welcome");
                co_await close_descriptor(accepted.release());
            });
            co_await until_in_flight(1);
            co_await connect_descriptor(client, listener.bytes());
            co_await send_text(client, "hello");
            const auto answer_30 = co_await receive_text(client);
            EXPECT_EQ(answer_30, "welcome");
            const auto answer_31 = co_await receive_text(client);
            EXPECT_EQ(answer_31, "");
        });
        co_await close_descriptor(client);
        co_await close_descriptor(listener.fd);
    });
}

TEST(descriptor, connecting_to_nobody_is_refused) {
    run_on_each_real_backend([]() -> task<> {
        const local_listener listener;
        co_await close_descriptor(listener.fd);
        const int client = local_listener::open_client();
        const auto answer_32 = co_await error_of(connect_descriptor(client, listener.bytes()));
        EXPECT_EQ(answer_32, std::errc::connection_refused);
        co_await close_descriptor(client);
    });
}

TEST(descriptor, a_cancelled_accept_leaves_the_connection_to_the_next) {
    run_on_each_real_backend([]() -> task<> {
        const local_listener listener;
        const int client = local_listener::open_client();
        const auto answer_33 = co_await move_on_after(1ms, accept_descriptor(listener.fd));
        EXPECT_FALSE(answer_33);
        co_await connect_descriptor(client, listener.bytes());
        const unique_fd accepted = co_await accept_descriptor(listener.fd);
        EXPECT_TRUE(accepted);
        co_await close_descriptor(client);
        co_await close_descriptor(listener.fd);
    });
}

// O8: a connection whose accept lost a select is closed exactly once, and the peer sees it.
TEST(descriptor, an_accept_that_lost_closes_its_connection_or_leaves_it_in_the_backlog) {
    run_on_each_real_backend([]() -> task<> {
        const local_listener listener;
        const int client = local_listener::open_client();
        co_await with_task_group([&](task_group& group) -> task<> {
            event stop;
            group.spawn([&]() -> task<> {
                const auto first = co_await select(stop.wait(), accept_descriptor(listener.fd));
                EXPECT_EQ(first.index(), 0U);
            });
            co_await until_in_flight(1);
            co_await some_passes();
            stop.set();
            auto* generic = reinterpret_cast<const sockaddr*>(&listener.address);
            static_cast<void>(::connect(client, generic, sizeof listener.address));
        });
        co_await wait_writable(client);
        EXPECT_EQ(loop::current().statistics().operations, 0U);
        co_await close_descriptor(listener.fd);
        // Either way nobody has it any more: the end, or a reset out of the backlog.
        const auto code = co_await error_of(receive_text(client));
        EXPECT_TRUE(!code || code == std::errc::connection_reset) << code;
        co_await close_descriptor(client);
    });
}

TEST(descriptor, close_of_a_listener_ends_its_accepts) {
    run_on_each_real_backend([]() -> task<> {
        const local_listener listener;
        int told = 0;
        co_await with_task_group([&](task_group& group) -> task<> {
            for (int i = 0; i < 2; ++i) {
                group.spawn([&]() -> task<> {
                    told += co_await error_of(accept_descriptor(listener.fd)) == errc::closed;
                });
            }
            co_await until_in_flight(2);
            co_await some_passes();
            co_await close_descriptor(listener.fd);
            EXPECT_EQ(::fcntl(listener.fd, F_GETFD), -1);
        });
        EXPECT_EQ(told, 2);
    });
}

TEST(descriptor, connects_and_accepts_in_the_simulated_world) {
    simulate([]() -> task<> {
        auto& world = simulated_world();
        const int listener = world.open_listener(1);
        const test::simulated_name name = test::local_name_of(world, listener);
        const auto where = name.as_span();
        const int client = world.open_socket();
        co_await connect_descriptor(client, where);
        unique_fd accepted = co_await accept_descriptor(listener);
        co_await send_text(client, "hello");
        const auto answer_34 = co_await receive_text(accepted.get());
        EXPECT_EQ(answer_34, "hello");
        co_await close_descriptor(accepted.release());
        const auto answer_35 = co_await receive_text(client);
        EXPECT_EQ(answer_35, "");
        co_await close_descriptor(client);
        co_await close_descriptor(listener);
        const int late = world.open_socket();
        const auto answer_36 = co_await error_of(connect_descriptor(late, where));
        EXPECT_EQ(answer_36, std::errc::connection_refused);
        co_await close_descriptor(late);
    });
}

}  // namespace
}  // namespace simul
