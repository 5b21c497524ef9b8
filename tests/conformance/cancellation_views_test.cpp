// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of the terminals of streams, and of what runs tasks of its own below them.
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "simul/concurrency/views.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

using numbers = std::vector<int>;

// A stream of 1, 7, 2 that waits for an event before its second item.
class streaming_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    using scenario_world::scenario_world;

    void complete() override { happened_.set(); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(alive_, 0) << "nothing outlives the terminal: " << run.describe();
        EXPECT_EQ(happened_.waiting(), 0U) << run.describe();
        co_return;
    }

protected:
    async_generator<int> values() {
        const counted_object local{alive_};
        co_yield 1;
        co_await happened_.wait();
        co_yield 7;
        co_yield 2;
    }
    task<int> wait_and_pass(int item) {
        const counted_object local{alive_};
        co_await happened_.wait();
        co_return item;
    }
    static auto passing(streaming_world* world) {
        return [world](int item) { return world->wait_and_pass(item); };
    }

    event happened_;
    int alive_ = 0;
};

class looping : public streaming_world {
public:
    static constexpr const char* awaitable = "views::for_each";

    using streaming_world::streaming_world;
    auto wait() {
        return values() | views::for_each([this](int item) { sum_ += item; });
    }
    void received(std::monostate) { EXPECT_EQ(sum_, 10); }

private:
    int sum_ = 0;
};
const add_scenario<looping> adds_looping;

class gathering : public streaming_world {
public:
    static constexpr const char* awaitable = "views::to_vector";

    using streaming_world::streaming_world;
    auto wait() { return values() | views::to_vector(); }
    static void received(const numbers& all) { EXPECT_EQ(all, (numbers{1, 7, 2})); }
};
const add_scenario<gathering> adds_gathering;

class gathering_merged : public streaming_world {
public:
    static constexpr const char* awaitable = "views::to_vector";
    static constexpr const char* variant = "of merge";

    using streaming_world::streaming_world;
    auto wait() { return views::merge(values(), values()) | views::to_vector(); }
    static void received(const numbers& all) { EXPECT_EQ(all.size(), 6U); }
};
const add_scenario<gathering_merged> adds_gathering_merged;

class gathering_mapped : public streaming_world {
public:
    static constexpr const char* awaitable = "views::to_vector";
    static constexpr const char* variant = "of concurrent_map";

    using streaming_world::streaming_world;
    auto wait() {
        return views::range(4) | views::concurrent_map(2, passing(this)) | views::to_vector();
    }
    static void received(const numbers& all) { EXPECT_EQ(all, (numbers{0, 1, 2, 3})); }
};
const add_scenario<gathering_mapped> adds_gathering_mapped;

class gathering_mapped_unordered : public streaming_world {
public:
    static constexpr const char* awaitable = "views::to_vector";
    static constexpr const char* variant = "of concurrent_map, unordered";

    using streaming_world::streaming_world;
    auto wait() {
        return views::range(4) | views::concurrent_map(2, passing(this), views::unordered) |
               views::to_vector();
    }
    static void received(const numbers& all) { EXPECT_EQ(all.size(), 4U); }
};
const add_scenario<gathering_mapped_unordered> adds_gathering_mapped_unordered;

class gathering_flattened : public streaming_world {
public:
    static constexpr const char* awaitable = "views::to_vector";
    static constexpr const char* variant = "of flatten";

    using streaming_world::streaming_world;
    auto wait() {
        return views::range(3) | views::flat_map([this](int) { return values(); }, 2) |
               views::to_vector();
    }
    static void received(const numbers& all) { EXPECT_EQ(all.size(), 9U); }
};
const add_scenario<gathering_flattened> adds_gathering_flattened;

class gathering_latest : public streaming_world {
public:
    static constexpr const char* awaitable = "views::to_vector";
    static constexpr const char* variant = "of switch_latest";

    using streaming_world::streaming_world;
    auto wait() {
        return views::range(3) | views::switch_map([this](int) { return values(); }) |
               views::to_vector();
    }
    static void received(const numbers& all) { EXPECT_EQ(all.back(), 2); }
};
const add_scenario<gathering_latest> adds_gathering_latest;

class gathering_zipped : public streaming_world {
public:
    static constexpr const char* awaitable = "views::to_vector";
    static constexpr const char* variant = "of zip_transform";

    using streaming_world::streaming_world;
    auto wait() {
        return views::zip_transform(std::plus<>{}, values(), values()) | views::to_vector();
    }
    static void received(const numbers& all) { EXPECT_EQ(all, (numbers{2, 14, 4})); }
};
const add_scenario<gathering_zipped> adds_gathering_zipped;

class reducing : public streaming_world {
public:
    static constexpr const char* awaitable = "views::reduce";

    using streaming_world::streaming_world;
    auto wait() { return values() | views::reduce(std::plus<>{}); }
    static void received(std::optional<int> sum) { EXPECT_EQ(sum, 10); }
};
const add_scenario<reducing> adds_reducing;

class reducing_from_a_total : public streaming_world {
public:
    static constexpr const char* awaitable = "views::reduce";
    static constexpr const char* variant = "from a total";

    using streaming_world::streaming_world;
    auto wait() { return values() | views::reduce(std::plus<>{}, 5L); }
    static void received(long sum) { EXPECT_EQ(sum, 15); }
};
const add_scenario<reducing_from_a_total> adds_reducing_from_a_total;

class taking_the_first : public streaming_world {
public:
    static constexpr const char* awaitable = "views::first";

    using streaming_world::streaming_world;
    auto wait() { return views::merge(values() | views::drop(1)) | views::first(); }
    static void received(std::optional<int> item) { EXPECT_EQ(item, 7); }
};
const add_scenario<taking_the_first> adds_taking_the_first;

class taking_the_last : public streaming_world {
public:
    static constexpr const char* awaitable = "views::last";

    using streaming_world::streaming_world;
    auto wait() { return values() | views::last(); }
    static void received(std::optional<int> item) { EXPECT_EQ(item, 2); }
};
const add_scenario<taking_the_last> adds_taking_the_last;

class running_a_body : public streaming_world {
public:
    static constexpr const char* awaitable = "views::with_stream";

    using streaming_world::streaming_world;
    auto wait() {
        return views::with_stream(values(), [](auto& reader) -> task<int> {
            const std::optional<int> first = co_await reader.next();
            const std::optional<int> second = co_await reader.next();
            co_return *first + *second;
        });
    }
    static void received(int sum) { EXPECT_EQ(sum, 8); }
};
const add_scenario<running_a_body> adds_running_a_body;

// The subject awaits a single next(); the reader stays.
class reading_one : public streaming_world {
public:
    static constexpr const char* awaitable = "views::stream_reader::next";

    using streaming_world::streaming_world;
    auto wait() { return reader_->next(); }
    static void received(std::optional<int> item) { EXPECT_EQ(item, 7); }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(happened_.waiting(), 0U) << run.describe();
        reader_.reset();
        EXPECT_EQ(alive_, 0) << run.describe();
        co_return;
    }

private:
    async_generator<int> waiting_value() {
        const counted_object local{alive_};
        co_await happened_.wait();
        co_yield 7;
    }

    std::optional<views::stream_reader<int>> reader_{waiting_value()};
};
const add_scenario<reading_one> adds_reading_one;

}  // namespace
}  // namespace simul::test
