// SPDX-License-Identifier: Apache-2.0
//
// A consumer of the component http: it links what http requires, and meets no server.
#include <simul/concurrency/run.hpp>
#include <simul/http/request_error.hpp>
#include <simul/http/session.hpp>

#include <cstdio>

simul::task<> program() {
    simul::http::session web;
    try {
        co_await web.get("https://[::1/");
    } catch (const simul::http::request_error& failure) {
        std::printf("%s\n", failure.code().category().name());
    }
}

int main() {
    simul::run(program());
}
