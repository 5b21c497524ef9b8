// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/channel.hpp: a queue whose two sides have owners.
//
// A queue is one object that both sides refer to, and somebody has to close it. A channel lives as
// long as one of its ends, and its sides notice when nobody is left on the other.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "simul/concurrency/queue.hpp"

namespace simul {

/// A channel for which senders never wait.
inline constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

/// What a channel has seen and holds.
struct channel_statistics {
    channel_statistics() noexcept = default;

    std::size_t buffered = 0;
    std::size_t peak_buffered = 0;
    std::size_t capacity = 0;
    std::size_t senders = 0;
    std::size_t receivers = 0;
    std::size_t waiting_to_send = 0;
    std::size_t waiting_to_receive = 0;
};

namespace detail {

template <class Item>
struct channel_state {
    explicit channel_state(std::size_t capacity) noexcept : items{capacity} {}

    [[nodiscard]] channel_statistics statistics() const noexcept {
        channel_statistics answer;
        answer.buffered = items.size();
        answer.peak_buffered = items.peak_size();
        answer.capacity = items.capacity();
        answer.senders = senders;
        answer.receivers = receivers;
        answer.waiting_to_send = items.waiting_producers();
        answer.waiting_to_receive = items.waiting_consumers();
        return answer;
    }

    queue<Item> items;
    std::size_t senders = 0;
    std::size_t receivers = 0;
};

/// One end: counts itself in the state, and ends the queue when it is the last of its side.
template <class Item, std::size_t channel_state<Item>::* Count, void (queue<Item>::*End)() noexcept>
class channel_end {
public:
    explicit channel_end(std::shared_ptr<channel_state<Item>> state) noexcept
        : state_{std::move(state)} {
        ++(*state_.*Count);
    }
    channel_end(channel_end&& other) noexcept = default;
    channel_end& operator=(channel_end&& other) noexcept {
        if (this == &other) return *this;
        close();
        state_ = std::move(other.state_);
        return *this;
    }
    ~channel_end() { close(); }

    /// Leaves the channel, as the destruction of this end does. When the last sender has gone,
    /// receivers get what is left and then the end; when the last receiver has gone, what is left
    /// is thrown away and senders get closed. A second call does nothing.
    void close() noexcept {
        const auto left = std::exchange(state_, nullptr);
        if (left != nullptr && --(*left.*Count) == 0) (left->items.*End)();
    }

    /// False once it was closed or moved from: nothing may be asked of it then; checked.
    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

    /// What the channel has seen and holds.
    [[nodiscard]] channel_statistics statistics() const noexcept { return shared()->statistics(); }

protected:
    [[nodiscard]] const std::shared_ptr<channel_state<Item>>& shared() const noexcept {
        SIMUL_ASSERT(state_ != nullptr, "an end of a channel was used after it was closed");
        return state_;
    }
    [[nodiscard]] queue<Item>& items() const noexcept { return shared()->items; }

private:
    std::shared_ptr<channel_state<Item>> state_;
};

template <class Item>
using sending_end = channel_end<Item, &channel_state<Item>::senders, &queue<Item>::close>;
template <class Item>
using receiving_end = channel_end<Item, &channel_state<Item>::receivers, &queue<Item>::close_now>;

}  // namespace detail

/// The side of a channel that puts items in. Move-only; clone() makes another.
///
/// Threads       the loop's thread.
/// Lifetime      must outlive what it awaits.
template <class Item>
class sender : public detail::sending_end<Item> {
public:
    using detail::sending_end<Item>::sending_end;  // for make_channel and clone

    /// Sends an item.
    ///
    /// Errors        closed, once no receiver is left; std::bad_alloc. The item is destroyed then.
    /// Suspends      while the channel is full; without capacity until somebody receives it.
    /// Cancellation  clean. After the request nothing is sent. An item that was sent before stays,
    ///               and the task is stopped at its next await.
    /// Threads       the loop's thread.
    /// Lifetime      this end must outlive the call.
    /// Complexity    O(1); allocates only when the channel grows.
    [[nodiscard]] auto send(Item item) noexcept { return this->items().put(std::move(item)); }

    /// Sends an item if there is room or somebody waits for it.
    ///
    /// Returns       false if not, or if no receiver is left; `item` is untouched then.
    [[nodiscard]] bool try_send(Item&& item) { return this->items().try_put(std::move(item)); }

    /// Another sender of the same channel.
    [[nodiscard]] sender clone() const noexcept { return sender{this->shared()}; }
};

/// The side of a channel that takes items out. Move-only; clone() makes another, and each item goes
/// to one of them.
///
/// Threads       the loop's thread.
/// Lifetime      must outlive what it awaits.
template <class Item>
class receiver : public detail::receiving_end<Item> {
public:
    using detail::receiving_end<Item>::receiving_end;  // for make_channel and clone

    /// Receives the oldest item.
    ///
    /// Returns       Item, moved out.
    /// Errors        closed, once no sender and no item is left.
    /// Suspends      while nothing is there.
    /// Cancellation  clean. An item that was handed over while the request was on its way goes to
    ///               the next receiver, or back to the front.
    /// Threads       the loop's thread.
    /// Lifetime      this end must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] auto receive() noexcept { return this->items().get(); }

    /// Receives the oldest item, and says at the end that there is none:
    ///
    ///     while (std::optional<line> each = co_await lines.next()) print(*each);
    ///
    /// Returns       std::optional<Item>; empty once no sender and no item is left.
    /// Errors        none.
    /// Suspends      while nothing is there.
    /// Cancellation  clean, as for receive.
    /// Threads       the loop's thread.
    /// Lifetime      this end must outlive the call.
    /// Complexity    O(1); allocates nothing.
    [[nodiscard]] auto next() noexcept { return this->items().next(); }

    /// Takes the oldest item if there is one.
    [[nodiscard]] std::optional<Item> try_receive() noexcept { return this->items().try_get(); }

    /// Another receiver of the same channel.
    [[nodiscard]] receiver clone() const noexcept { return receiver{this->shared()}; }
};

/// Makes a channel and gives its two ends.
///
///     auto [send, receive] = make_channel<std::string>(16);
///
/// With a capacity of zero, the default, a sender waits until somebody has taken the item; with
/// `unbounded` it never waits.
///
/// Returns       std::pair<sender<Item>, receiver<Item>>.
/// Errors        std::bad_alloc.
/// Source        trio.open_memory_channel; Go's channels.
template <class Item>
[[nodiscard]] auto make_channel(std::size_t capacity = 0) {
    auto state = std::make_shared<detail::channel_state<Item>>(capacity);
    return std::pair<sender<Item>, receiver<Item>>{sender<Item>{state}, receiver<Item>{state}};
}

}  // namespace simul
