# SPDX-License-Identifier: Apache-2.0
"""Rows of single runs become medians, ratios and Markdown.

A row is a dictionary: workload, case, who (the key of a peer), repetition, and what was measured,
of which `cpu` is the CPU time of one operation."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Ratio:
    middle: float
    low: float
    high: float

    def __str__(self):
        return f"{self.middle:.2f}"


@dataclasses.dataclass(frozen=True)
class Column:
    title: str
    measure: str
    digits: int = 0


@dataclasses.dataclass(frozen=True)
class Form:
    """How the table of a workload looks."""

    case: str  # what the cases are called; "" if there is but one
    who: str
    columns: tuple
    cpu: Column


def middle(values):
    return statistics.median(values)


def spread(values):
    """Half of the range, in percent of the median."""
    return 100 * (max(values) - min(values)) / 2 / middle(values) if middle(values) else 0.0


def rotated(items, by):
    """The items in another order in each repetition, so that none always comes first."""
    items = list(items)
    at = by % len(items) if items else 0
    return items[at:] + items[:at]


def unique(values):
    return list(dict.fromkeys(values))


def select(rows, case, who):
    return [row for row in rows if row["case"] == case and row["who"] == who]


def values_of(rows, case, who, measure):
    """What was measured, run by run; nothing for runs that do not have it."""
    found = (row.get(measure) for row in select(rows, case, who))
    return [value for value in found if value is not None]


def ratio(rows, case, who, against, measure="cpu"):
    """One to another, by repetition: what the machine did to one it did to the other. None if they
    have no repetition in common."""
    others = {row["repetition"]: row.get(measure) for row in select(rows, case, against)}
    found = [row[measure] / others[row["repetition"]] for row in select(rows, case, who)
             if row.get(measure) is not None and others.get(row["repetition"])]
    return Ratio(middle(found), min(found), max(found)) if found else None


def in_order(rows, case, measure="cpu"):
    """Who was measured in a case, the cheapest first."""
    whos = unique(row["who"] for row in rows if row["case"] == case and measure in row)
    return sorted(whos, key=lambda who: middle(values_of(rows, case, who, measure)))


def case_name(case, title):
    """`100 connections`, `1 connection`; only the case if cases have no title."""
    return f"{case} {title.removesuffix('s') if case == '1' else title}".strip()


def markdown(head, numbers, lines):
    """A table; `numbers` tells which columns are set to the right."""
    rule = ["--:" if is_number else "---" for is_number in numbers]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *lines)]


def shown(values, digits):
    return f"{middle(values):,.{digits}f}" if values else "–"


def is_ours(key):
    return key.split("-")[0] == "simul"


def emphasized(key, names):
    """simul's own rows are to be found at a glance."""
    return f"**{names[key]}**" if is_ours(key) else names[key]


def comparison(rows, form, names, floor):
    """The table of a workload: for each case everybody, the cheapest first, with the ratio to the
    floor."""
    cases = unique(row["case"] for row in rows)
    head = [form.who, *(column.title for column in form.columns), form.cpu.title, "± %"]
    numbers = [False] + [True] * (len(form.columns) + 3)
    if form.case:
        head, numbers = [form.case, *head], [all(map(str.isdigit, cases)), *numbers]
    lines = []
    for case in cases:
        for who in in_order(rows, case):
            cpu = values_of(rows, case, who, "cpu")
            cells = [emphasized(who, names)]
            cells += [shown(values_of(rows, case, who, column.measure), column.digits)
                      for column in form.columns]
            cells += [shown(cpu, form.cpu.digits), f"{spread(cpu):.0f}",
                      str(ratio(rows, case, who, floor) or "–")]
            lines.append([case, *cells] if form.case else cells)
    return markdown([*head, f"to {names[floor]}"], numbers, lines)


def fewer_runs(rows, names):
    """A sentence about those who ran less often than the others, if there are any."""
    runs = {}
    for row in rows:
        runs.setdefault(row["who"], set()).add(row["repetition"])
    most = max(map(len, runs.values()), default=0)
    few = [f"{names[who]} {len(those)}" for who, those in runs.items() if len(those) < most]
    return ["", f"Fewer runs than the others' {most}: {', '.join(few)}."] if few else []
