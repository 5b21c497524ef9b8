// SPDX-License-Identifier: Apache-2.0
//
// simul/concurrency/detail/process_call.hpp: a call as bytes, and what a worker does with them.
//
//      request   header{size, entry}   function if it is a pointer, arguments
//      reply     header{size, kind}    result, or what is known of the exception
//
// `entry` is the address of an instance of a template below. It means the same in the worker,
// which was forked from this program.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "simul/concurrency/process_codec.hpp"
#include "simul/concurrency/task_group.hpp"

namespace simul::detail {

class process_pool_core;

/// Reads the arguments of a call, makes it, and writes its result.
using process_entry = void (*)(process_reader& arguments, process_writer& result);

/// What every message begins with.
struct process_header {
    std::uint64_t size = 0;   ///< of what follows
    std::uintptr_t what = 0;  ///< in a request the entry, in a reply the kind
};

inline process_writer begin_process_message(std::uintptr_t what) {
    process_writer message;
    process_header header;
    header.what = what;
    message.write(std::as_bytes(std::span{&header, 1}));
    return message;
}

inline std::vector<std::byte> end_process_message(process_writer& message) noexcept {
    const std::uint64_t size = message.size() - sizeof(process_header);
    message.overwrite(0, std::as_bytes(std::span{&size, 1}));
    return message.take();
}

/// Sends a request to a worker and returns what its entry wrote.
task<std::vector<std::byte>> call_process(process_pool_core& core, std::vector<std::byte> request);

// --- the types of a call ------------------------------------------------------------------------

/// An argument on its way: text of any kind as std::string.
template <class Type>
using process_argument_t =
    std::conditional_t<std::same_as<std::decay_t<Type>, const char*> ||
                           std::same_as<std::decay_t<Type>, char*> ||
                           std::same_as<std::decay_t<Type>, std::string_view>,
                       std::string, std::decay_t<Type>>;

/// What has no state of its own that a worker could not see.
template <class Function>
concept process_function =
    (std::is_pointer_v<Function> && std::is_function_v<std::remove_pointer_t<Function>>) ||
    std::is_member_pointer_v<Function> ||
    (std::is_empty_v<Function> && std::default_initializable<Function>);

template <class Function, class... Arguments>
using process_result_t = std::decay_t<std::invoke_result_t<Function&, Arguments...>>;

template <class Function>
void write_process_function(process_writer& to, const Function& function) {
    if constexpr (!std::is_empty_v<Function>) process_codec<Function>::write(to, function);
}

template <class Function>
Function read_process_function(process_reader& from) {
    if constexpr (std::is_empty_v<Function>) {
        return Function{};
    } else {
        return process_codec<Function>::read(from);
    }
}

/// Writes a value as what it is on its way, without a copy if it is that already.
template <class Sent, class Value>
void write_process_argument(process_writer& to, const Value& value) {
    if constexpr (std::same_as<Sent, Value>) {
        process_codec<Sent>::write(to, value);
    } else {
        process_codec<Sent>::write(to, Sent(value));
    }
}

// --- one call -----------------------------------------------------------------------------------

template <class Function, class... Arguments>
void process_call_entry(process_reader& from, process_writer& to) {
    using result = process_result_t<Function, Arguments...>;
    Function function = read_process_function<Function>(from);
    std::tuple<Arguments...> arguments{process_codec<Arguments>::read(from)...};
    const auto invoke = [&](Arguments&... each) -> decltype(auto) {
        return std::invoke(function, std::move(each)...);
    };
    if constexpr (std::is_void_v<result>) {
        std::apply(invoke, arguments);
    } else {
        process_codec<result>::write(to, std::apply(invoke, arguments));
    }
}

template <class Function, class... Arguments>
std::vector<std::byte> make_process_request(const Function& function,
                                            const Arguments&... arguments) {
    const process_entry entry = &process_call_entry<Function, process_argument_t<Arguments>...>;
    process_writer request = begin_process_message(reinterpret_cast<std::uintptr_t>(entry));
    write_process_function(request, function);
    (write_process_argument<process_argument_t<Arguments>>(request, arguments), ...);
    return end_process_message(request);
}

template <class Result>
task<Result> run_in_process(process_pool_core& core, std::vector<std::byte> request) {
    const std::vector<std::byte> reply = co_await call_process(core, std::move(request));
    if constexpr (!std::is_void_v<Result>) {
        process_reader from{reply};
        co_return process_codec<Result>::read(from);
    }
}

// --- a call for each item of a range ------------------------------------------------------------

template <class Function, class Item>
void process_chunk_entry(process_reader& from, process_writer& to) {
    using result = process_result_t<Function, Item>;
    Function function = read_process_function<Function>(from);
    std::size_t left = read_count(from);
    write_count(to, left);
    for (; left != 0; --left) {
        process_codec<result>::write(to, std::invoke(function, process_codec<Item>::read(from)));
    }
}

/// Takes up to `limit` items and makes a request of them.
template <class Function, class Item, class Iterator, class End>
std::vector<std::byte> make_chunk_request(const Function& function, Iterator& next, const End& end,
                                          std::size_t limit) {
    const process_entry entry = &process_chunk_entry<Function, Item>;
    process_writer request = begin_process_message(reinterpret_cast<std::uintptr_t>(entry));
    write_process_function(request, function);
    const std::size_t place = request.size();
    write_count(request, 0);
    std::uint64_t count = 0;
    for (; count != limit && next != end; ++next, ++count) {
        write_process_argument<Item>(request, *next);
    }
    request.overwrite(place, std::as_bytes(std::span{&count, 1}));
    return end_process_message(request);
}

template <class Result>
void read_chunk(std::span<const std::byte> reply, std::vector<Result>& results) {
    process_reader from{reply};
    for (std::size_t left = read_count(from); left != 0; --left) {
        results.push_back(process_codec<Result>::read(from));
    }
}

template <class View>
std::size_t chunk_size_for(View& items, std::size_t wanted, std::size_t workers) {
    if (wanted != 0) return wanted;
    if constexpr (std::ranges::sized_range<View>) {
        constexpr std::size_t for_each_worker = 4;  // so that none has to wait long for the last
        constexpr std::size_t most = 1024;
        const auto size = static_cast<std::size_t>(std::ranges::size(items));
        return std::clamp(size / (workers * for_each_worker), std::size_t{1}, most);
    } else {
        return 1;
    }
}

template <class Result, class Item, class View, class Function>
task<std::vector<Result>> map_in_processes(process_pool_core& core, View items, Function function,
                                           std::size_t chunk, std::size_t workers) {
    chunk = chunk_size_for(items, chunk, workers);
    auto next = std::ranges::begin(items);
    const auto end = std::ranges::end(items);
    std::vector<std::vector<Result>> chunks;
    const auto worker = [&]() -> task<> {
        while (next != end) {
            const std::size_t place = chunks.size();
            chunks.emplace_back();
            std::vector<std::byte> request =
                make_chunk_request<Function, Item>(function, next, end, chunk);
            const std::vector<std::byte> reply = co_await call_process(core, std::move(request));
            read_chunk(reply, chunks[place]);
        }
    };
    if constexpr (std::ranges::sized_range<View>) {
        const auto size = static_cast<std::size_t>(std::ranges::size(items));
        workers = std::min(workers, (size + chunk - 1) / chunk);
    }
    task_group group;
    for (; workers != 0; --workers) group.spawn(worker());
    co_await group.run();

    std::vector<Result> results;
    for (std::vector<Result>& each : chunks) {
        results.insert(results.end(), std::make_move_iterator(each.begin()),
                       std::make_move_iterator(each.end()));
    }
    co_return results;
}

}  // namespace simul::detail
