# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 plaintext under wrk: the CPU time of the server for each request."""

import pathlib
import re
import tempfile

from harness import building, machine, tables
from harness.machine import Failed

TITLE = "HTTP/1.1 plaintext, wrk"
CASES = ("64",)
FORM = tables.Form("connections", "server", (
    tables.Column("requests/s", "rate"), tables.Column("p50 µs", "p50"),
    tables.Column("p99 µs", "p99")), tables.Column("CPU µs/request", "cpu", 2))
MICROSECONDS = {"us": 1, "ms": 1e3, "s": 1e6}


def read_report(text):
    """What wrk prints with --latency."""
    def number(pattern):
        match = re.search(pattern, text)
        if match is None:
            raise Failed("wrk printed no figures")
        return match

    def time(percent):
        match = number(percent + r"%\s+([\d.]+)(us|ms|s)")
        return float(match[1]) * MICROSECONDS[match[2]]

    errors = re.search(r"Socket errors: (.*)|Non-2xx or 3xx responses: (.*)", text)
    if errors is not None:
        raise Failed(f"wrk met errors: {errors[0]}")
    return {"requests": int(number(r"(\d+) requests in")[1]),
            "rate": float(number(r"Requests/sec:\s+([\d.]+)")[1]),
            "p50": time("50"), "p99": time("99")}


def write_configuration(folder, port):
    text = (building.COMPARE / "nginx" / "plaintext.conf.in").read_text()
    for name, value in {"folder": folder, "port": port}.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(text)


def measure(session):
    session.prepare_workload("plaintext")
    seconds = max(1, round(session.seconds))  # wrk takes whole ones
    with tempfile.TemporaryDirectory(prefix="simul-bench-") as name:
        folder = pathlib.Path(name)

        def once(program, connections):
            port = machine.free_port()
            write_configuration(folder, port)
            command = session.command(program, port=port, folder=folder)
            load = ["wrk", "-t1", f"-c{connections}", "--latency",
                    f"http://127.0.0.1:{port}/plaintext"]
            with machine.server(command, port, program.environment) as server:
                machine.client([*load, "-d1"])  # warms up
                before = machine.cpu_nanoseconds(server.pid)
                ran = machine.client([*load, f"-d{seconds}"])
                used = machine.cpu_nanoseconds(server.pid) - before
            found = read_report(ran["output"])
            if not found["requests"]:
                raise Failed("no request was answered")
            return [{"cpu": used / 1e3 / found["requests"], **found}]

        return session.interleaved("plaintext", CASES, once, machine.SERVER_CPU)
