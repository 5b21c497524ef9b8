// SPDX-License-Identifier: Apache-2.0
//
// simul/io/detail/socket.hpp: a descriptor with the operations on it, and how it is closed.
//
// With io_uring the system may still work on an operation when the stream is closed: it owns the
// buffer, and the descriptor must not be closed under it. So the descriptor lies in a record of its
// own, to which the stream and the operations refer.
//
//      tcp_stream ───▶ shared_socket ◀─── socket_operation (in the frame that waits)
//
//      close()    ends what is in flight; what the system does not let go of at once completes
//      later the last completion after close() closes the descriptor the last reference frees the
//      record
//
// Invariants
//   1. At most one operation waits for each direction. While the outgoing one is claimed, which
//      keeps the descriptor open as well, it is one of whoever claimed it.
//   2. An operation in flight is counted in `in_flight_` and waits in a frame, so whoever closes
//      does not have to: the frame outlives the completion.
//   3. A connection that was accepted and not taken is in the operation, which still counts as
//      waiting, or in `kept`; never in both, and never is there a second one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "simul/base/unique_fd.hpp"
#include "simul/coro/frame_allocator.hpp"
#include "simul/io/address.hpp"
#include "simul/io/detail/stream_result.hpp"
#include "simul/runtime/buffer_lease.hpp"
#include "simul/runtime/leaf.hpp"
#include "simul/runtime/operation.hpp"

namespace simul {

class accepted;

namespace detail {

class client_socket;
class outgoing_claim;
class socket_operation;

enum class direction : unsigned char { incoming, outgoing };

/// Whether what the loop knows of a descriptor is about this very socket, or may be left from
/// another that had its number.
enum class known_to_loop : bool { no, yes };

class shared_socket {
public:
    shared_socket(int owned, known_to_loop known) noexcept;
    shared_socket(const shared_socket&) = delete;
    shared_socket& operator=(const shared_socket&) = delete;

    // From the frame recycler: connections come and go as tasks do.
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        deallocate_frame(memory, size);
    }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    [[nodiscard]] bool has_operations() const noexcept { return in_flight_ != 0; }

    void close() noexcept;
    [[nodiscard]] bool has_input() const noexcept;

    /// shutdown(2) of the outgoing direction; a result as in stream_result.hpp.
    int shut_down() noexcept;

    socket_operation*& waiting(direction which) noexcept {
        return waiting_[static_cast<std::size_t>(which)];
    }
    void operation_began() noexcept { ++in_flight_; }
    void operation_ended() noexcept;

    /// Somebody writes in several steps, and others are kept out between them, too.
    [[nodiscard]] bool is_claimed() const noexcept { return is_claimed_; }
    void claim_began() noexcept;
    void claim_ended() noexcept;

    void refer() noexcept { ++references_; }
    void release() noexcept {
        if (--references_ == 0) delete this;
    }

    /// It is a connection over TCP, not a socket of another kind that was adopted.
    bool is_tcp = false;

    /// For listeners: accepted, but nobody was there any more to take it.
    unique_fd kept;
    endpoint kept_peer;

private:
    ~shared_socket();
    void close_descriptor() noexcept;
    void drop_kept() noexcept;

    std::array<socket_operation*, 2> waiting_{};
    std::size_t in_flight_ = 0;
    std::size_t references_ = 0;
    int descriptor_;
    bool is_simulated_ = false;
    bool is_closed_ = false;
    bool is_claimed_ = false;
};

/// Refers to a shared_socket, or to none.
class socket_reference {
public:
    socket_reference() noexcept = default;
    explicit socket_reference(shared_socket* to) noexcept : to_{to} {
        if (to_ != nullptr) to_->refer();
    }
    socket_reference(socket_reference&& other) noexcept : to_{std::exchange(other.to_, nullptr)} {}
    socket_reference& operator=(socket_reference&& other) noexcept {
        std::swap(to_, other.to_);
        return *this;
    }
    ~socket_reference() {
        if (to_ != nullptr) to_->release();
    }

    [[nodiscard]] shared_socket* get() const noexcept { return to_; }
    shared_socket* operator->() const noexcept { return to_; }
    explicit operator bool() const noexcept { return to_ != nullptr; }

private:
    shared_socket* to_ = nullptr;
};

/// The owner's reference: closes when it is destroyed or assigned to. Empty means closed.
class socket_owner {
public:
    socket_owner() noexcept = default;
    explicit socket_owner(unique_fd owned, known_to_loop known = known_to_loop::no);
    socket_owner(socket_owner&& other) noexcept : socket_{std::move(other.socket_)} {}
    socket_owner& operator=(socket_owner&& other) noexcept;
    ~socket_owner();

    [[nodiscard]] shared_socket* get() const noexcept { return socket_.get(); }
    void close() noexcept {
        if (socket_) socket_->close();
    }

    /// The open descriptor; throws closed.
    [[nodiscard]] int descriptor() const;

private:
    void expect_nobody_waits() const noexcept;

    socket_reference socket_;
};

/// The leaf of all operations on a shared_socket.
class socket_operation : public leaf, public operation {
public:
    socket_operation(shared_socket* on, direction which, opcode what, void* data,
                     std::size_t length) noexcept
        : leaf{kind},
          operation{what, on != nullptr ? on->descriptor() : -1, data, length, &finished},
          socket_{on},
          direction_{which} {
        result = stream_closed;
    }

    started start(waiter& self) noexcept;

protected:
    /// From now on it is one step of whoever has claimed the outgoing direction.
    void use_claim() noexcept { has_claim_ = true; }

    [[nodiscard]] shared_socket& socket() const noexcept { return *socket_.get(); }

    /// Lets the next one wait. Does nothing the second time.
    void stop_waiting() noexcept {
        if (socket_ && socket_->waiting(direction_) == this) socket_->waiting(direction_) = nullptr;
    }

private:
    static void finished(operation& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a socket"};
    [[nodiscard]] bool settle_before_submit() noexcept;
    [[nodiscard]] bool is_kept_out() const noexcept;
    void settle_result() noexcept;

    socket_reference socket_;
    direction direction_;
    bool asked_to_end_ = false;
    bool has_claim_ = false;
};

class socket_transfer : public socket_operation {
public:
    socket_transfer(shared_socket* on, direction which, opcode what, void* data,
                    std::size_t length) noexcept
        : socket_operation{on, which, what, data, length} {
        if (on != nullptr && on->is_tcp && what == opcode::receive) flags = short_means_empty;
    }
    [[nodiscard]] std::size_t take() const { return take_stream_result(result); }
};

/// Receives into a buffer that the backend provides.
class socket_lease : public socket_operation {
public:
    explicit socket_lease(shared_socket* on) noexcept;
    ~socket_lease();
    [[nodiscard]] buffer_lease take();
};

/// Waits until a receive would not wait.
class socket_readiness : public socket_operation {
public:
    explicit socket_readiness(shared_socket* on) noexcept;
    void take() const { static_cast<void>(take_stream_result(result)); }
};

class socket_shutdown {
public:
    explicit socket_shutdown(shared_socket* on) noexcept : socket_{on} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        if (socket_ != nullptr) result_ = socket_->shut_down();
        return started::done;
    }
    void take() const { static_cast<void>(take_stream_result(result_)); }

private:
    shared_socket* socket_;
    int result_ = stream_closed;
};

class socket_accept : public socket_operation {
public:
    explicit socket_accept(shared_socket* on) noexcept
        : socket_operation{on, direction::incoming, opcode::accept, nullptr, 0} {}
    ~socket_accept() { static_cast<void>(give_back()); }

    started start(waiter& self) noexcept;
    accepted take();
    bool give_back() noexcept;

private:
    [[nodiscard]] endpoint peer() const noexcept;

    // A sockaddr_storage, which the system fills in; `operation::flags` is its length.
    alignas(8) std::array<std::byte, 128> address_;
};

}  // namespace detail

}  // namespace simul
