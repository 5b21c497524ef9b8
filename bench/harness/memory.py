# SPDX-License-Identifier: Apache-2.0
"""What tasks that sleep and connections that are idle take of a process's memory."""

import contextlib
import resource
import socket
import struct
import time

from harness import machine, micro, peers, tables
from harness.machine import Failed

TITLE = "Memory"
CONNECTIONS = 5000
IDLE = "memory of one of 5,000 idle TCP connections"
WARM_UP = 50  # connections, before what is counted
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: no port waits for late packets
AT_EASE = 0.3  # seconds that a server gets before its memory is read


def measure(session):
    rows = [{**row, "case": row["operation"]}
            for row in micro.run_parts(session, ("sleepers", "idle"), "bytes")]
    rows += [{**row, "case": IDLE} for row in idle_connections(session)]
    return [{"workload": "memory", **{name: row[name] for name in
                                      ("case", "who", "repetition", "bytes")}} for row in rows]


def idle_connections(session):
    """How far the resident memory of each server of the echo grows for a connection."""
    session.prepare_workload("echo")
    allow_descriptors(CONNECTIONS + 100)

    def once(program, _case):
        port = machine.free_port()
        command = session.command(program, port=port)
        with machine.server(command, port, program.environment) as server:
            with connections(port, WARM_UP):
                pass
            time.sleep(AT_EASE)
            before = resident_bytes(server.pid)
            with connections(port, CONNECTIONS):
                time.sleep(AT_EASE)
                grown = resident_bytes(server.pid) - before
        return [{"bytes": grown / CONNECTIONS}]

    return session.interleaved("echo-idle", (f"{CONNECTIONS} idle",), once)


def allow_descriptors(count):
    """For this process and the servers that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Failed(f"it needs {count} descriptors in a process; the limit is {hard}")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def resident_bytes(process):
    with open(f"/proc/{process}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@contextlib.contextmanager
def connections(port, count):
    """That many connections to an echo server, each of which has had one byte sent back."""
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            one = opened.enter_context(socket.create_connection(("127.0.0.1", port), 5))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            one.sendall(b"x")
            if one.recv(1) != b"x":
                raise Failed("the server has closed a connection")
        yield


def least_of_others(rows, case):
    """Who takes least, of those that are not simul and take anything; None if nobody else does
    this."""
    others = [who for who in tables.in_order(rows, case, "bytes") if not tables.is_ours(who)
              and tables.middle(tables.values_of(rows, case, who, "bytes")) > 0]
    return others[0] if others else None


def table(rows, names):
    """For each case everybody, who takes least first."""
    lines = []
    for case in tables.unique(row["case"] for row in rows):
        for who in tables.in_order(rows, case, "bytes"):
            values = tables.values_of(rows, case, who, "bytes")
            lines.append([case, tables.emphasized(who, names), tables.shown(values, 0),
                          f"{tables.spread(values):.0f}",
                          peers.ELSEWHERE.get(case, "") if tables.is_ours(who) else ""])
    return [*tables.markdown(["what", "who", "bytes", "± %", "elsewhere"],
                             [False, False, True, True, False], lines),
            *tables.fewer_runs(rows, names)]
