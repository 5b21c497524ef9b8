// SPDX-License-Identifier: Apache-2.0
#include "support/every_world.hpp"

#include <gtest/gtest-spi.h>

#include <exception>
#include <string>

#include "support/guest_host.hpp"
#include "support/jumping_clock.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {

namespace {

constexpr std::size_t random_orders = 200;

// Keeps what a run reports to itself, and counts it.
class silent_run {
public:
    [[nodiscard]] bool failed() {
        const int before = std::exchange(seen_, reports_.size());
        for (int each = before; each != seen_; ++each) {
            if (reports_.GetTestPartResult(each).failed()) return true;
        }
        return false;
    }

private:
    ::testing::TestPartResultArray reports_;
    ::testing::ScopedFakeTestPartResultReporter reporter_{
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &reports_};
    int seen_ = 0;
};

void run_in_order(task<> (*body)(), const testing::test_options& options) {
    try {
        testing::run_test(body, options);
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
    } catch (...) {
        ADD_FAILURE() << "an exception that is no std::exception";
    }
}

testing::schedule_report run_in_random_orders(const std::string& name, task<> (*body)(),
                                              backend_kind backend, start_policy start) {
    silent_run run;
    return testing::try_random_schedules(body, testing::schedule_options{}
                                                   .named(name)
                                                   .runs(random_orders)
                                                   .on(backend)
                                                   .starting(start)
                                                   .failed_if([&run] { return run.failed(); }));
}

// The shortest failing order once more, for what it reports.
void tell(const testing::schedule_report& report, task<> (*body)(),
          const testing::test_options& options) {
    ADD_FAILURE() << report.text();
    testing::replayed_schedule failing{testing::parse_schedule(report.failing_schedule())};
    testing::test_options again = options;
    run_in_order(body, again.in_order_of(failing));
}

// A real backend once more, with a loop around poll(2) that waits in its place.
void run_as_guest(task<> (*body)(), backend_kind backend, start_policy start) {
    if (backend == backend_kind::simulated) return;
    SCOPED_TRACE("as a guest");
    guest_options options = on(backend);
    options.start = start;
    try {
        run_on_guest(body, options);
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
    } catch (...) {
        ADD_FAILURE() << "an exception that is no std::exception";
    }
}

}  // namespace

void run_in_every_world(const char* name, task<> (*body)(), worlds where) {
    const jumping_clocks jumping{where == worlds::virtual_time};
    std::vector<backend_kind> backends = test_backends();
    // A rule of a layer above does not see which call waits, and every order costs a run.
    std::erase(backends, backend_kind::poll);
    for (const backend_kind backend : backends) {
        const bool simulated = backend == backend_kind::simulated;
        if (where == (simulated ? worlds::real : worlds::simulated)) continue;
        for (const start_policy start : {start_policy::queued, start_policy::eager}) {
            const std::string world = std::string{name_of(backend)} + ", " +
                                      (start == start_policy::eager ? "eager" : "queued");
            SCOPED_TRACE(world);
            const testing::test_options options =
                testing::test_options{}.on(backend).starting(start);
            run_in_order(body, options);
            if (where != worlds::virtual_time) run_as_guest(body, backend, start);
            if (::testing::Test::HasFailure()) return;
            const testing::schedule_report report =
                run_in_random_orders(std::string{name} + ", " + world, body, backend, start);
            if (!report.ok()) return tell(report, body, options);
        }
    }
}

}  // namespace simul::test
