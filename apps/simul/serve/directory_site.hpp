// SPDX-License-Identifier: Apache-2.0
//
// serve/directory_site.hpp: the files below one directory, and nothing beside it.
#pragma once

#include <filesystem>
#include <memory>

#include "serve/site.hpp"
#include "simul/base/unique_fd.hpp"

namespace simul::program {

/// Serves regular files below a directory. A directory is answered with its index.html, and its
/// name without the slash at the end with a redirect to the one with it. There are no listings.
///
/// What a request can reach is decided by the kernel: names are resolved beneath the opened
/// directory, so that no link, absolute or upwards, and no renaming in between leads out of it
/// (403). Links that stay within are followed, also to hidden files, whose own names are refused
/// (404). Kernels before 5.6, and sandboxes that refuse openat2(2), follow no links at all.
///
/// The files may change while they are served: an answer has the length and date that the file had
/// when it was opened.
///
/// Source        openat2(2), RESOLVE_BENEATH.
class directory_site final : public site {
public:
    /// Opens the directory; it stays this one, whatever its name comes to mean later.
    ///
    /// Errors        std::filesystem::filesystem_error with the path and the code of open(2):
    ///               no_such_file_or_directory, not_a_directory, permission_denied …
    explicit directory_site(const std::filesystem::path& root);

    /// Looks a file up and opens it.
    ///
    /// Returns       200, 301, 400, 403 or 404.
    /// Errors        std::system_error with what open(2) says when the system is short of something
    ///               or the disk is broken; those of offload.
    /// Suspends      unless the path is refused by itself.
    /// Cancellation  clean.
    [[nodiscard]] task<answer> look_up(const http::wire::request_head& asked) override;

private:
    unique_fd root_;
};

}  // namespace simul::program
