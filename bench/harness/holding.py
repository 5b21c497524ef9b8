# SPDX-License-Identifier: Apache-2.0
"""A million connections, and ninety thousand in one process, by bench/hold.py. The million takes
minutes and 14 GB of memory, so either runs only when it is asked for; otherwise the newest run that
was kept is read."""

import pathlib
import re
import subprocess
import sys
import tempfile

from harness import machine, tables
from harness.machine import Failed

TITLE = "A million connections"
RESULTS = machine.ROOT / "bench" / "results"
RUNGS = ("c1m", "c90k")
WHO = {"epoll": "simul-epoll", "io_uring": "simul-uring"}


def number_from(text):
    """`1,325` as a number; None if it is none."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def figures_of(rung, cells):
    """What counts of a rung, from its table; nothing if it is not complete."""
    held = cells.get("connections")
    of_an_end = cells.get("memory of an end, kernel and user, bytes")
    if not held or not of_an_end:
        return {}
    return {"in one process": held} if rung == "c90k" else {"connections": held, "bytes": of_an_end}


def rows_of(text, rungs=RUNGS):
    """The rows in what hold.py prints about these rungs: the last attempt on each backend."""
    rows = {}
    for section in re.split(r"^(?=##)", text, flags=re.MULTILINE):
        title = re.match(r"### (\w+), (epoll|io_uring)", section)
        if title is None or title[1] not in rungs:
            continue
        lines = [line.split("|") for line in section.splitlines() if line.startswith("| ")]
        figures = figures_of(title[1], {each[1].strip(): number_from(each[3]) for each in lines})
        if figures:
            rows[title[1], title[2]] = {"workload": "hold", "case": "", "who": WHO[title[2]],
                                        "repetition": 0, **figures}
    return list(rows.values())


def recorded(folder=RESULTS):
    """The rows of the newest run of each rung that was kept, each with the name of its file."""
    found = []
    for rung in RUNGS:
        for path in sorted(folder.glob("*.md"), reverse=True):
            rows = rows_of(path.read_text(), (rung,))
            found += [{**row, "recorded": f"bench/results/{path.name}"} for row in rows]
            if rows:
                break
    return found


def measure(session):
    rows, complaint = [], ""
    with tempfile.TemporaryDirectory(prefix="simul-bench-") as folder:
        for rung in RUNGS:
            kept = pathlib.Path(folder) / f"{rung}.md"
            done = subprocess.run(
                [sys.executable, machine.ROOT / "bench" / "hold.py", rung, "--programs",
                 session.simul / "bench", "--record", kept],
                stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=subprocess.PIPE, text=True,
                check=False)
            rows += rows_of(kept.read_text()) if kept.exists() else []
            complaint = complaint or done.stderr.strip()
    if not rows:
        raise Failed(complaint.splitlines()[-1] if complaint else "hold.py measured nothing")
    return rows


def table(rows, names):
    columns = ("connections", "in one process", "bytes")
    lines = [[tables.emphasized(row["who"], names),
              *(f"{row[column]:,.0f}" if column in row else "–" for column in columns)]
             for row in rows]
    return tables.markdown(["server", "connections", "in one process",
                            "bytes of an end, kernel and user"], [False] + [True] * 3, lines)
