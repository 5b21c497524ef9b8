// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/simulated.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace simul::detail {

namespace {

bool is_pending(const operation& request) noexcept {
    return request.state == operation_state::in_flight ||
           request.state == operation_state::cancelling;
}

void conclude(operation& request, int result) noexcept {
    request.result = result;
    request.state = operation_state::completed;
}

}  // namespace

simulated_backend::simulated_backend() = default;

simulated_backend::~simulated_backend() {
    const auto end_all = [this](operation_list& list) {
        while (!list.empty()) {
            operation& request = list.front();
            operations_.leave(request);
            conclude(request, -ECANCELED);
        }
    };
    end_all(submitted_);
    for (auto& [descriptor, place] : endpoints_) {
        end_all(place->readers);
        end_all(place->writers);
        end_all(place->polls);
    }
}

bool simulated_backend::submit(operation& request) noexcept {
    SIMUL_ASSERT(!is_pending(request), "an operation was submitted twice");
    if (!completion_shape_) {
        endpoint* place = find(request.descriptor);
        const bool overtakes = place != nullptr && request.code != opcode::poll &&
                               !list_of(*place, request.code).empty();
        if (!overtakes && attempt(request)) {
            request.state = operation_state::completed;
            return true;
        }
        if (!operations_.start(request)) return true;
        list_of(*place, request.code).push_back(request);
        return false;
    }
    if (!operations_.start(request)) return true;
    submitted_.push_back(request);
    return false;
}

bool simulated_backend::cancel(operation& request) noexcept {
    if (request.state == operation_state::cancelling) return false;
    SIMUL_ASSERT(request.state == operation_state::in_flight,
                 "cancel of an operation that is not in flight");
    if (operations_.is_seen(request)) {
        request.state = operation_state::cancelling;
        asked_.push_back(&request);
        return false;
    }
    operations_.leave(request);
    conclude(request, -ECANCELED);
    return true;
}

void simulated_backend::poll(time_point deadline) noexcept {
    stuck_ = false;
    delivered_ = 0;
    settle();
    if (delivered_ == 0 && woken_.load() == 0 && deadline != time_point::min()) {
        if (external_events_) {
            woken_.wait(0);
        } else if (deadline == time_point::max() || !jumps_) {
            stuck_ = true;
        } else {
            now_ = std::max(now_, deadline);
        }
    }
    woken_.exchange(0);
}

// Takes no lock: it may be called inside a signal handler that has interrupted a poll.
void simulated_backend::wake() noexcept {
    woken_.store(1);
    woken_.notify_one();
}

void simulated_backend::forget(int descriptor) noexcept {
    endpoint* place = find(descriptor);
    SIMUL_ASSERT(place == nullptr || place->is_idle(),
                 "a descriptor was forgotten while an operation was in flight on it");
}

void simulated_backend::for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                                           void* context) noexcept {
    const auto walk = [&](operation_list& list) {
        operation* request = list.empty() ? nullptr : &list.front();
        while (request != nullptr) {
            operation* following = list.next(*request);
            if (request->descriptor == descriptor) visit(*request, context);
            request = following;
        }
    };
    if (endpoint* place = find(descriptor)) {
        walk(place->readers);
        walk(place->writers);
        walk(place->polls);
    }
    walk(submitted_);
}

void simulated_backend::set_completion_shape(bool completions) noexcept {
    SIMUL_ASSERT(in_flight() == 0, "the shape was changed while operations were in flight");
    completion_shape_ = completions;
}

void simulated_backend::deliver(operation& request) noexcept {
    operations_.leave(request);
    request.state = operation_state::completed;
    ++delivered_;
    request.complete(request);
}

// What the kernel does when it takes submissions.
void simulated_backend::take_submitted() noexcept {
    while (!submitted_.empty()) {
        operation& request = submitted_.front();
        operations_.see(request);
        endpoint* place = find(request.descriptor);
        const bool overtakes = place != nullptr && request.code != opcode::poll &&
                               !list_of(*place, request.code).empty();
        if (!overtakes && attempt(request)) {
            deliver(request);
        } else {
            request.unlink();
            list_of(*place, request.code).push_back(request);
        }
    }
}

void simulated_backend::settle() noexcept {
    free_closed();
    take_submitted();
    while (endpoint* place = dirty_.pop_front()) retry(*place);
    // What could complete has done so, its cancel notwithstanding. The rest ends here.
    for (operation* request : asked_) {
        if (request->state != operation_state::cancelling) continue;
        request->result = -ECANCELED;
        deliver(*request);
    }
    asked_.clear();
}

void simulated_backend::retry(endpoint& place) noexcept {
    continue_connect(place.number, place);
    operation* request = place.polls.empty() ? nullptr : &place.polls.front();
    while (request != nullptr) {
        operation* following = place.polls.next(*request);
        if (attempt(*request)) deliver(*request);
        request = following;
    }
    for (operation_list* list : {&place.readers, &place.writers}) {
        while (!list->empty() && attempt(list->front())) deliver(list->front());
    }
    leave_stalls(place.number, place);
}

std::unique_ptr<backend> make_simulated_backend() {
    return std::make_unique<simulated_backend>();
}

}  // namespace simul::detail
