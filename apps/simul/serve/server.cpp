// SPDX-License-Identifier: Apache-2.0
//
// Who stops whom:
//
//     cancelled ──▶ stop(): closes the listener, sets `stopping`
//     stopping ──▶ each connection ends after its answer; then serve() ends, and `ended` is set
//     grace has passed before that ──▶ `broken_off` ends select(), which cancels serve()
#include "serve/server.hpp"

#include <exception>
#include <system_error>
#include <utility>

#include "serve/connection.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/serve.hpp"

namespace simul::program {

namespace {

class running_server {
public:
    running_server(tcp_listener& listener, site& content, const server_options& options)
        : listener_{listener}, content_{content}, options_{options} {}

    task<> run() {
        task_group both;
        both.spawn(serve_shielded());
        both.spawn(watch());
        co_await both.run();
    }

private:
    task<> serve_shielded() { co_await shield(serve_to_the_end()); }

    task<> serve_to_the_end() {
        std::exception_ptr failure;
        try {
            static_cast<void>(co_await select(accept_and_answer(), broken_off_.wait()));
        } catch (...) {
            failure = std::current_exception();
        }
        ended_.set();
        if (failure) std::rethrow_exception(failure);
    }

    task<> accept_and_answer() {
        const auto answer_one = [this](accepted taken) { return answer(std::move(taken)); };
        co_await serve(listener_, answer_one, options_.connections);
    }

    // A client that breaks its connection is nothing to report; the log has it.
    task<> answer(accepted taken) {
        try {
            co_await answer_connection(std::move(taken.stream), taken.peer, content_, options_,
                                       stopping_);
        } catch (const std::system_error&) {
        }
    }

    task<> watch() { co_await finally(ended_.wait(), stop()); }

    task<> stop() {
        listener_.close();
        stopping_.set();
        const auto in_time = co_await move_on_after(options_.grace, ended_.wait());
        if (!in_time) broken_off_.set();
    }

    tcp_listener& listener_;
    site& content_;
    const server_options& options_;
    event stopping_;
    event ended_;
    event broken_off_;
};

}  // namespace

task<> serve_site(tcp_listener& listener, site& content, const server_options& options) {
    running_server server{listener, content, options};
    co_await server.run();
}

}  // namespace simul::program
