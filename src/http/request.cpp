// SPDX-License-Identifier: Apache-2.0
#include "simul/http/request.hpp"

namespace simul::http {

request& request::with_body(std::string content, std::string_view content_type) {
    body = std::move(content);
    stream.reset();
    headers.set("Content-Type", content_type);
    return *this;
}

request& request::with_stream(async_generator<std::string> content, std::string_view content_type) {
    body.clear();
    stream = std::move(content);
    headers.set("Content-Type", content_type);
    return *this;
}

}  // namespace simul::http
