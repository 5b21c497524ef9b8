// SPDX-License-Identifier: Apache-2.0
//
// Who stops whom:
//
//     cancelled ──▶ stop(): closes the listener, ends idle connections, marks the others
//     marked ──▶ each ends after its request; then serve() ends, and `ended` is set
//     grace has passed before that ──▶ `broken_off` ends select(), which cancels serve()
#include "simul/http/server.hpp"

#include <exception>

#include "http/server_connection.hpp"
#include "http/server_state.hpp"
#include "simul/base/assert.hpp"
#include "simul/concurrency/event.hpp"
#include "simul/concurrency/finally.hpp"
#include "simul/concurrency/select.hpp"
#include "simul/concurrency/shield.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/concurrency/timeout.hpp"
#include "simul/io/serve.hpp"

namespace simul::http::detail {

namespace {

class running_server {
public:
    running_server(tcp_listener& listener, request_handler& handler, const server_options& options)
        : listener_{listener}, state_{handler, options} {}

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
        co_await simul::serve(listener_, answer_one, state_.options.connections);
    }

    task<> answer(accepted taken) {
        server_connection connection{std::move(taken), state_};
        co_await connection.run();
    }

    task<> watch() { co_await finally(ended_.wait(), stop()); }

    task<> stop() {
        listener_.close();
        state_.is_stopping = true;
        if (!state_.connections.empty()) {
            for (server_connection* each = &state_.connections.front(); each != nullptr;
                 each = state_.connections.next(*each)) {
                each->stop_if_idle();
            }
        }
        const auto in_time = co_await move_on_after(state_.options.grace, ended_.wait());
        if (!in_time) broken_off_.set();
    }

    tcp_listener& listener_;
    server_state state_;
    event ended_;
    event broken_off_;
};

}  // namespace

task<> serve_requests(tcp_listener& listener, request_handler& handler,
                      const server_options& options) {
    SIMUL_ASSERT(is_field_value(options.name), "the name of a server is no value of a field");
    running_server server{listener, handler, options};
    co_await server.run();
}

}  // namespace simul::http::detail
