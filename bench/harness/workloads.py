# SPDX-License-Identifier: Apache-2.0
"""What can be measured, by the name that --only takes, and how it is shown."""

import dataclasses
import typing

from harness import crawl, echo, micro, peers, plaintext, plot, tables

NAMES = {peer.key: peer.name for peer in peers.PEERS}


@dataclasses.dataclass(frozen=True)
class Workload:
    title: str
    measure: typing.Callable
    form: tables.Form = None  # None: the workload makes its own table


WORKLOADS = {
    "micro": Workload(micro.TITLE, micro.measure),
    "echo": Workload(echo.TITLE, echo.measure, echo.FORM),
    "plaintext": Workload(plaintext.TITLE, plaintext.measure, plaintext.FORM),
    "crawl": Workload(crawl.TITLE, crawl.measure, crawl.FORM),
    "crawl-latency": Workload(crawl.TITLE_WITH_LATENCY, crawl.measure_with_latency, crawl.FORM),
}


def titles():
    """Of each workload its title and what its cases are called."""
    return {name: (workload.title, workload.form.case if workload.form else "")
            for name, workload in WORKLOADS.items()}


def table(name, rows):
    form = WORKLOADS[name].form
    if form is None:
        return micro.table(rows, NAMES)
    return tables.comparison(rows, form, NAMES, peers.FLOOR)


def bars(rows, case, against):
    found = ((who, tables.ratio(rows, case, who, against)) for who in tables.in_order(rows, case))
    return tuple(plot.Bar(NAMES[who], ratio, who.startswith("simul-"))
                 for who, ratio in found if ratio is not None)


def picture(name, rows):
    """Title, note and panels of the plot of a workload."""
    workload, panels = WORKLOADS[name], []
    for case in tables.unique(row["case"] for row in rows):
        against = peers.FLOOR if workload.form else micro.best_peer(rows, case)
        if against is None:
            continue
        title = tables.case_name(case, workload.form.case if workload.form else "")
        panels.append(plot.Panel(title, bars(rows, case, against)))
    to = NAMES[peers.FLOOR] if workload.form else "the best peer's"
    note = f"CPU time to {to}: less is better; whiskers are the lowest and the highest run."
    return workload.title, note, panels
