// SPDX-License-Identifier: Apache-2.0
//
// fetch/result_table.hpp: rows `source_url<TAB>parsed_url`, appended to a file page by page.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "simul/base/unique_fd.hpp"
#include "simul/concurrency/mutex.hpp"
#include "simul/coro/task.hpp"
#include "simul/web/url.hpp"

namespace simul::program {

/// The output could not be written. what() names the file and the cause.
class output_error : public std::system_error {
public:
    using std::system_error::system_error;
};

/// A table in a file that only ever grows, by whole lines.
///
/// A file that is new or empty begins with the names of the columns. Rows of a page go out in one
/// write; if that is cut short because the disk is full, the piece of a line at the end is cut off
/// again. A file whose last line was left unfinished by somebody else gets a line end first.
///
/// Threads       the loop's thread; the writing is done on another one.
class result_table {
public:
    /// Opens a file, device or pipe, or for "-" standard output. Blocks. Writes nothing yet.
    ///
    /// Errors        output_error.
    explicit result_table(std::string path);

    /// Writes the line with the names, if the output has none.
    ///
    /// Errors        output_error.
    /// Suspends      always.
    /// Cancellation  clean until the writing has begun, then completes.
    [[nodiscard]] task<> begin();

    /// Appends a row for each link. Waits while another page is being written.
    ///
    /// Errors        output_error; the rows before the one that did not fit are in the file.
    /// Suspends      always.
    /// Cancellation  clean until the writing has begun, then completes.
    [[nodiscard]] task<> append(std::string_view source, const std::vector<std::string>& links);

    /// Closes the output, which may be when the system tells of a failure. Blocks.
    ///
    /// Errors        output_error.
    void finish();

    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }

private:
    task<> write(std::string text);

    std::string path_;
    unique_fd file_;
    mutex writing_;
    std::size_t rows_ = 0;
};

}  // namespace simul::program
