// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of channels, of queue::next, which they share, and of broadcasts.
#include <optional>
#include <string>
#include <utility>

#include "simul/concurrency/broadcast.hpp"
#include "simul/concurrency/channel.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

class ended_queue : public scenario_world {
public:
    static constexpr const char* awaitable = "queue::next";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using scenario_world::scenario_world;

    auto wait() { return items_.next(); }
    void received(std::optional<std::string> item) { EXPECT_EQ(item, std::nullopt); }
    void complete() override { items_.close(); }

private:
    queue<std::string> items_;
};
const add_scenario<ended_queue> adds_ended_queue;

class channel_world : public scenario_world {
public:
    static constexpr bool at_once = true;

    channel_world(stage where, std::size_t capacity)
        : scenario_world{where}, ends_{make_channel<std::string>(capacity)} {}

protected:
    sender<std::string>& out() noexcept { return ends_.first; }
    receiver<std::string>& in() noexcept { return ends_.second; }

private:
    std::pair<sender<std::string>, receiver<std::string>> ends_;
};

// One item, for receive and for next.
class empty_channel : public channel_world {
public:
    static constexpr rule obeys = rule::gives_back;

    explicit empty_channel(stage where) : channel_world{where, 1} {}

    void complete() override { EXPECT_TRUE(out().try_send("item")); }
    task<> verify(const run_state& run) override {
        const std::optional<std::string> left = in().try_receive();
        EXPECT_EQ(received_ + run.lost() + (left ? 1 : 0), 1) << run.describe();
        EXPECT_EQ(in().statistics().waiting_to_receive, 0U);
        co_return;
    }

protected:
    int received_ = 0;
};

class receiving : public empty_channel {
public:
    static constexpr const char* awaitable = "receiver::receive";

    using empty_channel::empty_channel;
    auto wait() { return in().receive(); }
    void received(std::string item) {
        EXPECT_EQ(item, "item");
        ++received_;
    }
};
const add_scenario<receiving> adds_receiving;

class receiving_the_next : public empty_channel {
public:
    static constexpr const char* awaitable = "receiver::next";

    using empty_channel::empty_channel;
    auto wait() { return in().next(); }
    void received(std::optional<std::string> item) {
        EXPECT_EQ(item, "item");
        ++received_;
    }
};
const add_scenario<receiving_the_next> adds_receiving_the_next;

class receiving_the_end : public channel_world {
public:
    static constexpr const char* awaitable = "receiver::receive";
    static constexpr const char* variant = "the last sender goes while it waits";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool fails = true;

    explicit receiving_the_end(stage where) : channel_world{where, 1} {}

    auto wait() { return in().receive(); }
    void received(std::string) { ADD_FAILURE() << "an item came out of an empty channel"; }
    void complete() override { out().close(); }
};
const add_scenario<receiving_the_end> adds_receiving_the_end;

class sending : public channel_world {
public:
    static constexpr const char* awaitable = "sender::send";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool heeds_requests = true;

    explicit sending(stage where) : channel_world{where, 1} {
        EXPECT_TRUE(out().try_send("first"));
    }

    auto wait() { return out().send("second"); }
    void received(std::monostate) {}
    void complete() override { EXPECT_EQ(in().try_receive(), "first"); }
    task<> verify(const run_state& run) override {
        const std::optional<std::string> left = in().try_receive();
        EXPECT_EQ(left.has_value(), run.consumed() == 1) << run.describe();
        EXPECT_EQ(out().statistics().waiting_to_send, 0U);
        co_return;
    }
};
const add_scenario<sending> adds_sending;

class sending_to_nobody : public channel_world {
public:
    static constexpr const char* awaitable = "sender::send";
    static constexpr const char* variant = "the last receiver goes while it waits";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool heeds_requests = true;
    static constexpr bool fails = true;

    explicit sending_to_nobody(stage where) : channel_world{where, 0} {}

    auto wait() { return out().send("item"); }
    void received(std::monostate) { ADD_FAILURE() << "nobody was there to receive it"; }
    void complete() override { in().close(); }
};
const add_scenario<sending_to_nobody> adds_sending_to_nobody;

class hearing : public scenario_world {
public:
    static constexpr const char* awaitable = "broadcast_reader::next";
    static constexpr rule obeys = rule::gives_back;
    static constexpr bool at_once = true;

    using scenario_world::scenario_world;

    auto wait() { return reader_.next(); }
    void received(std::optional<std::string> item) { EXPECT_EQ(item, "item"); }
    void complete() override { EXPECT_TRUE(news_.try_send("item")); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(news_.size(), run.consumed() == 1 ? 0U : 1U) << run.describe();
        EXPECT_EQ(news_.waiting_readers(), 0U);
        co_return;
    }

private:
    broadcast<std::string> news_{1};
    broadcast_reader<std::string> reader_ = news_.subscribe();
};
const add_scenario<hearing> adds_hearing;

class broadcasting : public scenario_world {
public:
    static constexpr const char* awaitable = "broadcast::send";
    static constexpr rule obeys = rule::delivers;
    static constexpr bool at_once = true;
    static constexpr bool heeds_requests = true;

    explicit broadcasting(stage where) : scenario_world{where} {
        EXPECT_TRUE(news_.try_send("first"));
    }

    auto wait() { return news_.send("second"); }
    void received(std::monostate) {}
    void complete() override { reader_.reset(); }
    task<> verify(const run_state&) override {
        EXPECT_EQ(news_.waiting_senders(), 0U);
        co_return;
    }

private:
    broadcast<std::string> news_{1};
    std::optional<broadcast_reader<std::string>> reader_{news_.subscribe()};
};
const add_scenario<broadcasting> adds_broadcasting;

}  // namespace
}  // namespace simul::test
