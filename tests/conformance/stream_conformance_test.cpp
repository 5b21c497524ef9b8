// SPDX-License-Identifier: Apache-2.0
//
// The rules of streams, for each kind of stream that this layer has.
#include "runtime/backends/simulated.hpp"
#include "simul/io/memory_stream.hpp"
#include "simul/io/tcp.hpp"
#include "support/connected_streams.hpp"
#include "support/stream_checks.hpp"

namespace simul::test {
namespace {

struct memory_ends : stream_ends {
    using stream = memory_stream;
    static constexpr std::size_t plenty = 200'000;

    static task<std::pair<stream, stream>> make() { co_return memory_stream_pair(); }
};

// Everything comes byte by byte.
struct memory_in_pieces : stream_ends {
    using stream = memory_stream;
    static constexpr std::size_t plenty = 1000;
    static constexpr std::size_t much = 10'000;

    static task<std::pair<stream, stream>> make() {
        auto ends = memory_stream_pair(61);
        ends.first.limit_transfers(1);
        ends.second.limit_transfers(3);
        co_return ends;
    }
};

struct tcp_ends : stream_ends {
    using stream = tcp_stream;

    static std::vector<backend_kind> backends() { return with_fallback(real_backends()); }
    static task<std::pair<stream, stream>> make() { return connected_tcp_streams(); }
};

// A tcp_stream in the simulated world.
struct simulated_ends : stream_ends {
    using stream = tcp_stream;
    static constexpr std::size_t plenty = 200'000;
    static constexpr std::size_t much = 200'000;

    static std::vector<backend_kind> backends() { return {backend_kind::simulated}; }
    static task<std::pair<stream, stream>> make() {
        auto& world = static_cast<simul::detail::simulated_backend&>(loop::current().io());
        world.set_completion_shape(false);
        const auto [left, right] = world.open_pair();
        co_return std::pair{tcp_stream::adopt(unique_fd{left}),
                            tcp_stream::adopt(unique_fd{right})};
    }
};

struct simulated_completion_ends : simulated_ends {
    static task<std::pair<stream, stream>> make() {
        auto& world = static_cast<simul::detail::simulated_backend&>(loop::current().io());
        world.set_completion_shape(true);
        const auto [left, right] = world.open_pair();
        co_return std::pair{tcp_stream::adopt(unique_fd{left}),
                            tcp_stream::adopt(unique_fd{right})};
    }
};

template <class Ends>
struct any_of : Ends {
    using stream = any_stream;

    static task<std::pair<stream, stream>> make() {
        auto [left, right] = co_await Ends::make();
        co_return std::pair{any_stream{std::move(left)}, any_stream{std::move(right)}};
    }
};

using all_streams =
    testing::Types<memory_ends, memory_in_pieces, tcp_ends, simulated_ends,
                   simulated_completion_ends, any_of<memory_ends>, any_of<tcp_ends>>;

struct names {
    template <class Ends>
    static std::string GetName(int) {
        if constexpr (std::is_same_v<Ends, memory_ends>) return "memory_stream";
        if constexpr (std::is_same_v<Ends, memory_in_pieces>) return "memory_stream_in_pieces";
        if constexpr (std::is_same_v<Ends, tcp_ends>) return "tcp_stream";
        if constexpr (std::is_same_v<Ends, simulated_ends>) return "simulated";
        if constexpr (std::is_same_v<Ends, simulated_completion_ends>) return "completions";
        if constexpr (std::is_same_v<Ends, any_of<memory_ends>>) return "any_memory_stream";
        if constexpr (std::is_same_v<Ends, any_of<tcp_ends>>) return "any_tcp_stream";
        return "unknown";
    }
};

INSTANTIATE_TYPED_TEST_SUITE_P(io, stream_rules, all_streams, names);
INSTANTIATE_TYPED_TEST_SUITE_P(io, clean_write_rules, all_streams, names);

}  // namespace
}  // namespace simul::test
