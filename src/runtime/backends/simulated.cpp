// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/simulated.hpp"

#include <poll.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "simul/base/config.hpp"

#if SIMUL_ADDRESS_SANITIZER
#    include <sanitizer/asan_interface.h>
#endif

namespace simul::detail {

namespace {

// What an attempt gives that has to wait.
constexpr int would_block = INT_MIN;

constexpr unsigned char pattern = 0xa5;

bool is_pending(const operation& request) noexcept {
    return request.state == operation_state::in_flight ||
           request.state == operation_state::cancelling;
}

bool is_filled(opcode code) noexcept {
    return code == opcode::receive || code == opcode::read;
}

bool is_read_from(opcode code) noexcept {
    return code == opcode::send || code == opcode::write || code == opcode::connect;
}

void conclude(operation& request, int result) noexcept {
    request.result = result;
    request.state = operation_state::completed;
}

// FNV-1a.
std::uint64_t checksum_of(const void* data, std::size_t size) noexcept {
    std::uint64_t sum = 14695981039346656037U;
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) sum = (sum ^ bytes[i]) * 1099511628211U;
    return sum;
}

#if SIMUL_ADDRESS_SANITIZER
// The shadow of AddressSanitizer knows granules of eight bytes, which a neighbour of the buffer
// may share at its ends: only granules that lie wholly inside are poisoned.
void forbid(void* data, std::size_t size) noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t first = (begin + 7) & ~std::uintptr_t{7};
    const std::uintptr_t last = (begin + size) & ~std::uintptr_t{7};
    if (first < last) ASAN_POISON_MEMORY_REGION(reinterpret_cast<void*>(first), last - first);
}

void allow(void* data, std::size_t size) noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t first = (begin + 7) & ~std::uintptr_t{7};
    const std::uintptr_t last = (begin + size) & ~std::uintptr_t{7};
    if (first < last) ASAN_UNPOISON_MEMORY_REGION(reinterpret_cast<void*>(first), last - first);
}
#else
void forbid(void*, std::size_t) noexcept {}
void allow(void*, std::size_t) noexcept {}
#endif

}  // namespace

simulated_backend::simulated_backend() = default;

simulated_backend::~simulated_backend() {
    const auto end_all = [this](operation_list& list) {
        while (!list.empty()) {
            operation& request = list.front();
            leave(request);
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
        start(request);
        list_of(*place, request.code).push_back(request);
        return false;
    }
    start(request);
    submitted_.push_back(request);
    return false;
}

bool simulated_backend::cancel(operation& request) noexcept {
    if (request.state == operation_state::cancelling) return false;
    SIMUL_ASSERT(request.state == operation_state::in_flight,
                 "cancel of an operation that is not in flight");
    if (records_[request.slot].seen_by_poll) {
        request.state = operation_state::cancelling;
        asked_.push_back(&request);
        return false;
    }
    leave(request);
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
    SIMUL_ASSERT(place == nullptr ||
                     (place->readers.empty() && place->writers.empty() && place->polls.empty()),
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
    SIMUL_ASSERT(in_flight_ == 0, "the shape was changed while operations were in flight");
    completion_shape_ = completions;
}

std::pair<int, int> simulated_backend::open_pair(std::size_t capacity) {
    const int left = add(kind::stream, capacity);
    const int right = add(kind::stream, capacity);
    get(left).peer = right;
    get(right).peer = left;
    return {left, right};
}

int simulated_backend::open_socket(std::size_t capacity) {
    return add(kind::socket, capacity);
}

int simulated_backend::open_listener(std::size_t backlog) {
    return add(kind::listener, backlog);
}

void simulated_backend::shutdown_write(int descriptor) noexcept {
    endpoint& place = get(descriptor);
    place.writable = false;
    touch(descriptor);
    if (endpoint* peer = find(place.peer)) {
        peer->end_of_stream = true;
        touch(place.peer);
    }
}

void simulated_backend::close(int descriptor) noexcept {
    forget(descriptor);
    endpoint& place = get(descriptor);
    for (const int stream : place.backlog) {
        abort_connection(get(stream));
        endpoints_.erase(stream);
    }
    for (const int socket : place.knocking) touch(socket);
    if (endpoint* peer = find(place.peer)) {
        peer->peer = -1;
        peer->end_of_stream = true;
        peer->writable = false;
        touch(place.peer);
    }
    endpoints_.erase(descriptor);
}

void simulated_backend::reset(int descriptor) noexcept {
    abort_connection(get(descriptor));
    touch(descriptor);
}

bool simulated_backend::is_readable(int descriptor) const noexcept {
    const auto found = endpoints_.find(descriptor);
    if (found == endpoints_.end()) return true;
    const endpoint& place = *found->second;
    return !place.incoming.empty() || place.end_of_stream || place.reset;
}

void simulated_backend::abort_connection(endpoint& place) noexcept {
    const int other = place.peer;
    for (endpoint* end : {&place, find(other)}) {
        if (end == nullptr) continue;
        end->incoming.clear();
        end->reset = true;
        end->end_of_stream = true;
        end->writable = false;
        end->peer = -1;
    }
    touch(other);
}

// Descriptors.

simulated_backend::endpoint* simulated_backend::find(int descriptor) noexcept {
    const auto found = endpoints_.find(descriptor);
    return found == endpoints_.end() ? nullptr : found->second.get();
}

simulated_backend::endpoint& simulated_backend::get(int descriptor) noexcept {
    endpoint* place = find(descriptor);
    SIMUL_ASSERT(place != nullptr, "a simulated descriptor was used that does not exist");
    return *place;
}

int simulated_backend::add(kind what, std::size_t capacity) {
    endpoints_.emplace(next_descriptor_, std::make_unique<endpoint>(what, capacity));
    return next_descriptor_++;
}

void simulated_backend::touch(int descriptor) noexcept {
    endpoint* place = find(descriptor);
    if (place == nullptr || place->dirty) return;
    place->dirty = true;
    dirty_.push_back(descriptor);
}

// Attempts. Each gives a result or would_block, and takes the buffer back from an operation in
// flight before it uses it.

bool simulated_backend::attempt(operation& request) noexcept {
    endpoint* place = find(request.descriptor);
    int result = -EBADF;
    if (place != nullptr) {
        switch (request.code) {
            case opcode::receive:
            case opcode::read: result = attempt_receive(request, *place); break;
            case opcode::send:
            case opcode::write: result = attempt_send(request, *place); break;
            case opcode::accept: result = attempt_accept(*place); break;
            case opcode::connect: result = attempt_connect(request, *place); break;
            case opcode::poll: result = attempt_poll(request, *place); break;
        }
    }
    if (result == would_block) return false;
    request.result = result;
    return true;
}

int simulated_backend::attempt_receive(operation& request, endpoint& place) noexcept {
    if (place.what != kind::stream) return -ENOTCONN;
    if (request.size == 0) return 0;
    if (place.incoming.empty()) {
        if (place.reset) {
            place.reset = false;
            return -ECONNRESET;
        }
        return place.end_of_stream ? 0 : would_block;
    }
    give_back_buffer(request);
    const std::size_t count = std::min<std::size_t>(request.size, place.incoming.size());
    const auto end = place.incoming.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(place.incoming.begin(), end, static_cast<std::byte*>(request.buffer));
    place.incoming.erase(place.incoming.begin(), end);
    touch(place.peer);
    return static_cast<int>(count);
}

int simulated_backend::attempt_send(operation& request, endpoint& place) noexcept {
    if (place.what != kind::stream) return -ENOTCONN;
    if (place.reset) {
        place.reset = false;
        return -ECONNRESET;
    }
    endpoint* peer = find(place.peer);
    if (!place.writable || peer == nullptr) return -EPIPE;
    if (request.size == 0) return 0;
    if (peer->incoming.size() >= peer->capacity) return would_block;
    give_back_buffer(request);
    const std::size_t room = peer->capacity - peer->incoming.size();
    const std::size_t count = std::min<std::size_t>(request.size, room);
    const auto* bytes = static_cast<const std::byte*>(request.buffer);
    peer->incoming.insert(peer->incoming.end(), bytes, bytes + count);
    touch(place.peer);
    return static_cast<int>(count);
}

int simulated_backend::attempt_accept(endpoint& place) noexcept {
    if (place.what != kind::listener) return -EINVAL;
    if (place.backlog.empty()) return would_block;
    const int stream = place.backlog.front();
    place.backlog.pop_front();
    for (const int socket : place.knocking) touch(socket);
    place.knocking.clear();
    return stream;
}

int simulated_backend::attempt_connect(operation& request, endpoint& place) noexcept {
    if (place.what == kind::stream) return -EISCONN;
    simulated_address address{};
    if (place.what == kind::listener || request.size < sizeof address) return -EINVAL;
    std::memcpy(&address, request.buffer, sizeof address);
    endpoint* listener = find(address.listener);
    if (listener == nullptr || listener->what != kind::listener) return -ECONNREFUSED;
    if (listener->backlog.size() >= listener->capacity) {
        listener->knocking.push_back(request.descriptor);
        return would_block;
    }
    const int stream = add(kind::stream, place.capacity);
    get(stream).peer = request.descriptor;
    place.peer = stream;
    place.what = kind::stream;
    listener->backlog.push_back(stream);
    touch(address.listener);
    touch(request.descriptor);
    return 0;
}

int simulated_backend::attempt_poll(const operation& request, endpoint& place) noexcept {
    unsigned events = 0;
    if (place.what == kind::listener) {
        if (!place.backlog.empty()) events |= POLLIN;
    } else if (place.what == kind::socket) {
        events |= POLLOUT | POLLHUP;
    } else {
        const endpoint* peer = find(place.peer);
        if (!place.incoming.empty() || place.end_of_stream) events |= POLLIN;
        if (place.end_of_stream) events |= POLLRDHUP;
        if (peer == nullptr || peer->incoming.size() < peer->capacity) events |= POLLOUT;
        if (place.end_of_stream && !place.writable) events |= POLLHUP;
        if (place.reset) events |= POLLERR;
    }
    events &= request.flags | POLLERR | POLLHUP;
    return events == 0 ? would_block : static_cast<int>(events);
}

// Operations in flight.

simulated_backend::operation_list& simulated_backend::list_of(endpoint& place,
                                                              opcode code) noexcept {
    switch (code) {
        case opcode::receive:
        case opcode::read:
        case opcode::accept: return place.readers;
        case opcode::send:
        case opcode::write:
        case opcode::connect: return place.writers;
        case opcode::poll: break;
    }
    return place.polls;
}

void simulated_backend::start(operation& request) noexcept {
    if (free_records_.empty()) {
        free_records_.push_back(static_cast<std::uint32_t>(records_.size()));
        records_.emplace_back();
    }
    request.slot = free_records_.back();
    free_records_.pop_back();
    records_[request.slot] = record{};
    request.state = operation_state::in_flight;
    ++in_flight_;
    take_buffer(request);
}

void simulated_backend::leave(operation& request) noexcept {
    give_back_buffer(request);
    request.unlink();
    free_records_.push_back(request.slot);
    --in_flight_;
}

void simulated_backend::deliver(operation& request) noexcept {
    leave(request);
    request.state = operation_state::completed;
    ++delivered_;
    request.complete(request);
}

// What the kernel does when it takes submissions.
void simulated_backend::take_submitted() noexcept {
    while (!submitted_.empty()) {
        operation& request = submitted_.front();
        records_[request.slot].seen_by_poll = true;
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
    take_submitted();
    while (!dirty_.empty()) {
        const int descriptor = dirty_.front();
        dirty_.pop_front();
        if (endpoint* place = find(descriptor)) {
            place->dirty = false;
            retry(*place);
        }
    }
    // What could complete has done so, its cancel notwithstanding. The rest ends here.
    for (operation* request : asked_) {
        if (request->state != operation_state::cancelling) continue;
        request->result = -ECANCELED;
        deliver(*request);
    }
    asked_.clear();
}

void simulated_backend::retry(endpoint& place) noexcept {
    operation* request = place.polls.empty() ? nullptr : &place.polls.front();
    while (request != nullptr) {
        operation* following = place.polls.next(*request);
        if (attempt(*request)) deliver(*request);
        request = following;
    }
    for (operation_list* list : {&place.readers, &place.writers}) {
        while (!list->empty() && attempt(list->front())) deliver(list->front());
    }
}

void simulated_backend::take_buffer(operation& request) noexcept {
    record& known = records_[request.slot];
    known.owns_buffer = true;
    if (is_filled(request.code)) {
        if (request.size != 0) std::memset(request.buffer, pattern, request.size);
        forbid(request.buffer, request.size);
    } else if (is_read_from(request.code)) {
        known.checksum = checksum_of(request.buffer, request.size);
    }
}

void simulated_backend::give_back_buffer(operation& request) noexcept {
    if (!is_pending(request)) return;
    record& known = records_[request.slot];
    if (!std::exchange(known.owns_buffer, false)) return;
    if (is_filled(request.code)) {
        allow(request.buffer, request.size);
        const auto* bytes = static_cast<const unsigned char*>(request.buffer);
        const bool untouched = std::all_of(bytes, bytes + request.size,
                                           [](unsigned char one) { return one == pattern; });
        SIMUL_ASSERT(untouched, "a buffer was written to while an operation was to fill it");
    } else if (is_read_from(request.code)) {
        SIMUL_ASSERT(known.checksum == checksum_of(request.buffer, request.size),
                     "a buffer was written to while an operation was sending from it");
    }
}

std::unique_ptr<backend> make_simulated_backend() {
    return std::make_unique<simulated_backend>();
}

}  // namespace simul::detail
