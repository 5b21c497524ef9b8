// SPDX-License-Identifier: Apache-2.0
//
// simul/coro/detail/generator_frame.hpp: the chain of frames behind a generator.
//
// A generator that delegates to another waits for it, and so on: the frames form a chain.
//
//     root ◄──parent── frame ◄──parent── frame ◄──parent── innermost
//      └────────────────────innermost──────────────────────────▲
//
// Invariants
//   1. Only the root is resumed from outside, and it resumes the innermost frame directly, so an
//      item costs one resume at any depth. `innermost_` of any other frame is the frame itself.
//   2. Every frame but the root is owned by its parent: await_resume of the delegation destroys
//      it once it has finished, destroy() of the root when it has not. Awaiters own nothing.
//   3. Frames are resumed by the loop in resume() and never by each other: a frame that starts or
//      ends a delegation changes `innermost_` and returns to the loop. Likewise destroy() is a
//      loop. The stack stays flat, with a depth of 100,000 and without optimisation.
//   4. `exception_` of a suspended frame is raised where the frame is paused; that of a finished
//      frame has left its body and is on its way to the parent or to the caller.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <utility>

#include "simul/base/assert.hpp"
#include "simul/coro/frame_allocator.hpp"

namespace simul::detail {

/// What every generator's promise has, whatever it yields.
class generator_frame {
public:
    generator_frame() noexcept = default;
    generator_frame(const generator_frame&) = delete;
    generator_frame& operator=(const generator_frame&) = delete;

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        deallocate_frame(memory, size);
    }

    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }

    /// A generator runs inside its caller and cannot wait: use async_generator for that.
    template <class Awaitable>
    void await_transform(Awaitable&&) = delete;

    // For the owner of the root.

    bool started() const noexcept { return started_; }
    bool running() const noexcept { return running_; }
    bool finished() const noexcept { return self_.done(); }

    /// The item of the latest resume, or nullptr when that finished the root.
    const void* item() const noexcept { return innermost_->item_; }

    /// Runs the chain to its next item. `sent` goes to the innermost frame, which reads it before
    /// this returns. Rethrows what leaves the root.
    const void* resume(void* sent = nullptr) {
        SIMUL_ASSERT(!running_, "a generator was resumed by its own body");
        running_ = true;
        started_ = true;
        while (step(std::exchange(sent, nullptr))) continue;
        running_ = false;
        if (finished()) rethrow();
        return item();
    }

    /// Like resume(), with `exception` raised where the innermost frame is paused.
    const void* resume_with(std::exception_ptr exception) {
        innermost_->exception_ = std::move(exception);
        return resume();
    }

    /// Destroys the chain, innermost frame first.
    void destroy() noexcept {
        SIMUL_ASSERT(!running_, "a generator was destroyed by its own body");
        generator_frame* frame = innermost_;
        while (frame != this) std::exchange(frame, frame->parent_)->self_.destroy();
        self_.destroy();
    }

    // For awaiters in this frame.

    void yield(const void* item) noexcept { item_ = item; }

    void* sent() const noexcept { return sent_; }

    /// Makes `child`, the root of a paused chain, and that whole chain the inner end of this one.
    void delegate_to(generator_frame& child) noexcept {
        child.parent_ = this;
        root_->innermost_ = std::exchange(child.innermost_, &child);
    }

    void rethrow() {
        if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
    }

protected:
    void set_self(std::coroutine_handle<> self) noexcept { self_ = self; }

private:
    /// Resumes the innermost frame once. Returns whether the chain has to go on: it has neither
    /// yielded nor finished.
    bool step(void* sent) {
        generator_frame& frame = *innermost_;
        frame.root_ = this;
        frame.item_ = nullptr;
        frame.sent_ = sent;
        frame.self_.resume();
        if (!frame.finished()) return frame.item_ == nullptr;
        if (&frame == this) return false;
        innermost_ = frame.parent_;
        innermost_->exception_ = std::move(frame.exception_);
        return true;
    }

    std::coroutine_handle<> self_;
    generator_frame* parent_ = nullptr;
    generator_frame* innermost_ = this;
    generator_frame* root_ = this;  // written before every resume: a chain can become part of one
    const void* item_ = nullptr;
    void* sent_ = nullptr;  // points into the caller of send()
    std::exception_ptr exception_;
    bool started_ = false;
    bool running_ = false;
};

}  // namespace simul::detail
