#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says which of the coroutine defects GCC1 to GCC10 a compiler has.

    tests/compiler_probes/run.py [COMPILER…]     default: g++

Each probe is built without and with optimisation, as the code that breaks and, with PROBE_CONTROL,
as the idiom that does not. A defect is present when the code is rejected, crashes or computes wrongly
at either level. That is a report, not a failure: this fails only when a probe cannot be judged,
because its control does not work.
"""

import pathlib
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
LEVELS = ["-O0", "-O2"]
PRESENT = 10


class Unjudged(Exception):
    pass


def describe(source):
    """The text behind `GCCn:` in the opening comment, up to its first full stop."""
    comment = ""
    for line in source.read_text().splitlines()[2:]:
        if not line.startswith("//"):
            break
        comment += " " + line.removeprefix("//").strip()
    return comment.strip().split(": ", 1)[1].split(". ")[0].rstrip(".")


def outcome(compiler, source, level, folder, *defines):
    """None when all is well, else what went wrong."""
    binary = folder / "probe"
    built = subprocess.run([compiler, "-std=c++23", "-w", level, *defines, source, "-o", binary],
                           text=True, capture_output=True)
    if built.returncode != 0:
        crash = "internal compiler error" in built.stderr or "PLEASE submit" in built.stderr
        return "the compiler crashes" if crash else "rejected"
    try:
        done = subprocess.run([binary], text=True, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "does not end"
    if done.returncode == 0:
        return None
    if done.returncode == PRESENT:
        return done.stdout.strip()
    if done.returncode < 0:
        return f"dies from signal {-done.returncode}"
    raise Unjudged(f"ended with the unexpected code {done.returncode}")


def judge(compiler, source, folder):
    """Returns ("present" or "absent", what was seen); raises Unjudged."""
    seen = None
    for level in LEVELS:
        control = outcome(compiler, source, level, folder, "-DPROBE_CONTROL")
        if control is not None:
            raise Unjudged(f"the control at {level}: {control}")
        seen = seen or outcome(compiler, source, level, folder)
    return ("present", seen) if seen else ("absent", "")


def report(compiler):
    """Prints the table of one compiler; returns how many probes could not be judged."""
    try:
        version = subprocess.run([compiler, "--version"], text=True, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        print(f"{compiler}: cannot be run")
        return 1
    print(version.stdout.splitlines()[0])
    unjudged = 0
    sources = sorted(FOLDER.glob("gcc*.cpp"), key=lambda path: int(path.stem.removeprefix("gcc")))
    with tempfile.TemporaryDirectory(prefix="simul-probes-") as folder:
        for source in sources:
            name = source.stem.upper()
            try:
                verdict, seen = judge(compiler, source, pathlib.Path(folder))
            except Unjudged as reason:
                verdict, seen = "?", f"cannot be judged: {reason}"
                unjudged += 1
            print(f"{name:<6} {verdict:<8} {describe(source)}{f' ({seen})' if seen else ''}")
    return unjudged


def main(arguments):
    unjudged = 0
    for compiler in arguments or ["g++"]:
        unjudged += report(compiler)
    return 1 if unjudged else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
