// SPDX-License-Identifier: Apache-2.0
//
// runtime/backends/poll.cpp: waits with poll(2), which every system has and no limit but memory
// bounds: for where epoll is refused as well.
#include <poll.h>

#include <limits>

#include "runtime/backends/readiness_backend.hpp"

namespace simul::detail {

namespace {

class poll_backend final : public readiness_backend {
public:
    poll_backend() : readiness_backend{std::numeric_limits<int>::max()} {}

    [[nodiscard]] std::string_view name() const noexcept override { return "poll"; }

private:
    int wait(std::span<pollfd> queries, const timespec* limit) noexcept override {
        return ::ppoll(queries.data(), queries.size(), limit, nullptr);
    }
};

}  // namespace

std::unique_ptr<backend> make_poll_backend() {
    return std::make_unique<poll_backend>();
}

}  // namespace simul::detail
