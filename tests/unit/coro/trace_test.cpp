// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/trace.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "simul/concurrency/gather.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "support/run_on_backends.hpp"

namespace simul {

// Not in an anonymous namespace, as a program's functions are not.
namespace traced {

using namespace std::chrono_literals;

constexpr unsigned line_in_c = __LINE__ + 8;
task<> d() {
    co_await yield_now();
    throw std::runtime_error{"bottom"};
}

task<> c() {
    // The next line is the one that the trace must name.
    co_await d();
}

constexpr unsigned line_in_b = __LINE__ + 2;
task<> b_through_gather() {
    co_await gather(c(), yield_now());
}

task<> b_through_group() {
    task_group group;
    group.spawn(c());
    co_await group.run();
}

task<> b_through_timeout() {
    co_await timeout(1h, c());
}

task<> fail_directly() {
    throw std::runtime_error{"direct"};
    co_return;
}

task<int> recurse(int depth) {
    if (depth == 0) throw std::runtime_error{"deep"};
    const int below = co_await recurse(depth - 1);
    co_return below;
}

struct session {
    task<> open() const {
        co_await yield_now();
        throw std::runtime_error{"session"};
    }
};

template <class Value>
struct box {
    task<> get() {
        co_await yield_now();
        throw std::runtime_error{"box"};
    }
};

template <class Value>
task<> twice(Value) {
    co_await yield_now();
    throw std::runtime_error{"twice"};
}

}  // namespace traced

namespace {

using namespace test;

// Awaits `failing` and returns its error.
template <class Awaitable>
task<std::exception_ptr> error_of(Awaitable failing) {
    try {
        co_await std::move(failing);
    } catch (...) {
        co_return std::current_exception();
    }
    co_return nullptr;
}

std::vector<std::string> names_of(const std::exception_ptr& error) {
    std::vector<std::string> names;
    for (const trace_entry& entry : async_trace(error)) {
        names.push_back(detail::plain_function_name(entry.body.function_name()));
    }
    return names;
}

std::vector<std::string> chain(const std::string& middle) {
    return {"simul::traced::d", "simul::traced::c", "simul::traced::" + middle, "simul::error_of"};
}

void expect_prefix(const std::vector<std::string>& names, const std::vector<std::string>& wanted) {
    ASSERT_GE(names.size(), wanted.size());
    EXPECT_EQ(std::vector<std::string>(names.begin(),
                                       names.begin() + static_cast<std::ptrdiff_t>(wanted.size())),
              wanted);
}

TEST(async_trace, names_the_chain_of_awaits_through_groups_gathers_and_time_outs) {
    simulate([]() -> task<> {
        auto gathered = co_await error_of(traced::b_through_gather());
        expect_prefix(names_of(gathered), chain("b_through_gather"));
        auto grouped = co_await error_of(traced::b_through_group());
        expect_prefix(names_of(grouped), chain("b_through_group"));
        auto limited = co_await error_of(traced::b_through_timeout());
        expect_prefix(names_of(limited), chain("b_through_timeout"));
    });
}

TEST(async_trace, tells_the_line_of_each_await) {
    simulate([]() -> task<> {
        auto error = co_await error_of(traced::b_through_gather());
        const auto entries = async_trace(error);
        EXPECT_GE(entries.size(), 3U);
        if (entries.size() < 3) co_return;
        EXPECT_EQ(entries[0].await.line(), 0U) << "the innermost does not await";
        EXPECT_EQ(entries[1].await.line(), traced::line_in_c);
        EXPECT_EQ(entries[2].await.line(), traced::line_in_b);
        EXPECT_NE(std::string{entries[1].await.file_name()}.find("trace_test.cpp"),
                  std::string::npos);
        const std::string text = format_async_trace(error);
        EXPECT_NE(text.find("in simul::traced::d"), std::string::npos) << text;
        EXPECT_NE(text.find("awaited by simul::traced::c"), std::string::npos) << text;
        EXPECT_NE(text.find(":" + std::to_string(traced::line_in_c)), std::string::npos) << text;
    });
}

TEST(async_trace, is_kept_by_the_first_coroutine_that_the_error_leaves) {
    simulate([]() -> task<> {
        auto rethrows = []() -> task<> {
            std::exception_ptr error;
            try {
                co_await traced::c();
            } catch (...) {
                error = std::current_exception();
            }
            co_await yield_now();
            std::rethrow_exception(error);
        };
        auto error = co_await error_of(rethrows());
        expect_prefix(names_of(error), {"simul::traced::d", "simul::traced::c"});
    });
}

TEST(async_trace, of_an_error_that_left_no_coroutine_is_empty) {
    const auto error = std::make_exception_ptr(std::runtime_error{"plain"});
    EXPECT_TRUE(async_trace(error).empty());
    EXPECT_TRUE(async_trace(nullptr).empty());
    EXPECT_EQ(format_async_trace(error), "");
    EXPECT_EQ(format_async_trace(nullptr), "");
    EXPECT_TRUE(suppressed(nullptr).empty());
    EXPECT_TRUE(suppressed().empty());
}

TEST(async_trace, names_members_templates_and_lambdas_alike_on_every_compiler) {
    simulate([]() -> task<> {
        const traced::session open;
        auto member = co_await error_of(open.open());
        expect_prefix(names_of(member), {"simul::traced::session::open"});
        traced::box<std::string> box;
        auto templated = co_await error_of(box.get());
        expect_prefix(names_of(templated), {"simul::traced::box::get"});
        auto function = co_await error_of(traced::twice(std::string{}));
        expect_prefix(names_of(function), {"simul::traced::twice"});
        auto lambda = []() -> task<> {
            co_await yield_now();
            throw std::runtime_error{"lambda"};
        };
        auto anonymous = co_await error_of(lambda());
        const auto names = names_of(anonymous);
        EXPECT_FALSE(names.empty());
        if (names.empty()) co_return;
        EXPECT_TRUE(names[0].ends_with("::lambda")) << names[0];
    });
}

TEST(async_trace, keeps_the_innermost_part_of_a_deep_chain) {
    simulate([]() -> task<> {
        auto error = co_await error_of(traced::recurse(200));
        const auto entries = async_trace(error);
        EXPECT_GE(entries.size(), 16U);
        EXPECT_LT(entries.size(), 200U);
        for (const std::string& name : names_of(error)) EXPECT_EQ(name, "simul::traced::recurse");
        EXPECT_NE(format_async_trace(error).find("more"), std::string::npos);
    });
}

TEST(async_trace, keeps_the_latest_sixteen_errors) {
    simulate([]() -> task<> {
        std::vector<std::exception_ptr> errors;
        for (int index = 0; index < 17; ++index) {
            auto error = co_await error_of(traced::fail_directly());
            errors.push_back(error);
        }
        EXPECT_TRUE(async_trace(errors[0]).empty()) << "pushed out by the seventeenth";
        for (std::size_t index = 1; index < errors.size(); ++index) {
            EXPECT_FALSE(async_trace(errors[index]).empty());
        }
        detail::clear_traces();
        EXPECT_TRUE(async_trace(errors.back()).empty());
    });
}

TEST(async_trace, releases_errors_when_it_forgets_them_o5) {
    struct counted_error : std::exception {
        explicit counted_error(int& alive) : object{alive} {}
        counted_object object;
    };
    int alive = 0;
    simulate([&]() -> task<> {
        auto fails = [&]() -> task<> {
            co_await yield_now();
            throw counted_error{alive};
        };
        auto error = co_await error_of(fails());
        EXPECT_EQ(alive, 1);
        error = nullptr;
        detail::clear_traces();
        EXPECT_EQ(alive, 0);
    });
}

TEST(plain_function_name, is_the_same_for_both_compilers) {
    struct row {
        const char* gcc;
        const char* clang;
        const char* plain;
    };
    const row rows[] = {
        {"task<> app::load(std::string)", "task<> app::load(std::string)", "app::load"},
        {"simul::task<int> load(int)", "simul::task<int> load(int)", "load"},
        {"task<> app::session::open(int) const", "task<> app::session::open(int) const",
         "app::session::open"},
        {"task<int> app::session::operator()(int)", "task<int> app::session::operator()(int)",
         "app::session::operator()"},
        {"static task<> app::session::make()", "static task<> app::session::make()",
         "app::session::make"},
        {"task<U> app::session::generic(U) [with U = int]",
         "task<U> app::session::generic(U) [U = int]", "app::session::generic"},
        {"task<U> app::box<T>::get() [with T = std::__cxx11::basic_string<char>]",
         "task<T> app::box<std::basic_string<char>>::get() [T = std::basic_string<char>]",
         "app::box::get"},
        {"task<> app::{anonymous}::inner::go()", "task<> app::(anonymous namespace)::inner::go()",
         "app::inner::go"},
        {"app::lam()::<lambda(int)>", "auto app::lam()::(anonymous class)::operator()(int) const",
         "app::lam::lambda"},
        {"app::lam()::<lambda(auto:11)> [with auto:11 = double]",
         "auto app::lam()::(anonymous class)::operator()(auto) const [auto:1 = double]",
         "app::lam::lambda"},
        {"app::lam()::<lambda()>::<lambda()>",
         "auto app::lam()::(anonymous class)::operator()()::(anonymous class)::operator()() const",
         "app::lam::lambda::lambda"},
        {"<lambda()>", "auto (anonymous class)::operator()() const", "lambda"},
        {"task<> app::call(F) [with F = app::lam()::<lambda(int)>]",
         "task<> app::call(F) [F = (lambda at app.cpp:3:4)]", "app::call"},
        {"task<> operator+(app::session, int)", "task<> operator+(app::session, int)", "operator+"},
        {"task<> app::operator<<(app::session, int)", "task<> app::operator<<(app::session, int)",
         "app::operator<<"},
        {"task<> takes(void (*)(int))", "task<> takes(void (*)(int))", "takes"},
        {"task<int&> app::refers(int&)", "task<int &> app::refers(int &)", "app::refers"},
        {"", "", ""},
    };
    for (const row& each : rows) {
        EXPECT_EQ(detail::plain_function_name(each.gcc), each.plain) << each.gcc;
        EXPECT_EQ(detail::plain_function_name(each.clang), each.plain) << each.clang;
    }
}

}  // namespace
}  // namespace simul
