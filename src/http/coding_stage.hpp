// SPDX-License-Identifier: Apache-2.0
//
// http/coding_stage.hpp: one coding of a chain, whichever library decodes it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace simul::http {

/// A stream decoder of one coding.
class coding_stage {
public:
    enum class status {
        need_input,   // all input is taken
        output_full,  // the output is full, and there may be more
        finished,     // all input is taken, and it ends a stream
        failed,       // the input is none of this coding
        out_of_memory,
    };
    struct progress {
        std::size_t consumed = 0;
        std::size_t produced = 0;
        status now = status::need_input;
    };

    coding_stage() = default;
    coding_stage(const coding_stage&) = delete;
    coding_stage& operator=(const coding_stage&) = delete;
    virtual ~coding_stage() = default;

    /// Decodes until input or output, which is not empty, is used up.
    virtual progress run(std::span<const std::byte> input, std::span<std::byte> output) = 0;
};

std::unique_ptr<coding_stage> make_gzip_stage();
std::unique_ptr<coding_stage> make_deflate_stage();
std::unique_ptr<coding_stage> make_brotli_stage();
std::unique_ptr<coding_stage> make_zstd_stage();

}  // namespace simul::http
