#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every header below include/ alone, included twice; with the second compiler, which has
nothing to add to what a header lacks, all of them in one unit.

    tools/check_headers.py [--compilers g++,clang++-19] [--jobs N]
"""

import argparse
import concurrent.futures
import shutil
import subprocess
import sys

import cpp_text

FLAGS = ["-std=c++23", "-O0", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion",
         "-Werror", "-Iinclude", "-c"]
UNITS = "build/headers"  # relative, and kept, so that ccache knows them again
LAUNCHER = ["ccache"] if shutil.which("ccache") else []


def compile_unit(root, compiler, name, headers):
    """Returns what is wrong with a unit that includes each of the headers twice."""
    unit = f"{UNITS}/{compiler}/{name.replace('/', '_')}.cpp"
    path = root / unit
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'#include "{header}"\n' for header in [*headers, *headers]))
    done = subprocess.run([*LAUNCHER, compiler, *FLAGS, unit, "-o", f"{unit}.o"], text=True, cwd=root,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return None if done.returncode == 0 else f"{name} does not compile alone with {compiler}:\n" \
        + "\n".join(done.stdout.splitlines()[:20])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compilers", default="g++,clang++-19")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    root = cpp_text.project_root()
    compilers = arguments.compilers.split(",")
    missing = [compiler for compiler in compilers if shutil.which(compiler) is None]
    if missing:
        print(f"not found: {', '.join(missing)}")
        return 1
    headers = sorted(header.relative_to(root / "include").as_posix()
                     for header in (root / "include").rglob("*.hpp"))
    units = [(compilers[0], header, [header]) for header in headers]
    units += [(compiler, "all_headers", headers) for compiler in compilers[1:]]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(lambda unit: compile_unit(root, *unit), units)
        errors = [result for result in results if result]
    print("\n".join(errors + [f"headers: {len(headers)} headers, {len(compilers)} compilers, "
                              f"{len(errors)} errors"]))
    return 1 if errors or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
