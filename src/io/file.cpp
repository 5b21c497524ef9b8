// SPDX-License-Identifier: Apache-2.0
//
// TODO(perf): on io_uring a ring entry would do instead of a thread (12 to 16 microseconds for a
// write of 64 KiB), at the price of a second set of rules for cancellation and of operations at an
// offset in every backend.
#include "simul/io/file.hpp"

#include <utility>

#include "io/file_calls.hpp"
#include "io/file_state.hpp"
#include "simul/base/unique_fd.hpp"
#include "simul/runtime/blocking.hpp"

namespace simul {

namespace detail {

namespace {

using namespace file_claims;

unique_fd open_on_thread(const std::filesystem::path& path, open_mode mode, open_options options) {
    return open_path(path, mode, options);
}

task<std::size_t> read_some_of(shared_state state, std::span<std::byte> buffer) {
    const file_use use{state, position};
    if (buffer.empty()) co_return 0;
    co_return co_await offload(&read_once, use.descriptor(), buffer);
}

task<std::size_t> read_at_of(shared_state state, std::uint64_t offset,
                             std::span<std::byte> buffer) {
    const file_use use{state, nothing};
    if (buffer.empty()) co_return 0;
    co_return co_await offload(&read_all_at, use.descriptor(), offset, buffer);
}

task<std::size_t> write_some_of(shared_state state, std::span<const std::byte> bytes) {
    const file_use use{state, position | content};
    if (bytes.empty()) co_return 0;
    co_return co_await offload(&write_once, use.descriptor(), bytes);
}

task<> write_all_of(shared_state state, std::span<const std::byte> bytes) {
    const file_use use{state, position | content};
    if (bytes.empty()) co_return;
    co_await offload(&write_everything, use.descriptor(), bytes);
}

task<> write_at_of(shared_state state, std::uint64_t offset, std::span<const std::byte> bytes) {
    const file_use use{state, content};
    if (use.state().mode == open_mode::append) {
        throw_file_error("write_at: the file was opened to append", EINVAL);
    }
    if (bytes.empty()) co_return;
    co_await offload(&write_everything_at, use.descriptor(), offset, bytes);
}

task<std::uint64_t> size_of_file(shared_state state) {
    const file_use use{state, nothing};
    co_return co_await offload(&size_of, use.descriptor());
}

task<> truncate_file(shared_state state, std::uint64_t length) {
    const file_use use{state, content};
    co_await offload(&change_size, use.descriptor(), length);
}

task<> sync_file(shared_state state) {
    const file_use use{state, nothing};
    co_await offload(&sync_data, use.descriptor());
}

// The descriptor travels with the call: if that is withdrawn it is closed with the frame.
task<> finish_file(shared_state state) {
    const file_use use{state, everything};
    state->is_closed = true;
    unique_fd last = std::move(state->descriptor);
    co_await offload(&close_and_report, std::move(last));
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
    unique_fd opened = co_await offload(&detail::open_on_thread, std::move(path), mode, options);
    co_return file{std::make_shared<detail::file_state>(std::move(opened), mode)};
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
