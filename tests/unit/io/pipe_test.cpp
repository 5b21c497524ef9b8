// SPDX-License-Identifier: Apache-2.0
//
// What is particular about pipes; the rules of all streams are in tests/conformance.
#include "simul/io/pipe.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <system_error>

#include "simul/base/bytes.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/io/stream.hpp"
#include "support/process_checks.hpp"
#include "support/run_on_backends.hpp"

namespace simul {
namespace {

static_assert(byte_stream<pipe_stream>);

template <class Body>
void with_pipes(Body body) {
    for (const backend_kind kind : test::test_backends()) {
        SCOPED_TRACE(test::name_of(kind));
        const std::ptrdiff_t descriptors = test::count_descriptors();
        run(body(), test::options_for(kind));
        EXPECT_EQ(test::count_descriptors(), descriptors);
    }
}

TEST(pipe_stream, goes_one_way_if_it_has_one_pipe) {
    with_pipes([]() -> task<> {
        auto [reading, writing] = test::make_pipe();
        auto source = pipe_stream::adopt(std::move(reading), {});
        auto sink = pipe_stream::adopt({}, std::move(writing));
        std::array<std::byte, 8> buffer{};

        auto refused = co_await as_result(source.write_some(bytes_of("x")));
        EXPECT_EQ(refused.error(), errc::closed);
        auto nothing = co_await as_result(sink.read_some(buffer));
        EXPECT_EQ(nothing.error(), errc::closed);
        auto no_end = co_await as_result(source.shutdown());
        EXPECT_EQ(no_end.error(), errc::closed);
        EXPECT_TRUE(sink.has_input()) << "a read would not wait";

        EXPECT_FALSE(source.has_input());
        co_await write_all(sink, bytes_of("text"));
        EXPECT_TRUE(source.has_input());
        const std::size_t count = co_await source.read_some(buffer);
        EXPECT_EQ(text_of(std::span{buffer}.first(count)), "text");
    });
}

TEST(pipe_stream, ends_for_the_reader_when_it_is_shut_down) {
    with_pipes([]() -> task<> {
        auto [reading, writing] = test::make_pipe();
        auto both = pipe_stream::adopt(std::move(reading), std::move(writing));
        co_await write_all(both, bytes_of("x"));
        co_await both.shutdown();
        co_await both.shutdown();
        auto late = co_await as_result(both.write_some(bytes_of("x")));
        EXPECT_EQ(late.error(), std::errc::broken_pipe);
        std::array<std::byte, 8> buffer{};
        const std::size_t count = co_await both.read_some(buffer);
        EXPECT_EQ(count, 1U);
        const std::size_t end = co_await both.read_some(buffer);
        EXPECT_EQ(end, 0U);
        both.close();
        auto closed = co_await as_result(both.write_some(bytes_of("x")));
        EXPECT_EQ(closed.error(), errc::closed);
    });
}

TEST(pipe_stream, reports_a_descriptor_that_is_none) {
    with_pipes([]() -> task<> {
        if (loop::current().is_simulated()) co_return;
        constexpr int unused = 1'000'000;
        std::error_code code;
        try {
            static_cast<void>(pipe_stream::adopt(unique_fd{unused}, {}));
        } catch (const std::system_error& failure) {
            code = failure.code();
        }
        EXPECT_EQ(code, std::errc::bad_file_descriptor);
        co_return;
    });
}

TEST(pipe_stream, takes_no_pipe_of_the_system_on_the_simulated_backend) {
    const std::ptrdiff_t descriptors = test::count_descriptors();
    std::array<int, 2> ends{-1, -1};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    test::simulate([&]() -> task<> {
        std::error_code code;
        std::string text;
        try {
            static_cast<void>(pipe_stream::adopt(unique_fd{ends[0]}, unique_fd{ends[1]}));
        } catch (const std::system_error& failure) {
            code = failure.code();
            text = failure.what();
        }
        EXPECT_EQ(code, errc::unavailable);
        EXPECT_NE(text.find("use memory_stream_pair"), std::string::npos) << text;
        co_return;
    });
    EXPECT_EQ(test::count_descriptors(), descriptors);
}

TEST(pipe_stream, ends_when_the_last_of_its_writers_has_closed) {
    with_pipes([]() -> task<> {
        auto [reading, writing] = test::make_pipe();
        auto one = pipe_stream::adopt({}, test::duplicate(writing));
        auto two = pipe_stream::adopt({}, std::move(writing));
        auto source = pipe_stream::adopt(std::move(reading), {});
        co_await write_all(one, bytes_of("x"));
        one.close();
        std::array<std::byte, 8> buffer{};
        const std::size_t count = co_await source.read_some(buffer);
        EXPECT_EQ(count, 1U);
        EXPECT_FALSE(source.has_input());
        two.close();
        EXPECT_TRUE(source.has_input());
        const std::size_t end = co_await source.read_some(buffer);
        EXPECT_EQ(end, 0U);
    });
}

}  // namespace
}  // namespace simul
