// SPDX-License-Identifier: Apache-2.0
//
// The codings gzip and deflate, and encode_gzip.
#include <algorithm>
#include <limits>
#include <new>

#include <zlib.h>

#include "coding_stage.hpp"
#include "simul/base/assert.hpp"
#include "simul/http/coding.hpp"

namespace simul::http {

namespace {

constexpr int gzip_window = 15 + 16;  // what zlib calls the format besides the window
constexpr int zlib_window = 15;
constexpr int raw_window = -15;

uInt clamped(std::size_t size) noexcept {
    return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

class zlib_stage final : public coding_stage {
public:
    // Without a window it looks at the first byte: zlib's wrapping or none?
    explicit zlib_stage(int window) : is_gzip_{window == gzip_window} {
        if (window != 0) open(window);
    }
    ~zlib_stage() override {
        if (open_) inflateEnd(&stream_);
    }

    progress run(std::span<const std::byte> input, std::span<std::byte> output) override {
        progress done;
        if (!open_) {
            if (input.empty()) return done;
            open(looks_wrapped(input.front()) ? zlib_window : raw_window);
        }
        while (true) {
            if (at_end_) {
                if (done.consumed == input.size()) {
                    done.now = status::finished;
                    return done;
                }
                // Only members of gzip may follow one another.
                if (!is_gzip_ || inflateReset(&stream_) != Z_OK) {
                    done.now = status::failed;
                    return done;
                }
                at_end_ = false;
            }
            const auto rest = input.subspan(done.consumed);
            const auto room = output.subspan(done.produced);
            stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest.data()));
            stream_.avail_in = clamped(rest.size());
            stream_.next_out = reinterpret_cast<Bytef*>(room.data());
            stream_.avail_out = clamped(room.size());
            const uInt given_in = stream_.avail_in;
            const uInt given_out = stream_.avail_out;
            const int code = inflate(&stream_, Z_NO_FLUSH);
            done.consumed += given_in - stream_.avail_in;
            done.produced += given_out - stream_.avail_out;
            if (code == Z_STREAM_END) {
                at_end_ = true;
            } else if (code == Z_MEM_ERROR) {
                done.now = status::out_of_memory;
                return done;
            } else if (code != Z_OK && code != Z_BUF_ERROR) {
                done.now = status::failed;
                return done;
            } else if (done.produced == output.size()) {
                done.now = status::output_full;
                return done;
            } else if (done.consumed == input.size()) {
                return done;
            }
        }
    }

private:
    // The first byte of zlib's wrapping names the method 8 and a window of at most 7. A stream
    // without wrapping begins so only if it pads a stored block with ones, which nobody writes.
    static bool looks_wrapped(std::byte first) noexcept {
        return (std::to_integer<unsigned>(first) & 0x8fU) == 0x08U;
    }

    void open(int window) {
        if (inflateInit2(&stream_, window) != Z_OK) throw std::bad_alloc{};
        open_ = true;
    }

    z_stream stream_{};
    bool is_gzip_;
    bool open_ = false;
    bool at_end_ = false;
};

}  // namespace

std::unique_ptr<coding_stage> make_gzip_stage() {
    return std::make_unique<zlib_stage>(gzip_window);
}

std::unique_ptr<coding_stage> make_deflate_stage() {
    return std::make_unique<zlib_stage>(0);
}

std::vector<std::byte> encode_gzip(std::span<const std::byte> bytes) {
    z_stream stream{};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        throw std::bad_alloc{};
    }
    struct closer {
        z_stream& stream;
        ~closer() { deflateEnd(&stream); }
    } closes{stream};

    std::vector<std::byte> encoded(deflateBound(&stream, bytes.size()));
    std::size_t taken = 0;
    std::size_t made = 0;
    while (true) {
        const auto rest = bytes.subspan(taken);
        const auto room = std::span{encoded}.subspan(made);
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest.data()));
        stream.avail_in = clamped(rest.size());
        stream.next_out = reinterpret_cast<Bytef*>(room.data());
        stream.avail_out = clamped(room.size());
        const uInt given_in = stream.avail_in;
        const uInt given_out = stream.avail_out;
        const int code = deflate(&stream, given_in == rest.size() ? Z_FINISH : Z_NO_FLUSH);
        taken += given_in - stream.avail_in;
        made += given_out - stream.avail_out;
        if (code == Z_STREAM_END) break;
        SIMUL_ASSERT(code == Z_OK, "deflate got as much room as it had asked for");
    }
    encoded.resize(made);
    return encoded;
}

}  // namespace simul::http
