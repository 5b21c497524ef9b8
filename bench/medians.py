#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says by the medians of several runs which targets are held.

    bench/medians.py RUN.raw.json… [--record FILE.md]

The runs are those that bench/run.py --record has kept. What they do not measure, a million
connections, is taken from the newest kept run of bench/hold.py. The exit code is 1 if a target is
missed."""

import argparse
import json
import pathlib
import sys

from harness import holding, thresholds, workloads


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=pathlib.Path)
    parser.add_argument("--record", type=pathlib.Path, help="write the table to this file, too")
    arguments = parser.parse_args()
    runs, heads = [], []
    for path in arguments.runs:
        try:
            kept = json.loads(path.read_text())
            runs.append(kept["rows"])
            heads.append(f"- {path.name}: {kept['head'][0]}")
        except (OSError, ValueError, KeyError) as failure:
            parser.error(f"{path} is no run that bench/run.py --record has kept: {failure}")
    for index, slow in enumerate(thresholds.slowness(runs)):
        if slow is not None:
            heads[index] += f" Peers took {slow:.2f} times what they took in the fastest run."
    held = holding.recorded()
    files = sorted({row["recorded"] for row in held})
    text = [f"Medians of {len(runs)} whole runs; a million connections from {', '.join(files)}.",
            "", *heads, "",
            *thresholds.medians(runs, held, workloads.NAMES, workloads.titles())]
    print("\n".join(text))
    if arguments.record:
        arguments.record.write_text("\n".join(text) + "\n")
    return int("NOT HELD" in "\n".join(text))


if __name__ == "__main__":
    sys.exit(main())
