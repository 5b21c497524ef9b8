// SPDX-License-Identifier: Apache-2.0
//
// The rules of streams, for two pipes crosswise.
#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "simul/io/pipe.hpp"
#include "support/stream_checks.hpp"

namespace simul::test {
namespace {

struct pipe_ends : stream_ends {
    using stream = pipe_stream;

    static std::vector<backend_kind> backends() { return real_backends(); }
    static task<std::pair<stream, stream>> make() {
        std::array<int, 2> there{};
        std::array<int, 2> back{};
        EXPECT_EQ(::pipe2(there.data(), O_CLOEXEC), 0);
        EXPECT_EQ(::pipe2(back.data(), O_CLOEXEC), 0);
        co_return std::pair{pipe_stream::adopt(unique_fd{back[0]}, unique_fd{there[1]}),
                            pipe_stream::adopt(unique_fd{there[0]}, unique_fd{back[1]})};
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
