// SPDX-License-Identifier: Apache-2.0
//
// support/crawled_site.hpp: a web for a crawl that is one function from the address to the answer.
#pragma once

#include <functional>
#include <string>
#include <system_error>
#include <utility>

#include "crawl/engine.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/runtime/sleep.hpp"
#include "support/fake_http_server.hpp"
#include "support/run_on_backends.hpp"

namespace simul::test {

/// What a web answers, and how long that takes.
class crawled_site {
public:
    std::function<std::string(const std::string& url)> reply;
    std::function<duration(const std::string& url)> latency = [](const std::string&) {
        return duration{};
    };

    /// Crawls it in the simulated world. `beside` runs meanwhile and is cancelled at the end;
    /// `look` sees the crawler after that.
    void crawl(program::crawl_options options,
               const std::function<task<>(program::crawler&)>& beside,
               const std::function<void(const program::crawler&)>& look) const {
        simulate([&]() -> task<> {
            co_await with_task_group([&](task_group& group) -> task<> {
                fake_http_server server{group, [&](memory_stream stream, std::size_t) {
                                            return serve(std::move(stream));
                                        }};
                {
                    program::crawler made{std::move(options), server.options()};
                    co_await with_task_group([&](task_group& both) -> task<> {
                        if (beside) both.spawn(beside(made));
                        co_await made.run();
                        both.cancel();
                    });
                    if (look) look(made);
                }
                group.cancel();
            });
        });
    }

private:
    task<> serve(memory_stream stream) const {
        std::string ahead;
        try {
            while (true) {
                seen_request asked;
                const bool more = co_await fake_http_server::read_request(stream, ahead, asked);
                if (!more) break;
                std::string url{"http://"};
                url.append(asked.head.headers.get("Host").value_or("")).append(asked.head.target);
                co_await sleep_for(latency(url));
                const std::string text = reply(url);
                co_await write_all(stream, bytes_of(text));
            }
        } catch (const std::system_error&) {
            // The crawler has gone in the middle.
        }
    }
};

}  // namespace simul::test
