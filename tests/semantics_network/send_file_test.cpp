// SPDX-License-Identifier: Apache-2.0
//
// The rule of SEMANTICS.md about sending a file: nobody writes into the middle of it.
//
// In the simulated world no kernel can do the sending, so the same call reads and writes there.
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/base/error.hpp"
#include "simul/concurrency/outcome.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/file.hpp"
#include "simul/io/send_file.hpp"
#include "simul/io/stream.hpp"
#include "simul/testing/all_blocked.hpp"
#include "support/every_world.hpp"
#include "support/file_to_send.hpp"
#include "support/stream_tools.hpp"

namespace simul {
namespace {

using test::code_of;
using test::file_to_send;
using test::narrow_connection;
using test::numbered_text;
using test::read_count;
using test::read_to_end;

const std::string& text_of_file() {
    static const std::string text = numbered_text(100'000);
    return text;
}

const std::filesystem::path& path_of_file() {
    static const file_to_send made{text_of_file()};
    static const std::filesystem::path path = made.path();
    return path;
}

// While a file is sent another write, another file and the farewell are refused; the file arrives
// whole, the count says so, and then the stream is anybody's again.
EVERY_WORLD_TEST(T45, write_during_send_file_is_refused_and_the_full_count_returned) {
    auto ends = narrow_connection();
    file source = co_await file::open(path_of_file());
    file other = co_await file::open(path_of_file());
    std::uint64_t sent = 0;
    co_await with_task_group([&](task_group& group) -> task<> {
        auto sending = group.spawn([&]() -> task<> {
            sent = co_await send_file(ends.first, source);
            co_await write_all(ends.first, bytes_of("END"));
            co_await ends.first.shutdown();
        });
        std::string arrived = co_await read_count(ends.second, 1);
        EXPECT_FALSE(sending.done());
        for (const std::size_t count : {999U, 5'000U}) {
            const std::error_code write = co_await code_of(ends.first.write_some(bytes_of("x")));
            EXPECT_EQ(write, errc::busy);
            const std::error_code file = co_await code_of(send_file(ends.first, other));
            EXPECT_EQ(file, errc::busy);
            const std::error_code farewell = co_await code_of(ends.first.shutdown());
            EXPECT_EQ(farewell, errc::busy);
            arrived += co_await read_count(ends.second, count);
            co_await testing::wait_until_all_blocked();
        }
        arrived += co_await read_to_end(ends.second);
        EXPECT_TRUE(arrived == text_of_file() + "END");
    });
    EXPECT_EQ(sent, text_of_file().size());
}

// Others begin together with it, in any order: what wins is whole, and what loses is refused.
EVERY_WORLD_TEST(T45, writes_that_begin_with_it_come_before_it_or_after_it_or_not_at_all) {
    auto ends = narrow_connection();
    file source = co_await file::open(path_of_file());
    std::string arrived;
    std::string expected;
    co_await with_task_group([&](task_group& group) -> task<> {
        group.spawn([&]() -> task<> { arrived = co_await read_to_end(ends.second); });
        co_await with_task_group([&](task_group& writers) -> task<> {
            writers.spawn([&]() -> task<> {
                const auto sent = co_await as_result(send_file(ends.first, source, 5, 20'000));
                if (sent) {
                    EXPECT_EQ(*sent, 20'000U);
                    expected += text_of_file().substr(5, 20'000);
                } else {
                    EXPECT_EQ(sent.error(), errc::busy);
                }
            });
            for (int number = 0; number != 3; ++number) {
                writers.spawn([&]() -> task<> {
                    const auto taken = co_await as_result(ends.first.write_some(bytes_of("--")));
                    if (taken) {
                        EXPECT_EQ(*taken, 2U);
                        expected += "--";
                    } else {
                        EXPECT_EQ(taken.error(), errc::busy);
                    }
                });
            }
            co_return;
        });
        co_await ends.first.shutdown();
    });
    EXPECT_TRUE(arrived == expected) << arrived.size() << " " << expected.size();
    EXPECT_FALSE(expected.empty());
}

// Where one that waits for room is cancelled, the stream is free for others at once.
EVERY_WORLD_TEST(T45, cancelled_send_file_gives_the_direction_back) {
    auto ends = narrow_connection();
    file source = co_await file::open(path_of_file());
    co_await with_task_group([&](task_group& group) -> task<> {
        auto sending = group.spawn([&]() -> task<> { co_await send_file(ends.first, source); });
        std::string arrived = co_await read_count(ends.second, 1);
        sending.cancel();
        static_cast<void>(co_await as_outcome(sending));
        EXPECT_TRUE(sending.was_cancelled());
        group.spawn([&]() -> task<> {
            co_await write_all(ends.first, bytes_of("END"));
            co_await ends.first.shutdown();
        });
        arrived += co_await read_to_end(ends.second);
        EXPECT_TRUE(arrived.ends_with("END"));
        arrived.resize(arrived.size() - 3);
        EXPECT_TRUE(text_of_file().starts_with(arrived));
        EXPECT_LT(arrived.size(), text_of_file().size());
    });
}

}  // namespace
}  // namespace simul
