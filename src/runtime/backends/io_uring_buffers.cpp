// SPDX-License-Identifier: Apache-2.0
#include "runtime/backends/io_uring_buffers.hpp"

#include <sys/mman.h>

#include <new>

namespace simul::detail {

namespace {

constexpr std::size_t rounded_up(std::size_t size) noexcept {
    constexpr std::size_t page = 4096;
    return (size + page - 1) / page * page;
}

}  // namespace

// One mapping: the kernel's entries, which must begin a page, our places, the buffers.
provided_buffers::provided_buffers(std::byte* memory, std::size_t mapped, unsigned count) noexcept
    : entries_{reinterpret_cast<io_uring_buf_ring*>(memory)},
      places_{new(memory + rounded_up(count * sizeof(io_uring_buf))) place[count]},
      memory_{memory + mapped - count * size_of_one},
      mapped_{mapped},
      count_{count} {
    io_uring_buf_ring_init(entries_);
    for (unsigned index = 0; index < count; ++index) give_back(static_cast<std::uint16_t>(index));
}

provided_buffers::~provided_buffers() {
    ::munmap(entries_, mapped_);
}

provided_buffers* provided_buffers::make(io_uring& ring, unsigned count) noexcept {
    const std::size_t all = rounded_up(count * sizeof(io_uring_buf)) +
                            rounded_up(count * sizeof(place)) + count * size_of_one;
    void* const memory =
        ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    auto* const made =
        new (std::nothrow) provided_buffers{static_cast<std::byte*>(memory), all, count};
    if (made == nullptr) {
        ::munmap(memory, all);
        return nullptr;
    }
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = count;
    registration.bgid = group;
    if (io_uring_register_buf_ring(&ring, &registration, 0) == 0) return made;
    delete made;
    return nullptr;
}

void provided_buffers::retire() noexcept {
    is_retired_ = true;
    if (lent_ == 0) delete this;
}

void provided_buffers::give_back(std::uint16_t index) noexcept {
    io_uring_buf_ring_add(entries_, memory_ + index * size_of_one, size_of_one, index,
                          static_cast<int>(count_ - 1), 0);
    io_uring_buf_ring_advance(entries_, 1);
}

void provided_buffers::take_back(std::byte* bytes) noexcept {
    --lent_;
    if (!is_retired_) {
        give_back(static_cast<std::uint16_t>((bytes - memory_) / std::ptrdiff_t{size_of_one}));
    } else if (lent_ == 0) {
        delete this;
    }
}

}  // namespace simul::detail
