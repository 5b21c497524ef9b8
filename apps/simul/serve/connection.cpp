// SPDX-License-Identifier: Apache-2.0
#include "serve/connection.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "serve/reply.hpp"
#include "simul/base/bytes.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/http/status.hpp"
#include "simul/http/wire/request_parser.hpp"
#include "simul/runtime/loop.hpp"

namespace simul::program {

namespace {

constexpr std::size_t input_size = std::size_t{16} * 1024;
constexpr std::size_t piece_size = std::size_t{64} * 1024;

// What a failure of the site is answered with.
answer answer_to_failure(const std::exception_ptr& failure, std::string& why) {
    int status = http::status::internal_server_error;
    try {
        std::rethrow_exception(failure);
    } catch (const std::system_error& error) {
        why = error.what();
        const std::error_code code = error.code();
        if (code == std::errc::too_many_files_open ||
            code == std::errc::too_many_files_open_in_system ||
            code == std::errc::not_enough_memory ||
            code == std::errc::resource_unavailable_try_again) {
            status = http::status::service_unavailable;
        }
    } catch (const std::bad_alloc& error) {
        why = error.what();
        status = http::status::service_unavailable;
    } catch (const std::exception& error) {
        why = error.what();
    } catch (...) {
        why = "an exception of unknown type";
    }
    return status_page(status);
}

template <byte_stream Stream>
class conversation {
public:
    conversation(Stream& stream, const endpoint& peer, site& content, const server_options& options,
                 event& stopping)
        : stream_{stream},
          content_{content},
          options_{options},
          stopping_{stopping},
          peer_{peer},
          input_(input_size) {}

    task<> run() {
        for (std::size_t served = 0; served != options_.max_requests; ++served) {
            time_point deadline = saturating_add(now(), options_.head);
            const duration patience = served == 0 ? options_.head : options_.idle;
            if (begin_ == end_) {
                const bool came = co_await wait_for_input(patience);
                if (!came) co_return;
                // A client that has just connected gets no extra time to begin.
                if (served != 0) deadline = saturating_add(now(), options_.head);
            }
            http::wire::request_head asked;
            const int problem = co_await read_head_until(deadline, asked);
            if (problem == gone) co_return;
            if (problem != 0) {
                const answer said = status_page(problem);
                const bool sent = co_await send(nullptr, said, true, {});
                if (sent) co_await linger();
                co_return;
            }
            bool is_last = !asked.keep_alive || asked.framing != http::wire::framing::none ||
                           served + 1 == options_.max_requests;
            const bool sent = co_await respond(asked, is_last);
            if (!sent) co_return;
            // While a long body was sent the time may have come, too.
            if (is_last || stopping_.is_set()) {
                co_await linger();
                co_return;
            }
        }
    }

private:
    static constexpr int gone = -1;

    static time_point now() { return loop::current().now(); }

    // Whether something is to be read: not when the time passed, the client went, or it is time to
    // stop.
    task<bool> wait_for_input(duration limit) {
        const std::span<std::byte> room{input_};
        auto first =
            co_await move_on_after(limit, select(stopping_.wait(), stream_.read_some(room)));
        if (!first && stream_.has_input()) {
            // It was in time; the timer has only been faster than the news of it.
            first = co_await move_on_after(options_.head,
                                           select(stopping_.wait(), stream_.read_some(room)));
        }
        if (!first || first->index() == 0) co_return false;
        begin_ = 0;
        end_ = std::get<1>(*first);
        co_return end_ != 0;
    }

    // 0, the status to answer, or `gone`.
    task<int> read_head_until(time_point deadline, http::wire::request_head& into) {
        // What has come already is read in any case, so the limit is never nothing.
        const duration left = std::max(deadline - now(), duration{1});
        const std::optional<int> read = co_await move_on_after(left, read_head(into));
        co_return read.value_or(http::status::request_timeout);
    }

    task<int> read_head(http::wire::request_head& into) {
        http::wire::request_parser parser{options_.request};
        while (true) {
            int problem = 0;
            bool is_read = false;
            try {
                const auto step = parser.parse(std::span{input_}.subspan(begin_, end_ - begin_));
                begin_ += step.consumed;
                is_read = step.what == http::wire::event::head;
            } catch (const std::system_error& malformed) {
                problem = http::wire::answer_to(malformed.code());
            }
            if (problem != 0) co_return problem;
            if (is_read) break;
            const std::size_t count = co_await stream_.read_some(std::span{input_});
            if (count == 0) co_return gone;
            begin_ = 0;
            end_ = count;
        }
        into = parser.take_head();
        co_return 0;
    }

    // Whether all of it was sent. The site may take its time: whether to stop is asked afterwards.
    task<bool> respond(const http::wire::request_head& asked, bool& is_last) {
        answer said;
        std::string why;
        if (asked.method == http::method::get || asked.method == http::method::head) {
            std::exception_ptr failure;
            try {
                said = co_await content_.look_up(asked);
            } catch (...) {
                failure = std::current_exception();
            }
            if (failure) said = answer_to_failure(failure, why);
        } else {
            said = status_page(http::status::method_not_allowed);
        }
        is_last = is_last || stopping_.is_set();
        const bool sent = co_await send(&asked, said, is_last, std::move(why));
        co_return sent;
    }

    // Whether all of it was sent.
    task<bool> send(const http::wire::request_head* asked, const answer& said, bool is_last,
                    std::string why) {
        reply made = make_reply(asked, said, is_last);
        made.head.append(made.body);
        bool sent = false;
        std::exception_ptr failure;
        try {
            sent = co_await write(bytes_of(made.head));
            if (sent && made.from_file != 0) {
                sent = co_await send_file(*said.content, made.from_file, why);
            }
        } catch (...) {
            failure = std::current_exception();
        }
        if (options_.log) {
            if (why.empty() && failure) why = "the client has broken the connection";
            if (why.empty() && !sent) why = "the client does not read";
            served_request line;
            line.peer = peer_;
            if (asked != nullptr) {
                line.method = asked->method.name();
                line.target = asked->target;
            }
            line.status = made.status;
            line.body_size = made.body_size;
            line.failure = why;
            options_.log(line);
        }
        if (failure) std::rethrow_exception(failure);
        co_return sent;
    }

    // The head has promised a length: a file that cannot give it ends the connection.
    task<bool> send_file(file& content, std::uint64_t size, std::string& why) {
        std::vector<std::byte> piece(
            static_cast<std::size_t>(std::min<std::uint64_t>(size, piece_size)));
        for (std::uint64_t offset = 0; offset != size;) {
            const auto wanted =
                static_cast<std::size_t>(std::min<std::uint64_t>(size - offset, piece.size()));
            std::size_t count = 0;
            try {
                count = co_await content.read_at(offset, std::span{piece}.first(wanted));
                if (count == 0) why = "the file became shorter";
            } catch (const std::system_error& error) {
                why = error.what();
            }
            if (count == 0) co_return false;
            const bool sent = co_await write(std::span{piece}.first(count));
            if (!sent) co_return false;
            offset += count;
        }
        co_return true;
    }

    // False when the client takes nothing any more.
    task<bool> write(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const std::optional<std::size_t> count =
                co_await move_on_after(options_.stalled, stream_.write_some(bytes));
            if (!count) co_return false;
            bytes = bytes.subspan(*count);
        }
        co_return true;
    }

    // Closing while something is unread makes the system send a reset, which can destroy the
    // answer on its way.
    task<> linger() {
        co_await stream_.shutdown();
        static_cast<void>(co_await move_on_after(options_.linger, drain()));
    }

    task<> drain() {
        std::size_t total = end_ - begin_;
        while (total <= options_.linger_bytes) {
            const std::size_t count = co_await stream_.read_some(std::span{input_});
            if (count == 0) break;
            total += count;
        }
    }

    Stream& stream_;
    site& content_;
    const server_options& options_;
    event& stopping_;
    endpoint peer_;
    std::vector<std::byte> input_;
    std::size_t begin_ = 0;  // what was read and not taken yet: from here …
    std::size_t end_ = 0;    // … to here
};

}  // namespace

template <byte_stream Stream>
task<> answer_connection(Stream stream, endpoint peer, site& content, const server_options& options,
                         event& stopping) {
    conversation<Stream> talk{stream, peer, content, options, stopping};
    co_await talk.run();
}

template task<> answer_connection(tcp_stream, endpoint, site&, const server_options&, event&);
template task<> answer_connection(memory_stream, endpoint, site&, const server_options&, event&);

}  // namespace simul::program
