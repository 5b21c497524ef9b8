#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that misuse is rejected, and for the right reason.

    tools/check_compile_fail.py [--compilers g++,clang++-19] [--jobs N] [FILE…]

Every tests/compile_fail/*.cpp must be rejected with a message that contains the text of each of its
lines `// expect: text`, and be accepted when SIMUL_COMPILE_FAIL_CONTROL is defined. Where compilers
use different words, `// expect(g++): text` and `// expect(clang): text` hold for one of them.
"""

import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

import cpp_text

EXPECT = re.compile(r"//\s*expect(?:\((g\+\+|clang)\))?:\s*(\S.*?)\s*$", re.MULTILINE)
FLAGS = ["-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I"]


def compile_file(root, compiler, path, *defines):
    return subprocess.run([compiler, *FLAGS, str(root / "include"), *defines, str(path)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def check_file(root, compiler, path):
    """Returns a complaint about `path`, or None."""
    family = "clang" if "clang" in compiler else "g++"
    expected = [text for which, text in EXPECT.findall(path.read_text(encoding="utf-8"))
                if which in ("", family)]
    if not expected:
        return f"{path.name}: has no line '// expect: text' for {family}"
    control = compile_file(root, compiler, path, "-DSIMUL_COMPILE_FAIL_CONTROL")
    if control.returncode != 0:
        return f"{path.name}: {compiler} rejects even the control:\n{control.stdout[:2000]}"
    rejected = compile_file(root, compiler, path)
    if rejected.returncode == 0:
        return f"{path.name}: {compiler} accepts it"
    for text in expected:
        if text not in rejected.stdout:
            return f"{path.name}: {compiler} rejects it without saying '{text}':\n" \
                + rejected.stdout[:2000]
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compilers", default="g++,clang++-19")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    root = cpp_text.project_root()
    files = arguments.files or sorted((root / "tests/compile_fail").glob("*.cpp"))
    compilers = arguments.compilers.split(",")
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(lambda pair: check_file(root, *pair),
                           [(compiler, path) for path in files for compiler in compilers])
        errors = [result for result in results if result]
    print("\n".join(errors + [f"compile_fail: {len(files)} files, {len(compilers)} compilers, "
                              f"{len(errors)} errors"]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
