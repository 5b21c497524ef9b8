// SPDX-License-Identifier: Apache-2.0
#include "http/server_connection.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>

#include "http/response_writer.hpp"
#include "simul/base/assert.hpp"
#include "simul/base/bytes.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/http/status.hpp"
#include "simul/io/detail/stop_check.hpp"
#include "simul/io/stream.hpp"
#include "simul/runtime/loop.hpp"
#include "simul/runtime/unhandled.hpp"

namespace simul::http::detail {

namespace {

// How long a connection keeps its workspace between two requests: as long as one is in a hurry.
constexpr duration hurry = std::chrono::milliseconds{100};

// Answers are sent when they are more than this, even if more requests are there.
constexpr std::size_t most_unsent = std::size_t{64} * 1024;

}  // namespace

server_connection::server_connection(accepted taken, server_state& server) noexcept
    : timer{&look_at_limits},
      stream_{std::move(taken.stream)},
      peer_{taken.peer},
      server_{server},
      came_{loop::current().now()},
      due_{saturating_add(came_, server.options.head)},
      head_due_{due_},
      request_due_{saturating_add(came_, server.options.whole)} {
    server_.connections.push_back(*this);
    arm_until(due_, came_);
}

server_connection::~server_connection() {
    if (timer::armed()) loop::current().disarm(*this);
    list_hook<server_connection>::unlink();
}

task<> server_connection::run() {
    while (true) {
        const auto ended = co_await select(talk(), interrupted_.wait());
        if (ended.index() == 0) co_return;
        if (arrived_ == 0) break;
        interrupted_.clear();
        is_late_ = false;
        arm_until(due_, loop::current().now());
    }
    if (!is_late_) co_return;
    switch (phase_) {
        case phase::idle: ++server_.counters().idle_ends; break;
        case phase::sending: ++server_.counters().stalled; break;
        case phase::head:
        case phase::body: co_await refuse_late(); break;
        case phase::handler: break;
    }
}

void server_connection::stop_if_idle() noexcept {
    if (phase_ == phase::idle) interrupted_.set();
}

// --- limits -------------------------------------------------------------------------------------

void server_connection::enter(phase next, time_point until) noexcept {
    phase_ = next;
    due_ = until;
    if (until < timer::deadline) arm_until(until, until);
}

// Most of a request is still to come. Its limits begin when it is first waited for: the time that
// the answers before it took is not the client's.
void server_connection::enter_reading() noexcept {
    const time_point now = loop::current().now();
    const server_options& options = server_.options;
    if (head_due_ == time_point::max()) {
        head_due_ = saturating_add(now, options.head);
        request_due_ = saturating_add(now, options.whole);
    }
    if (work_->parser.has_head()) {
        enter(phase::body, std::min(saturating_add(now, options.body_idle), request_due_));
    } else {
        enter(phase::head, std::min(head_due_, request_due_));
    }
}

void server_connection::arm_until(time_point latest, time_point now) noexcept {
    loop& running = loop::current();
    if (timer::armed()) running.disarm(*this);
    timer::deadline = std::min(latest, saturating_add(now, server_.shortest_limit));
    running.arm(*this);
}

void server_connection::look_at_limits(timer& self) noexcept {
    auto& watched = static_cast<server_connection&>(self);
    const time_point now = loop::current().now();
    if (watched.due_ <= now) {
        if (watched.phase_ != phase::idle || !watched.stream_.has_input()) {
            watched.is_late_ = true;
            watched.interrupted_.set();
            return;
        }
        // It was in time; the timer has only been faster than the news of it.
        watched.due_ = saturating_add(now, watched.server_.options.head);
    }
    watched.arm_until(watched.due_, now);
}

// --- requests -----------------------------------------------------------------------------------

// The functions of one request are all in here, for every frame more would cost each of them.
task<> server_connection::talk() {
    try {
        while (true) {
            bool is_large = static_cast<bool>(work_);
            if (arrived_ == 0) {
                if (served_ != 0) {
                    enter(phase::idle, saturating_add(came_, server_.options.idle));
                }
                if (is_large) {
                    const auto more =
                        co_await move_on_after(hurry, stream_.read_some(work_->input));
                    if (more) {
                        if (*more == 0) co_return;
                        arrived_ = *more;
                    } else {
                        work_.give_back();
                        is_large = false;
                    }
                }
                if (!is_large) {
                    arrived_ = co_await stream_.read_some(first_);
                    if (arrived_ == 0) co_return;
                }
                co_await simul::detail::stop_check{};
            }
            came_ = loop::current().now();
            end_ = std::exchange(arrived_, 0);
            begin_ = 0;
            if (!is_large) {
                work_ = server_.workspaces.take();
                work_->peer = peer_;
                std::memcpy(work_->input.data(), first_.data(), end_);
                if (end_ == first_.size() && stream_.has_input()) {
                    phase_ = phase::head;
                    const std::size_t more =
                        co_await stream_.read_some(std::span{work_->input}.subspan(end_));
                    end_ += more;
                }
            }
            is_large = end_ > first_.size();
            while (true) {
                const next_step next = advance();
                if (next == next_step::await_handler) {
                    enter(phase::handler, time_point::max());
                    std::exception_ptr failure;
                    try {
                        co_await server_.handler.answer_later(work_->request, work_->response);
                    } catch (...) {
                        failure = std::current_exception();
                    }
                    if (failure) handler_failed(failure);
                    came_ = loop::current().now();
                    finish_answer();
                    continue;
                }
                if (!work_->out.empty()) {
                    enter(phase::sending, saturating_add(came_, server_.options.stalled));
                    const std::size_t sent = co_await stream_.write_some(bytes_of(work_->out));
                    if (sent != work_->out.size()) co_await send_rest(sent);
                    work_->out.clear();
                    came_ = loop::current().now();
                }
                if (next == next_step::wait) break;
                if (next == next_step::send) continue;
                if (next == next_step::close) {
                    co_await linger();
                    co_return;
                }
                enter_reading();
                end_ = co_await stream_.read_some(work_->input);
                if (end_ == 0) co_return;
                begin_ = 0;
                is_large = is_large || end_ > first_.size();
            }
            if (!is_large) work_.give_back();
        }
    } catch (const std::system_error&) {
        // The client has broken the connection.
    }
}

server_connection::next_step server_connection::advance() {
    if (is_last_) return next_step::close;
    server_workspace& work = *work_;
    while (true) {
        wire::step read;
        try {
            read = work.parser.parse(std::span{work.input}.subspan(begin_, end_ - begin_));
        } catch (const std::system_error& malformed) {
            refuse(wire::answer_to(malformed.code()));
            return next_step::close;
        }
        begin_ += read.consumed;
        switch (read.what) {
            case wire::event::need_more:
                return work.parser.has_started() ? next_step::read : next_step::wait;
            case wire::event::interim_head:
            case wire::event::head:
                if (!accept_head()) return next_step::close;
                break;
            case wire::event::body:
                if (read.body.size() > server_.options.max_body - work.body.size()) {
                    refuse(status::content_too_large);
                    return next_step::close;
                }
                work.body.append(text_of(read.body));
                break;
            case wire::event::complete:
                if (!answer_now()) return next_step::await_handler;
                finish_answer();
                if (is_last_) return next_step::close;
                if (work.out.size() > most_unsent) return next_step::send;
                break;
        }
    }
}

// False if the request was refused.
bool server_connection::accept_head() {
    const wire::request_head& head = work_->parser.head();
    if (head.content_length.value_or(0) > server_.options.max_body) {
        refuse(status::content_too_large);
        return false;
    }
    if (head.form == wire::target_form::authority) {  // CONNECT: there are no tunnels here
        refuse(status::not_implemented);
        return false;
    }
    if (head.expects_continue && begin_ == end_) {
        work_->out.append("HTTP/1.1 100 Continue\r\n\r\n");
    }
    return true;
}

bool server_connection::answer_now() {
    ++server_.counters().requests;
    try {
        return server_.handler.answer_now(work_->request, work_->response);
    } catch (...) {
        handler_failed(std::current_exception());
    }
    return true;
}

void server_connection::handler_failed(const std::exception_ptr& failure) noexcept {
    ++server_.counters().failed;
    if (server_.options.on_error) {
        server_.options.on_error(failure, work_->request);
    } else {
        report_unhandled_error(failure, "in a handler of an HTTP server");
    }
    make_status_page(work_->response, status::internal_server_error);
}

void server_connection::finish_answer() {
    server_workspace& work = *work_;
    const wire::request_head& head = work.parser.head();
    SIMUL_ASSERT(work.response.status >= 200 && work.response.status <= 999,
                 "an answer has a status from 200 to 999");
    ++served_;
    is_last_ = !head.keep_alive || work.response.is_last ||
               served_ >= server_.options.max_requests || server_.is_stopping;
    answer_rules rules;
    rules.common_fields = server_.common_fields.at(came_);
    if (is_last_) {
        rules.connection = "close";
    } else if (head.version == wire::version::http_1_0) {
        rules.connection = "keep-alive";
    }
    rules.is_without_body = head.method == method::head;
    response_writer::append(work.out, work.response, rules);
    work.response.clear();
    work.body.clear();
    work.parser.restart();
    head_due_ = time_point::max();
}

void server_connection::refuse(int code) {
    ++server_.counters().refused;
    is_last_ = true;
    make_status_page(work_->response, code);
    answer_rules rules;
    rules.common_fields = server_.common_fields.at(came_);
    rules.connection = "close";
    response_writer::append(work_->out, work_->response, rules);
}

// --- the end ------------------------------------------------------------------------------------

task<> server_connection::send_rest(std::size_t sent) {
    std::span<const std::byte> rest = bytes_of(work_->out).subspan(sent);
    while (!rest.empty()) {
        enter(phase::sending, saturating_add(loop::current().now(), server_.options.stalled));
        const std::size_t count = co_await stream_.write_some(rest);
        rest = rest.subspan(count);
    }
}

task<> server_connection::refuse_late() {
    ++server_.counters().too_late;
    came_ = loop::current().now();
    refuse(status::request_timeout);
    try {
        const auto sent = co_await move_on_after(server_.options.linger,
                                                 write_all(stream_, bytes_of(work_->out)));
        if (sent) co_await linger();
    } catch (const std::system_error&) {
        // Nobody is left to be told.
    }
}

// Closing while something is unread makes the system send a reset, which can destroy the answer on
// its way.
task<> server_connection::linger() {
    enter(phase::sending, time_point::max());
    co_await stream_.shutdown();
    static_cast<void>(co_await move_on_after(server_.options.linger, drain()));
}

task<> server_connection::drain() {
    std::size_t total = end_ - begin_;
    while (total <= server_.options.linger_bytes) {
        const std::size_t count = co_await stream_.read_some(work_->input);
        if (count == 0) break;
        total += count;
    }
}

}  // namespace simul::http::detail
