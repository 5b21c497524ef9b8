# SPDX-License-Identifier: Apache-2.0
"""Runs programs on one core each, waits until nobody else works, and says what machine this is."""

import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SERVER_CPU, CLIENT_CPU = "0", "1"
LONGEST = 180  # seconds, for one run of anything


class Failed(Exception):
    """A program could not be run; the text says why in one line."""


def on_cpu(number, command):
    return ["taskset", "-c", number, *map(str, command)]


def busy_seconds():
    """CPU time that the whole machine has used."""
    with open("/proc/stat", encoding="ascii") as file:
        numbers = list(map(int, file.readline().split()[1:9]))
    return sum(numbers[:3] + numbers[5:8]) / os.sysconf("SC_CLK_TCK")


def cpu_nanoseconds(process):
    """CPU time of all threads of a process, system calls included."""
    total = 0
    for thread in pathlib.Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total


def wait_for_quiet(most):
    """Waits until others use less than a quarter of one CPU, but not for ever."""
    end = time.monotonic() + most
    while time.monotonic() < end:
        before, began = busy_seconds(), time.monotonic()
        time.sleep(0.2)
        if busy_seconds() - before < 0.25 * (time.monotonic() - began):
            return


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, environment, cpu, output=subprocess.DEVNULL):
    """A process, what it says about its errors in a file, and its end when the block ends."""
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        process = subprocess.Popen(on_cpu(cpu, command), env={**os.environ, **environment},
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                   text=True, errors="replace")
        try:
            yield process, errors
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()


def last_line(errors):
    errors.seek(0)
    lines = [line.strip() for line in errors if line.strip()]
    return f": {lines[-1][:160]}" if lines else ""


@contextlib.contextmanager
def server(command, port, environment):
    """Runs a server until the block ends; it is up when somebody can connect."""
    name = pathlib.Path(command[0]).name
    with running(command, environment, SERVER_CPU) as (process, errors):
        for _ in range(200):
            if process.poll() is not None:
                raise Failed(f"{name} ended with {process.returncode}{last_line(errors)}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            raise Failed(f"{name} does not listen")
        yield process


def client(command, environment=None, may_fail=False):
    """Runs a program to its end. Returns its output, and the time and memory that it took."""
    name = pathlib.Path(command[0]).name
    began = time.monotonic()
    with running(command, environment or {}, CLIENT_CPU, subprocess.PIPE) as (process, errors):
        limit = threading.Timer(LONGEST, process.kill)
        limit.start()
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        limit.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        if process.returncode < 0 and seconds >= LONGEST:
            raise Failed(f"{name} took more than {LONGEST} s")
        if process.returncode != 0 and not may_fail:
            raise Failed(f"{name} ended with {process.returncode}{last_line(errors)}")
    return {"output": output, "seconds": seconds, "cpu": used.ru_utime + used.ru_stime,
            "memory": used.ru_maxrss / 1024}


def json_lines(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


# --- what machine this is -------------------------------------------------------------------------

def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT,
                              stdin=subprocess.DEVNULL).stdout.strip()
    except OSError:
        return ""


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":", 1)[1].strip() for line in file
                     if line.startswith("model name")), "unknown processor")


def state_of_build(folder):
    """What is known of programs that nobody has built for this run: when they were."""
    times = [path.stat().st_mtime for path in sorted(folder.glob("bench/bench_*"))]
    times += [path.stat().st_mtime for path in folder.glob("apps/simul/simul")]
    if not times:
        return f"nothing built in {folder}"
    first, last = (datetime.datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M")
                   for time in (min(times), max(times)))
    return f"simul as it was built from {first} to {last}, whatever it was built of"


def describe(repetitions, versions, build=None):
    """Lines for the head of the tables: when, of what, where, how. `build` is the folder of programs
    that were there before."""
    if build is not None:
        commit = state_of_build(build)
    else:
        commit = "commit " + (output_of("git", "rev-parse", "--short", "HEAD") or "unknown")
        if output_of("git", "status", "--porcelain"):
            commit += " and changes"
    kernel = re.split("[-+]", platform.release())[0]
    return [
        f"{datetime.date.today()}, {commit}. {os.cpu_count()} cores, {processor()}, "
        f"Linux {kernel}; g++ {output_of('g++', '-dumpfullversion') or 'unknown'}.",
        f"Peers: {', '.join(versions) or 'none'}.",
        f"Medians of {repetitions} interleaved runs; ± is half of the range. "
        "The server has one core, the client the other."]
