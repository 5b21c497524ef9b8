// SPDX-License-Identifier: Apache-2.0
//
// Each call is made by the backend if that can (file_operation.hpp), and by a thread otherwise.
#include "simul/io/file.hpp"

#include <cerrno>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "io/file_calls.hpp"
#include "io/file_operation.hpp"
#include "io/file_state.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/runtime/blocking.hpp"

namespace simul {

namespace detail {

namespace {

using namespace file_claims;

opened_path open_on_thread(const std::filesystem::path& path, open_mode mode,
                           open_options options) {
    return open_path(path, mode, options);
}

// The current position, for a call of the backend. It is asked for and set anew, because io_uring
// does not move it for a write that came up short (seen on Linux 6.18). What has no position is
// read from where it is; and a file opened to append is written at its end and never read.
class kept_position {
public:
    explicit kept_position(const file_use& use) noexcept : descriptor_{use.descriptor()} {
        if (use.state().mode == open_mode::append) return;
        const ::off_t at = ::lseek(descriptor_, 0, SEEK_CUR);
        if (at >= 0) offset_ = static_cast<std::uint64_t>(at);
    }
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    void move_on(std::size_t count) noexcept {
        if (offset_ == positioned_operation::current_position) return;
        offset_ += count;
        ::lseek(descriptor_, static_cast<::off_t>(offset_), SEEK_SET);
    }

private:
    int descriptor_;
    std::uint64_t offset_ = positioned_operation::current_position;
};

std::size_t count_of(int result, const char* doing) {
    if (result < 0) throw_file_error(doing, -result);
    return static_cast<std::size_t>(result);
}

std::size_t count_written(int result, const char* doing) {
    if (result == 0) throw_file_error(doing, took_nothing);
    return count_of(result, doing);
}

file_call read_by_backend(const file_use& use, std::uint64_t offset, std::span<std::byte> buffer,
                          on_request rule) {
    return {opcode::read_at, use.descriptor(), buffer.data(), buffer.size(), offset, rule};
}

file_call write_by_backend(const file_use& use, std::uint64_t offset,
                           std::span<const std::byte> bytes, on_request rule) {
    auto* data = const_cast<std::byte*>(bytes.data());
    return {opcode::write_at, use.descriptor(), data, bytes.size(), offset, rule};
}

task<std::size_t> read_some_of(shared_state state, std::span<std::byte> buffer) {
    const file_use use{state, position};
    if (buffer.empty()) co_return 0;
    if (!is_made_by_backend(opcode::read_at, *state)) {
        co_return co_await offload(&read_once, use.descriptor(), buffer);
    }
    kept_position place{use};
    const int result = co_await read_by_backend(use, place.offset(), buffer, on_request::ends);
    const std::size_t count = count_of(result, "read");
    place.move_on(count);
    co_return count;
}

task<std::size_t> read_at_of(shared_state state, std::uint64_t offset,
                             std::span<std::byte> buffer) {
    const file_use use{state, nothing};
    if (buffer.empty()) co_return 0;
    if (!is_made_by_backend(opcode::read_at, *state)) {
        co_return co_await offload(&read_all_at, use.descriptor(), offset, buffer);
    }
    static_cast<void>(offset_of("read_at", offset));
    std::size_t total = 0;
    on_request rule = on_request::ends;
    while (total < buffer.size()) {
        const int result =
            co_await read_by_backend(use, offset + total, buffer.subspan(total), rule);
        if (result == 0) break;
        total += count_of(result, "read_at");
        rule = on_request::continues;
    }
    co_return total;
}

task<std::size_t> write_some_of(shared_state state, std::span<const std::byte> bytes) {
    const file_use use{state, position | content};
    if (bytes.empty()) co_return 0;
    if (!is_made_by_backend(opcode::write_at, *state)) {
        co_return co_await offload(&write_once, use.descriptor(), bytes);
    }
    kept_position place{use};
    const int result = co_await write_by_backend(use, place.offset(), bytes, on_request::ends);
    const std::size_t count = count_written(result, "write");
    place.move_on(count);
    co_return count;
}

task<> write_all_of(shared_state state, std::span<const std::byte> bytes) {
    const file_use use{state, position | content};
    if (bytes.empty()) co_return;
    if (!is_made_by_backend(opcode::write_at, *state)) {
        co_await offload(&write_everything, use.descriptor(), bytes);
        co_return;
    }
    kept_position place{use};
    on_request rule = on_request::ends;
    while (!bytes.empty()) {
        const int result = co_await write_by_backend(use, place.offset(), bytes, rule);
        const std::size_t count = count_written(result, "write");
        place.move_on(count);
        bytes = bytes.subspan(count);
        rule = on_request::continues;
    }
}

task<> write_at_of(shared_state state, std::uint64_t offset, std::span<const std::byte> bytes) {
    const file_use use{state, content};
    if (use.state().mode == open_mode::append) {
        throw_file_error("write_at: the file was opened to append", EINVAL);
    }
    if (bytes.empty()) co_return;
    if (!is_made_by_backend(opcode::write_at, *state)) {
        co_await offload(&write_everything_at, use.descriptor(), offset, bytes);
        co_return;
    }
    static_cast<void>(offset_of("write_at", offset));
    on_request rule = on_request::ends;
    while (!bytes.empty()) {
        const int result = co_await write_by_backend(use, offset, bytes, rule);
        const std::size_t count = count_written(result, "write_at");
        bytes = bytes.subspan(count);
        offset += count;
        rule = on_request::continues;
    }
}

task<std::uint64_t> size_of_file(shared_state state) {
    const file_use use{state, nothing};
    if (!is_made_by_backend(opcode::status, *state)) {
        co_return co_await offload(&size_of, use.descriptor());
    }
    struct statx about{};
    const int result = co_await file_call{
        opcode::status, use.descriptor(), &about, sizeof about, 0, on_request::ends};
    if (result < 0) throw_file_error("size", -result);
    co_return about.stx_size;
}

task<> truncate_file(shared_state state, std::uint64_t length) {
    const file_use use{state, content};
    co_await offload(&change_size, use.descriptor(), length);
}

task<> sync_file(shared_state state) {
    const file_use use{state, nothing};
    if (!is_made_by_backend(opcode::synchronize, *state)) {
        co_await offload(&sync_data, use.descriptor());
        co_return;
    }
    const int result =
        co_await file_call{opcode::synchronize, use.descriptor(), nullptr, 0, 0, on_request::ends};
    if (result < 0) throw_file_error("sync", -result);
}

// The descriptor travels with the call: if that is withdrawn it is closed with the frame. Once the
// backend has it, it is the backend's to close, whatever comes of that.
task<> finish_file(shared_state state) {
    const file_use use{state, everything};
    state->is_closed = true;
    unique_fd last = std::move(state->descriptor);
    if (!is_made_by_backend(opcode::close, *state)) {
        co_await offload(&close_and_report, std::move(last));
        co_return;
    }
    const int result =
        co_await file_call{opcode::close, last.get(), nullptr, 0, 0, on_request::completes};
    static_cast<void>(last.release());
    if (result < 0) throw_file_error("close", -result);
}

}  // namespace

}  // namespace detail

file::file() noexcept = default;
file::file(std::shared_ptr<detail::file_state> state) noexcept : state_{std::move(state)} {}
file::file(file&& other) noexcept = default;

file& file::operator=(file&& other) noexcept {
    if (this != &other) {
        close();
        state_ = std::move(other.state_);
    }
    return *this;
}

file::~file() {
    close();
}

task<file> file::open(std::filesystem::path path, open_mode mode, open_options options) {
    if (detail::is_made_by_backend(opcode::open) && detail::is_made_by_backend(opcode::status)) {
        detail::opened_path opened = co_await detail::open_by_backend(path, mode, options);
        co_return file{std::make_shared<detail::file_state>(std::move(opened.descriptor), mode,
                                                            opened.is_regular)};
    }
    detail::opened_path opened =
        co_await offload(&detail::open_on_thread, std::move(path), mode, options);
    co_return file{std::make_shared<detail::file_state>(std::move(opened.descriptor), mode,
                                                        opened.is_regular)};
}

task<std::size_t> file::read_some(std::span<std::byte> buffer) {
    return detail::read_some_of(state_, buffer);
}

task<std::size_t> file::read_at(std::uint64_t offset, std::span<std::byte> buffer) {
    return detail::read_at_of(state_, offset, buffer);
}

task<std::size_t> file::write_some(std::span<const std::byte> bytes) {
    return detail::write_some_of(state_, bytes);
}

task<> file::write_all(std::span<const std::byte> bytes) {
    return detail::write_all_of(state_, bytes);
}

task<> file::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    return detail::write_at_of(state_, offset, bytes);
}

task<std::uint64_t> file::size() {
    return detail::size_of_file(state_);
}

task<> file::truncate(std::uint64_t length) {
    return detail::truncate_file(state_, length);
}

task<> file::sync() {
    return detail::sync_file(state_);
}

task<> file::finish() {
    return detail::finish_file(state_);
}

void file::close() noexcept {
    if (!is_open()) return;
    state_->is_closed = true;
    if (state_->running == 0) state_->descriptor.reset();
}

bool file::is_open() const noexcept {
    return state_ != nullptr && !state_->is_closed;
}

}  // namespace simul
