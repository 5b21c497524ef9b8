// SPDX-License-Identifier: Apache-2.0
#include "io/signal_table.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>

#include "io/signal_name.hpp"

namespace simul::detail {

namespace {

struct table_entry {
    std::atomic<std::uint64_t> claims{0};  // and ends of them: odd while somebody catches it
    std::atomic<signal_catcher*> catcher{nullptr};
    std::atomic<int> handlers{0};        // running now, on all threads
    std::atomic<std::uint64_t> turn{0};  // of the signal that has come; 0: none has
    struct sigaction previous{};
};

static_assert(std::atomic<int>::is_always_lock_free &&
                  std::atomic<std::uint64_t>::is_always_lock_free &&
                  std::atomic<signal_catcher*>::is_always_lock_free,
              "a signal handler must not meet a lock");

constinit std::array<table_entry, highest_signal + 1> table{};
constinit std::atomic<std::uint64_t> last_turn{0};

table_entry& entry_of(int number) noexcept {
    return table[static_cast<std::size_t>(number)];
}

bool is_handled_here(int number) noexcept;

// Nobody catches it any more, but the system had chosen us already. The signal is blocked until we
// return, and goes then to the handler that it has by that time. It is dropped only if that would
// be us again and again: if somebody has kept our handler, and installed it after the end.
void pass_on(int number, const table_entry& entry, std::uint64_t claims_before) noexcept {
    const bool would_return = is_handled_here(number) && claims_before % 2 == 0;
    if (!would_return || entry.claims.load() != claims_before) std::raise(number);
}

// All orders are sequentially consistent: invariant 2, and the bell of signal_state.
extern "C" void simul_catch_signal(int number) {
    const int kept = errno;
    table_entry& entry = entry_of(number);
    entry.handlers.fetch_add(1);
    const std::uint64_t claims = entry.claims.load();
    if (signal_catcher* catcher = entry.catcher.load()) {
        std::uint64_t none = 0;
        entry.turn.compare_exchange_strong(none, last_turn.fetch_add(1) + 1);
        catcher->told(*catcher);
    } else {
        pass_on(number, entry, claims);
    }
    entry.handlers.fetch_sub(1);
    errno = kept;
}

// False once somebody else has installed a handler.
bool is_handled_here(int number) noexcept {
    struct sigaction now{};
    return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == &simul_catch_signal;
}

// Returns false if somebody has it already.
bool claim(table_entry& entry) noexcept {
    std::uint64_t claims = entry.claims.load();
    return claims % 2 == 0 && entry.claims.compare_exchange_strong(claims, claims + 1);
}

void end_claim(table_entry& entry) noexcept {
    entry.claims.fetch_add(1);
}

// Calls `visit` for each number of a set.
template <class Visitor>
void for_each_number(std::uint64_t numbers, Visitor visit) noexcept {
    for (; numbers != 0; numbers &= numbers - 1) visit(std::countr_zero(numbers) + 1);
}

}  // namespace

void catch_signal(int number, signal_catcher& to) {
    table_entry& entry = entry_of(number);
    if (!claim(entry)) {
        throw std::system_error{
            std::make_error_code(std::errc::device_or_resource_busy),
            name_of_signal(number) +
                " is caught by another signal_receiver: share that one, or close it first"};
    }
    entry.turn.store(0);
    entry.catcher.store(&to);
    struct sigaction ours{};
    ours.sa_handler = &simul_catch_signal;
    sigfillset(&ours.sa_mask);  // handlers one after the other, so that turns are in order
    ours.sa_flags = SA_RESTART;
    if (::sigaction(number, &ours, &entry.previous) != 0) {
        const int code = errno;
        entry.catcher.store(nullptr);
        end_claim(entry);
        throw std::system_error{code, std::generic_category(),
                                name_of_signal(number) + " cannot be caught: the system keeps it"};
    }
}

caught_signal let_go(int number) noexcept {
    table_entry& entry = entry_of(number);
    if (is_handled_here(number)) ::sigaction(number, &entry.previous, nullptr);
    entry.catcher.store(nullptr);
    wait_for_handlers(bit_of(number));
    const std::uint64_t turn = entry.turn.exchange(0);
    end_claim(entry);
    return turn == 0 ? caught_signal{} : caught_signal{number, turn};
}

caught_signal take_oldest(std::uint64_t numbers) noexcept {
    caught_signal oldest;
    for_each_number(numbers, [&](int number) {
        const std::uint64_t turn = entry_of(number).turn.load();
        if (turn != 0 && (oldest.number == 0 || turn < oldest.turn)) oldest = {number, turn};
    });
    if (oldest.number != 0) entry_of(oldest.number).turn.store(0);
    return oldest;
}

// If it has come again meanwhile, both are one, with the earlier turn.
void put_back(const caught_signal& untaken) noexcept {
    entry_of(untaken.number).turn.store(untaken.turn);
}

void wait_for_handlers(std::uint64_t numbers) noexcept {
    for_each_number(numbers, [](int number) {
        while (entry_of(number).handlers.load() != 0) std::this_thread::yield();
    });
}

bool has_come(std::uint64_t numbers) noexcept {
    bool any = false;
    for_each_number(numbers, [&](int number) { any |= entry_of(number).turn.load() != 0; });
    return any;
}

}  // namespace simul::detail
