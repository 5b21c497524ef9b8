// SPDX-License-Identifier: Apache-2.0
//
// Cancellation scenarios of files. Every thread of the pool is busy until complete(), so that a
// call that needs one stands in the queue when it is cancelled; and for some a call is held back
// after it has begun. On io_uring an open and the calls of an open file end by themselves, and are
// held back when all completions are. What the file holds in the end is compared with what the
// subject was told.
#include <array>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <stdlib.h>
#include <unistd.h>

#include "io/file_calls.hpp"
#include "runtime/blocking_pool.hpp"
#include "simul/base/bytes.hpp"
#include "simul/io/file.hpp"
#include "support/cancellation_harness.hpp"

namespace simul::test {
namespace {

namespace fs = std::filesystem;
using simul::detail::blocking_job;
using simul::detail::blocking_pool;

class gate {
public:
    void open() {
        const std::lock_guard held{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock held{mutex_};
        changed_.wait(held, [this] { return is_open_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = false;
};

// One folder for the whole program; each run starts with a file of ten characters.
class scratch {
public:
    // In memory where that is to be had: a disk makes each run wait.
    scratch() {
        const bool has_memory = ::access("/dev/shm", W_OK) == 0;
        const fs::path parent = has_memory ? fs::path{"/dev/shm"} : fs::temp_directory_path();
        std::string name = (parent / "simul-files-XXXXXX").string();
        if (::mkdtemp(name.data()) != nullptr) folder_ = name;
    }
    ~scratch() {
        std::error_code ignored;
        if (!folder_.empty()) fs::remove_all(folder_, ignored);
    }
    [[nodiscard]] fs::path path() const { return folder_ / "text"; }

private:
    fs::path folder_;
};

constexpr std::string_view old_text = "0123456789";

const fs::path& scratch_path() {
    static const scratch folder;
    static const fs::path path = folder.path();
    return path;
}

class file_world : public scenario_world {
public:
    static constexpr rule obeys = rule::delivers;

    // The other stages differ in what only an open file uses.
    static constexpr bool runs_on(stage where) noexcept {
        return where == stage::simulated || is_real(where);
    }
    static constexpr bool is_real(stage where) noexcept { return is_plain_kernel(where); }

    explicit file_world(stage where) : scenario_world{where} {
        std::ofstream{scratch_path(), std::ios::binary} << old_text;
    }

    // On the simulated backend the call is made in the next pass.
    void complete() override { gate_.open(); }
    [[nodiscard]] bool is_ready() const override { return begun_ == busy_.size(); }
    [[nodiscard]] bool is_settled(const run_state&) override { return ended_ == busy_.size(); }

protected:
    void occupy_all_threads() {
        if (is_simulated(where())) return;
        for (std::size_t each = 0; each < blocking_pool::default_threads(); ++each) {
            busy_.push_back(std::make_unique<busy_job>(*this));
            EXPECT_TRUE(loop::current().blocking_threads().submit(*busy_.back()));
        }
    }

    static std::string text() {
        std::ifstream file{scratch_path(), std::ios::binary};
        return std::string{std::istreambuf_iterator<char>{file}, {}};
    }

    // The call was made exactly if its result has left it; the trace tells, where there is one.
    static void expect_text(const run_state& run, std::string_view new_text) {
        if (run.traced.made != 0) {
            EXPECT_EQ(text(), run.traced.has_result() ? new_text : old_text) << run.describe();
        } else {
            EXPECT_TRUE(text() == old_text || text() == new_text) << run.describe();
        }
    }

    gate gate_;

private:
    struct busy_job : blocking_job {
        explicit busy_job(file_world& owner) : blocking_job{&occupy, &end}, world{owner} {}
        static void occupy(blocking_job& self) noexcept {
            file_world& owner = static_cast<busy_job&>(self).world;
            ++owner.begun_;
            owner.gate_.pass();
        }
        static void end(blocking_job& self) noexcept {
            ++static_cast<busy_job&>(self).world.ended_;
        }
        file_world& world;
    };

    std::vector<std::unique_ptr<busy_job>> busy_;
    std::atomic<std::size_t> begun_{0};
    std::atomic<std::size_t> ended_{0};
};

// --- paths -------------------------------------------------------------------------------------

class path_world : public file_world {
public:
    explicit path_world(stage where) : file_world{where} { occupy_all_threads(); }
};

class opening : public path_world {
public:
    static constexpr const char* awaitable = "file::open";
    static constexpr bool runs_on(stage where) noexcept {
        return path_world::runs_on(where) || where == stage::io_uring_delayed;
    }

    using path_world::path_world;
    static auto wait() { return file::open(scratch_path(), open_mode::write); }
    static void received(file opened) { EXPECT_TRUE(opened.is_open()); }
    task<> verify(const run_state& run) override {
        expect_text(run, "");
        co_return;
    }
};
const add_scenario<opening> adds_opening;

class opening_in_vain : public path_world {
public:
    static constexpr const char* awaitable = "file::open";
    static constexpr const char* variant = "of what does not exist";
    static constexpr bool fails = true;

    using path_world::path_world;
    static auto wait() { return file::open("/nowhere/at/all"); }
    static void received(const file&) { ADD_FAILURE() << "there is no such file"; }
};
const add_scenario<opening_in_vain> adds_opening_in_vain;

class reading_a_path : public path_world {
public:
    static constexpr const char* awaitable = "read_file";

    using path_world::path_world;
    static auto wait() { return read_file(scratch_path()); }
    static void received(const std::string& text) { EXPECT_EQ(text, old_text); }
};
const add_scenario<reading_a_path> adds_reading_a_path;

class writing_a_path : public path_world {
public:
    static constexpr const char* awaitable = "write_file";

    using path_world::path_world;
    static auto wait() { return write_file(scratch_path(), bytes_of("new")); }
    static void received(std::monostate) { EXPECT_EQ(text(), "new"); }
    task<> verify(const run_state& run) override {
        expect_text(run, "new");
        const fs::directory_iterator all{scratch_path().parent_path()};
        EXPECT_EQ(std::distance(begin(all), end(all)), 1) << "a temporary file is left";
        co_return;
    }
};
const add_scenario<writing_a_path> adds_writing_a_path;

class appending_to_a_path : public path_world {
public:
    static constexpr const char* awaitable = "append_file";

    using path_world::path_world;
    static auto wait() { return append_file(scratch_path(), bytes_of("new")); }
    static void received(std::monostate) { EXPECT_EQ(text(), "0123456789new"); }
    task<> verify(const run_state& run) override {
        expect_text(run, "0123456789new");
        co_return;
    }
};
const add_scenario<appending_to_a_path> adds_appending_to_a_path;

// --- an open file ------------------------------------------------------------------------------

class opened_world : public file_world {
public:
    // What the ring does of itself can be overtaken by a request.
    static constexpr bool runs_on(stage where) noexcept {
        return file_world::runs_on(where) || where == stage::io_uring_delayed;
    }

    explicit opened_world(stage where, bool holds_threads = true) : file_world{where} {
        run_options options;
        options.handle_interrupt = false;
        file_ = run_on(loop::current(), file::open(scratch_path(), open_mode::read_write), options);
        if (holds_threads) occupy_all_threads();
    }

protected:
    // What is read next: tells where the position is.
    task<> expect_next(const run_state& run, char if_nothing_happened, char if_it_was_read) {
        if (run.traced.made == 0) co_return;
        std::array<std::byte, 1> next{};
        co_await file_.read_some(next);
        EXPECT_EQ(static_cast<char>(next[0]),
                  run.traced.has_result() ? if_it_was_read : if_nothing_happened)
            << run.describe();
    }

    file file_;
};

class reading_some : public opened_world {
public:
    static constexpr const char* awaitable = "file::read_some";

    using opened_world::opened_world;
    auto wait() { return file_.read_some(buffer_); }
    void received(std::size_t count) {
        EXPECT_EQ(text_of(std::span{buffer_}.first(count)), "0123");
    }
    task<> verify(const run_state& run) override { return expect_next(run, '0', '4'); }

protected:
    std::array<std::byte, 4> buffer_{};
};
const add_scenario<reading_some> adds_reading_some;

class reading_at : public opened_world {
public:
    static constexpr const char* awaitable = "file::read_at";

    using opened_world::opened_world;
    auto wait() { return file_.read_at(6, buffer_); }
    void received(std::size_t count) {
        EXPECT_EQ(text_of(std::span{buffer_}.first(count)), "6789");
    }
    task<> verify(const run_state& run) override { return expect_next(run, '0', '0'); }

private:
    std::array<std::byte, 8> buffer_{};
};
const add_scenario<reading_at> adds_reading_at;

class writing_some : public opened_world {
public:
    static constexpr const char* awaitable = "file::write_some";

    using opened_world::opened_world;
    auto wait() { return file_.write_some(bytes_of("abc")); }
    static void received(std::size_t count) { EXPECT_EQ(count, 3U); }
    task<> verify(const run_state& run) override {
        expect_text(run, "abc3456789");
        return expect_next(run, '0', '3');
    }
};
const add_scenario<writing_some> adds_writing_some;

class writing_all : public opened_world {
public:
    static constexpr const char* awaitable = "file::write_all";

    using opened_world::opened_world;
    auto wait() { return file_.write_all(bytes_of("abc")); }
    static void received(std::monostate) { EXPECT_EQ(text(), "abc3456789"); }
    task<> verify(const run_state& run) override {
        expect_text(run, "abc3456789");
        return expect_next(run, '0', '3');
    }
};
const add_scenario<writing_all> adds_writing_all;

class writing_at : public opened_world {
public:
    static constexpr const char* awaitable = "file::write_at";

    using opened_world::opened_world;
    auto wait() { return file_.write_at(7, bytes_of("abc")); }
    static void received(std::monostate) {}
    task<> verify(const run_state& run) override {
        expect_text(run, "0123456abc");
        co_return;
    }
};
const add_scenario<writing_at> adds_writing_at;

class asking_for_the_size : public opened_world {
public:
    static constexpr const char* awaitable = "file::size";

    using opened_world::opened_world;
    auto wait() { return file_.size(); }
    static void received(std::uint64_t size) { EXPECT_EQ(size, old_text.size()); }
};
const add_scenario<asking_for_the_size> adds_asking_for_the_size;

class truncating : public opened_world {
public:
    static constexpr const char* awaitable = "file::truncate";

    using opened_world::opened_world;
    auto wait() { return file_.truncate(5); }
    static void received(std::monostate) {}
    task<> verify(const run_state& run) override {
        expect_text(run, "01234");
        co_return;
    }
};
const add_scenario<truncating> adds_truncating;

class syncing : public opened_world {
public:
    static constexpr const char* awaitable = "file::sync";

    using opened_world::opened_world;
    auto wait() { return file_.sync(); }
    static void received(std::monostate) {}
};
const add_scenario<syncing> adds_syncing;

class finishing : public opened_world {
public:
    static constexpr const char* awaitable = "file::finish";

    using opened_world::opened_world;
    auto wait() { return file_.finish(); }
    static void received(std::monostate) {}
    task<> verify(const run_state& run) override {
        if (run.traced.made == 0) co_return;
        const bool never_began = run.traced.starts == 0 || run.traced.answer == started::stopped;
        EXPECT_EQ(file_.is_open(), never_began) << run.describe();
    }
};
const add_scenario<finishing> adds_finishing;

// --- calls that have begun ---------------------------------------------------------------------

std::atomic<gate*> held_back = nullptr;
std::atomic<int> begun = 0;

class begun_world : public opened_world {
public:
    static constexpr const char* variant = "that has begun";
    static constexpr bool needs_completion = true;
    static constexpr bool runs_on(stage where) noexcept { return is_real(where); }

    explicit begun_world(stage where) : opened_world{where, false} {
        held_back = &gate_;
        begun = 0;
        calls_.read = [](int descriptor, void* data, std::size_t size) {
            ++begun;
            held_back.load()->pass();
            return ::read(descriptor, data, size);
        };
        calls_.write = [](int descriptor, const void* data, std::size_t size) {
            ++begun;
            held_back.load()->pass();
            return ::write(descriptor, data, size);
        };
        simul::detail::file_calls = &calls_;
    }
    ~begun_world() override { simul::detail::file_calls = &simul::detail::system_file_calls; }

    [[nodiscard]] bool is_ready() const override { return begun != 0; }

private:
    simul::detail::file_system_calls calls_ = simul::detail::system_file_calls;
};

class begun_read : public begun_world {
public:
    static constexpr const char* awaitable = "file::read_some";

    using begun_world::begun_world;
    auto wait() { return read_into_a_frame(); }
    static void received(int first) { EXPECT_EQ(first, '0'); }
    task<> verify(const run_state& run) override {
        if (run.traced.made == 0) co_return;
        std::array<std::byte, 1> next{};
        co_await file_.read_some(next);
        EXPECT_EQ(static_cast<char>(next[0]), read_ ? '4' : '0') << run.describe();
    }

private:
    // The buffer goes with the frame, which must not be before the call has returned.
    task<int> read_into_a_frame() {
        std::array<std::byte, 4> buffer{};
        co_await file_.read_some(buffer);
        read_ = true;
        co_return static_cast<int>(buffer[0]);
    }

    bool read_ = false;
};
const add_scenario<begun_read> adds_begun_read;

class begun_write : public begun_world {
public:
    static constexpr const char* awaitable = "file::write_all";

    using begun_world::begun_world;
    auto wait() { return file_.write_all(bytes_of("abc")); }
    static void received(std::monostate) { EXPECT_EQ(text(), "abc3456789"); }
    task<> verify(const run_state& run) override {
        expect_text(run, "abc3456789");
        co_return;
    }
};
const add_scenario<begun_write> adds_begun_write;

}  // namespace
}  // namespace simul::test
