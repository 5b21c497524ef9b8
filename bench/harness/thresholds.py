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
    *nanoseconds("spawn, sleep and wake", 750),
    *nanoseconds("cancel one of a million tasks that sleep", 200),
    *both("micro", "memory of one of a million tasks that sleep", 256, measure="bytes",
          unit=" bytes"),
)

# Targets that nothing here measures yet.
NOT_MEASURED = (
    "echo with a time-out for each read, to C on epoll at 100 connections: limit 1.10",
    "a timer that fires: limit 500 ns",
    "memory of an idle connection in a server: limit 512 bytes",
    "a million idle connections: limit 5 KB for each end",
    "compile time of a hello-world, to asio's: limit 0.25",
)

MEASURES = {"cpu": "CPU", "p50": "p50", "rate": "rate", "bytes": ""}


def figure_of(target, rows):
    """The Ratio or amount of a target, as a tables.Ratio; None if it was not measured."""
    rows = [row for row in rows if row["workload"] == target.workload]
    if target.against:
        return tables.ratio(rows, target.case, target.who, target.against, target.measure)
    values = tables.values_of(rows, target.case, target.who, target.measure)
    return tables.Ratio(tables.middle(values), min(values), max(values)) if values else None


def is_held(target, value):
    return value >= target.limit if target.at_least else value <= target.limit


def amount(target, value):
    return f"{value:.1f}{target.unit}" if target.unit else f"{value:.3f}"


def describe(target, names, title, case_title):
    words = [title]
    if target.case:
        words.append(tables.case_name(target.case, case_title))
    words.append(names[target.who])
    measure = MEASURES[target.measure]
    if target.against:
        words.append(f"{measure} to {names[target.against]}")
    return ", ".join(words)


def report(rows, names, titles, workloads):
    """One line for each target of the workloads that ran. `titles` gives, by workload, its title
    and what its cases are called."""
    lines = []
    held = missed = 0
    for target in TARGETS:
        if target.workload not in workloads:
            continue
        what = describe(target, names, *titles[target.workload])
        limit = ("at least " if target.at_least else "limit ") + amount(target, target.limit)
        figure = figure_of(target, rows)
        if figure is None:
            lines.append(f"- {what}: not measured in this run, {limit}")
            continue
        good = is_held(target, figure.middle)
        held, missed = held + good, missed + (not good)
        found = amount(target, figure.middle)
        if figure.high > figure.low:
            found += f" ({amount(target, figure.low)}–{amount(target, figure.high)})"
        lines.append(f"- {what}: {found}, {limit}: {'held' if good else '**NOT HELD**'}")
    return [f"{held} held, {missed} not held.", "", *lines, "",
            "What nothing here measures yet:", "", *(f"- {line}" for line in NOT_MEASURED)]
