# SPDX-License-Identifier: Apache-2.0
"""A crawl of two manuals from nginx: the CPU time of the crawler for each page. `crawl-latency` is
the same with answers that come 50 ms later."""

import json
import pathlib
import shutil
import tempfile

from harness import building, machine, peers, tables
from harness.machine import Failed

TITLE = "Crawl of two manuals"
TITLE_WITH_LATENCY = "Crawl of two manuals, 50 ms of latency, 100 connections"
MANUALS = {"python": "/usr/share/doc/python3.11/html",
           "postgresql": "/usr/share/doc/postgresql-doc-15/html"}
FORM = tables.Form("", "crawler", (
    tables.Column("pages", "pages"), tables.Column("pages/s", "rate"),
    tables.Column("memory MB", "memory")), tables.Column("CPU ms/page", "cpu", 3))


def prepare_site(folder, port):
    site = folder / "site"
    site.mkdir()
    for name, manual in MANUALS.items():
        if not pathlib.Path(manual).is_dir():
            raise Failed(f"{manual} is not there")
        (site / name).symlink_to(manual)
    (site / "start.html").write_text(
        "".join(f'<a href="{name}/index.html">{name}</a>\n' for name in MANUALS))
    text = (building.COMPARE / "nginx" / "site.conf.in").read_text()
    for name, value in {"folder": folder, "site": site, "port": port}.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(text)


def count_pages(output, state):
    """How many pages a crawler says it has read; None if it does not say."""
    if (state / "pages.jsonl").exists():
        with open(state / "pages.jsonl", encoding="utf-8") as file:
            return sum(json.loads(line)["status"] == 200 for line in file)
    found = machine.json_lines(output)
    return found[-1]["pages"] if found else None


def settle(rows, floor):
    """Who does not say how many pages it has read is taken to have read those that the floor found,
    since it asks for them all. Without the floor such rows are dropped."""
    known = tables.values_of(rows, "", floor, "pages")
    settled = []
    for row in rows:
        pages = row["pages"] or (known[0] if known else 0)
        if pages:
            settled.append({**row, "cpu": 1e3 * row["cpu_seconds"] / pages,
                            "rate": pages / row["seconds"]})
    return settled


def measure(session, workload="crawl"):
    session.prepare_workload(workload)
    under = "/delayed/" if workload == "crawl-latency" else "/"
    with tempfile.TemporaryDirectory(prefix="simul-bench-") as name:
        folder, port = pathlib.Path(name), machine.free_port()
        prepare_site(folder, port)
        prefix = f"http://127.0.0.1:{port}{under}"
        state = folder / "state"

        def once(program, _case):
            shutil.rmtree(state, ignore_errors=True)
            command = session.command(
                program, port=port, path=f"{under}start.html", start=f"{prefix}start.html",
                prefix=prefix, state=state)
            ran = machine.client(command, program.environment, program.may_fail)
            pages = count_pages(ran["output"], state)
            if pages == 0 or (pages is None and "--state" in command):
                raise Failed("it found no page")
            return [{"pages": pages, "seconds": ran["seconds"], "cpu_seconds": ran["cpu"],
                     "memory": ran["memory"]}]

        with machine.server(["nginx", "-c", folder / "nginx.conf"], port, {}):
            fill_caches(folder / "site")
            rows = session.interleaved(workload, ("",), once)
    return settle(rows, peers.FLOOR)


def fill_caches(site):
    """Reads every page once, so that the first crawler does not wait for the disk."""
    for name in MANUALS:
        for page in (site / name).resolve().rglob("*.html"):
            page.read_bytes()


def measure_with_latency(session):
    return measure(session, "crawl-latency")
