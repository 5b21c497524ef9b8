// SPDX-License-Identifier: Apache-2.0
#include "simul/io/error.hpp"

#include <string>

namespace simul {

namespace {

const char* text(io_errc code) noexcept {
    switch (code) {
        case io_errc::incomplete_read: return "the stream ended too early";
        case io_errc::limit_exceeded: return "what is to be read is longer than the limit";
    }
    return "unknown simul.io error";
}

class io_category_type final : public std::error_category {
public:
    const char* name() const noexcept override { return "simul.io"; }
    std::string message(int code) const override { return text(static_cast<io_errc>(code)); }
};

}  // namespace

const std::error_category& io_category() noexcept {
    static const io_category_type category;
    return category;
}

std::error_code make_error_code(io_errc code) noexcept {
    return {static_cast<int>(code), io_category()};
}

}  // namespace simul
