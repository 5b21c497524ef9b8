# SPDX-License-Identifier: Apache-2.0
"""One run of the comparison: who is there, who had to be left out and why, and in which order they
run."""

import functools
import sys

from harness import building, machine, peers, tables
from harness.machine import Failed
from harness.whole_core import WholeCore


class Session:
    def __init__(self, arguments, chosen, builder):
        self.simul = arguments.build.resolve()
        self.repetitions = arguments.repetitions
        self.seconds = arguments.seconds
        self.longest_wait = arguments.wait
        self.peers = chosen
        self.builder = builder
        self.whole_core = WholeCore(builder, arguments.patience)
        self.left_out = []
        self.took_part = []

    def leave_out(self, workload, name, reason):
        line = f"{name} is left out of {workload}: {reason}"
        self.left_out.append(line)
        print(line, file=sys.stderr, flush=True)

    def prepare_workload(self, workload):
        """Raises Failed if what the workload itself needs is not there."""
        building.install(peers.WORKLOAD_PACKAGES[workload], self.builder.log(workload))

    def command(self, program, **values):
        return building.fill(program.command, {
            "simul": self.simul, "built": self.builder.folder, "compare": building.COMPARE,
            "bench": building.COMPARE.parent, "include": machine.ROOT / "include", **values})

    def entrants(self, workload):
        """The peers that can take part; the others are left out."""
        found = []
        for peer in self.peers:
            program = peer.programs.get(workload)
            if program is None:
                continue
            try:
                building.install(peer.packages, self.builder.log(peer.key))
                self.builder.build(program.builds)
                building.find(self.command(program))
            except Failed as failure:
                self.leave_out(workload, peer.name, failure)
                continue
            found.append(peer)
            if peer not in self.took_part:
                self.took_part.append(peer)
        return found

    def interleaved(self, workload, cases, measure, cpu=machine.CLIENT_CPU):
        """Rows of everybody in every case, as often as was asked for (what takes long less often),
        each time in another order.
        `measure(program, case)` runs one once on `cpu` and returns its rows; who fails is left out
        of the rest."""
        rows = []
        out = set()
        entrants = self.entrants(workload)
        for repetition in range(self.repetitions):
            for peer in tables.rotated(entrants, repetition):
                if repetition >= peer.programs[workload].repetitions(self.repetitions):
                    continue
                for case in cases:
                    if peer.key in out:
                        break
                    machine.wait_for_quiet(self.longest_wait)
                    try:
                        found = self.whole_core.measured(
                            cpu, functools.partial(measure, peer.programs[workload], case))
                    except (Failed, OSError, ValueError) as failure:
                        self.leave_out(workload, peer.name, failure)
                        out.add(peer.key)
                        break
                    print(f"{repetition + 1}/{self.repetitions} {workload} {case} {peer.name}",
                          file=sys.stderr, flush=True)
                    rows += [{"workload": workload, "case": case, "who": peer.key,
                              "repetition": repetition, **row} for row in found]
        return rows
