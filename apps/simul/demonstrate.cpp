// SPDX-License-Identifier: Apache-2.0
#include "demonstrate.hpp"

#include <cstdio>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "common/exit_code.hpp"
#include "serve/demonstration.hpp"
#include "serve/server.hpp"
#include "simul/concurrency/run.hpp"
#include "simul/concurrency/task_group.hpp"
#include "simul/io/tcp.hpp"

namespace simul::program {

namespace {

// The site, on a thread and a loop of its own: the crawl blocks this one.
class background_site {
public:
    background_site() : thread_{[this] { serve(); }} { address_ = started_.get_future().get(); }
    background_site(const background_site&) = delete;
    background_site& operator=(const background_site&) = delete;
    ~background_site() {
        const std::lock_guard lock{mutex_};
        if (loop_ != nullptr) {
            loop_->post_from_any_thread([this] { stop_->cancel(); });
        }
    }

    [[nodiscard]] const endpoint& address() const noexcept { return address_; }

private:
    void serve() {
        run_options options;
        options.handle_interrupt = false;
        try {
            run(serve_until_stopped(), options);
        } catch (...) {
            if (stop_ == nullptr) started_.set_exception(std::current_exception());
        }
    }

    task<> serve_until_stopped() {
        tcp_listener listener = tcp_listener::bind(endpoint{ip_address::loopback_v4(), 0});
        demonstration_site site;
        const server_options options;
        task_group group;
        group.spawn(serve_site(listener, site, options));
        stop_ = &group;
        const publication published{*this};
        started_.set_value(listener.local_endpoint());
        co_await group.run();
    }

    // Lets the other thread reach the loop while there is something to stop.
    struct publication {
        explicit publication(background_site& owner) : site{owner} { set(&loop::current()); }
        publication(const publication&) = delete;
        publication& operator=(const publication&) = delete;
        ~publication() { set(nullptr); }

        void set(loop* running) {
            const std::lock_guard lock{site.mutex_};
            site.loop_ = running;
        }
        background_site& site;
    };

    std::promise<endpoint> started_;
    endpoint address_;
    std::mutex mutex_;
    loop* loop_ = nullptr;        // guarded by mutex_
    task_group* stop_ = nullptr;  // of the thread
    std::jthread thread_;         // the last one: it is joined first, also if nothing started
};

}  // namespace

int demonstrate(const std::function<int(std::vector<std::string>)>& command) {
    int code = exit_done;
    {
        const background_site site;
        const std::string address = site.address().to_string();
        std::printf(
            "simul --help tells what it can do. This is a demonstration: a small site in\n"
            "this program, the Museum of Waves at http://%s/, is crawled, slowly enough\n"
            "to watch. The results go to ./crawl-demonstration.\n\n",
            address.c_str());
        std::fflush(stdout);
        std::string first{"http://"};
        first.append(address).append("/");
        code = command(
            {"crawl", first, "--delay", "40ms", "--state", "crawl-demonstration", "--fresh"});
    }
    return code == exit_findings ? static_cast<int>(exit_done) : code;
}

}  // namespace simul::program
