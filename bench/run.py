#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds simul and what it is compared with, runs them side by side, prints tables.

    bench/run.py                                 everything; it says first how long that takes
    bench/run.py --list                          who takes part, and what is there of them
    bench/run.py --only echo --peers tokio,go    one workload, fewer peers
    bench/run.py --record bench/results/DATE.md  also writes DATE.raw.json and DATE-WORKLOAD.svg

Everything listens on loopback, is bounded in time and ends with this program. README.md says how it
is measured and how to read it."""

import argparse
import pathlib
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import (building, estimate, holding, machine, peers, record, tables,  # noqa: E402
                     thresholds, workloads)
from harness.machine import ROOT, Failed  # noqa: E402
from harness.session import Session  # noqa: E402


def read_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="simul and the floor, which everything is divided by, always take part.")
    parser.add_argument("--list", action="store_true", help="show the peers, run nothing")
    parser.add_argument("--only", action="append", choices=workloads.WORKLOADS, default=[],
                        metavar="WORKLOAD", help=", ".join(workloads.WORKLOADS))
    parser.add_argument("--peers", default="", metavar="A,B", help="only these; --list names them")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for one run of a server")
    parser.add_argument("--wait", type=float, default=5.0, metavar="SECONDS",
                        help="the longest that a run waits for a quiet machine")
    parser.add_argument("--patience", type=float, default=600.0, metavar="SECONDS",
                        help="the longest, in all, that is spent on measuring again while others use "
                        "half of a core; 0 for not looking [600]")
    parser.add_argument("--build", type=pathlib.Path, metavar="DIR",
                        help="simul as it was built there, whenever that was, instead of building it now")
    parser.add_argument("--record", type=pathlib.Path, metavar="FILE.md",
                        help="write the tables, the rows they come from, and plots")
    arguments = parser.parse_args()
    if arguments.repetitions < 1 or arguments.seconds <= 0:
        parser.error("--repetitions and --seconds must be more than zero")
    try:
        chosen = peers.chosen([word for word in arguments.peers.split(",") if word])
    except ValueError as error:
        parser.error(str(error))
    return arguments, chosen


def tell(text):
    print(text, file=sys.stderr, flush=True)


def list_peers(session):
    lines = []
    for peer in session.peers:
        states, shown = {}, []
        for name, workload in workloads.WORKLOADS.items():
            programs = [peer.programs[part.program] for part in workload.parts
                        if part.program in peer.programs]
            shown += [name] if programs else []
            for program in programs:
                of = states.setdefault(building.state_of(peer, program, session), [])
                of += [name] if name not in of else []
        said = [state if len(states) == 1 else f"{state}: {', '.join(of)}"
                for state, of in states.items()]
        lines.append([peer.key, peer.name, peer.language, ", ".join(shown),
                      "; ".join(said)])
    print("\n".join(tables.markdown(["key", "peer", "language", "workloads", "state"],
                                    [False] * 5, lines)))


def main():
    arguments, chosen = read_arguments()
    builds_simul = arguments.build is None and not arguments.list
    arguments.build = arguments.build or ROOT / "build" / "bench"
    session = Session(arguments, chosen, building.Builder(ROOT / "build" / "peers"))
    if arguments.list:
        list_peers(session)
        return
    wanted = workloads.chosen(arguments.only)
    tell(estimate.say({name: estimate.seconds_of(
        workloads.WORKLOADS[name], session.peers, session.repetitions, session.seconds)
        for name in wanted}))
    if builds_simul:
        building.build_simul()
    rows, sections = [], []
    began = time.monotonic()
    for name in wanted:
        try:
            found = workloads.WORKLOADS[name].measure(session)
        except Failed as failure:
            session.leave_out(name, "everybody", failure)
            continue
        rows += found
        if found:
            sections += ["", f"### {workloads.WORKLOADS[name].title}", "",
                         *workloads.table(name, found)]
    text = machine.describe(session.repetitions, building.versions(session.took_part),
                            None if builds_simul else arguments.build)
    text[2] += session.whole_core.said()
    text += sections
    kept = [] if arguments.only else holding.recorded()
    text += ["", "### Thresholds", "", *thresholds.report(
        rows + kept, workloads.NAMES, workloads.titles(), arguments.only or workloads.WORKLOADS)]
    if session.left_out:
        text += ["", "### Left out", "", *(f"- {line}" for line in session.left_out)]
    print("\n".join(text))
    tell(f"It took {estimate.minutes(time.monotonic() - began)} minutes, with building the peers.")
    if arguments.record:
        about = {"head": text[:3], "repetitions": session.repetitions,
                 "seconds": session.seconds, "left_out": session.left_out}
        record.write(arguments.record, text, about, rows)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit(130)
