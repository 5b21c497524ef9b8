// SPDX-License-Identifier: Apache-2.0
//
// The coding zstd.
#include <new>

#include <zstd.h>
#include <zstd_errors.h>

#include "coding_stage.hpp"
#include "simul/base/assert.hpp"

namespace simul::http {

namespace {

constexpr int largest_window = 23;  // 2^23 bytes: what RFC 9659 lets a server use

class zstd_stage final : public coding_stage {
public:
    zstd_stage() : decoder_{ZSTD_createDCtx()} {
        if (!decoder_) throw std::bad_alloc{};
        const std::size_t code =
            ZSTD_DCtx_setParameter(decoder_.get(), ZSTD_d_windowLogMax, largest_window);
        SIMUL_ASSERT(!ZSTD_isError(code), "the window is one that the library knows");
    }

    progress run(std::span<const std::byte> input, std::span<std::byte> output) override {
        progress done;
        ZSTD_inBuffer in{input.data(), input.size(), 0};
        ZSTD_outBuffer out{output.data(), output.size(), 0};
        while (true) {
            if (at_end_ && in.pos == in.size) {
                done.now = status::finished;
                break;
            }
            // Asking again and again with nothing new is an error to the library.
            if (!may_have_output_ && in.pos == in.size) break;
            const std::size_t code = ZSTD_decompressStream(decoder_.get(), &out, &in);
            if (ZSTD_isError(code)) {
                done.now = ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation
                               ? status::out_of_memory
                               : status::failed;
                break;
            }
            at_end_ = code == 0;  // a frame; another one may follow
            may_have_output_ = !at_end_ && out.pos == out.size;
            if (may_have_output_) {
                done.now = status::output_full;
                break;
            }
        }
        done.consumed = in.pos;
        done.produced = out.pos;
        return done;
    }

private:
    struct closer {
        void operator()(ZSTD_DCtx* decoder) const noexcept { ZSTD_freeDCtx(decoder); }
    };

    std::unique_ptr<ZSTD_DCtx, closer> decoder_;
    bool at_end_ = false;
    bool may_have_output_ = false;
};

}  // namespace

std::unique_ptr<coding_stage> make_zstd_stage() {
    return std::make_unique<zstd_stage>();
}

}  // namespace simul::http
