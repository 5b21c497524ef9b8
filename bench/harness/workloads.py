# SPDX-License-Identifier: Apache-2.0
"""What can be measured, by the name that --only takes, and how it is shown."""

import dataclasses
import typing

from harness import (compilation, crawl, echo, holding, memory, micro, peers, plaintext, plot,
                     tables)

NAMES = {peer.key: peer.name for peer in peers.PEERS}


@dataclasses.dataclass(frozen=True)
class Part:
    """Programs that a workload runs, and how long one run takes on a quiet machine."""

    program: str
    cases: int
    takes: float  # seconds, besides what is said by the program and by --seconds
    is_loaded: bool = False  # for as long as --seconds says


@dataclasses.dataclass(frozen=True)
class Workload:
    title: str
    measure: typing.Callable
    parts: tuple
    form: tables.Form = None
    table: typing.Callable = None  # for a workload that has no form
    floor: str = peers.FLOOR  # of a form: what everything is divided by
    best: typing.Callable = None  # without a form: what a case is divided by in a plot; None: none
    measured: str = "cpu"
    only_when_asked: bool = False
    takes: float = 0.0  # seconds, besides its parts


WORKLOADS = {
    "micro": Workload(micro.TITLE, micro.measure, (Part("micro", 1, 1.5), Part("sleepers", 1, 1.0)),
                      table=micro.table, best=micro.best_peer),
    "memory": Workload(memory.TITLE, memory.measure,
                       (Part("sleepers", 1, 1.0), Part("idle", 1, 1.5), Part("echo-idle", 1, 2.0)),
                       table=memory.table, best=memory.least_of_others, measured="bytes"),
    "echo": Workload(echo.TITLE, echo.measure,
                     (Part("echo", len(echo.CASES), 0.7, True),), echo.FORM),
    "echo-timeout": Workload(
        echo.TITLE_WITH_TIME_OUTS, echo.measure_with_time_outs,
        (Part("echo-timeout", len(echo.CASES_WITH_TIME_OUTS), 0.7, True),), echo.FORM),
    "echo-leased": Workload(
        echo.TITLE_WITH_LEASES, echo.measure_with_leases,
        (Part("echo-leased", len(echo.CASES_WITH_LEASES), 0.7, True),), echo.FORM),
    "plaintext": Workload(plaintext.TITLE, plaintext.measure,
                          (Part("plaintext", len(plaintext.CASES), 1.3, True),), plaintext.FORM),
    "crawl": Workload(crawl.TITLE, crawl.measure, (Part("crawl", 1, 0.5),), crawl.FORM),
    "crawl-latency": Workload(crawl.TITLE_WITH_LATENCY, crawl.measure_with_latency,
                              (Part("crawl-latency", 1, 1.5),), crawl.FORM),
    "compile": Workload(compilation.TITLE, compilation.measure,
                        (Part("compile", len(compilation.CASES), 1.0),), compilation.FORM,
                        floor=compilation.AGAINST),
    "hold": Workload(holding.TITLE, holding.measure, (), table=holding.table,
                     only_when_asked=True, takes=300.0),
}


def chosen(only):
    """The names of what --only names, in their order; without it of all that take no asking."""
    return [name for name, workload in WORKLOADS.items()
            if name in only or not (only or workload.only_when_asked)]


def titles():
    """Of each workload its title and what its cases are called."""
    return {name: (workload.title, workload.form.case if workload.form else "")
            for name, workload in WORKLOADS.items()}


def table(name, rows):
    workload = WORKLOADS[name]
    if workload.form is None:
        return workload.table(rows, NAMES)
    return [*tables.comparison(rows, workload.form, NAMES, workload.floor),
            *tables.fewer_runs(rows, NAMES)]


def bars(rows, case, against, measured):
    found = ((who, tables.ratio(rows, case, who, against, measured))
             for who in tables.in_order(rows, case, measured))
    return tuple(plot.Bar(NAMES[who], ratio, tables.is_ours(who))
                 for who, ratio in found if ratio is not None)


def picture(name, rows):
    """Title, note and panels of the plot of a workload; None if there is nothing to compare."""
    workload, panels = WORKLOADS[name], []
    for case in tables.unique(row["case"] for row in rows):
        against = workload.floor
        if workload.form is None:
            against = workload.best(rows, case) if workload.best else None
        if against is None:
            continue
        title = tables.case_name(case, workload.form.case if workload.form else "")
        panels.append(plot.Panel(title, bars(rows, case, against, workload.measured)))
    if not panels:
        return None
    to = NAMES[workload.floor] if workload.form else "the best peer's"
    what = "Memory" if workload.measured == "bytes" else "CPU time"
    note = f"{what} to {to}: less is better; whiskers are the lowest and the highest run."
    return workload.title, note, panels
