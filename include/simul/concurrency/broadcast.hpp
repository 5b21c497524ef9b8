// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/broadcast.hpp: every item to every reader.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "simul/base/error.hpp"
#include "simul/base/ring_buffer.hpp"
#include "simul/concurrency/parking_lot.hpp"

namespace simul {

template <std::copy_constructible Item>
class broadcast;

/// What becomes of an item that is sent while the slowest reader is a whole capacity behind.
enum class when_full : unsigned char {
    wait,         ///< the sender waits for the reader
    drop_oldest,  ///< the reader misses the oldest item, and can count what he has missed
};

namespace detail {

template <class Item>
class broadcast_send : public leaf, public parked {
public:
    broadcast_send(broadcast<Item>& target, Item&& item) noexcept
        : leaf{kind}, parked{&woken}, target_{target}, item_{std::move(item)} {}

    started start(waiter& self) noexcept {
        if (self.scope->is_cancelled()) return started::stopped;
        is_closed_ = target_.is_closed();
        if (is_closed_) return started::done;
        if (target_.has_room()) {
            target_.append(std::move(item_));
            return started::done;
        }
        static_cast<void>(begin(self));  // the scope was asked above
        target_.senders_.park(*this);
        return started::pending;
    }
    void take() const {
        if (is_closed_) throw closed{};
    }

private:
    friend class simul::broadcast<Item>;
    static void woken(parked& self) noexcept {
        static_cast<broadcast_send&>(self).finish(notice::queue);
    }
    static void interrupt(cancellable& self) noexcept {
        auto& waiting = static_cast<broadcast_send&>(self);
        waiting.target_.senders_.leave_if_parked(waiting);
        waiting.finish(notice::stopped);
    }

    static constexpr wait_kind kind{&interrupt, "the readers of a broadcast"};

    broadcast<Item>& target_;
    Item item_;
    bool is_closed_ = false;
};

}  // namespace detail

/// What broadcast::send returns.
template <class Item>
class [[nodiscard("co_await it")]] broadcast_send_awaitable {
public:
    broadcast_send_awaitable(broadcast<Item>& target, Item&& item) noexcept
        : target_{target}, item_{std::move(item)} {}
    auto operator co_await() && noexcept {
        return detail::broadcast_send<Item>{target_, std::move(item_)};
    }

private:
    broadcast<Item>& target_;
    Item item_;
};

/// Hears a broadcast from its subscription on. Move-only; destroying it ends the subscription.
///
/// Threads       the loop's thread.
/// Lifetime      the broadcast must outlive it.
template <class Item>
class broadcast_reader {
    class next_operation : public detail::parked_leaf {
    public:
        explicit next_operation(broadcast_reader& reader) noexcept
            : parked_leaf{reader.source_->readers_waiting_, kind}, reader_{reader} {}

        started start(waiter& self) noexcept {
            if (self.scope->is_cancelled()) return started::stopped;
            return reader_.has_next() ? started::done : this->park(self);
        }
        std::optional<Item> take() { return reader_.take_next(); }
        static bool give_back() noexcept { return true; }  // it is still the next one

    private:
        static constexpr wait_kind kind{&parked_leaf::interrupt, "a broadcast"};

        broadcast_reader& reader_;
    };

    class [[nodiscard("co_await it")]] next_awaitable {
    public:
        explicit next_awaitable(broadcast_reader& reader) noexcept : reader_{reader} {}
        auto operator co_await() const noexcept { return next_operation{reader_}; }

    private:
        broadcast_reader& reader_;
    };

public:
    broadcast_reader(broadcast_reader&& other) noexcept
        : source_{std::exchange(other.source_, nullptr)},
          position_{other.position_},
          missed_{other.missed_} {}
    broadcast_reader& operator=(broadcast_reader&&) = delete;
    ~broadcast_reader() {
        if (source_ != nullptr) source_->unsubscribe(position_);
    }

    /// Receives the next item that this reader has not had.
    ///
    ///     while (std::optional<event> each = co_await news.next()) react_to(*each);
    ///
    /// Returns       std::optional<Item>, a copy (for the last reader the item itself); empty once
    ///               the broadcast is closed and all was heard.
    /// Errors        what copying throws; the item is then still the next.
    /// Suspends      while there is none.
    /// Cancellation  clean. An item that came while the request was on its way is still the next.
    /// Threads       the loop's thread.
    /// Lifetime      reader and broadcast must outlive the call; one call at a time.
    /// Complexity    O(1); allocates nothing besides the copy.
    [[nodiscard]] auto next() noexcept { return next_awaitable{*this}; }

    /// How many items were dropped before this reader had them.
    [[nodiscard]] std::uint64_t missed() const noexcept {
        return missed_ + source_->dropped_since(position_);
    }

private:
    friend class broadcast<Item>;
    broadcast_reader(broadcast<Item>& source, std::uint64_t position) noexcept
        : source_{&source}, position_{position} {}

    [[nodiscard]] bool has_next() const noexcept {
        return source_->end() != position_ || source_->is_closed();
    }

    std::optional<Item> take_next() {
        const std::uint64_t dropped = source_->dropped_since(position_);
        missed_ += dropped;
        position_ += dropped;
        if (source_->end() == position_) return std::nullopt;
        std::optional<Item> taken = source_->take(position_);
        ++position_;
        return taken;
    }

    broadcast<Item>* source_;
    std::uint64_t position_;
    std::uint64_t missed_ = 0;
};

/// What a broadcast tells of itself.
struct broadcast_statistics {
    broadcast_statistics() noexcept = default;

    std::size_t size = 0;  ///< items that not all readers have had
    std::size_t readers = 0;
    std::size_t waiting_senders = 0;
    std::size_t waiting_readers = 0;
    bool is_closed = false;
};

/// Gives every item to every reader, each at his own pace, with room for so many items that not all
/// have had.
///
///     broadcast<std::string> news{16};
///     auto reader = news.subscribe();          // in as many tasks as there are
///     co_await news.send("it works");
///
/// An item that is sent while nobody has subscribed is gone.
///
/// Threads       the loop's thread.
/// Lifetime      readers must be gone, and nobody may wait to send, when it is destroyed.
/// Source        tokio::sync::broadcast, which only drops.
template <std::copy_constructible Item>
class broadcast {
public:
    /// Makes a broadcast with room for `capacity` items, at least one.
    ///
    /// Errors        std::bad_alloc: the room is made here.
    explicit broadcast(std::size_t capacity, when_full policy = when_full::wait)
        : capacity_{capacity}, policy_{policy} {
        SIMUL_ASSERT(capacity != 0, "a broadcast needs room for at least one item");
        items_.reserve(capacity);
    }
    broadcast(const broadcast&) = delete;
    broadcast& operator=(const broadcast&) = delete;
    ~broadcast() { SIMUL_ASSERT(readers_ == 0, "a broadcast was destroyed before its readers"); }

    /// A reader who hears what is sent from now on.
    [[nodiscard]] broadcast_reader<Item> subscribe() noexcept {
        ++readers_;
        return broadcast_reader<Item>{*this, end()};
    }

    /// Sends an item to all who have subscribed.
    ///
    /// Errors        closed. The item is destroyed then.
    /// Suspends      while the slowest reader is a whole capacity behind; never if the oldest item
    ///               is dropped instead.
    /// Cancellation  clean. After the request nothing is sent. An item that was sent before stays,
    ///               and the task is stopped at its next await.
    /// Threads       the loop's thread.
    /// Lifetime      the broadcast must outlive the call.
    /// Complexity    O(waiting readers); allocates nothing.
    [[nodiscard]] auto send(Item item) noexcept {
        return broadcast_send_awaitable<Item>{*this, std::move(item)};
    }

    /// Sends an item if there is room.
    ///
    /// Returns       false if there is none or the broadcast is closed; `item` is untouched then.
    [[nodiscard]] bool try_send(Item&& item) noexcept {
        if (is_closed_ || !has_room()) return false;
        append(std::move(item));
        return true;
    }

    /// Sends no more: readers get what is left, then the end; waiting senders get closed.
    void close() noexcept {
        is_closed_ = true;
        while (auto* sender = detail::first_live<detail::broadcast_send<Item>>(senders_)) {
            sender->is_closed_ = true;
            senders_.wake(*sender);
        }
        readers_waiting_.wake_all();
    }

    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

    /// Items that not all readers have had, and how many readers there are.
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    [[nodiscard]] std::size_t readers() const noexcept { return readers_; }

    /// Tasks that wait to send, and for an item.
    [[nodiscard]] std::size_t waiting_senders() const noexcept { return senders_.size(); }
    [[nodiscard]] std::size_t waiting_readers() const noexcept { return readers_waiting_.size(); }

    /// All of it at once, for reports.
    [[nodiscard]] broadcast_statistics statistics() const noexcept {
        broadcast_statistics answer;
        answer.size = size();
        answer.readers = readers_;
        answer.waiting_senders = waiting_senders();
        answer.waiting_readers = waiting_readers();
        answer.is_closed = is_closed_;
        return answer;
    }

private:
    friend class broadcast_reader<Item>;
    friend class detail::broadcast_send<Item>;

    struct entry {
        Item item;
        std::size_t left;  // readers who have not had it
    };

    // Items are numbered from the beginning of time: those inside from first_ to end().
    [[nodiscard]] std::uint64_t end() const noexcept { return first_ + items_.size(); }
    [[nodiscard]] std::uint64_t dropped_since(std::uint64_t position) const noexcept {
        return position < first_ ? first_ - position : 0;
    }

    [[nodiscard]] bool has_room() noexcept {
        if (policy_ == when_full::drop_oldest || readers_ == 0) return true;
        return items_.size() < capacity_ && senders_.empty();
    }

    void append(Item&& item) noexcept {
        if (readers_ == 0) return;
        if (items_.size() == capacity_) drop_first();
        items_.push_back(entry{std::move(item), readers_});
        readers_waiting_.wake_all();
    }

    std::optional<Item> take(std::uint64_t position) {
        entry& wanted = items_[static_cast<std::size_t>(position - first_)];
        std::optional<Item> taken;
        if (wanted.left == 1) {
            taken.emplace(std::move(wanted.item));
        } else {
            taken.emplace(wanted.item);
        }
        had(wanted);
        return taken;
    }

    void unsubscribe(std::uint64_t position) noexcept {
        --readers_;
        for (position += dropped_since(position); position < end(); ++position) {
            --items_[static_cast<std::size_t>(position - first_)].left;
        }
        trim();
    }

    void had(entry& heard) noexcept {
        --heard.left;
        trim();
    }

    // What everybody has had goes, and senders who wait get the room.
    void trim() noexcept {
        while (!items_.empty() && items_.front().left == 0) drop_first();
        while (items_.size() < capacity_ || readers_ == 0) {
            auto* const sender = detail::first_live<detail::broadcast_send<Item>>(senders_);
            if (sender == nullptr) return;
            append(std::move(sender->item_));
            senders_.wake(*sender);
        }
    }

    void drop_first() noexcept {
        static_cast<void>(items_.pop_front());
        ++first_;
    }

    std::size_t capacity_;
    when_full policy_;
    ring_buffer<entry> items_;
    std::uint64_t first_ = 0;
    std::size_t readers_ = 0;
    bool is_closed_ = false;
    parking_lot senders_;
    parking_lot readers_waiting_;
};

}  // namespace simul
