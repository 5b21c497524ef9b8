// SPDX-License-Identifier: Apache-2.0
#include "simul/diagnostics/watchdog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <new>
#include <span>
#include <thread>

#include "simul/coro/detail/frame.hpp"
#include "simul/coro/task_context.hpp"
#include "simul/coro/turn_observer.hpp"
#include "simul/runtime/loop.hpp"

namespace simul {

namespace {

// What is noted of each turn as it begins: its task may be gone when it ends. Nothing is allocated.
struct turn_note {
    static constexpr std::size_t longest_chain = 8;
    static constexpr std::size_t longest_name = 63;

    std::uint64_t task = 0;
    std::size_t steps = 0;
    std::array<trace_entry, longest_chain> chain;
    std::array<char, longest_name + 1> name{};

    void take(const waiter& whose) noexcept {
        const detail::task_context* context =
            whose.scope != nullptr ? whose.scope->context() : nullptr;
        task = detail::number_of(context);
        const std::string_view known = detail::name_of(context);
        *std::copy_n(known.data(), std::min(known.size(), longest_name), name.begin()) = '\0';
        steps = 0;
        for (const waiter* each = &whose; each != nullptr && steps != longest_chain;
             each = each->up) {
            detail::frame* step = detail::frame::from(const_cast<waiter&>(*each));
            if (step != nullptr) chain[steps++] = trace_entry{step->made_at, step->where};
        }
    }

    watchdog_finding finding(watchdog_verdict verdict, duration length) const {
        watchdog_finding made;
        made.verdict = verdict;
        made.task = task;
        made.name = name.data();
        made.length = length;
        made.chain.assign(chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(steps));
        return made;
    }
};

void print(const watchdog_finding& finding) {
    std::fputs(("simul: " + format_finding(finding)).c_str(), stderr);
}

}  // namespace

class watchdog::core final : public turn_observer {
public:
    explicit core(watchdog_options options) : options_{std::move(options)}, loop_{loop::current()} {
        SIMUL_ASSERT(loop_.scheduler().observer() == nullptr, "this loop has a watchdog already");
        if (!options_.handler) options_.handler = &print;
        if (!loop_.is_simulated()) thread_ = std::thread{[this] { watch(); }};
        loop_.scheduler().observe(this);
    }

    ~core() {
        loop_.scheduler().observe(nullptr);
        turn_ended(nullptr);
        if (!thread_.joinable()) return;
        {
            const std::lock_guard held{mutex_};
            stops_ = true;
        }
        stopping_.notify_one();
        thread_.join();
    }

    void turn_begins(const waiter& whose) noexcept override {
        const time_point now = loop_.now();
        const std::lock_guard held{mutex_};
        turn_.take(whose);
        began_ = now;
        is_told_ = false;
        runs_ = true;
    }

    void turn_ended(const waiter* readied) noexcept override {
        const time_point now = loop_.now();
        {
            const std::lock_guard held{mutex_};
            if (!runs_) return;  // it was made in this turn, or goes outside of one
            runs_ = false;
        }
        // From here on only this thread writes.
        if (now - began_ > options_.longest_turn) tell(watchdog_verdict::held, now - began_);
        note_spinning(readied != nullptr && number_of(*readied) == turn_.task, now);
    }

private:
    static std::uint64_t number_of(const waiter& who) noexcept {
        return detail::number_of(who.scope != nullptr ? who.scope->context() : nullptr);
    }

    // One suspect at a time: the first who is ready again as soon as its turn has ended.
    void note_spinning(bool again, time_point now) noexcept {
        if (spinner_ == turn_.task && !again) spinner_ = nobody;
        if (!again || std::ranges::find(told_spinners_, turn_.task) != told_spinners_.end()) return;
        if (spinner_ == nobody) {
            spinner_ = turn_.task;
            spins_since_ = began_;
        }
        if (spinner_ != turn_.task || now - spins_since_ <= options_.longest_spin) return;
        spinner_ = nobody;
        tell(watchdog_verdict::spins, now - spins_since_);
    }

    // Without memory nothing is told: what is watched goes on.
    void tell(watchdog_verdict verdict, duration length) noexcept {
        try {
            if (verdict == watchdog_verdict::spins) told_spinners_.push_back(turn_.task);
            options_.handler(turn_.finding(verdict, length));
        } catch (const std::bad_alloc&) {
        }
    }

    // Looks twice within each limit, so that a turn is found before it lasts half as long again.
    void watch() {
        const duration between =
            std::max<duration>(options_.longest_turn / 2, std::chrono::microseconds{100});
        std::unique_lock held{mutex_};
        while (!stopping_.wait_for(held, between, [this] { return stops_; })) {
            const duration length = loop_.now() - began_;
            if (!runs_ || is_told_ || length <= options_.longest_turn) continue;
            is_told_ = true;
            const watchdog_finding found = turn_.finding(watchdog_verdict::blocks, length);
            held.unlock();
            options_.handler(found);
            held.lock();
        }
    }

    static constexpr std::uint64_t nobody = ~std::uint64_t{0};

    watchdog_options options_;
    loop& loop_;

    std::mutex mutex_;  // guards what follows, up to the next empty line
    turn_note turn_;
    time_point began_;
    bool is_told_ = false;
    bool runs_ = false;
    bool stops_ = false;

    std::uint64_t spinner_ = nobody;
    std::vector<std::uint64_t> told_spinners_;
    time_point spins_since_;
    std::condition_variable stopping_;
    std::thread thread_;
};

watchdog::watchdog(watchdog_options options) : core_{std::make_unique<core>(std::move(options))} {}

watchdog::~watchdog() = default;

std::string format_finding(const watchdog_finding& finding) {
    std::string text =
        finding.task == 0 ? "code outside of tasks" : fmt::format("task {}", finding.task);
    if (!finding.name.empty()) text += fmt::format(" \"{}\"", finding.name);
    const auto length = std::chrono::duration_cast<std::chrono::milliseconds>(finding.length);
    switch (finding.verdict) {
        case watchdog_verdict::blocks:
            text += fmt::format(" has held the loop for {} ms, since", length.count());
            break;
        case watchdog_verdict::held:
            text += fmt::format(" held the loop for {} ms, from when", length.count());
            break;
        case watchdog_verdict::spins:
            text += fmt::format(" has not waited for anything for {} ms; the last time",
                                length.count());
            break;
    }
    text += " it went on here:\n";
    return text + detail::format_chain(std::span{finding.chain});
}

}  // namespace simul
