# SPDX-License-Identifier: Apache-2.0
"""TCP echo of 64 bytes: the CPU time of the server for each message. `echo-timeout` is the same
with a limit of time on each read; C on epoll, which it is divided by, has none. `echo-leased` is
the same for connections that hold no buffer while they wait."""

from harness import machine, peers, tables
from harness.machine import Failed

TITLE = "TCP echo, 64 bytes"
TITLE_WITH_TIME_OUTS = "TCP echo, 64 bytes, a time-out for each read"
TITLE_WITH_LEASES = "TCP echo, 64 bytes, into buffers of the loop's"
CASES = ("1", "100", "1000")
CASES_WITH_TIME_OUTS = ("100",)
CASES_WITH_LEASES = ("100", "1000")
FORM = tables.Form("connections", "server", (
    tables.Column("messages/s", "rate"), tables.Column("p50 µs", "p50", 1),
    tables.Column("p99 µs", "p99", 1)), tables.Column("CPU µs/message", "cpu", 2))


def measure(session, workload="echo", cases=CASES):
    session.prepare_workload(workload)
    session.builder.build(peers.LOAD)
    load = session.builder.folder / "echo_load"

    def once(program, connections):
        port = machine.free_port()
        command = session.command(program, port=port)
        with machine.server(command, port, program.environment) as server:
            ran = machine.client([load, port, connections, session.seconds, server.pid])
        found = machine.json_lines(ran["output"])
        if not found:
            raise Failed("the load printed no figures")
        return [{"cpu": found[0]["server_cpu"] / 1e3,
                 **{name: found[0][name] for name in ("rate", "p50", "p99", "server_busy")}}]

    return session.interleaved(workload, cases, once, machine.SERVER_CPU)


def measure_with_time_outs(session):
    return measure(session, "echo-timeout", CASES_WITH_TIME_OUTS)


def measure_with_leases(session):
    return measure(session, "echo-leased", CASES_WITH_LEASES)
