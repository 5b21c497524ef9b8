// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of serve(): the listener is closed, or never is, while one connection is
// being looked after.
#include <system_error>

#include <cerrno>

#include "simul/io/serve.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

// Gives one connection, then none until it is closed.
class one_connection {
public:
    task<accepted> accept() {
        if (left-- > 0) co_return accepted{tcp_stream{}, endpoint{}};
        if (fails) throw std::system_error{EINVAL, std::system_category(), "accept"};
        co_await closes_.wait();
        throw closed{};
    }
    void close() { closes_.set(); }

    int left = 1;
    bool fails = false;

private:
    event closes_;
};

class serving : public scenario_world {
public:
    static constexpr const char* awaitable = "serve";
    static constexpr rule obeys = rule::delivers;

    explicit serving(stage where) : scenario_world{where} {}

    auto wait() {
        serve_options options;
        options.counters = &counters_;
        return serve(listener_, looks_after{*this}, options);
    }
    static void received(std::monostate) {}
    void complete() override {
        listener_.close();
        ends_.set();
    }
    task<> verify(const run_state& run) override {
        EXPECT_EQ(alive_, 0) << "a handler outlives serve: " << run.describe();
        EXPECT_EQ(counters_.active, 0U) << run.describe();
        EXPECT_EQ(counters_.failed, 0U) << run.describe();
        co_return;
    }

protected:
    struct looks_after {
        serving& world;
        task<> operator()(accepted connection) const {
            return world.look_after(std::move(connection));
        }
    };

    task<> look_after(accepted) {
        const counted_object local{alive_};
        co_await ends_.wait();
    }

    one_connection listener_;
    serve_counters counters_;
    event ends_;
    int alive_ = 0;
};
const add_scenario<serving> adds_serving;

class serving_in_pauses : public serving {
public:
    static constexpr const char* variant = "without descriptors";
    static constexpr bool can_complete = false;

    using serving::serving;

    struct exhausted {
        static task<accepted> accept() {
            throw std::system_error{EMFILE, std::system_category(), "accept"};
            co_return accepted{tcp_stream{}, endpoint{}};
        }
    };
    auto wait() {
        serve_options options;
        options.counters = &counters_;
        options.shortage_pause = 1h;
        options.longest_shortage_pause = 1h;
        return serve(exhausted_, looks_after{*this}, options);
    }
    void complete() override {}

private:
    exhausted exhausted_;
};
const add_scenario<serving_in_pauses> adds_serving_in_pauses;

class serving_what_breaks : public serving {
public:
    static constexpr const char* variant = "with a listener that breaks";
    static constexpr bool fails = true;
    static constexpr bool remembers = false;

    explicit serving_what_breaks(stage where) : serving{where} { listener_.fails = true; }

    static void received(std::monostate) { ADD_FAILURE() << "the listener has failed"; }
    void complete() override {}
};
const add_scenario<serving_what_breaks> adds_serving_what_breaks;

}  // namespace
}  // namespace simul::test
