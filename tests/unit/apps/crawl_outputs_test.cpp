// SPDX-License-Identifier: Apache-2.0
#include "crawl/outputs.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "crawl/records.hpp"
#include "simul/concurrency/task_group.hpp"
#include "support/run_on_backends.hpp"

namespace simul::program {
namespace {

namespace fs = std::filesystem;
using test::run_on_each_backend;
using test::simulate;

class temporary_folder {
public:
    temporary_folder() {
        std::string name = (fs::temp_directory_path() / "simul-crawl-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        path_ = name;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] fs::path operator/(const char* name) const { return path_ / name; }

private:
    fs::path path_;
};

std::string text_of(const fs::path& path) {
    std::ifstream from{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{from}, {}};
}

unsigned permissions_of(const fs::path& path) {
    struct stat found{};
    EXPECT_EQ(::stat(path.c_str(), &found), 0);
    return found.st_mode & 07777U;
}

output_lines link_line(const std::string& text) {
    output_lines lines;
    lines.links = text;
    return lines;
}

TEST(crawl_outputs, makes_a_directory_for_its_owner_only) {
    temporary_folder folder;
    prepare_directory(folder / "new", false);
    EXPECT_EQ(permissions_of(folder / "new"), 0700U);
    prepare_directory(folder / "new", false);
    EXPECT_THROW(prepare_directory(folder / "a/b", false), std::system_error);
}

TEST(crawl_outputs, refuses_a_directory_with_results_unless_it_is_to_begin_anew) {
    temporary_folder folder;
    prepare_directory(folder / "x", false);
    std::ofstream{folder / "x/links.tsv"} << "old";
    std::ofstream{folder / "x/mine.txt"} << "kept";
    try {
        prepare_directory(folder / "x", false);
        ADD_FAILURE() << "no refusal";
    } catch (const std::system_error& refused) {
        EXPECT_EQ(refused.code(), std::errc::file_exists);
    }
    prepare_directory(folder / "x", true);
    EXPECT_FALSE(fs::exists(folder / "x/links.tsv"));
    EXPECT_TRUE(fs::exists(folder / "x/mine.txt"));
}

TEST(crawl_outputs, refuses_what_is_no_directory) {
    temporary_folder folder;
    std::ofstream{folder / "file"} << "x";
    EXPECT_THROW(prepare_directory(folder / "file", true), std::system_error);
    fs::create_directory_symlink(folder / "elsewhere", folder / "link");
    EXPECT_THROW(prepare_directory(folder / "link", true), std::system_error);
}

TEST(crawl_outputs, refuses_a_directory_in_which_nothing_can_be_made) {
    // Nobody can, be it root.
    EXPECT_THROW(prepare_directory("/proc", false), std::system_error);
    temporary_folder folder;
    prepare_directory(folder / "x", false);
    EXPECT_TRUE(fs::is_empty(folder / "x")) << "the attempt left something behind";
}

TEST(crawl_outputs, writes_the_lines_of_a_page_to_their_files) {
    run_on_each_backend([]() -> task<> {
        temporary_folder folder;
        prepare_directory(folder / "x", false);
        outputs files{folder / "x", [](std::string line) { ADD_FAILURE() << line; }};
        co_await files.open();
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(files.run());
            for (int count = 0; count != 200; ++count) {  // more than the queue holds
                output_lines lines;
                lines.pages = "{}\n";
                lines.links = "a\tb\n";
                co_await files.put(std::move(lines));
            }
            files.close();
        });
        EXPECT_EQ(text_of(folder / "x/pages.jsonl").size(), 600U);
        EXPECT_EQ(files.written(0), 600U);
        const std::string links = text_of(folder / "x/links.tsv");
        EXPECT_EQ(links.substr(0, link_header.size()), link_header);
        EXPECT_EQ(links.size(), link_header.size() + 800);
        EXPECT_EQ(text_of(folder / "x/errors.jsonl"), "");
        EXPECT_EQ(permissions_of(folder / "x/links.tsv"), 0600U);
    });
}

// The size of files is limited for the time of the test, which is what a full disk looks like.
TEST(crawl_outputs, keeps_whole_lines_when_a_file_cannot_take_more) {
    struct rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto signalled = std::signal(SIGXFSZ, SIG_IGN);
    temporary_folder folder;
    prepare_directory(folder / "x", false);
    std::vector<std::string> complaints;
    simulate([&]() -> task<> {
        outputs files{folder / "x", [&](std::string line) { complaints.push_back(line); }};
        co_await files.open();
        struct rlimit small = before;
        small.rlim_cur = link_header.size() + 25;
        ::setrlimit(RLIMIT_FSIZE, &small);
        co_await with_task_group([&](task_group& group) -> task<> {
            group.spawn(files.run());
            for (int count = 0; count != 100; ++count)
                co_await files.put(link_line("0123456789\n"));
            files.close();
        });
        ::setrlimit(RLIMIT_FSIZE, &before);
        EXPECT_TRUE(files.has_failed());
        EXPECT_EQ(files.written(1), link_header.size() + 22);
    });
    std::signal(SIGXFSZ, signalled);
    ASSERT_EQ(complaints.size(), 1U);
    EXPECT_NE(complaints[0].find("links.tsv: cannot be written: File too large"),
              std::string::npos);
    EXPECT_EQ(text_of(folder / "x/links.tsv").substr(link_header.size()),
              "0123456789\n0123456789\n");
}

}  // namespace
}  // namespace simul::program
