#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a program of the code on a page of the documentation.

    tools/page_program.py PAGE.md PROGRAM.cpp

All ```cpp blocks of the page, in their order, are one program; all ```text blocks are what it prints.
Errors of the compiler name the lines of the page.
"""

import pathlib
import sys


def blocks(text, language):
    """Yields (number of the first line, text) for each fenced block of a language."""
    begin, kept, inside = 0, [], None
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if line.startswith("```"):
            if inside is None:
                begin, kept, inside = number + 1, [], line[3:].strip()
            else:
                if inside == language:
                    yield begin, "".join(kept)
                inside = None
        elif inside is not None:
            kept.append(line)


def program(path):
    parts = [f"#line {number}\n{code}" for number, code in
             blocks(path.read_text(), "cpp")]
    return "\n".join(parts)


def output(path):
    return "".join(text for _, text in blocks(path.read_text(), "text"))


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    page, target = map(pathlib.Path, arguments)
    code = program(page)
    if "int main(" not in code:
        print(f"{page}: the code on this page has no main()", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
