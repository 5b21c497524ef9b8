// SPDX-License-Identifier: Apache-2.0
#include "simul/runtime/descriptor_callbacks.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/backends/simulated.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/runtime/descriptor.hpp"
#include "simul/runtime/unhandled.hpp"
#include "support/run_on_backends.hpp"
#include "support/unhandled_errors.hpp"

namespace simul {
namespace {

using namespace std::chrono_literals;
using namespace test;
using names = std::vector<std::string>;

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

/// Two connected streams of the current backend.
class stream_pair {
public:
    stream_pair() {
        if (loop::current().is_simulated()) {
            std::tie(left, right) = simulated_world().open_pair(16);
            return;
        }
        std::array<int, 2> ends{};
        const int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
        if (::socketpair(AF_UNIX, flags, 0, ends.data()) != 0) throw std::bad_alloc{};
        left = ends[0];
        right = ends[1];
    }

    task<> close() {
        for (int* end : {&left, &right}) {
            if (*end >= 0) co_await close_descriptor(std::exchange(*end, -1));
        }
    }

    int left = -1;
    int right = -1;
};

task<> send_byte(int descriptor) {
    const std::byte one{'x'};
    static_cast<void>(co_await send_to(descriptor, std::span{&one, 1}));
}

task<> receive_byte(int descriptor) {
    std::byte one{};
    static_cast<void>(co_await receive_from(descriptor, std::span{&one, 1}));
}

task<> some_passes(int count = 70) {
    for (int i = 0; i < count; ++i) co_await yield_now();
}

TEST(descriptor_callbacks, call_when_there_is_something_to_read_and_not_before) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        event called;
        int calls = 0;
        descriptor_callback reader = add_reader(pair.right, [&] {
            ++calls;
            called.set();
            reader.remove();
        });
        EXPECT_TRUE(reader.is_active());
        co_await some_passes();
        EXPECT_EQ(calls, 0);
        co_await send_byte(pair.left);
        co_await called.wait();
        EXPECT_FALSE(reader.is_active());
        co_await some_passes();
        EXPECT_EQ(calls, 1) << "it was removed inside its call";
        co_await pair.close();
    });
}

// Level-triggered: what nobody reads is told again, once in each pass.
TEST(descriptor_callbacks, call_again_until_it_has_been_read) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        int calls = 0;
        std::uint64_t last_pass = 0;
        descriptor_callback reader = add_reader(pair.right, [&] {
            ++calls;
            const std::uint64_t pass = loop::current().statistics().passes;
            EXPECT_GT(pass, last_pass) << "once in a pass at most";
            last_pass = pass;
        });
        co_await send_byte(pair.left);
        while (calls < 5) co_await yield_now();
        co_await receive_byte(pair.right);
        co_await some_passes(3);  // one call may have been on its way
        const int after_reading = calls;
        co_await some_passes();
        EXPECT_EQ(calls, after_reading);
        co_await send_byte(pair.left);
        while (calls == after_reading) co_await yield_now();
        reader.remove();
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, call_when_something_can_be_written) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        event called;
        descriptor_callback writer = add_writer(pair.left, [&] {
            called.set();
            writer.remove();
        });
        co_await called.wait();
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, tell_a_reader_of_the_end) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        event called;
        const descriptor_callback reader = add_reader(pair.right, [&] { called.set(); });
        co_await close_descriptor(std::exchange(pair.left, -1));
        co_await called.wait();
        EXPECT_TRUE(remove_reader(pair.right));
        EXPECT_FALSE(reader.is_active());
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, several_of_one_descriptor_are_all_called) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        names order;
        descriptor_callback first;
        descriptor_callback second;
        first = add_reader(pair.right, [&] {
            order.push_back("first");
            first.remove();
        });
        second = add_reader(pair.right, [&] {
            order.push_back("second");
            second.remove();
        });
        co_await some_passes();
        co_await send_byte(pair.left);
        while (order.size() < 2) co_await yield_now();
        std::ranges::sort(order);
        EXPECT_EQ(order, (names{"first", "second"}));
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, end_when_the_registration_is_dropped) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        int alive = 0;
        {
            const descriptor_callback reader = add_reader(
                pair.right, [held = counted_object{alive}] { ADD_FAILURE() << "called"; });
            EXPECT_EQ(alive, 1);
            co_await some_passes();
        }
        EXPECT_EQ(alive, 0);
        co_await send_byte(pair.left);
        co_await some_passes();
        EXPECT_EQ(loop::current().statistics().operations, 0U);
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, a_registration_that_is_assigned_to_ends_the_one_before) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        int alive = 0;
        event called;
        descriptor_callback reader =
            add_reader(pair.right, [held = counted_object{alive}] { ADD_FAILURE() << "called"; });
        reader = add_reader(pair.right, [&, held = counted_object{alive}] { called.set(); });
        EXPECT_EQ(alive, 1);
        descriptor_callback other = std::move(reader);
        EXPECT_FALSE(reader.is_active());
        EXPECT_TRUE(other.is_active());
        co_await send_byte(pair.left);
        co_await called.wait();
        other.remove();
        EXPECT_EQ(alive, 0);
        co_await pair.close();
    });
}

// The second is ready already when the first removes it: it must not be called.
TEST(descriptor_callbacks, may_remove_one_that_is_about_to_be_called) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        int calls = 0;
        int alive = 0;
        descriptor_callback first;
        descriptor_callback second;
        const auto remove_both = [&, held = counted_object{alive}] {
            ++calls;
            first.remove();
            second.remove();
            EXPECT_GE(alive, 2) << "a function lives while it runs";
        };
        first = add_reader(pair.right, remove_both);
        second = add_reader(pair.right, remove_both);
        co_await some_passes();
        co_await send_byte(pair.left);
        co_await some_passes();
        EXPECT_EQ(calls, 1);
        EXPECT_EQ(alive, 1) << "ours";
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, a_function_may_own_its_registration) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        int alive = 0;
        auto own = std::make_shared<descriptor_callback>();
        descriptor_callback* const registration = own.get();
        *registration =
            add_reader(pair.right, [own, held = counted_object{alive}] { own->remove(); });
        own.reset();
        co_await send_byte(pair.left);
        co_await some_passes();
        EXPECT_EQ(alive, 0);
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, may_replace_itself) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        names order;
        descriptor_callback reader;
        reader = add_reader(pair.right, [&] {
            order.push_back("old");
            reader = add_reader(pair.right, [&] {
                order.push_back("new");
                reader.remove();
            });
        });
        co_await send_byte(pair.left);
        co_await some_passes();
        EXPECT_EQ(order, (names{"old", "new"}));
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, are_removed_by_descriptor_readers_and_writers_apart) {
    run_in_each_world([]() -> task<> {
        stream_pair pair;
        const auto must_not = [] { ADD_FAILURE() << "called"; };
        const descriptor_callback reader = add_reader(pair.right, must_not);
        const descriptor_callback again = add_reader(pair.right, must_not);
        const descriptor_callback other = add_reader(pair.left, must_not);
        const descriptor_callback writer = add_writer(pair.right, must_not);
        EXPECT_TRUE(remove_writer(pair.right));
        EXPECT_FALSE(remove_writer(pair.right));
        EXPECT_TRUE(reader.is_active());
        EXPECT_TRUE(remove_reader(pair.right));
        EXPECT_FALSE(remove_reader(pair.right));
        EXPECT_FALSE(reader.is_active() || again.is_active() || writer.is_active());
        EXPECT_TRUE(other.is_active());
        EXPECT_TRUE(remove_reader(pair.left));
        co_await some_passes();
        co_await pair.close();
    });
}

// O6.
TEST(descriptor_callbacks, what_one_throws_goes_to_the_handler_and_it_is_called_again) {
    const unhandled_errors errors;
    run_in_each_world([&]() -> task<> {
        stream_pair pair;
        errors.clear();
        int calls = 0;
        descriptor_callback reader;
        reader = add_reader(pair.right, [&] {
            if (++calls == 2) reader.remove();
            throw std::runtime_error{"in a callback"};
        });
        co_await send_byte(pair.left);
        co_await some_passes();
        EXPECT_EQ(calls, 2);
        EXPECT_EQ(errors.contexts(),
                  (names{"in a callback of a descriptor", "in a callback of a descriptor"}));
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, a_number_that_is_no_descriptor_is_an_error_at_once) {
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        loop running{options_for(kind).loop};
        int alive = 0;
        EXPECT_THROW(static_cast<void>(add_reader(-1, [held = counted_object{alive}] {})),
                     std::system_error);
        EXPECT_EQ(alive, 0);
    }
}

TEST(descriptor_callbacks, a_descriptor_closed_under_one_that_waits_ends_it_without_a_call) {
    const unhandled_errors errors;
    run_in_each_world([&]() -> task<> {
        stream_pair pair;
        int alive = 0;
        const descriptor_callback reader =
            add_reader(pair.right, [held = counted_object{alive}] { ADD_FAILURE() << "called"; });
        co_await some_passes();
        co_await close_descriptor(std::exchange(pair.right, -1));
        co_await some_passes();
        EXPECT_FALSE(reader.is_active());
        EXPECT_EQ(alive, 0);
        EXPECT_TRUE(errors.contexts().empty());
        co_await pair.close();
    });
}

// The error of a wait that was begun anew cannot be thrown to anybody.
TEST(descriptor_callbacks,
     an_error_that_comes_later_goes_to_the_handler_and_ends_the_registration) {
    const unhandled_errors errors;
    run_on_each_backend([&]() -> task<> {
        if (loop::current().is_simulated()) co_return;
        stream_pair pair;
        errors.clear();
        int calls = 0;
        int alive = 0;
        const descriptor_callback writer = add_writer(pair.left, [&, held = counted_object{alive}] {
            ++calls;
            ::close(std::exchange(pair.left, -1));  // against the rule
        });
        co_await some_passes();
        EXPECT_EQ(calls, 1);
        EXPECT_EQ(errors.contexts(), (names{"in the wait for a callback of a descriptor"}));
        EXPECT_FALSE(writer.is_active());
        EXPECT_EQ(alive, 0);
        co_await pair.close();
    });
}

TEST(descriptor_callbacks, left_when_the_loop_is_destroyed_end_with_it) {
    for (const backend_kind kind : test_backends()) {
        SCOPED_TRACE(name_of(kind));
        int alive = 0;
        std::optional<loop> running{std::in_place, options_for(kind).loop};
        stream_pair pair;
        descriptor_callback waiting;
        descriptor_callback ready;
        descriptor_callback removed;
        const auto body = [&]() -> task<> {
            const counted_object held{alive};
            waiting = add_reader(pair.right, [held] { ADD_FAILURE() << "called"; });
            removed = add_reader(pair.right, [held] { ADD_FAILURE() << "called"; });
            co_await some_passes();
            ready = add_writer(pair.right, [held] {});
            co_await yield_now();
            removed.remove();
        };
        run_on(*running, body());
        EXPECT_EQ(alive, 2) << "run() does not wait for them";
        const bool is_simulated = running->is_simulated();
        running.reset();
        EXPECT_EQ(alive, 0);
        EXPECT_FALSE(waiting.is_active() || ready.is_active());
        if (is_simulated) continue;
        ::close(pair.left);
        ::close(pair.right);
    }
}

TEST(descriptor_callbacks, misuse_is_named) {
    const auto empty = [] {
        loop running{options_for(backend_kind::simulated).loop};
        const stream_pair pair;
        static_cast<void>(add_reader(pair.left, nullptr));
    };
    EXPECT_DEATH(empty(), "a descriptor was given an empty callback");
}

}  // namespace
}  // namespace simul
