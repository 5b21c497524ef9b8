#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds one preset and runs its tests, its examples and the checks of the source.

    tools/run_suite.py [--preset NAME] [--only WHAT]… [--filter-file FILE]

WHAT is `tests` (every test executable), `examples`, `checks` (everything that reads the source), or
the name of one test executable (unit_base, also `unit` for all that begin so) or of one check. If
only test executables are named, only those are built. The parts run side by side, as many as there
are processors, and each is told when it has ended; those that watch the real clock or the memory of
the machine follow alone. The last line counts GoogleTest cases, example cases and checks:
`N passed, N failed, N skipped`.
"""

import argparse
import collections
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import cpp_text

TIME_LIMIT = 600  # seconds, for one test executable
# Into how many pieces the cases of a long executable are dealt: its tests do not disturb each other.
SHARDS = {"conformance": 6, "defects": 4, "integration": 2, "semantics": 2, "semantics_network": 2,
          "unit_concurrency": 2}
# What takes longest, in this order, begins first: at the end there is always something short left.
LONGEST_FIRST = ["install", "integration", "conformance", "defects", "headers", "compile_fail",
                 "semantics_network", "header_budget", "semantics", "unit_concurrency", "tools",
                 "examples"]
# Those that compile and take --jobs.
COMPILING_CHECKS = {"headers", "header_budget", "compile_fail"}
# What holds the machine itself to a figure has it for itself: one executable, and cases of another.
ALONE = {"memory"}
ALONE_CASES = {"integration": "crawler_ladder.*"}
BUILD_TIME_LIMIT = 3600
CHECK_TIME_LIMIT = 900
OUTPUT_LIMIT = 12000  # characters of a failed block that are shown
ROOT = cpp_text.project_root()
RUNNING = set()  # the processes that run() waits for

SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=0:strict_string_checks=1",
    "LSAN_OPTIONS": "print_suppressions=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.reasons = collections.Counter()  # why cases were skipped

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def add_all(self, other):
        self.add(other.passed, other.failed, other.skipped)
        self.reasons.update(other.reasons)

    def why_skipped(self):
        """One line for each reason, with how many cases it kept from running."""
        unknown = self.skipped - sum(self.reasons.values())
        lines = [f"{count} skipped: {reason}" for reason, count in self.reasons.most_common()]
        return lines + ([f"{unknown} skipped without a reason"] if unknown > 0 else [])

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


Part = collections.namedtuple("Part", "name work")  # work() returns an Outcome


class Outcome:
    """What has come of one part: its counts, and the text to print about it."""

    def __init__(self, passed=0, failed=0, skipped=0, reasons=()):
        self.tally = Tally()
        self.tally.add(passed, failed, skipped)
        self.tally.reasons.update(reasons)
        self.lines = []

    def say(self, verdict, name, detail, seconds):
        self.lines.append(f"{verdict:<7} {name:<22} {seconds:6.1f} s  {detail}")
        return self


def longest_first(parts):
    """The parts in the order in which they begin."""
    ranks = {name: rank for rank, name in enumerate(LONGEST_FIRST)}
    return sorted(parts, key=lambda part: ranks.get(part.name, len(ranks)))


def run_side_by_side(parts, jobs):
    """Runs the parts, so many at once, and yields the outcome of each as it ends."""
    def outcome(part):
        try:
            return part.work()
        except Exception as error:  # a fault of this program must not hide what the others say
            return Outcome(failed=1).say("FAILED", part.name, f"{type(error).__name__}: {error}", 0)

    with concurrent.futures.ThreadPoolExecutor(max(jobs, 1)) as pool:
        try:
            ended = [pool.submit(outcome, part) for part in parts]
            for future in concurrent.futures.as_completed(ended):
                yield future.result()
        except BaseException:  # Ctrl-C: nothing is begun any more, and what runs is stopped
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(RUNNING):
                os.killpg(process.pid, signal.SIGKILL)
            raise


def run(command, limit, environment=None):
    """Runs a command in a process group of its own. Returns (exit code or None, output)."""
    process = subprocess.Popen(
        [str(word) for word in command], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        env={**os.environ, **SANITIZER_OPTIONS, **(environment or {})})
    RUNNING.add(process)
    try:
        output, _ = process.communicate(timeout=limit)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        code = None
    finally:
        RUNNING.discard(process)
    return code, output.decode(errors="replace")


def shorten(text):
    if len(text) <= OUTPUT_LIMIT:
        return text
    return text[:OUTPUT_LIMIT // 3] + "\n[…]\n" + text[-OUTPUT_LIMIT * 2 // 3:]


def say(verdict, name, detail, seconds):
    print(f"{verdict:<7} {name:<22} {seconds:6.1f} s  {detail}", flush=True)


class Suite:
    def __init__(self, arguments):
        self.preset = arguments.preset
        self.only = arguments.only
        self.filter = self.read_filter(arguments.filter_file)
        self.build = ROOT / "build" / self.preset
        self.tally = Tally()

    @staticmethod
    def read_filter(path):
        if path is None:
            return None
        lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
        return ":".join(line for line in lines if line)

    def wants(self, group, name):
        if not self.only:
            return True
        return any(what in (group, name) or name.startswith(what + "_") for what in self.only)

    # --- building ---------------------------------------------------------------------------

    def targets(self):
        """What is to be built: everything, or the test executables if nothing else was asked for."""
        names = [name for name, _ in self.executables()]
        if self.only and all(any(name == only or name.startswith(only + "_") for name in names)
                             for only in self.only):
            wanted = [name for name in names if self.wants("tests", name)]
            return [word for name in wanted for word in ("--target", name)]
        return []

    def build_all(self):
        begin = time.monotonic()
        for command in (lambda: ["cmake", "--preset", self.preset],
                        lambda: ["cmake", "--build", "--preset", self.preset, *self.targets(),
                                 "--", "-k", "0"]):
            code, output = run(command(), BUILD_TIME_LIMIT)
            if code != 0:
                self.tally.add(failed=1)
                say("FAILED", "build", f"preset {self.preset}", time.monotonic() - begin)
                wrong = "\n".join(line for line in output.splitlines() if not line.startswith("["))
                print(shorten(wrong), flush=True)
                return False
        say("ok", "build", f"preset {self.preset}", time.monotonic() - begin)
        return True

    # --- test executables ---------------------------------------------------------------------

    def executables(self):
        """(name, path) of each test, as CMake registered them."""
        code, output = run(["ctest", "--test-dir", self.build, "--show-only=json-v1"], 60)
        if code != 0:
            return []
        tests = json.loads(output[output.index("{"):])["tests"]
        # The command of what was not built is not told.
        return [(test["name"], pathlib.Path(test.get("command", [self.build / "none"])[0]))
                for test in tests]

    def run_piece(self, path, name, cases, shard, shards):
        """Runs some cases of an executable. Returns what was counted, what went wrong, the output."""
        report = self.build / "reports" / f"{name}.{shard}.json"
        report.parent.mkdir(exist_ok=True)
        report.unlink(missing_ok=True)
        command = [path, f"--gtest_output=json:{report}"]
        if cases is not None:
            command.append(f"--gtest_filter={cases}")
        code, output = run(command, TIME_LIMIT, {"GTEST_TOTAL_SHARDS": str(shards),
                                                 "GTEST_SHARD_INDEX": str(shard)})
        passed, failed, skipped = self.count(report, output)
        if code != 0 and failed == 0:
            failed = 1  # it crashed, or was stopped, outside of what GoogleTest counts
        wrong = ""
        if code is None:
            wrong = f", stopped after {TIME_LIMIT} s"
        elif code < 0:
            wrong = f", killed by {signal.Signals(-code).name}"
        return (passed, failed, skipped), wrong, output

    def executable_outcome(self, path, name, cases, shard=0, shards=1):
        begin = time.monotonic()
        (passed, failed, skipped), wrong, output = self.run_piece(path, name, cases, shard, shards)
        outcome = Outcome(passed, failed, skipped,
                          re.findall(r": Skipped\n(.+)$", output, re.MULTILINE))
        label = name if shards == 1 else f"{name} {shard + 1}/{shards}"
        outcome.say("FAILED" if failed else "ok", label, f"{outcome.tally}{wrong}",
                    time.monotonic() - begin)
        outcome.lines += [f"        {note}" for note in
                          dict.fromkeys(re.findall(r"^note: .*", output, re.MULTILINE))]
        if failed:
            outcome.lines.append(shorten(self.without_successes(output)))
        return outcome

    def executable_parts(self, name, path):
        """What of one executable runs beside other parts, and what alone."""
        def part(*arguments):
            return Part(name, lambda: self.executable_outcome(path, *arguments))

        if name in ALONE:
            return [], [part(name, self.filter)]
        shards, cases, alone = SHARDS.get(name, 1), self.filter, []
        if name in ALONE_CASES and self.filter is None:
            cases = f"-{ALONE_CASES[name]}"
            alone = [part(f"{name}_alone", ALONE_CASES[name])]
        return [part(name, cases, shard, shards) for shard in range(shards)], alone

    @staticmethod
    def without_successes(output):
        """What GoogleTest printed but for the cases that passed; one that never ended stays."""
        success = r"^\[ RUN      \] (\S+)\n(?:(?!\[).*\n)*\[       OK \] \1 .*\n"
        return re.sub(success + r"|^\[-----.*\n|^\n", "", output, flags=re.MULTILINE)

    @staticmethod
    def count(report, output):
        """Counts cases from GoogleTest's report, or from what was printed before a crash."""
        if not report.is_file():
            ended = [len(re.findall(rf"^\[{word}\] \S+ .*\(\d+ ms\)$", output, re.MULTILINE))
                     for word in ("       OK ", "  FAILED  ", "  SKIPPED ")]
            begun = len(re.findall(r"^\[ RUN      \]", output, re.MULTILINE))
            ended[1] += begun - sum(ended)  # what was running when it crashed
            return tuple(ended)
        passed = failed = skipped = 0
        for suite in json.loads(report.read_text())["testsuites"]:
            for case in suite["testsuite"]:
                if case.get("failures"):
                    failed += 1
                elif case["result"] == "SKIPPED" or "DISABLED_" in suite["name"] + case["name"]:
                    skipped += 1
                elif case["status"] == "RUN":
                    passed += 1
        return passed, failed, skipped

    # --- examples and checks --------------------------------------------------------------------

    def examples_outcome(self):
        begin = time.monotonic()
        code, output = run(["python3", "tests/examples/check_examples.py", self.build],
                           CHECK_TIME_LIMIT)
        last = output.strip().splitlines()[-1] if output.strip() else ""
        match = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
        counts = [int(number) for number in match.groups()] if match else [0, 1, 0]
        outcome = Outcome(*counts).say("FAILED" if counts[1] else "ok", "examples", last,
                                       time.monotonic() - begin)
        if counts[1] or code != 0:
            outcome.lines.append(shorten(output))
        return outcome

    def checks(self):
        yield "layers", ["tools/check_layers.py"]
        yield "lint", ["tools/lint_coroutines.py"]
        yield "docs", ["tools/check_docs.py"]
        yield "headers", ["tools/check_headers.py"]
        yield "header_budget", ["tools/check_header_budget.py"]
        yield "coming_from", ["tools/check_coming_from.py"]
        yield "format", ["tools/check_format.sh"]
        yield "compile_fail", ["tools/check_compile_fail.py"]
        if (ROOT / "tests/conformance/awaitables.txt").is_file():
            yield "awaitables", ["tools/list_awaitables.py", "--check",
                                 "tests/conformance/awaitables.txt"]
        yield "changelog", ["tools/assemble_changelog.py", "--check"]
        yield "tools", ["python3", "-m", "unittest", "discover", "-s", "tools/tests"]
        yield "install", ["tools/check_install.py", self.build]

    def check_outcome(self, name, command, jobs):
        begin = time.monotonic()
        environment = {"PYTHONPATH": str(ROOT / "tools"), "PYTHONDONTWRITEBYTECODE": "1",
                       "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs)}
        if name in COMPILING_CHECKS:
            command = [*command, "--jobs", str(jobs)]
        code, output = run(command, CHECK_TIME_LIMIT, environment)
        last = output.strip().splitlines()[-1] if output.strip() else ""
        outcome = Outcome(passed=code == 0, failed=code != 0)
        outcome.say("FAILED" if code != 0 else "ok", name, last[:70], time.monotonic() - begin)
        if code != 0:
            outcome.lines.append(shorten(output))
        return outcome

    def test_parts(self):
        """The parts that need a build, as those that run side by side and those that run alone."""
        beside, alone = [], []
        executables = self.executables()
        if not executables:
            self.tally.add(failed=1)
            say("FAILED", "tests", "CMake knows of no test executable", 0)
        for name, path in executables:
            if not self.wants("tests", name):
                continue
            if path.is_file():
                more_beside, more_alone = self.executable_parts(name, path)
                beside += more_beside
                alone += more_alone
            else:
                self.tally.add(failed=1)
                say("FAILED", name, "was not built", 0)
        if self.wants("examples", "examples"):
            beside.append(Part("examples", self.examples_outcome))
        return beside, alone

    def check_parts(self, checks, is_built, others):
        """A part for each check. Beside others a check compiles one file at a time."""
        if not is_built and any(name == "install" for name, _ in checks):
            self.tally.add(skipped=1)
            say("skipped", "install", "there is no complete build", 0)
            checks = [check for check in checks if check[0] != "install"]
        jobs = os.cpu_count() or 1 if len(checks) + others == 1 else 1
        return [Part(name, functools.partial(self.check_outcome, name, command, jobs))
                for name, command in checks]

    def run_all(self):
        checks = [(name, command) for name, command in self.checks() if self.wants("checks", name)]
        groups_only = set(self.only) <= {name for name, _ in checks} | {"checks"} and self.only
        built, beside, alone = False, [], []
        if not groups_only or self.wants("checks", "install"):
            built = self.build_all()
            # After a failed build what did get built is run all the same: it says more than nothing.
            beside, alone = self.test_parts()
        beside += self.check_parts(checks, built, len(beside))
        for parts, jobs in ((longest_first(beside), os.cpu_count() or 1), (alone, 1)):
            for outcome in run_side_by_side(parts, jobs):
                self.tally.add_all(outcome.tally)
                print("\n".join(outcome.lines), flush=True)
        for line in self.tally.why_skipped():
            print(line)
        print(self.tally, flush=True)
        return 1 if self.tally.failed or self.tally.passed == 0 else 0


def main():
    # Started in the background of a script it would ignore Ctrl-C, and so would every test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="dev")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--filter-file", type=pathlib.Path)
    return Suite(parser.parse_args()).run_all()


if __name__ == "__main__":
    if shutil.which("cmake") is None:
        sys.exit("cmake is not installed; ./test installs what is missing")
    sys.exit(main())
