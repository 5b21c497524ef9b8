// SPDX-License-Identifier: Apache-2.0
//
// http/server_workspace.hpp: the memory that a connection needs while it is busy, lent to it.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simul/http/server_request.hpp"
#include "simul/http/server_response.hpp"
#include "simul/http/wire/limits.hpp"
#include "simul/http/wire/request_parser.hpp"
#include "simul/io/address.hpp"

namespace simul::http::detail {

/// All of it keeps its room from one request to the next.
class server_workspace {
public:
    explicit server_workspace(const wire::request_limits& limits) : parser{limits} {}
    server_workspace(const server_workspace&) = delete;
    server_workspace& operator=(const server_workspace&) = delete;

    /// Room that one large message has made is not kept for those of all days.
    void give_up_excess() noexcept;

    wire::request_parser parser;
    std::string body;  ///< of the request
    endpoint peer;
    server_request request{parser, body, peer};
    server_response response;
    std::string out;  ///< answers that are to be sent
    std::array<std::byte, std::size_t{16} * 1024> input;
};

class workspace_pool;

/// A workspace that is given back when this is destroyed, or none.
class workspace_lease {
public:
    workspace_lease() noexcept = default;
    workspace_lease(workspace_pool& from, std::unique_ptr<server_workspace> lent) noexcept
        : pool_{&from}, lent_{std::move(lent)} {}
    workspace_lease(workspace_lease&&) noexcept = default;
    workspace_lease& operator=(workspace_lease&& other) noexcept {
        give_back();
        pool_ = other.pool_;
        lent_ = std::move(other.lent_);
        return *this;
    }
    ~workspace_lease() { give_back(); }

    void give_back() noexcept;
    [[nodiscard]] server_workspace& operator*() const noexcept { return *lent_; }
    [[nodiscard]] server_workspace* operator->() const noexcept { return lent_.get(); }
    explicit operator bool() const noexcept { return lent_ != nullptr; }

private:
    workspace_pool* pool_ = nullptr;
    std::unique_ptr<server_workspace> lent_;
};

/// The workspaces of one server.
///
/// Lifetime      must outlive what it has lent.
class workspace_pool {
public:
    explicit workspace_pool(const wire::request_limits& limits) : limits_{limits} {
        idle_.reserve(most_idle);
    }

    /// One that is fresh or as good as fresh.
    [[nodiscard]] workspace_lease take();

private:
    friend class workspace_lease;

    // A loop works on few connections in one turn, and a million of idle ones have none.
    static constexpr std::size_t most_idle = 256;

    const wire::request_limits& limits_;
    std::vector<std::unique_ptr<server_workspace>> idle_;
};

}  // namespace simul::http::detail
