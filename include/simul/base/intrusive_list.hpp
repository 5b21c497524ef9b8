// SPDX-License-Identifier: Apache-2.0
//
// simul/base/intrusive_list.hpp: lists whose links lie in the elements.
//
// Waiters, timers and ready tasks are linked through members of their own, so that waiting never
// allocates and leaving a list is O(1). Two shapes: intrusive_list is doubly linked and lets an
// element leave without knowing its list; intrusive_queue is singly linked, first in first out.
#pragma once

#include <cstddef>

#include "simul/base/assert.hpp"

namespace simul {

/// A link in an intrusive_list. Derive from list_hook<your type>, or from several with tag types of
/// your own when an object is in several lists at once.
///
/// Lifetime      the object must have left its list before it is destroyed; checked.
template <class Tag>
class list_hook {
public:
    list_hook() noexcept {}
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;
    ~list_hook() { SIMUL_ASSERT(!linked(), "an object was destroyed while it was in a list"); }

    /// True while the object is in a list.
    [[nodiscard]] bool linked() const noexcept { return next_ != nullptr; }

    /// Leaves the list it is in; does nothing when it is in none.
    ///
    /// Complexity    O(1).
    void unlink() noexcept {
        if (next_ == nullptr) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = nullptr;
    }

private:
    template <class, class>
    friend class intrusive_list;

    list_hook* next_ = nullptr;  // of one that is in no list
    list_hook* previous_;        // means something in a list only
};

/// A doubly linked list of elements that derive from list_hook<Tag>. It owns nothing.
///
/// Threads       none of its own: one thread at a time.
/// Lifetime      the list must be empty when it is destroyed; checked.
template <class Element, class Tag = Element>
class intrusive_list {
    using hook = list_hook<Tag>;

public:
    intrusive_list() noexcept { head_.next_ = head_.previous_ = &head_; }
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;
    ~intrusive_list() {
        SIMUL_ASSERT(empty(), "a list was destroyed while it had elements");
        head_.next_ = nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }

    /// First and last element. The list must not be empty.
    [[nodiscard]] Element& front() noexcept { return *static_cast<Element*>(head_.next_); }
    [[nodiscard]] Element& back() noexcept { return *static_cast<Element*>(head_.previous_); }

    void push_back(Element& element) noexcept { insert(*head_.previous_, element); }
    void push_front(Element& element) noexcept { insert(head_, element); }

    /// Puts `element` in front of those at the end of which is_before(element, each) is true. A
    /// list that is filled so is sorted, and equal ones lie in the order in which they came.
    ///
    /// Complexity    O(elements that it comes before).
    template <class IsBefore>
    void insert_sorted(Element& element, IsBefore is_before) noexcept {
        hook* position = head_.previous_;
        while (position != &head_ && is_before(element, *static_cast<Element*>(position))) {
            position = position->previous_;
        }
        insert(*position, element);
    }

    /// Removes and returns the first element, or returns nullptr when there is none.
    Element* pop_front() noexcept {
        if (empty()) return nullptr;
        Element& first = front();
        static_cast<hook&>(first).unlink();
        return &first;
    }

    /// The element after `element`, or nullptr at the end.
    [[nodiscard]] Element* next(Element& element) noexcept {
        hook* following = static_cast<hook&>(element).next_;
        return following == &head_ ? nullptr : static_cast<Element*>(following);
    }

    /// Moves every element of `other` behind the elements of this list.
    ///
    /// Complexity    O(1).
    void splice_back(intrusive_list& other) noexcept {
        if (other.empty()) return;
        hook* first = other.head_.next_;
        hook* last = other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
        first->previous_ = head_.previous_;
        head_.previous_->next_ = first;
        last->next_ = &head_;
        head_.previous_ = last;
    }

private:
    // The two stores to the element lie apart, or compilers make one of 16 bytes of them: should
    // that lie across a border of pages, it takes some 15 ns.
    static void insert(hook& position, hook& element) noexcept {
        SIMUL_DEBUG_ASSERT(!element.linked(), "an object was put into two lists");
        hook* const following = position.next_;
        element.next_ = following;
        following->previous_ = &element;
        element.previous_ = &position;
        position.next_ = &element;
    }

    hook head_;
};

/// A singly linked queue of elements with a member `Element* next`. It owns nothing, and an
/// element cannot leave from the middle: half the links, for queues that only drain.
///
/// Threads       none of its own: one thread at a time.
template <class Element, Element* Element::* Next>
class intrusive_queue {
public:
    intrusive_queue() noexcept = default;
    intrusive_queue(const intrusive_queue&) = delete;
    intrusive_queue& operator=(const intrusive_queue&) = delete;

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

    void push_back(Element& element) noexcept {
        element.*Next = nullptr;
        *last_ = &element;
        last_ = &(element.*Next);
    }

    /// The last element, or nullptr when there is none.
    [[nodiscard]] Element* back() const noexcept {
        if (empty()) return nullptr;
        // What is known of it is where its link lies: as deep in it as in the first one.
        const auto depth =
            reinterpret_cast<std::byte*>(&(first_->*Next)) - reinterpret_cast<std::byte*>(first_);
        return reinterpret_cast<Element*>(reinterpret_cast<std::byte*>(last_) - depth);
    }

    /// Removes and returns the first element, or returns nullptr when there is none.
    Element* pop_front() noexcept {
        Element* element = first_;
        if (element == nullptr) return nullptr;
        first_ = element->*Next;
        if (first_ == nullptr) last_ = &first_;
        element->*Next = nullptr;
        return element;
    }

    /// Takes all of them out at once.
    ///
    /// Returns       the first, from which their links lead to the others; nullptr when there is
    ///               none.
    /// Complexity    O(1).
    Element* take_all() noexcept {
        Element* const first = first_;
        first_ = nullptr;
        last_ = &first_;
        return first;
    }

    /// Takes every element of `other`, behind those already here.
    ///
    /// Complexity    O(1).
    void splice_back(intrusive_queue& other) noexcept {
        if (other.empty()) return;
        *last_ = other.first_;
        last_ = other.last_;
        other.first_ = nullptr;
        other.last_ = &other.first_;
    }

private:
    Element* first_ = nullptr;
    Element** last_ = &first_;
};

}  // namespace simul
