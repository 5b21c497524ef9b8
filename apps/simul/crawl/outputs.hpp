// SPDX-License-Identifier: Apache-2.0
//
// crawl/outputs.hpp: the files of a crawl, and the one task that writes them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <system_error>

#include "simul/concurrency/queue.hpp"
#include "simul/coro/task.hpp"
#include "simul/io/file.hpp"

namespace simul::program {

/// The names of the files in the directory of a crawl.
inline constexpr std::array<const char*, 3> output_names{"pages.jsonl", "links.tsv",
                                                         "errors.jsonl"};

/// The lines that one page adds to the files; they are written together.
class output_lines {
public:
    output_lines() {}

    std::string pages;
    std::string links;
    std::string errors;
};

/// Makes the directory, readable by its owner only, or looks whether it can be used. Blocks: call
/// it before the crawl begins.
///
/// `fresh` removes the results of an earlier crawl from it.
///
/// Errors        std::system_error: file_exists if there are results; what the system says, also if
///               no file can be made in the directory.
void prepare_directory(const std::filesystem::path& directory, bool fresh);

/// The three files. Lines go through a queue to one task, which writes what has gathered in one
/// go: whole lines only, and if a file cannot take all of them, those that it took.
///
/// Threads       the loop's thread.
/// Lifetime      must outlive run().
class outputs {
public:
    /// `failed` is called once, with a line for people, when a file cannot be written.
    outputs(std::filesystem::path directory, std::function<void(std::string)> failed);

    /// Makes the files.
    ///
    /// Errors        std::system_error of file::open.
    /// Cancellation  partial: some files may have been made.
    [[nodiscard]] task<> open();

    /// Hands lines to the writer. After a failure they are thrown away.
    ///
    /// Errors        none.
    /// Suspends      while the queue is full.
    /// Cancellation  clean.
    [[nodiscard]] task<> put(output_lines lines);

    /// Writes until close() and everything before it is written.
    ///
    /// Errors        none: see the constructor.
    /// Cancellation  partial: what is still in the queue is lost.
    [[nodiscard]] task<> run();

    /// No more lines will come.
    void close() noexcept { queue_.close(); }

    [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }

    /// The whole lines' bytes in a file.
    [[nodiscard]] std::uint64_t written(std::size_t which) const noexcept {
        return files_[which].length;
    }
    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }

private:
    struct output {
        file to;
        std::string gathered;
        std::uint64_t length = 0;
    };

    [[nodiscard]] task<> write(std::size_t which);
    [[nodiscard]] task<> keep_whole_lines(output& half_written);
    void fail(std::size_t which, const std::system_error& why);

    std::filesystem::path directory_;
    std::function<void(std::string)> failed_;
    queue<output_lines> queue_{64};
    std::array<output, output_names.size()> files_;
    bool has_failed_ = false;
};

}  // namespace simul::program
