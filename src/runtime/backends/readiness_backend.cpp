// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/readiness_backend.hpp"

#include <fcntl.h>

#include <string>

namespace simul::detail {

namespace {

constexpr short broken = POLLERR | POLLHUP | POLLNVAL;

bool try_first(operation& request) noexcept {
    switch (request.code) {
        case opcode::connect: return try_connect(request);
        case opcode::poll: return try_poll(request);
        default: return try_transfer(request);
    }
}

short events_of(operation_lanes& lanes) noexcept {
    unsigned events = 0;
    if (!lanes.readers.empty()) events |= POLLIN;
    if (!lanes.writers.empty()) events |= POLLOUT;
    operation* looks = lanes.polls.empty() ? nullptr : &lanes.polls.front();
    for (; looks != nullptr; looks = lanes.polls.next(*looks)) events |= looks->flags;
    return static_cast<short>(events);
}

}  // namespace

readiness_backend::readiness_backend(int descriptor_limit) : descriptor_limit_{descriptor_limit} {
    if (wake_.descriptor() >= descriptor_limit) {
        throw std::system_error{
            EOVERFLOW, std::system_category(),
            "its eventfd, whose number must be below " + std::to_string(descriptor_limit)};
    }
    queries_.push_back(pollfd{wake_.descriptor(), POLLIN, 0});
}

readiness_backend::~readiness_backend() {
    for (descriptor_entry& entry : entries_) entry.end_all();
}

bool readiness_backend::submit(operation& request) noexcept {
    const int descriptor = request.descriptor;
    if (descriptor < 0) return fail(request, EBADF);
    // At once and always, rather than only when it would have to wait: a program that opens too
    // much is to find out at its first operation, not under load.
    if (descriptor >= descriptor_limit_)
        return fail(request, ::fcntl(descriptor, F_GETFD) < 0 ? EBADF : EOVERFLOW);
    descriptor_entry* entry = entries_.find(descriptor);
    const bool must_queue =
        request.code != opcode::poll && entry != nullptr && !entry->of(request.code).empty();
    if (!must_queue && try_first(request)) {
        request.state = operation_state::completed;
        return true;
    }
    entry = query(descriptor);
    if (entry == nullptr) return fail(request, ENOMEM);
    request.state = operation_state::in_flight;
    entry->of(request.code).push_back(request);
    ++in_flight_;
    return false;
}

bool readiness_backend::cancel(operation& request) noexcept {
    SIMUL_ASSERT(request.state == operation_state::in_flight,
                 "cancel of an operation that is not in flight");
    request.unlink();
    --in_flight_;
    conclude(request, -ECANCELED);
    return true;
}

void readiness_backend::poll(time_point deadline) noexcept {
    // With nothing in flight only a wake could arrive, and it ends the next poll just as well.
    if (deadline == time_point::min() && in_flight_ == 0) return;
    renew_queries();
    timespec limit{};
    if (deadline != time_point::min() && deadline != time_point::max()) {
        const time_point start = now();
        if (deadline > start) limit = as_timespec(deadline - start);
    }
    int count = wait(queries_, deadline == time_point::max() ? nullptr : &limit);
    if (count <= 0) return;
    if (queries_.front().revents != 0) {
        wake_.take_level();
        --count;
    }
    for (std::size_t i = 1; i < queries_.size() && count > 0; ++i) {
        if (queries_[i].revents == 0) continue;
        --count;
        dispatch(queries_[i]);
    }
}

// What is asked of a descriptor that nobody waits for any more goes with the next wait.
void readiness_backend::forget(int descriptor) noexcept {
    const descriptor_entry* entry = entries_.find(descriptor);
    SIMUL_ASSERT(entry == nullptr || entry->empty(),
                 "a descriptor was forgotten while an operation was in flight on it");
}

void readiness_backend::for_each_in_flight(int descriptor, void (*visit)(operation&, void*),
                                           void* context) noexcept {
    if (descriptor_entry* entry = entries_.find(descriptor)) entry->for_each(visit, context);
}

// The entry of a descriptor that the next wait asks about; nullptr for lack of memory.
auto readiness_backend::query(int descriptor) noexcept -> descriptor_entry* try {
    descriptor_entry* entry = entries_.find_or_make(descriptor);
    if (entry == nullptr || entry->is_queried) return entry;
    queries_.push_back(pollfd{descriptor, 0, 0});
    entry->is_queried = true;
    return entry;
} catch (const std::bad_alloc&) {
    return nullptr;
}

void readiness_backend::renew_queries() noexcept {
    for (std::size_t i = 1; i < queries_.size();) {
        pollfd& query = queries_[i];
        descriptor_entry& entry = *entries_.find(query.fd);
        if (entry.empty()) {
            entry.is_queried = false;
            query = queries_.back();
            queries_.pop_back();
        } else {
            query.events = events_of(entry);
            ++i;
        }
    }
}

void readiness_backend::dispatch(const pollfd& answer) noexcept {
    descriptor_entry& entry = *entries_.find(answer.fd);
    // First those that only look, then those that take away.
    retry_polls(entry.polls, in_flight_);
    if ((answer.revents & (POLLIN | broken)) != 0) retry(entry.readers);
    if ((answer.revents & (POLLOUT | broken)) != 0) retry(entry.writers);
}

void readiness_backend::retry(operation_list& list) noexcept {
    while (!list.empty()) {
        operation& request = list.front();
        const bool over =
            request.code == opcode::connect ? finish_connect(request) : try_transfer(request);
        if (!over) return;
        finish(request, in_flight_);
    }
}

}  // namespace simul::detail
