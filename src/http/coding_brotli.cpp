// SPDX-License-Identifier: Apache-2.0
//
// The coding br.
#include <cstdint>
#include <new>

#include <brotli/decode.h>

#include "coding_stage.hpp"

namespace simul::http {

namespace {

class brotli_stage final : public coding_stage {
public:
    brotli_stage() : decoder_{BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)} {
        if (!decoder_) throw std::bad_alloc{};
    }

    progress run(std::span<const std::byte> input, std::span<std::byte> output) override {
        progress done;
        if (at_end_) {
            done.now = input.empty() ? status::finished : status::failed;
            return done;
        }
        auto* next_in = reinterpret_cast<const std::uint8_t*>(input.data());
        auto* next_out = reinterpret_cast<std::uint8_t*>(output.data());
        std::size_t left_in = input.size();
        std::size_t left_out = output.size();
        const BrotliDecoderResult code = BrotliDecoderDecompressStream(
            decoder_.get(), &left_in, &next_in, &left_out, &next_out, nullptr);
        done.consumed = input.size() - left_in;
        done.produced = output.size() - left_out;
        switch (code) {
            case BROTLI_DECODER_RESULT_SUCCESS:
                at_end_ = true;
                done.now = left_in == 0 ? status::finished : status::failed;
                break;
            case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
                // It says so even when it could not hand out all it has.
                if (BrotliDecoderHasMoreOutput(decoder_.get())) done.now = status::output_full;
                break;
            case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT: done.now = status::output_full; break;
            case BROTLI_DECODER_RESULT_ERROR:
                done.now = is_for_lack_of_memory() ? status::out_of_memory : status::failed;
                break;
        }
        return done;
    }

private:
    bool is_for_lack_of_memory() const noexcept {
        const BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(decoder_.get());
        return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
               code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
    }

    struct closer {
        void operator()(BrotliDecoderState* decoder) const noexcept {
            BrotliDecoderDestroyInstance(decoder);
        }
    };

    std::unique_ptr<BrotliDecoderState, closer> decoder_;
    bool at_end_ = false;
};

}  // namespace

std::unique_ptr<coding_stage> make_brotli_stage() {
    return std::make_unique<brotli_stage>();
}

}  // namespace simul::http
