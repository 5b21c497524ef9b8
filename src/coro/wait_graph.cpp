// SPDX-License-Identifier: Apache-2.0
#include "simul/coro/wait_graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <new>
#include <set>
#include <span>
#include <utility>

#include "simul/coro/cancellation.hpp"
#include "simul/coro/detail/frame.hpp"
#include "simul/coro/scheduler.hpp"
#include "simul/coro/task_context.hpp"

namespace simul {

namespace detail {

namespace {

const task_context* context_of(const waiter& who) noexcept {
    return who.scope != nullptr ? who.scope->context() : nullptr;
}

waiting_task wait_of(const task_context* task) {
    waiting_task made;
    made.number = number_of(task);
    made.name = name_of(task);
    return made;
}

}  // namespace

class wait_graph_reader {
public:
    void read(scheduler& all) {
        for (cancel_scope* scope = &all.root_; scope != nullptr; scope = following(*scope)) {
            read(scope->waiting_);
        }
        read(all.asked_);
    }

    std::vector<waiting_task> finish() {
        for (auto& [number, parent] : parents_) {
            parent.awaits.assign(children_[number].begin(), children_[number].end());
            found_.emplace(number, std::move(parent));
        }
        std::vector<waiting_task> in_order;
        for (auto& [number, wait] : found_) in_order.push_back(std::move(wait));
        return in_order;
    }

private:
    void read(intrusive_list<cancellable>& waiting) {
        if (waiting.empty()) return;
        for (cancellable* each = &waiting.front(); each != nullptr; each = waiting.next(*each)) {
            if (each->waiter_ != nullptr) add(*each);
        }
    }

    // The scopes in the order of a walk from the outermost one.
    static cancel_scope* following(cancel_scope& scope) noexcept {
        if (scope.first_child_ != nullptr) return scope.first_child_;
        cancel_scope* left = &scope;
        while (left != nullptr && left->next_sibling_ == nullptr) left = left->parent_;
        return left != nullptr ? left->next_sibling_ : nullptr;
    }

    void add(const cancellable& waiting) {
        const waiter* position = waiting.waiter_;
        waiting_task wait = wait_of(context_of(*position));
        wait.event = waiting.kind_->event;
        if (const auto awaited = waiting.kind_->awaited_task) {
            if (const std::uint64_t number = awaited(waiting)) wait.awaits.push_back(number);
        }
        position = follow(position, wait);
        std::uint64_t child = wait.number;
        found_.emplace(child, std::move(wait));
        // Above a task is the one that waits for its group: once for all its children.
        while (position != nullptr) {
            waiting_task parent = wait_of(context_of(*position));
            const std::uint64_t number = parent.number;
            children_[number].insert(child);
            parent.event = "its children";
            position = follow(position, parent);
            if (!parents_.try_emplace(number, std::move(parent)).second) return;
            child = number;
        }
    }

    // Notes the frames of one task; the waiter above it, or nullptr.
    static const waiter* follow(const waiter* position, waiting_task& wait) {
        while (position != nullptr && number_of(context_of(*position)) == wait.number) {
            if (frame* step = frame::from(const_cast<waiter&>(*position))) {
                wait.chain.push_back(trace_entry{step->made_at, step->where});
            }
            position = position->up;
        }
        return position;
    }

    std::multimap<std::uint64_t, waiting_task> found_;  // of one task in the order of the walk
    std::map<std::uint64_t, waiting_task> parents_;
    std::map<std::uint64_t, std::set<std::uint64_t>> children_;
};

}  // namespace detail

std::vector<waiting_task> wait_graph() {
    detail::wait_graph_reader reader;
    reader.read(scheduler::current());
    return reader.finish();
}

namespace {

constexpr std::size_t longest_list = 8;

// "tasks 2, 3 and 17 more"
std::string list_of(const std::vector<std::uint64_t>& numbers) {
    const std::size_t shown = std::min(numbers.size(), longest_list);
    std::string text = numbers.size() == 1 ? "task " : "tasks ";
    text += fmt::format("{}", fmt::join(std::span{numbers}.first(shown), ", "));
    if (shown != numbers.size()) text += fmt::format(" and {} more", numbers.size() - shown);
    return text;
}

std::string heading_of(const waiting_task& wait) {
    std::string text =
        wait.number == 0 ? "code outside of tasks" : fmt::format("task {}", wait.number);
    if (!wait.name.empty()) text += fmt::format(" \"{}\"", wait.name);
    text += fmt::format(" waits for {}", wait.event);
    if (!wait.awaits.empty()) text += fmt::format(": {}", list_of(wait.awaits));
    return text + '\n';
}

// A circle of tasks that wait for one another, in the order of the waits; empty if there is none.
std::vector<std::uint64_t> find_circle(const std::vector<waiting_task>& waits) {
    std::map<std::uint64_t, std::vector<std::uint64_t>> edges;
    for (const waiting_task& wait : waits) {
        auto& awaited = edges[wait.number];
        awaited.insert(awaited.end(), wait.awaits.begin(), wait.awaits.end());
    }
    // Depth first, with the path on the side: a program may have a million tasks.
    std::set<std::uint64_t> seen;
    for (const auto& [first, unused] : edges) {
        std::vector<std::pair<std::uint64_t, std::size_t>> path;
        if (seen.insert(first).second) path.emplace_back(first, 0);
        while (!path.empty()) {
            auto& [number, tried] = path.back();
            const auto found = edges.find(number);
            if (found == edges.end() || tried == found->second.size()) {
                path.pop_back();
                continue;
            }
            const std::uint64_t next = found->second[tried++];
            const auto on_path =
                std::ranges::find(path, next, [](const auto& step) { return step.first; });
            if (on_path != path.end()) {
                std::vector<std::uint64_t> circle;
                for (auto step = on_path; step != path.end(); ++step) circle.push_back(step->first);
                return circle;
            }
            if (seen.insert(next).second) path.emplace_back(next, 0);
        }
    }
    return {};
}

}  // namespace

std::string format_wait_graph(const std::vector<waiting_task>& waits) {
    constexpr std::size_t shown = 64;
    std::string text;
    for (std::size_t index = 0; index != std::min(shown, waits.size()); ++index) {
        text += heading_of(waits[index]) + detail::format_chain(waits[index].chain);
    }
    if (waits.size() > shown) text += fmt::format("and {} more waits\n", waits.size() - shown);
    const std::vector<std::uint64_t> circle = find_circle(waits);
    if (circle.empty()) return text;
    text += "in a circle: ";
    text += fmt::format("task {}", fmt::join(circle, " waits for task "));
    return text + fmt::format(" waits for task {}\n", circle.front());
}

deadlock::deadlock() noexcept : error{errc::deadlock} {
    try {
        text_ = std::make_shared<const std::string>(
            fmt::format("{}:\n{}", error::what(), format_wait_graph(wait_graph())));
    } catch (const std::bad_alloc&) {
        text_ = nullptr;
    }
}

const char* deadlock::what() const noexcept {
    return text_ != nullptr ? text_->c_str() : error::what();
}

}  // namespace simul
