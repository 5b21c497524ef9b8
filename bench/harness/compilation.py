# SPDX-License-Identifier: Apache-2.0
"""What the compiler has to do for a source file: its CPU time with -O2, and the lines that it reads
once everything is included. `hello` is the first program of the README, `everything` includes all
of a library, `task` the header with its coroutine."""

import subprocess

from harness import tables
from harness.machine import Failed, client

TITLE = "Compilation"
AGAINST = "asio-awaitable"
CASES = ("hello", "everything", "task")
FORM = tables.Form("source file", "library", (
    tables.Column("preprocessed lines", "lines"),), tables.Column("CPU s", "cpu", 2))


def count_lines(preprocessed):
    """Lines that are neither blank nor the preprocessor's own."""
    return sum(1 for line in preprocessed.splitlines()
               if line.strip() and not line.startswith("# "))


def measure(session):
    lines = {}  # by command: they are the same in each repetition

    def lines_of(command):
        if command not in lines:
            done = subprocess.run([*command, "-E"], capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL)
            if done.returncode != 0:
                raise Failed("it cannot be preprocessed")
            lines[command] = count_lines(done.stdout)
        return lines[command]

    def once(program, case):
        command = tuple(session.command(program, case=case))
        ran = client([*command, "-c", "-o", "/dev/null"])
        return [{"cpu": ran["cpu"], "lines": lines_of(command)}]

    return session.interleaved("compile", CASES, once)
