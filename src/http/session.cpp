// SPDX-License-Identifier: Apache-2.0
#include "simul/http/session.hpp"

#include <algorithm>
#include <utility>

#include "simul/http/error.hpp"
#include "simul/http/request_error.hpp"
#include "simul/runtime/loop.hpp"

#include "http/exchange.hpp"
#include "http/redirect.hpp"
#include "http/session_state.hpp"

namespace simul::http {

namespace detail {

namespace {

pool_limits limits_of(const session_options& options) noexcept {
    pool_limits limits;
    limits.total = std::max<std::size_t>(options.max_connections, 1);
    limits.per_origin = std::max<std::size_t>(options.max_connections_per_host, 1);
    limits.waiters = options.max_waiting;
    limits.keep_alive = options.keep_alive;
    return limits;
}

}  // namespace

session_state::session_state(session_options chosen)
    : options{std::move(chosen)}, pool{limits_of(options)}, names{options.names} {
    for (const name_override& each : options.overrides) {
        names.add_override(each.host, each.port, each.addresses);
    }
}

const tls::client_context& session_state::trust() {
    if (!options.trust) options.trust.emplace();
    return *options.trust;
}

task<response> session_state::send(request wanted) {
    const time_point deadline = saturating_add(loop::current().now(), options.limits.total);
    std::vector<redirect> history;
    take_credentials(wanted, options.default_headers);
    while (true) {
        auto made = std::make_unique<exchange>(*this, wanted.url, deadline);
        if (wanted.url.scheme() != "http" && wanted.url.scheme() != "https") {
            made->fail(make_error_code(errc::unsupported_scheme), stage::preparing);
        }
        co_await made->send_request(wanted);
        const int status = made->head().status;
        const auto location = made->head().headers.get("Location");
        if (!is_followed(status) || options.max_redirects == 0) {
            made->history = std::move(history);
            co_return response{std::move(made)};
        }
        auto target = redirect_target(wanted.url, location);
        if (!target) made->fail(target.error(), stage::redirecting, location.value_or(""));
        if (history.size() >= options.max_redirects) {
            made->fail(make_error_code(errc::too_many_redirects), stage::redirecting);
        }
        history.emplace_back(status, wanted.url);
        const method before = wanted.method;
        const bool had_stream = wanted.stream.has_value();
        turn_to(wanted, status, std::move(*target));
        if (had_stream && wanted.stream) {
            made->fail(make_error_code(errc::body_not_repeatable), stage::redirecting);
        }
        const auto is_again = [&](const redirect& hop) {
            return hop.url.without_fragment() == wanted.url.without_fragment();
        };
        if (before == wanted.method && std::ranges::any_of(history, is_again)) {
            made->fail(make_error_code(errc::redirect_loop), stage::redirecting);
        }
        co_await made->discard();
    }
}

}  // namespace detail

session::session(session_options options)
    : state_{std::make_unique<detail::session_state>(std::move(options))} {}

session::~session() = default;

task<response> session::send(request wanted) {
    return state_->send(std::move(wanted));
}

task<response> session::get(std::string address) {
    auto parsed = web::url::parse(address);
    if (!parsed) throw request_error{parsed.error(), stage::preparing, std::move(address)};
    response answer = co_await state_->send(request{std::move(*parsed)});
    co_return answer;
}

void session::close_idle() noexcept {
    state_->pool.close_idle();
}

session_statistics session::statistics() const noexcept {
    session_statistics result = state_->counted;
    result.in_use = state_->pool.in_use();
    result.idle = state_->pool.idle();
    result.waiting = state_->pool.waiting();
    return result;
}

}  // namespace simul::http
