# SPDX-License-Identifier: Apache-2.0
"""The targets, and whether they are held."""

import dataclasses

from harness import tables

BOTH = ("simul-epoll", "simul-uring")


@dataclasses.dataclass(frozen=True)
class Target:
    """What `measure` of `who` in `case` may be at most (or must be at least): times that of
    `against`, or absolutely."""

    workload: str
    case: str
    who: str
    limit: float
    against: str = ""
    measure: str = "cpu"
    unit: str = ""
    at_least: bool = False


def both(workload, case, limit, *more, **fields):
    return [Target(workload, case, who, limit, *more, **fields) for who in BOTH]


def nanoseconds(operation, limit):
    return both("micro", operation, limit, unit=" ns")


TARGETS = (
    Target("echo", "1", "simul-epoll", 1.04, "epoll"),
    Target("echo", "1", "simul-uring", 1.00, "epoll"),
    Target("echo", "100", "simul-epoll", 1.02, "epoll"),
    Target("echo", "100", "simul-uring", 0.98, "epoll"),
    Target("echo", "1000", "simul-epoll", 1.05, "epoll"),
    Target("echo", "1000", "simul-uring", 0.98, "epoll"),
    *both("echo", "1", 1.03, "epoll", "p50"),
    *both("echo-timeout", "100", 1.10, "epoll"),
    *both("plaintext", "64", 1.18, "epoll"),
    *both("crawl", "", 0.75, "hyper"),
    *both("crawl", "", 1.9, "epoll"),
    *both("crawl", "", 0.33, "wget2"),
    *both("crawl-latency", "", 0.97, "epoll", "rate", at_least=True),
    *nanoseconds("await a ready child", 12),
    *nanoseconds("spawn and join one", 40),
    *nanoseconds("spawn and join, 10,000 at a time", 30),
    *nanoseconds("reschedule, one task", 8),
    *nanoseconds("round trip between two tasks by queues", 35),
    *nanoseconds("lock and unlock a free mutex", 3),
    *nanoseconds("time-out around a ready child", 150),
    *nanoseconds("arm and cancel a timer", 60),
    *nanoseconds("arm and fire a timer", 500),
    *nanoseconds("spawn, sleep and wake", 750),
    *nanoseconds("cancel one of 100,000 tasks that sleep", 200),
    *nanoseconds("cancel one of a million tasks that sleep", 200),
    *both("memory", "memory of one of a million tasks that sleep", 256, measure="bytes",
          unit=" bytes"),
    *both("memory", "memory of one of 5,000 idle TCP connections", 512, measure="bytes",
          unit=" bytes"),
    # The same without the 4 KiB that the program reads into.
    Target("memory", "heap of an idle TCP connection, epoll", "simul", 512, measure="bytes",
           unit=" bytes"),
    Target("memory", "heap of an idle TCP connection, io_uring", "simul", 512, measure="bytes",
           unit=" bytes"),
    Target("hold", "", "simul-epoll", 1_000_000, measure="connections", unit=" connections",
           at_least=True),
    Target("hold", "", "simul-epoll", 5000, measure="bytes", unit=" bytes of an end"),
    *both("hold", "", 90_000, measure="in one process", unit=" connections in one process",
          at_least=True),
    Target("compile", "hello", "simul", 0.25, "asio-awaitable"),
    Target("compile", "task", "simul", 15_000, measure="lines", unit=" preprocessed lines"),
)

MEASURES = {"cpu": "CPU", "p50": "p50", "rate": "rate"}  # in words, for a ratio


def figure_of(target, rows):
    """The Ratio or amount of a target, as a tables.Ratio; None if it was not measured."""
    rows = [row for row in rows if row["workload"] == target.workload]
    if target.against:
        return tables.ratio(rows, target.case, target.who, target.against, target.measure)
    values = tables.values_of(rows, target.case, target.who, target.measure)
    return tables.Ratio(tables.middle(values), min(values), max(values)) if values else None


def is_held(target, value):
    return value >= target.limit if target.at_least else value <= target.limit


def bare_amount(target, value):
    digits = 0 if abs(value) >= 1000 else 1
    return f"{value:,.{digits}f}" if target.unit else f"{value:.3f}"


def amount(target, value):
    return bare_amount(target, value) + target.unit


def describe(target, names, title, case_title):
    words = [title]
    if target.case:
        words.append(tables.case_name(target.case, case_title))
    words.append(names[target.who])
    if target.against:
        words.append(f"{MEASURES[target.measure]} to {names[target.against]}")
    return ", ".join(words)


def source_of(target, rows):
    """What to say about a figure that this run did not measure."""
    files = [row["recorded"] for row in rows
             if row["workload"] == target.workload and target.measure in row
             and "recorded" in row]
    return f" ({files[0]}; bench/run.py --only {target.workload} measures it)" if files else ""


def slowness(runs):
    """How fast the machine was in each run, by what it did not measure of ours: the time that peers
    took for their parts, to the least that each took in any of the runs; the middle of all. Targets
    in nanoseconds mean little where it is far from 1."""
    def times(rows):
        peers = {(row["who"], row["case"]) for row in rows
                 if row["workload"] == "micro" and not tables.is_ours(row["who"])}
        return {(who, case): tables.middle(tables.values_of(
            [row for row in rows if row["workload"] == "micro"], case, who, "cpu"))
                for who, case in peers}

    found = [times(rows) for rows in runs]
    common = set.intersection(*(set(each) for each in found)) if found else set()
    least = {part: min(each[part] for each in found) for part in common}
    return [tables.middle([each[part] / least[part] for part in common]) if common else None
            for each in found]


def medians(runs, kept, names, titles):
    """A table: each target with the figure of every run (a list of rows) and their median. What
    runs leave out is looked for in the rows that were `kept` of another."""
    lines, held = [], 0
    for target in TARGETS:
        figures = [figure_of(target, rows) for rows in runs]
        if target.workload in {row["workload"] for row in kept}:
            figures = [figure_of(target, kept)]
        found = [figure.middle for figure in figures if figure is not None]
        if not found:
            lines.append([describe(target, names, *titles[target.workload]), "–", "–",
                          amount(target, target.limit), "not measured"])
            continue
        good = is_held(target, tables.middle(found))
        held += good
        lines.append([describe(target, names, *titles[target.workload]),
                      ", ".join(bare_amount(target, value) for value in found),
                      bare_amount(target, tables.middle(found)),
                      ("≥ " if target.at_least else "≤ ") + amount(target, target.limit),
                      "held" if good else "**NOT HELD**"])
    return [f"{held} of {len(TARGETS)} held.", "",
            *tables.markdown(["target", "runs", "median", "limit", ""],
                             [False, True, True, True, False], lines)]


def report(rows, names, titles, workloads):
    """One line for each target of these workloads. `titles` gives, by workload, its title and what
    its cases are called. Rows that were not measured now have the file that they are from as
    `recorded`."""
    lines = []
    held = missed = absent = 0
    for target in TARGETS:
        if target.workload not in workloads:
            continue
        what = describe(target, names, *titles[target.workload])
        limit = ("at least " if target.at_least else "limit ") + amount(target, target.limit)
        figure = figure_of(target, rows)
        if figure is None:
            absent += 1
            lines.append(f"- {what}: not measured in this run, {limit}")
            continue
        good = is_held(target, figure.middle)
        held, missed = held + good, missed + (not good)
        found = amount(target, figure.middle)
        low, high = amount(target, figure.low), amount(target, figure.high)
        if low != high:
            found += f" ({low}–{high})"
        lines.append(f"- {what}: {found}, {limit}: {'held' if good else '**NOT HELD**'}"
                     f"{source_of(target, rows)}")
    summary = f"{held} held, {missed} not held, {absent} not measured."
    return [summary, "", *lines]
