#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the examples in the simulated world and compares what they print, byte for byte.

    tests/examples/check_examples.py BUILD_DIR [NAME…]

Each line of examples/expected/cases.txt is one case:

    <expected file> <golden file or -> [NAME=VALUE…] <program> <argument>…

Variables before the program are set for it, as in a shell: `SIMUL_BACKEND=` runs a program that needs
a network on the backend that the library chooses.

The expected file lies in examples/expected. The golden file, the output of the Python original, lies
in the folder golden of SIMUL_TEST_DATA (by default the folder `shared` beside the project); a case
whose golden file is not there is compared with the expected file alone. `<HEX>` in either stands for
ten hexadecimal digits in angle brackets. An example without a case is run with no arguments when
expected/NAME.txt exists, and skipped otherwise.

    @<test file> - <program>

says that the program is tested there, and that there is nothing to compare here. The pages of
docs/concepts and docs/coming-from are programs, too, and say themselves what they print; see
tools/page_program.py.
"""

import difflib
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True

import page_program  # noqa: E402

EXPECTED = ROOT / "examples/expected"
TIME_LIMIT = 60


def test_data():
    named = os.environ.get("SIMUL_TEST_DATA")
    return pathlib.Path(named) if named else ROOT.parent / "shared"


def read_cases(text):
    """Returns (expected file, golden file or None, variables, program, arguments) for each line."""
    cases = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words:
            expected, golden, *command = words
            variables = {}
            while "=" in command[0]:
                name, value = command.pop(0).split("=", 1)
                variables[name] = value
            program, *arguments = command
            golden = None if golden == "-" else golden
            cases.append((expected, golden, variables, program, arguments))
    return cases


def all_cases():
    listed = EXPECTED / "cases.txt"
    cases = read_cases(listed.read_text()) if listed.is_file() else []
    named = {program for _, _, _, program, _ in cases}
    for source in sorted((ROOT / "examples").glob("*.cpp")):
        if source.stem not in named:
            exists = (EXPECTED / f"{source.stem}.txt").is_file()
            cases.append((f"{source.stem}.txt" if exists else None, None, {}, source.stem, []))
    return cases


def matches(pattern, output):
    parts = [re.escape(part) for part in pattern.split(b"<HEX>")]
    return re.fullmatch(b"<[0-9a-f]{10}>".join(parts), output) is not None


def difference(wanted, output, name):
    lines = difflib.unified_diff(
        wanted.decode(errors="replace").splitlines(), output.decode(errors="replace").splitlines(),
        name, "output", lineterm="")
    return "\n".join(list(lines)[:40])


def run_elsewhere(test, program):
    """Sees that the test that is named runs the program: not counted here. Returns (verdict, text)."""
    path = ROOT / test
    if not path.is_file() or f'SIMUL_EXAMPLES "{program}"' not in path.read_text():
        return "failed", f"{test} does not run it"
    return "elsewhere", test


def run_program(command, variables):
    """Returns (what it printed, None), or (None, what went wrong)."""
    if not command[0].is_file():
        return None, f"{command[0]} was not built"
    environment = {**os.environ, "SIMUL_BACKEND": "simulated", **variables}
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return None, f"still running after {TIME_LIMIT} s"
    if done.returncode != 0:
        return None, f"exit code {done.returncode}\n" + done.stderr.decode(errors="replace")
    return done.stdout, None


def run_page(build, page):
    """Returns (verdict, text)."""
    printed, problem = run_program([build / "pages" / page.stem], {})
    if problem:
        return "failed", problem
    wanted = page_program.output(page).encode()
    return ("passed", "") if printed == wanted else \
        ("failed", difference(wanted, printed, page.name))


def run_case(build, case):
    """Returns (verdict, text): passed, failed or skipped."""
    expected, golden, variables, program, arguments = case
    if expected is None:
        return "skipped", "there is no expected output"
    if expected.startswith("@"):
        return run_elsewhere(expected[1:], program)
    printed, problem = run_program([build / "examples" / program, *arguments], variables)
    if problem:
        return "failed", problem
    files = [EXPECTED / expected]
    note = ""
    if golden is not None:
        path = test_data() / "golden" / golden
        if path.is_file():
            files.append(path)
            note = "also as the original"
        else:
            note = "golden file not at hand"
    for path in files:
        if not path.is_file():
            return "failed", f"{path} does not exist"
        wanted = path.read_bytes()
        if not matches(wanted, printed):
            return "failed", difference(wanted, printed, path.name)
    return "passed", note


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    build = pathlib.Path(arguments[0]).resolve()
    counts = {"passed": 0, "failed": 0, "skipped": 0}

    def tell(name, verdict, text):
        if verdict in counts:
            counts[verdict] += 1
        line = f"{verdict}  {name}"
        print(line + ("\n" if "\n" in text or verdict == "failed" else "  ") * bool(text) + text)

    wanted = arguments[1:]
    for case in all_cases():
        if not wanted or case[3] in wanted:
            tell(" ".join([case[3], *case[4]]), *run_case(build, case))
    pages = [*(ROOT / "docs/concepts").glob("*.md"), *(ROOT / "docs/coming-from").glob("*.md")]
    for page in sorted(pages):
        if not wanted or page.stem in wanted:
            tell(page.relative_to(ROOT), *run_page(build, page))
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
