#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what each public header makes of a source file that includes it, and compares with
tools/header_budget.txt: a header that has grown by more than a tenth is an error.

    tools/check_header_budget.py [--renew] [--time] [--jobs N]

--renew  writes what is measured now into the budget.
--time   prints how long each header takes to compile, the slowest first, and checks nothing.

Counted are the lines that g++ -E leaves, without blank ones and line markers: those of simul's own
headers, and all of them. Headers in detail folders are counted where they are included.
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import time

import cpp_text

BUDGET = "tools/header_budget.txt"
COMPILE = ["g++", "-std=c++23", "-Iinclude", "-x", "c++", "-"]
TOLERANCE = 10  # percent
FREE_LINES = 20  # that a small header may always grow by
PREAMBLE = """\
# What each public header makes of a source file that includes nothing else: lines of simul's own
# headers, and all lines, after g++ 12.2 -std=c++23 -E, without blank ones. A header may grow by a
# tenth. Written by tools/check_header_budget.py --renew; a change that needs it says why.
"""


def public_headers(root):
    paths = (path.relative_to(root / "include") for path in (root / "include").rglob("*.hpp"))
    return sorted(path.as_posix() for path in paths if "detail" not in path.parts)


def run_compiler(root, header, *options):
    done = subprocess.run([*COMPILE, *options], input=f'#include "{header}"\n', text=True, cwd=root,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{header} does not compile alone:\n{done.stderr}")
    return done.stdout


def count_lines(preprocessed):
    """(lines of simul's own headers, all lines) of what g++ -E has written."""
    own = total = 0
    is_own = False
    for line in preprocessed.splitlines():
        if line.startswith("# "):  # number "file" flags
            is_own = line.split('"')[1].startswith("include/")
        elif line and not line.isspace():
            total += 1
            own += is_own
    return own, total


def measure(root, headers, jobs):
    """{header: (own, total)}"""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        texts = pool.map(lambda header: run_compiler(root, header, "-E"), headers)
        return {header: count_lines(text) for header, text in zip(headers, texts)}


def read_budget(path):
    """{header: (own, total)}"""
    if not path.is_file():
        return {}
    rows = (line.split() for line in path.read_text().splitlines() if not line.startswith("#"))
    return {header: (int(own), int(total)) for header, own, total in filter(None, rows)}


def write_budget(path, measured):
    width = max(map(len, measured), default=0)
    path.write_text(PREAMBLE + "".join(f"{header:<{width}} {own:>6} {total:>6}\n"
                                       for header, (own, total) in sorted(measured.items())))


def most(budget):
    """The most lines that a budget allows."""
    return budget + max(budget * TOLERANCE // 100, FREE_LINES)


def compare(measured, budget):
    """What is wrong, one line each."""
    errors = [f"{header} is in the budget and does not exist"
              for header in sorted(budget.keys() - measured.keys())]
    for header, now in measured.items():
        if header not in budget:
            errors.append(f"{header} has no budget")
            continue
        for kind, lines, allowed in zip(("own", "in all"), now, budget[header]):
            if lines > most(allowed):
                errors.append(f"{header}: {lines} lines {kind}, the budget is {allowed}")
    return errors


def print_times(root, headers):
    def seconds(header):
        began = time.monotonic()
        run_compiler(root, header, "-fsyntax-only")
        return time.monotonic() - began

    for taken, header in sorted(((seconds(header), header) for header in headers), reverse=True):
        print(f"{taken:6.2f} s  {header}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--renew", action="store_true")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    root = cpp_text.project_root()
    headers = public_headers(root)
    if arguments.time:
        print_times(root, headers)
        return 0
    try:
        measured = measure(root, headers, arguments.jobs)
    except RuntimeError as error:
        print(error)
        return 1
    if arguments.renew:
        write_budget(root / BUDGET, measured)
    errors = compare(measured, read_budget(root / BUDGET))
    if errors:
        errors.append("if that is as it should be: tools/check_header_budget.py --renew")
    print("\n".join(errors + [f"header budget: {len(measured)} headers, "
                              f"{max(len(errors) - 1, 0)} errors"]))
    return 1 if errors or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
