# SPDX-License-Identifier: Apache-2.0
"""What the parts cost: CPU time of one operation, within one process on one thread."""

from harness import machine, peers, tables
from harness.machine import Failed

TITLE = "What the parts cost"


def run_parts(session, parts, unit):
    """Rows of programs that print operations, of which those in `unit` are kept."""
    def once(program, _case):
        ran = machine.client(session.command(program), program.environment)
        found = machine.json_lines(ran["output"])
        if not found:
            raise Failed("it printed no figures")
        return [row for row in found if unit in row]

    return [row for part in parts for row in session.interleaved(part, ("",), once)]


def measure(session):
    return [{"workload": "micro", "case": row["operation"], "who": row["who"],
             "repetition": row["repetition"], "cpu": row["nanoseconds"]}
            for row in run_parts(session, ("micro", "sleepers"), "nanoseconds")]


def best_peer(rows, operation):
    """The cheapest of those that are not simul; None if nobody else does this."""
    others = [who for who in tables.in_order(rows, operation) if not tables.is_ours(who)]
    return others[0] if others else None


def table(rows, names):
    """simul beside the best peer of each operation, and then everybody."""
    ours = [who for who in ("simul-epoll", "simul-uring")
            if any(row["who"] == who for row in rows)]
    head = ["ns CPU"]
    for who in ours:
        head += [names[who], "± %"]
    head += ["best peer here", "its", "simul to it", "elsewhere"]
    numbers = [False] + [True] * (2 * len(ours)) + [False, True, True, False]
    lines = []
    operations = tables.unique(row["case"] for row in rows if tables.is_ours(row["who"]))
    for operation in operations:
        cells = [operation]
        for who in ours:
            values = tables.values_of(rows, operation, who, "cpu")
            cells += [tables.shown(values, 1), f"{tables.spread(values):.0f}" if values else "–"]
        best = best_peer(rows, operation)
        cells += [names.get(best, "–"),
                  tables.shown(tables.values_of(rows, operation, best, "cpu"), 1),
                  str(best and ours and tables.ratio(rows, operation, ours[0], best) or "–"),
                  peers.ELSEWHERE.get(operation, "")]
        lines.append(cells)
    return [*tables.markdown(head, numbers, lines), "", *everybody(rows, operations, names),
            *tables.fewer_runs(rows, names)]


def everybody(rows, operations, names):
    """Nanoseconds of each in each operation that more than simul has."""
    operations = [each for each in operations if best_peer(rows, each)]
    whos = tables.unique(row["who"] for row in rows if row["case"] in operations)
    if not operations:
        return []
    lines = [[operation, *(tables.shown(tables.values_of(rows, operation, who, "cpu"), 1)
                           for who in whos)] for operation in operations]
    head = ["ns CPU", *(tables.emphasized(who, names) for who in whos)]
    return tables.markdown(head, [False] + [True] * len(whos), lines)
