#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds ten thousand, a hundred thousand or a million connections, and says what was held.

    bench/hold.py c10k|c100k|c90k|c1m|storm|overload [--backend epoll|io_uring]… [--attempts N]
                  [--programs FOLDER] [--record FILE.md]

    c10k      ten thousand connections, each with a message a second; CI runs it
    c100k     a hundred thousand in 6 + 6 processes; root, half a minute for each backend
    c90k      ninety thousand in one server process, on five loops with descriptors of their own;
              root, half a minute for each backend
    c1m       a million in 51 + 51 processes; root, 14 GB of memory, some minutes
    storm     half a minute of connect, message, reset, as fast as it goes
    overload  a web server is asked for three times as much as it can do

Without --programs it builds them (preset bench). Root is for the large ones, which run in a network
namespace of their own. Everything is bounded in time and ends with this program. A target that only
a slow moment can miss (a time, a rate, CPU) is measured again, up to --attempts times; connections,
errors, memory and descriptors are not. The last line counts targets: `N passed, N failed, N
skipped`; README.md explains the tables."""

import argparse
import contextlib
import datetime
import fcntl
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "hold"))

import field  # noqa: E402  pylint: disable=wrong-import-position
import ladder  # noqa: E402  pylint: disable=wrong-import-position

DESCRIPTORS_BESIDE = 60  # that a process needs besides its connections
MEMORY_TO_LEAVE = 1e9  # bytes, for everybody else


def prepare_namespace():
    """Brings up the loopback device of a fresh network namespace, with room for many ports."""
    get_flags, set_flags, up_and_running = 0x8913, 0x8914, 0x1 | 0x40  # netdevice(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        _, flags = struct.unpack_from("16sh", fcntl.ioctl(any_socket, get_flags,
                                                          struct.pack("16s24x", b"lo")))
        if flags & 0x1:
            sys.exit("--inside is for this program's own use, in a network namespace of its own")
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh22x", b"lo", up_and_running))
    settings = {"ip_local_port_range": "1024 65535", "tcp_max_syn_backlog": "65536"}
    for name, value in settings.items():
        (pathlib.Path("/proc/sys/net/ipv4") / name).write_text(value)


@contextlib.contextmanager
def watched(seconds):
    """Gives up what is in the block when it takes too long, or takes the machine's memory."""
    end = time.monotonic() + seconds

    def look(_signal, _frame):
        if time.monotonic() > end:
            raise TimeoutError(f"given up after {seconds} s")
        if field.memory_of_system()[1] < MEMORY_TO_LEAVE:
            raise MemoryError("given up: the machine's memory runs out")

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 1, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def measure(name, folder, backend):
    """One attempt at a rung. Returns (targets, errors by name)."""
    rung = ladder.RUNGS[name]
    with watched(rung.longest):
        if name == "storm":
            found = field.measure_storm(rung, folder, backend)
            return ladder.judge_storm(found, backend), found["errors"]
        if name == "overload":
            found = field.measure_overload(rung, folder, backend)
            return ladder.judge_overload(rung, found), found["errors"]
        found = field.measure_hold(rung, folder, backend)
        return ladder.judge_hold(name, rung, found), found["errors"]


def measure_patiently(name, folder, backend, attempts):
    """Tries again while only soft targets are missed. Returns (lines of text, targets)."""
    lines = []
    for attempt in range(1, attempts + 1):
        targets, errors = measure(name, folder, backend)
        missed = [target for target in targets if not target.is_held()]
        title = f"### {name}, {backend}" + (f", attempt {attempt}" if attempt > 1 else "")
        lines += ["", title, "", "| what | target | measured | |", "|---|--:|--:|---|"]
        lines += [target.row() for target in targets]
        lines += ["" for _ in errors][:1]
        lines += [f"- error, {count} times: {what}" for what, count in errors.items()]
        if not missed or attempt == attempts or not all(target.soft for target in missed):
            break
        lines += ["", "Only what a slow moment can miss was missed in attempt "
                      f"{attempt} of {attempts}: once more."]
    return lines, targets


# --- all of it ------------------------------------------------------------------------------------

def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.strip()


def describe_machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file
                      if line.startswith("model name")), "unknown processor")
    memory = os.sysconf("SC_PHYS_PAGES") * field.KERNEL_PAGE / 2**30
    commit = output_of("git", "rev-parse", "--short", "HEAD") or "unknown"
    if output_of("git", "status", "--porcelain"):
        commit += " and changes"
    return (f"{datetime.date.today()}, commit {commit}. {os.cpu_count()} cores, {model}, "
            f"{memory:.0f} GiB, Linux {re.split('[-+]', platform.release())[0]}, "
            f"g++ {output_of('g++', '-dumpfullversion')}; load average "
            f"{os.getloadavg()[0]:.1f} at the beginning.")


def build():
    """Builds the programs. Returns their folder."""
    targets = [word for name in ("server", "load", "overload") for word in ("--target", f"bench_hold_{name}")]
    for command in (["bash", "tools/install_packages.sh", "tools/packages.txt"],
                    ["cmake", "--preset", "bench"], ["cmake", "--build", "--preset", "bench",
                                                     *targets]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return ROOT / "build" / "bench" / "bench"


def programs_of(name):
    """The two programs of a rung."""
    return ("bench_hold_overload" if name == "overload" else "bench_hold_server", "bench_hold_load")


def check_limits(name):
    """Ends with a sentence if this machine cannot do the rung."""
    rung = ladder.RUNGS[name]
    needed = -(-rung.connections // rung.loops_in_all()) + DESCRIPTORS_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        sys.exit(f"{name} needs {needed} descriptors for a loop; the limit is {hard}")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    _, available = field.memory_of_system()
    if available < rung.needs_memory:
        sys.exit(f"{name} needs {rung.needs_memory / 1e9:.0f} GB of memory; "
                 f"{available / 1e9:.1f} GB are available")
    if rung.own_namespace and os.geteuid() != 0:
        sys.exit(f"{name} needs root: it runs in a network namespace of its own, because the "
                 "range of ports is too small for it")
    if rung.own_namespace and shutil.which("unshare") is None:
        sys.exit(f"{name} needs the program unshare (package util-linux)")


def stop(number, _frame):
    sys.exit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rung", choices=ladder.RUNGS)
    parser.add_argument("--backend", action="append", choices=("epoll", "io_uring"), default=[])
    parser.add_argument("--attempts", type=int, default=1)
    parser.add_argument("--programs", type=pathlib.Path, help="the folder in which they are")
    parser.add_argument("--record", type=pathlib.Path, help="add the tables to this file, too")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.attempts < 1:
        parser.error("--attempts must be more than zero")
    rung = ladder.RUNGS[arguments.rung]
    signal.signal(signal.SIGTERM, stop)
    check_limits(arguments.rung)
    folder = (arguments.programs or build()).resolve()
    for program in programs_of(arguments.rung):
        if not os.access(folder / program, os.X_OK):
            parser.error(f"there is no program {program} in {folder}; leave --programs out to have "
                         "them built")
    if arguments.inside:
        prepare_namespace()
    elif rung.own_namespace:
        # The namespace goes with the last process in it.
        os.execvp("unshare", ["unshare", "--net", "--", sys.executable, __file__, *sys.argv[1:],
                              "--inside", "--programs", str(folder)])
    machine = describe_machine()
    print(machine, flush=True)
    text, judged = [machine], []
    for backend in arguments.backend or rung.backends:
        try:
            lines, targets = measure_patiently(arguments.rung, folder, backend, arguments.attempts)
            judged += [target.is_held() for target in targets if target.is_judged()]
        except (RuntimeError, OSError, MemoryError) as failure:  # an end, or too much of something
            lines = ["", f"### {arguments.rung}, {backend}", "", f"NOT HELD: {failure}"]
            judged.append(False)
        print("\n".join(lines), flush=True)
        text += lines
    if arguments.record:
        with open(arguments.record, "a", encoding="utf-8") as file:
            file.write("\n".join(text).rstrip() + "\n\n")
    print(f"\n{sum(judged)} passed, {len(judged) - sum(judged)} failed, 0 skipped")
    return 0 if all(judged) else 1


if __name__ == "__main__":
    sys.exit(main())
