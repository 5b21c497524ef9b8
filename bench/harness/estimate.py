# SPDX-License-Identifier: Apache-2.0
"""How long a run will take on a quiet machine, which is said before it begins."""

QUIET = 0.25  # seconds that each run waits at least, to see that nobody else works


def seconds_of(workload, peers, repetitions, seconds):
    """How long a workload takes these peers when each server is loaded for `seconds`."""
    total = workload.takes
    for part in workload.parts:
        for peer in peers:
            program = peer.programs.get(part.program)
            if program is not None:
                one = QUIET + part.takes + program.takes + (seconds if part.is_loaded else 0)
                total += program.repetitions(repetitions) * part.cases * one
    return total


def say(by_workload):
    """`About 34 minutes besides building: micro 6, echo 9.` of seconds by workload."""
    parts = ", ".join(f"{name} {minutes(seconds)}" for name, seconds in by_workload.items())
    return f"About {minutes(sum(by_workload.values()))} minutes besides building: {parts}."


def minutes(seconds):
    return f"{seconds / 60:.0f}" if seconds >= 90 else f"{seconds / 60:.1f}"
