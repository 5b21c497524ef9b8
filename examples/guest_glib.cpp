// SPDX-License-Identifier: Apache-2.0
//
// guest_glib: tasks in a program whose loop is GLib's, as it is in every program with GTK. The
// tasks are a guest: GLib waits for them, along with all else that it waits for, on one thread.
//
// guest_source is all that it takes, for any program. Below it a task waits for its own clock and
// for a timer of GLib in turn, and GLib's callbacks set tasks going.
#include <glib.h>

#include <chrono>
#include <iostream>
#include <memory>

#include "simul/concurrency/event.hpp"
#include "simul/concurrency/future.hpp"
#include "simul/concurrency/guest.hpp"
#include "simul/runtime/sleep.hpp"

using namespace std::chrono_literals;

namespace {

using guest = simul::guest_run<int>;

// A source of events as GLib knows them: before it waits it asks all of them how long it may
// (prepare), afterwards which have something to do (check), and lets these do it (dispatch).
struct guest_source {
    GSource base;  // first, so that a pointer to the one is a pointer to the other
    gpointer descriptor;
    guest* tasks;
    GMainLoop* host;
};

guest_source& from(GSource* source) {
    return *reinterpret_cast<guest_source*>(source);
}

gboolean prepare(GSource* source, gint* milliseconds) {
    *milliseconds = from(source).tasks->timeout_in_milliseconds();
    return *milliseconds == 0;
}

gboolean check(GSource* source) {
    const guest_source& ours = from(source);
    return g_source_query_unix_fd(source, ours.descriptor) != 0 ||
           ours.tasks->timeout() == simul::duration::zero();
}

gboolean dispatch(GSource* source, GSourceFunc, gpointer) {
    if (from(source).tasks->step()) return G_SOURCE_CONTINUE;
    g_main_loop_quit(from(source).host);
    return G_SOURCE_REMOVE;
}

void attach(guest& tasks, GMainLoop* host) {
    static GSourceFuncs functions{prepare, check, dispatch, nullptr, nullptr, nullptr};
    GSource* source = g_source_new(&functions, sizeof(guest_source));
    guest_source& ours = from(source);
    ours.tasks = &tasks;
    ours.host = host;
    ours.descriptor = g_source_add_unix_fd(source, tasks.descriptor(), G_IO_IN);
    g_source_attach(source, g_main_loop_get_context(host));
    g_source_unref(source);  // the context keeps it
}

// What a task can wait for need not be ours: a timer of GLib.
simul::future<> glib_timer(std::chrono::milliseconds delay) {
    auto rings = std::make_unique<simul::promise<>>();
    simul::future<> heard = rings->get_future();
    const auto ring = [](gpointer data) -> gboolean {
        const std::unique_ptr<simul::promise<>> owned{static_cast<simul::promise<>*>(data)};
        std::cout << "GLib: a timer rings\n";
        owned->try_set_value();  // or nobody waits any more
        return G_SOURCE_REMOVE;
    };
    g_timeout_add(static_cast<guint>(delay.count()), ring, rings.release());
    return heard;
}

simul::task<int> program(simul::event& pressed) {
    for (int round = 1; round <= 3; ++round) {
        co_await simul::sleep_for(2ms);
        std::cout << "task: slept, round " << round << '\n';
        co_await glib_timer(2ms);
        std::cout << "task: heard it\n";
    }
    g_timeout_add(
        2,
        [](gpointer button) -> gboolean {
            std::cout << "GLib: a button is pressed\n";
            static_cast<simul::event*>(button)->set();
            return G_SOURCE_REMOVE;
        },
        &pressed);
    co_await pressed.wait();
    std::cout << "task: that was all\n";
    co_return 3;
}

}  // namespace

int main() {
    GMainLoop* host = g_main_loop_new(nullptr, FALSE);
    {
        simul::event pressed;
        guest tasks{program(pressed)};
        attach(tasks, host);
        std::cout << "GLib: the loop starts\n";
        g_main_loop_run(host);
        std::cout << "GLib: the tasks have ended, after " << tasks.result() << " rounds\n";
    }
    g_main_loop_unref(host);
}
