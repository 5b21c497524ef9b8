// SPDX-License-Identifier: Apache-2.0
#include "simul/testing/schedules.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include "testing/command_line.hpp"

namespace simul::testing {

namespace {

constexpr const char* variable = "SIMUL_SCHEDULE";
constexpr std::size_t most_shrinking_runs = 1000;

using choices = std::vector<std::uint8_t>;

choices chosen_of(const std::vector<choice>& met) {
    choices chosen;
    for (const choice& each : met) chosen.push_back(each.chosen);
    return chosen;
}

// Zeros at the end say nothing.
void trim(choices& given) {
    while (!given.empty() && given.back() == 0) given.pop_back();
}

std::string format(const choices& given) {
    std::string text;
    for (const std::uint8_t each : given) {
        if (!text.empty()) text += '.';
        text += std::to_string(each);
    }
    return text.empty() ? "0" : text;
}

}  // namespace

std::vector<std::uint8_t> parse_schedule(std::string_view text) {
    choices given;
    while (!text.empty()) {
        std::uint8_t number = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
        const auto used = static_cast<std::size_t>(end - text.data());
        const bool ends_well =
            used == text.size() || (text[used] == '.' && used + 1 != text.size());
        if (failure != std::errc{} || number >= schedule::window || !ends_well) {
            throw std::invalid_argument{
                "a schedule is choices from 0 to 63 with dots between them, such as 0.2.1; in "
                "SIMUL_SCHEDULE it stands behind the name of a search and a colon"};
        }
        given.push_back(number);
        text.remove_prefix(std::min(used + 1, text.size()));
    }
    return given;
}

std::size_t replayed_schedule::choose(std::size_t candidates) noexcept {
    const std::size_t place = met_.size();
    const std::size_t wanted = place < given_.size() ? given_[place] : 0;
    const std::size_t chosen = std::min(wanted, candidates - 1);
    met_.push_back(
        choice{static_cast<std::uint8_t>(chosen), static_cast<std::uint8_t>(candidates)});
    return chosen;
}

random_schedule::random_schedule(std::uint64_t seed) noexcept
    : state_{seed}, keeps_order_{seed % 2 == 0} {}

// SplitMix64 (Steele, Lea and Flood 2014): any seed will do.
std::uint64_t random_schedule::next() noexcept {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15U;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
}

std::size_t random_schedule::choose(std::size_t candidates) noexcept {
    constexpr std::uint64_t one_in = 8;
    const bool keeps = keeps_order_ && next() % one_in != 0;
    const std::size_t chosen = keeps ? 0 : next() % candidates;
    met_.push_back(
        choice{static_cast<std::uint8_t>(chosen), static_cast<std::uint8_t>(candidates)});
    return chosen;
}

std::string schedule_report::text() const {
    const std::string count = std::to_string(runs_) + (runs_ == 1 ? " schedule" : " schedules");
    if (ok()) return count + " tried, none failed";
    return "schedule " + schedule_ + " fails (found after " + count + "): " + error_ +
           "\nreplay it with: " + replay_;
}

/// One search: how a run is made, judged and shrunk.
class schedule_search {
public:
    schedule_search(const program& made, const schedule_options& options)
        : made_{made}, options_{options} {}

    schedule_report run_random() {
        if (run_given()) return std::move(report_);
        const std::size_t most = options_.most_runs(200);
        while (report_.runs_ != most) {
            random_schedule tried{options_.seed() + report_.runs_};
            ++report_.runs_;
            if (fails(tried)) {
                report_failure(chosen_of(tried.met()));
                break;
            }
        }
        return std::move(report_);
    }

    // Depth first: the last choice that can still be raised is raised, and all behind it are 0
    // again.
    schedule_report run_all() {
        if (run_given()) return std::move(report_);
        const std::size_t most = options_.most_runs(100'000);
        choices prefix;
        while (report_.runs_ != most) {
            replayed_schedule tried{prefix};
            ++report_.runs_;
            if (fails(tried)) {
                report_failure(chosen_of(tried.met()));
                break;
            }
            if (!raise_last(tried.met(), prefix)) {
                report_.exhausted_ = true;
                break;
            }
        }
        return std::move(report_);
    }

private:
    bool fails(schedule& tried) {
        error_.clear();
        try {
            run_test(made_, test_options{}
                                .on(options_.backend())
                                .starting(options_.start())
                                .in_order_of(tried));
        } catch (const std::exception& error) {
            error_ = error.what();
            if (error_.empty()) error_ = "an exception without a text";
        } catch (...) {
            error_ = "an exception that is no std::exception";
        }
        if (error_.empty() && options_.failed() && options_.failed()())
            error_ = "a check has failed";
        return !error_.empty();
    }

    bool fails(const choices& given) {
        replayed_schedule tried{given};
        return fails(tried);
    }

    [[nodiscard]] bool raise_last(const std::vector<choice>& met, choices& prefix) const {
        auto overtakings = static_cast<std::size_t>(
            std::ranges::count_if(met, [](const choice& each) { return each.chosen != 0; }));
        for (std::size_t place = met.size(); place-- != 0;) {
            if (met[place].chosen != 0) --overtakings;
            if (met[place].chosen + 1 == met[place].candidates) continue;
            if (overtakings == options_.most_overtakings()) continue;
            prefix.clear();
            for (std::size_t kept = 0; kept != place; ++kept) prefix.push_back(met[kept].chosen);
            prefix.push_back(static_cast<std::uint8_t>(met[place].chosen + 1));
            return true;
        }
        return false;
    }

    // The schedule that the environment asks for, if it means this search.
    bool run_given() {
        const char* wanted = std::getenv(variable);
        if (wanted == nullptr) return false;
        std::string_view text{wanted};
        const std::size_t colon = text.rfind(':');
        const std::string_view name = colon == text.npos ? "" : text.substr(0, colon);
        if (name != options_.name()) return false;
        choices given = parse_schedule(text.substr(colon == text.npos ? 0 : colon + 1));
        ++report_.runs_;
        if (fails(given)) finish_report(given);
        return true;
    }

    void report_failure(choices given) {
        report_.error_ = error_;
        shrink(given);
        finish_report(given);
    }

    void finish_report(choices& given) {
        trim(given);
        report_.error_ = error_;
        report_.schedule_ = format(given);
        report_.replay_ = std::string{variable} + "='" +
                          (options_.name().empty() ? "" : options_.name() + ":") +
                          report_.schedule_ + "'" + detail::command_line();
    }

    // Three ways to make it simpler, until none helps: end it earlier, have the tasks keep their
    // order for a while, choose somebody who has waited longer.
    void shrink(choices& given) {
        std::string kept_error = error_;
        std::size_t left = most_shrinking_runs;
        const auto try_instead = [&](choices candidate) {
            trim(candidate);
            if (left == 0 || candidate.size() > given.size() || candidate == given) return false;
            --left;
            if (!fails(candidate)) return false;
            kept_error = error_;
            given = std::move(candidate);
            return true;
        };
        trim(given);
        for (bool shorter = true; shorter && left != 0;) {
            shorter = false;
            for (std::size_t cut = given.size(); cut != 0 && left != 0; cut /= 2) {
                while (cut <= given.size() &&
                       try_instead(choices(given.begin(),
                                           given.end() - static_cast<std::ptrdiff_t>(cut)))) {
                    shorter = true;
                }
            }
            for (std::size_t size = given.size(); size != 0; size /= 2) {
                for (std::size_t from = 0; from < given.size() && left != 0; from += size) {
                    choices flat = given;
                    const std::size_t until = std::min(from + size, flat.size());
                    for (std::size_t place = from; place != until; ++place) flat[place] = 0;
                    if (try_instead(std::move(flat))) shorter = true;
                }
            }
            for (std::size_t place = 0; place < given.size() && left != 0; ++place) {
                while (place < given.size() && given[place] > 1) {
                    choices lower = given;
                    --lower[place];
                    if (!try_instead(std::move(lower))) break;
                    shorter = true;
                }
            }
        }
        error_ = std::move(kept_error);
    }

    const program& made_;
    const schedule_options& options_;
    schedule_report report_;
    std::string error_;
};

schedule_report try_random_schedules(const program& made, const schedule_options& options) {
    return schedule_search{made, options}.run_random();
}

schedule_report try_all_schedules(const program& made, const schedule_options& options) {
    return schedule_search{made, options}.run_all();
}

}  // namespace simul::testing
