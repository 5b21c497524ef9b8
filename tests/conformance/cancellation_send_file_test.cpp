// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of sending a file. The peer reads nothing until complete(), so that the
// subject waits for room. What arrives is the beginning of the file; all of it, if the subject was
// told so; and afterwards the stream is free for others.
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "simul/base/bytes.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/send_file.hpp"
#include "support/cancellation_harness.hpp"
#include "support/file_to_send.hpp"
#include "support/stream_tools.hpp"

namespace simul::test {
namespace {

const std::string& text_of_file() {
    static const std::string text = numbered_text(80'000);
    return text;
}

const std::filesystem::path& path_of_file() {
    static const file_to_send made{text_of_file()};
    static const std::filesystem::path path = made.path();
    return path;
}

template <class Stream>
class sending_world : public scenario_world {
public:
    static constexpr const char* awaitable = "send_file";
    static constexpr rule obeys = rule::delivers;

    sending_world(stage where, std::pair<Stream, Stream> ends)
        : scenario_world{where}, mine_{std::move(ends.first)}, other_{std::move(ends.second)} {
        run_options options;
        options.handle_interrupt = false;
        file_ = run_on(loop::current(), file::open(path_of_file()), options);
    }

    auto wait() { return send_file(mine_, file_); }
    void received(std::uint64_t sent) { EXPECT_EQ(sent, text_of_file().size()); }

    void complete() override { happens_.set(); }
    task<> background() override {
        co_await happens_.wait();
        std::array<std::byte, 4096> buffer{};
        while (true) {
            const std::size_t count = co_await other_.read_some(buffer);
            arrived_ += text_of(std::span{buffer}.first(count));
        }
    }

    task<> verify(const run_state& run) override {
        co_await mine_.shutdown();
        arrived_ += co_await read_to_end(other_);
        EXPECT_TRUE(text_of_file().starts_with(arrived_)) << run.describe();
        if (run.values == 1) {
            EXPECT_EQ(arrived_.size(), text_of_file().size()) << run.describe();
        }
    }

protected:
    Stream mine_;
    Stream other_;
    file file_;
    event happens_;
    std::string arrived_;
};

class sending_over_memory : public sending_world<memory_stream> {
public:
    static constexpr const char* variant = "over memory";
    static constexpr bool runs_on(stage where) noexcept { return where == stage::simulated; }

    explicit sending_over_memory(stage where) : sending_world{where, memory_stream_pair(32'768)} {}
    [[nodiscard]] bool is_ready() const override { return mine_.unread_by_peer() == 32'768; }
};
const add_scenario<sending_over_memory> adds_sending_over_memory;

class sending_over_tcp : public sending_world<tcp_stream> {
public:
    static constexpr const char* variant = "over tcp";

    explicit sending_over_tcp(stage where) : sending_world{where, narrow_connection()} {}
    [[nodiscard]] bool is_ready() const override {
        return loop::current().statistics().operations != 0;
    }
};
const add_scenario<sending_over_tcp> adds_sending_over_tcp;

}  // namespace
}  // namespace simul::test
