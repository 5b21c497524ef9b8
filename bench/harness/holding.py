# SPDX-License-Identifier: Apache-2.0
"""A million connections, by bench/hold.py. It takes minutes and 14 GB of memory, so it runs only
when it is asked for; otherwise the newest run that was kept is read."""

import pathlib
import re
import subprocess
import sys
import tempfile

from harness import machine, tables
from harness.machine import Failed

TITLE = "A million connections"
RESULTS = machine.ROOT / "bench" / "results"
LADDER = machine.ROOT / "bench" / "hold"
WHO = {"epoll": "simul-epoll", "io_uring": "simul-uring"}


def number_from(text):
    """`1,325` as a number; None if it is none."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def rows_of(text, processes):
    """The rows in what hold.py prints about c1m, with that many servers: the last attempt on each
    backend."""
    rows = {}
    for section in re.split(r"^(?=##)", text, flags=re.MULTILINE):
        title = re.match(r"### c1m, (epoll|io_uring)", section)
        if title is None:
            continue
        cells = [line.split("|") for line in section.splitlines() if line.startswith("| ")]
        found = {each[1].strip(): number_from(each[3]) for each in cells}
        held, megabytes = found.get("connections"), found.get("memory of all, MB")
        if held and megabytes:
            who = WHO[title[1]]
            rows[who] = {"workload": "hold", "case": "", "who": who, "repetition": 0,
                         "connections": held, "in one process": held / processes,
                         "bytes": megabytes * 1e6 / (2 * held)}
    return list(rows.values())


def processes_of_a_million():
    sys.path.insert(0, str(LADDER))
    import ladder  # pylint: disable=import-outside-toplevel
    return ladder.RUNGS["c1m"].processes


def recorded(folder=RESULTS):
    """The rows of the newest run that was kept, each with the name of its file."""
    for path in sorted(folder.glob("*.md"), reverse=True):
        rows = rows_of(path.read_text(), processes_of_a_million())
        if rows:
            return [{**row, "recorded": f"bench/results/{path.name}"} for row in rows]
    return []


def measure(session):
    with tempfile.TemporaryDirectory(prefix="simul-bench-") as folder:
        kept = pathlib.Path(folder) / "hold.md"
        done = subprocess.run(
            [sys.executable, machine.ROOT / "bench" / "hold.py", "c1m", "--programs",
             session.simul / "bench", "--record", kept],
            stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=subprocess.PIPE, text=True,
            check=False)
        rows = rows_of(kept.read_text(), processes_of_a_million()) if kept.exists() else []
    if not rows:
        raise Failed(done.stderr.strip().splitlines()[-1] if done.stderr.strip()
                     else "hold.py measured nothing")
    return rows


def table(rows, names):
    lines = [[tables.emphasized(row["who"], names), f"{row['connections']:,.0f}",
              f"{row['in one process']:,.0f}", f"{row['bytes']:,.0f}"] for row in rows]
    return tables.markdown(["server", "connections", "in one process",
                            "bytes of an end, kernel and user"], [False] + [True] * 3, lines)
