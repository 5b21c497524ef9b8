#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the benchmarks and what they are compared with, runs both side by side, prints a table.

    bench/run.py [--only micro|echo|crawl]… [--repetitions N] [--seconds S] [--record FILE.md]

Everything listens on loopback, is bounded in time and ends with this program. README.md says how it
is measured and how to read it."""

import argparse
import contextlib
import datetime
import itertools
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
COMPARE = ROOT / "bench" / "compare"
MANUALS = {"python": "/usr/share/doc/python3.11/html",
           "postgresql": "/usr/share/doc/postgresql-doc-15/html"}
DEBIAN_PYTHON = "/usr/bin/python3"  # the one that has Debian's modules
SERVER_CPU, CLIENT_CPU = "0", "1"
LONGEST = 120  # seconds, for one run of anything


# --- measuring ------------------------------------------------------------------------------------

def on_cpu(number, command):
    return ["taskset", "-c", number, *map(str, command)]


def busy_seconds():
    """CPU time that the whole machine has used."""
    with open("/proc/stat", encoding="ascii") as file:
        numbers = list(map(int, file.readline().split()[1:9]))
    return sum(numbers[:3] + numbers[5:8]) / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(most=5.0):
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
def server(command, port, environment=None):
    """Runs a server until the block ends; it is up when somebody can connect."""
    process = subprocess.Popen(
        on_cpu(SERVER_CPU, command), env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"{command[0]} does not listen")
        yield process
    finally:
        process.kill()
        process.wait()


def run_for_json(command):
    done = subprocess.run(on_cpu(CLIENT_CPU, command), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=LONGEST, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def middle(values):
    return statistics.median(values)


def spread(values):
    """Half of the range, in percent of the median."""
    return 100 * (max(values) - min(values)) / 2 / middle(values) if middle(values) else 0.0


# --- the three tables -----------------------------------------------------------------------------

# CPU nanoseconds of the best of the peers, measured on another machine; bench/README.md names them.
BEST_PEERS = {
    "await a ready child": "tokio 13.6, libcoro 18.5",
    "spawn and join one": "corral 88, tokio 216",
    "spawn and join, 10,000 at a time": "corral 38, tokio 180",
    "reschedule, one task": "corral 8.8, Go 72",
    "reschedule, 100 tasks": "corral 8.7, libcoro 34",
    "round trip between two tasks by queues": "corral 45, tokio 300",
    "lock and unlock a free mutex": "corral 3.5, Go 17",
    "time-out around a ready child": "tokio 499, corral 777",
    "arm and cancel a timer": "Go 284, asio 402",
    "spawn, sleep and wake": "tokio 1480, corral 2408",
}


def measure_micro(arguments):
    results = {}
    for _ in range(arguments.repetitions):
        for program in ("bench_core", "bench_sleepers"):
            wait_for_quiet()
            for row in run_for_json([BUILD / "bench" / program]):
                unit = "bytes" if "bytes" in row else "nanoseconds"
                results.setdefault((row["operation"], unit), []).append(row[unit])
    lines = ["| operation | median | unit | ± % | peers, elsewhere |", "|---|--:|---|--:|---|"]
    for (name, unit), values in results.items():
        shown = "bytes" if unit == "bytes" else "ns CPU"
        lines.append(f"| {name} | {middle(values):.1f} | {shown} | {spread(values):.0f} "
                     f"| {BEST_PEERS.get(name, '')} |")
    return lines, []


FLOOR = "C on epoll"


def measure_echo(arguments):
    servers = {
        FLOOR: ([BUILD / "bench" / "echo_epoll"], None),
        "simul, epoll": ([BUILD / "bench" / "bench_echo"], {"SIMUL_BACKEND": "epoll"}),
        "simul, io_uring": ([BUILD / "bench" / "bench_echo"], {"SIMUL_BACKEND": "io_uring"}),
    }
    results = {}
    for repetition in range(arguments.repetitions):
        for name, connections in itertools.product(rotated(servers, repetition), (1, 100, 1000)):
            command, environment = servers[name]
            port = free_port()
            with server([*command, port], port, environment) as process:
                wait_for_quiet()
                row = run_for_json([BUILD / "bench" / "echo_load", port, connections,
                                    arguments.seconds, process.pid])[0]
            results.setdefault((connections, name), []).append(row)
    lines = ["| connections | server | messages/s | p50 µs | p99 µs | CPU µs/message | ± % "
             "| to C |", "|--:|---|--:|--:|--:|--:|--:|--:|"]
    verdicts = []
    for connections in (1, 100, 1000):
        for name in servers:
            rows = results[connections, name]
            cpu = [row["server_cpu"] / 1e3 for row in rows]
            # Of runs next to each other: what the machine did to one it did to the other.
            ratio = middle([row["server_cpu"] / floor["server_cpu"]
                            for row, floor in zip(rows, results[connections, FLOOR])])
            lines.append(
                f"| {connections} | {name} | {middle([row['rate'] for row in rows]):,.0f} "
                f"| {middle([row['p50'] for row in rows]):.1f} "
                f"| {middle([row['p99'] for row in rows]):.1f} "
                f"| {middle(cpu):.2f} | {spread(cpu):.0f} | {ratio:.2f} |")
            if connections == 100 and name != FLOOR:
                verdicts.append(verdict(f"echo at 100 connections, {name}, to C", ratio, 1.15))
    return lines, verdicts


def rotated(names, by):
    """The names in another order in each repetition, so that none always runs first."""
    names = list(names)
    return names[by % len(names):] + names[:by % len(names)]


def crawl_commands(port, folder):
    """Name, command, environment; {state} is a folder that each run gets empty."""
    start = f"http://127.0.0.1:{port}/start.html"
    simul = [BUILD / "apps" / "simul" / "simul", "crawl", start, "--include", r"\.html$",
             "--concurrency", "100", "--per-host", "100", "--quiet", "--fresh",
             "--state", folder / "state"]
    wget = ["wget2", "-q", "-r", "-l", "inf", "-A", "*.html", "--max-threads=100", "--no-robots",
            "--delete-after", "-P", folder / "state"]
    return {
        "C on epoll": ([BUILD / "bench" / "crawl_epoll", port, "/start.html", 100], {}),
        "simul crawl, epoll": (simul, {"SIMUL_BACKEND": "epoll"}),
        "simul crawl, io_uring": (simul, {"SIMUL_BACKEND": "io_uring"}),
        "wget2": ([*wget, "--follow-tags=a,link", start], {}),
        "wget2, href only": ([*wget, "--follow-tags=a/href,link/href", start], {}),
        "aiohttp": ([DEBIAN_PYTHON, COMPARE / "crawl_aiohttp.py", start,
                     f"http://127.0.0.1:{port}/"], {}),
    }


def prepare_site(folder, port):
    site = folder / "site"
    site.mkdir()
    for name, manual in MANUALS.items():
        (site / name).symlink_to(manual)
    (site / "start.html").write_text(
        "".join(f'<a href="{name}/index.html">{name}</a>\n' for name in MANUALS))
    text = (COMPARE / "nginx.conf.in").read_text()
    for name, value in {"folder": folder, "site": site, "port": port}.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(text)


def run_crawl(command, environment, state):
    shutil.rmtree(state, ignore_errors=True)
    began = time.monotonic()
    process = subprocess.Popen(
        on_cpu(CLIENT_CPU, command), env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    pages = None
    if (state / "pages.jsonl").exists():
        with open(state / "pages.jsonl", encoding="utf-8") as file:
            pages = sum(json.loads(line)["status"] == 200 for line in file)
    elif output.startswith("{"):
        pages = json.loads(output)["pages"]
    return {"pages": pages, "seconds": time.monotonic() - began,
            "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}


def measure_crawl(arguments):
    results = {}
    with tempfile.TemporaryDirectory(prefix="simul-bench-") as name:
        folder, port = pathlib.Path(name), free_port()
        prepare_site(folder, port)
        commands = crawl_commands(port, folder)
        with server(["nginx", "-c", folder / "nginx.conf"], port):
            run_crawl(*commands["C on epoll"], folder / "state")  # fills the caches
            for repetition in range(arguments.repetitions):
                for crawler in rotated(commands, repetition):
                    wait_for_quiet()
                    row = run_crawl(*commands[crawler], folder / "state")
                    results.setdefault(crawler, []).append(row)
    # wget2 does not say how many pages it has read; they are those that the others find.
    pages = results["C on epoll"][0]["pages"]
    lines = ["| crawler | pages | pages/s | CPU ms/page | ± % | to C | to wget2 | memory MB |",
             "|---|--:|--:|--:|--:|--:|--:|--:|"]
    verdicts = []
    for crawler, rows in results.items():
        cpu = [1e3 * row["cpu"] / (row["pages"] or pages) for row in rows]

        def compared_with(other, rows=rows):
            return middle([row["cpu"] / (row["pages"] or pages)
                           / (peer["cpu"] / (peer["pages"] or pages))
                           for row, peer in zip(rows, results[other])])

        rate = middle([(row["pages"] or pages) / row["seconds"] for row in rows])
        lines.append(
            f"| {crawler} | {rows[0]['pages'] or '–'} | {rate:,.0f} | {middle(cpu):.3f} "
            f"| {spread(cpu):.0f} | {compared_with('C on epoll'):.2f} "
            f"| {compared_with('wget2'):.2f} | {middle([row['memory'] for row in rows]):.0f} |")
        if crawler.startswith("simul"):
            verdicts.append(verdict(f"{crawler}, CPU per page to wget2", compared_with("wget2"),
                                    1 / 3))
    return lines, verdicts


def verdict(what, ratio, limit):
    return f"- {what}: {ratio:.2f}, limit {limit:.2f}: {'held' if ratio <= limit else 'MISSED'}"


# --- all of it ------------------------------------------------------------------------------------

def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False,
                              cwd=ROOT).stdout.strip()
    except OSError:
        return ""


def describe_machine(arguments):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file
                      if line.startswith("model name")), "unknown processor")
    versions = []
    for name, command in {
            "g++": ["g++", "-dumpfullversion"], "nginx": ["dpkg-query", "-W", "-f", "${Version}",
                                                          "nginx-light"],
            "wget2": ["dpkg-query", "-W", "-f", "${Version}", "wget2"],
            "aiohttp": ["dpkg-query", "-W", "-f", "${Version}", "python3-aiohttp"]}.items():
        versions.append(f"{name} {output_of(*command) or 'unknown'}")
    commit = output_of("git", "rev-parse", "--short", "HEAD") or "unknown"
    if output_of("git", "status", "--porcelain"):
        commit += " and changes"
    return [
        f"{datetime.date.today()}, commit {commit}. {os.cpu_count()} cores, {model}, "
        f"Linux {re.split('[-+]', platform.release())[0]}; {', '.join(versions)}.",
        f"Medians of {arguments.repetitions} interleaved runs; ± is half of the range. "
        "The server has one core, the client the other."]


def build():
    install = ROOT / "tools" / "install_packages.sh"
    lists = [ROOT / "tools" / name for name in ("packages.txt", "packages-bench.txt")]
    for command in (["bash", install, *lists], ["cmake", "--preset", "bench"],
                    ["cmake", "--build", "--preset", "bench"]):
        done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


TABLES = {
    "micro": ("What the parts cost", measure_micro),
    "echo": ("TCP echo, 64 bytes", measure_echo),
    "crawl": ("Crawl of two manuals", measure_crawl),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=TABLES, default=[])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for one run of the echo")
    parser.add_argument("--record", type=pathlib.Path, help="write the tables into this file, too")
    arguments = parser.parse_args()
    if arguments.repetitions < 1 or arguments.seconds <= 0:
        parser.error("--repetitions and --seconds must be more than zero")
    build()
    text = describe_machine(arguments)
    verdicts = []
    for name, (title, measure) in TABLES.items():
        if arguments.only and name not in arguments.only:
            continue
        lines, more = measure(arguments)
        text += ["", f"### {title}", "", *lines]
        verdicts += more
    if verdicts:
        text += ["", "### Thresholds", "", *verdicts]
    print("\n".join(text))
    if arguments.record:
        arguments.record.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
