// SPDX-License-Identifier: Apache-2.0
//
// io/file_operation.hpp: calls of files that the loop's backend makes, without a thread of ours.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "io/file_calls.hpp"
#include "io/file_state.hpp"
#include "simul/coro/task.hpp"
#include "simul/runtime/leaf.hpp"
#include "simul/runtime/operation.hpp"

namespace simul::detail {

/// True when the backend is to make calls of this kind. Otherwise a thread does: where the backend
/// cannot, and when a test has put other system calls in place.
bool is_made_by_backend(opcode what) noexcept;

/// True when it is to make them on this file. Those on devices, which may never end, a thread does.
bool is_made_by_backend(opcode what, const file_state& of) noexcept;

/// What a call does about a request to end.
enum class on_request : unsigned char {
    ends,       ///< is asked to end, and does so if nothing of it has happened
    completes,  ///< not once it has begun
    continues,  ///< not at all: it is the rest of a call of which something has happened
};

/// A leaf that waits for one call. Its result is a count, or a negated errno.
class file_operation : public leaf, public positioned_operation {
public:
    file_operation(opcode what, int fd, void* data, std::size_t length, std::uint64_t where,
                   on_request rule) noexcept
        : leaf{kind}, positioned_operation{what, fd, data, length, where, &finished}, rule_{rule} {}

    started start(waiter& self) noexcept;
    [[nodiscard]] int take() const noexcept { return result; }

private:
    static void finished(operation& self) noexcept;
    static void interrupt(cancellable& self) noexcept;
    static constexpr wait_kind kind{&interrupt, "a file"};

    on_request rule_;
    bool asked_to_end_ = false;
};

/// Waits for an open, and closes what nobody has taken.
class open_operation : public file_operation {
public:
    open_operation(const char* path, std::size_t length, int how, unsigned permissions) noexcept
        : file_operation{opcode::open, -1,          const_cast<char*>(path),
                         length,       permissions, on_request::ends} {
        flags = static_cast<std::uint32_t>(how);
    }
    ~open_operation();
    [[nodiscard]] int take() noexcept { return std::exchange(result, -ECANCELED); }
};

/// To be awaited for a descriptor, or a negated errno.
class [[nodiscard("co_await it")]] open_call {
public:
    open_call(const std::filesystem::path& path, int flags, unsigned permissions) noexcept
        : path_{path}, flags_{flags}, permissions_{permissions} {}
    auto operator co_await() const noexcept {
        return open_operation{path_.c_str(), path_.native().size() + 1, flags_, permissions_};
    }

private:
    const std::filesystem::path& path_;
    int flags_;
    unsigned permissions_;
};

/// open_path by the backend; the path must stay as it is.
task<opened_path> open_by_backend(const std::filesystem::path& path, open_mode mode,
                                  open_options options);

/// To be awaited for its result.
class [[nodiscard("co_await it")]] file_call {
public:
    file_call(opcode what, int fd, void* data, std::size_t length, std::uint64_t where,
              on_request rule) noexcept
        : what_{what}, rule_{rule}, descriptor_{fd}, data_{data}, size_{length}, offset_{where} {}
    auto operator co_await() const noexcept {
        return file_operation{what_, descriptor_, data_, size_, offset_, rule_};
    }

private:
    opcode what_;
    on_request rule_;
    int descriptor_;
    void* data_;
    std::size_t size_;
    std::uint64_t offset_;
};

}  // namespace simul::detail
