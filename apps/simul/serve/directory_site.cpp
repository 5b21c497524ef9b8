// SPDX-License-Identifier: Apache-2.0
#include "serve/directory_site.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <string>
#include <system_error>
#include <utility>

#include <cerrno>

#include "serve/beneath.hpp"
#include "serve/content_types.hpp"
#include "serve/path.hpp"
#include "simul/http/status.hpp"
#include "simul/runtime/blocking.hpp"

namespace simul::program {

namespace {

// What a path leads to, the index of a directory included.
class lookup {
public:
    lookup() noexcept {}

    found_file found;
    bool is_index = false;
};

// On a thread of the pool.
lookup find(int root, const std::string& relative, bool wants_directory) {
    lookup result;
    result.found = find_beneath(root, relative);
    if (wants_directory && result.found.what == found_file::kind::directory) {
        std::string index{relative};
        index.append(relative.empty() ? "index.html" : "/index.html");
        found_file inside = find_beneath(root, index);
        if (inside.what == found_file::kind::regular) {
            result.found = std::move(inside);
            result.is_index = true;
        }
    }
    return result;
}

bool is_refusal(const std::error_code& code) noexcept {
    return code == std::errc::permission_denied || code == std::errc::operation_not_permitted;
}

}  // namespace

directory_site::directory_site(const std::filesystem::path& root)
    : root_{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)} {
    if (!root_) {
        throw std::filesystem::filesystem_error{"cannot open", root,
                                                std::error_code{errno, std::system_category()}};
    }
}

task<answer> directory_site::look_up(const http::wire::request_head& asked) {
    std::expected<served_path, int> path = read_path(path_of(asked));
    if (!path) co_return status_page(path.error());
    lookup result = co_await offload(find, root_.get(), path->relative, path->is_directory);
    found_file& found = result.found;
    switch (found.what) {
        case found_file::kind::none: co_return status_page(http::status::not_found);
        case found_file::kind::forbidden: co_return status_page(http::status::forbidden);
        case found_file::kind::directory: {
            if (path->is_directory) co_return status_page(http::status::forbidden);
            answer said = status_page(http::status::moved_permanently);
            path->is_directory = true;
            said.location = write_path(*path);
            co_return said;
        }
        case found_file::kind::regular: break;
    }
    // "page.html/" names nothing.
    if (path->is_directory && !result.is_index) co_return status_page(http::status::not_found);

    // The very file that was found, whatever has its name by now.
    const std::string place = fmt::format("/proc/self/fd/{}", found.descriptor.get());
    file opened;
    bool is_refused = false;
    try {
        opened = co_await file::open(place);
    } catch (const std::system_error& failure) {
        if (!is_refusal(failure.code())) throw;
        is_refused = true;
    }
    if (is_refused) co_return status_page(http::status::forbidden);
    answer said;
    said.type = content_type_of(result.is_index ? "index.html" : path->relative);
    said.modified = std::chrono::floor<std::chrono::seconds>(found.modified);
    said.tag = fmt::format("{:x}-{:x}", found.size, found.modified.time_since_epoch().count());
    said.content_size = found.size;
    said.content = std::make_shared<file>(std::move(opened));
    co_return said;
}

}  // namespace simul::program
