// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/select.cpp: waits with select(2), for completeness. It has no place for
// descriptors of FD_SETSIZE (1024) and above.
#include <poll.h>
#include <sys/select.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "runtime/backends/readiness_backend.hpp"

namespace simul::detail {

namespace {

constexpr short told_apart = POLLIN | POLLOUT;

// The three sets of select know what can be read and written. Who waits for anything else (a
// hang-up alone, or urgent data) is asked after each wait, which is then no longer than this.
constexpr duration between_looks = std::chrono::milliseconds{10};

bool must_be_looked_at(const pollfd& query) noexcept {
    return query.events == 0 || (query.events & ~told_apart) != 0;
}

// A descriptor was closed by somebody else while operations were in flight on it. Which one, their
// next attempt will tell.
int answer_all(std::span<pollfd> queries) noexcept {
    for (pollfd& query : queries) query.revents = POLLNVAL;
    return static_cast<int>(queries.size());
}

class select_backend final : public readiness_backend {
public:
    select_backend() : readiness_backend{FD_SETSIZE} {}

    [[nodiscard]] std::string_view name() const noexcept override { return "select"; }

private:
    int wait(std::span<pollfd> queries, const timespec* limit) noexcept override {
        FD_ZERO(&readable_);
        FD_ZERO(&writable_);
        int highest = 0;
        bool looks = false;
        for (const pollfd& query : queries) {
            if ((query.events & POLLIN) != 0) FD_SET(query.fd, &readable_);
            if ((query.events & POLLOUT) != 0) FD_SET(query.fd, &writable_);
            highest = std::max(highest, query.fd);
            looks = looks || must_be_looked_at(query);
        }
        const timespec soon = as_timespec(between_looks);
        const bool is_later =
            limit == nullptr || limit->tv_sec > 0 || limit->tv_nsec > soon.tv_nsec;
        if (looks && is_later) limit = &soon;
        if (::pselect(highest + 1, &readable_, &writable_, nullptr, limit, nullptr) < 0)
            return errno == EBADF ? answer_all(queries) : -1;
        return answer(queries);
    }

    int answer(std::span<pollfd> queries) const noexcept {
        int count = 0;
        for (pollfd& query : queries) {
            unsigned events = 0;
            if (FD_ISSET(query.fd, &readable_)) events |= POLLIN;
            if (FD_ISSET(query.fd, &writable_)) events |= POLLOUT;
            if (must_be_looked_at(query)) events |= POLLERR;
            query.revents = static_cast<short>(events);
            if (events != 0) ++count;
        }
        return count;
    }

    fd_set readable_;
    fd_set writable_;
};

}  // namespace

std::unique_ptr<backend> make_select_backend() {
    return std::make_unique<select_backend>();
}

}  // namespace simul::detail
