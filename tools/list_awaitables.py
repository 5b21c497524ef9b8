#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the name of everything public that can be awaited: what documents a Cancellation.

    tools/list_awaitables.py
    tools/list_awaitables.py --check FILE   compare with the names in FILE, one a line, # comments
"""

import pathlib
import sys

import api_docs
import cpp_text


def compare(actual, listed):
    """Returns one complaint for each name that is on one side only."""
    return [f"{name} can be awaited and is not listed" for name in sorted(actual - listed)] + \
        [f"{name} is listed, and nothing public of that name can be awaited"
         for name in sorted(listed - actual)]


def read_list(text):
    return {name for line in text.splitlines() if (name := line.split("#")[0].strip())}


def main(arguments):
    actual = api_docs.awaitables(cpp_text.project_root())
    if arguments[:1] == ["--check"] and len(arguments) == 2:
        errors = compare(set(actual), read_list(pathlib.Path(arguments[1]).read_text()))
        print("\n".join(errors + [f"awaitables: {len(actual)} names, {len(errors)} errors"]))
        return 1 if errors else 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    print("\n".join(actual))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
