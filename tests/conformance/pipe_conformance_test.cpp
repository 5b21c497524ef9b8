// SPDX-License-Identifier: Apache-2.0
//
// The rules of streams, for two pipes crosswise.
#include <utility>

#include "simul/io/pipe.hpp"
#include "support/process_checks.hpp"
#include "support/stream_checks.hpp"

namespace simul::test {
namespace {

struct pipe_ends : stream_ends {
    using stream = pipe_stream;

    // A pipe holds 64 KiB.
    static constexpr std::size_t plenty = std::size_t{1} << 20;
    static constexpr std::size_t much = std::size_t{1} << 19;

    static task<std::pair<stream, stream>> make() {
        auto there = make_pipe();
        auto back = make_pipe();
        co_return std::pair{pipe_stream::adopt(std::move(back.first), std::move(there.second)),
                            pipe_stream::adopt(std::move(there.first), std::move(back.second))};
    }
};

struct name_of_pipes {
    template <class Ends>
    static std::string GetName(int) {
        return "pipe_stream";
    }
};

using pipes = testing::Types<pipe_ends>;
INSTANTIATE_TYPED_TEST_SUITE_P(pipe, stream_rules, pipes, name_of_pipes);
INSTANTIATE_TYPED_TEST_SUITE_P(pipe, clean_write_rules, pipes, name_of_pipes);

}  // namespace
}  // namespace simul::test
