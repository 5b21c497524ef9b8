#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Moves the fragments of changes/ into CHANGELOG.md, as the section of one version.

    tools/assemble_changelog.py VERSION DATE
    tools/assemble_changelog.py --check     only says which fragments are not well-formed

A fragment is changes/<slug>.<kind>.md, two or three sentences for somebody who upgrades.
"""

import pathlib
import re
import sys

import cpp_text

KINDS = ["added", "changed", "fixed", "removed", "perf", "docs"]
TITLES = {"added": "Added", "changed": "Changed", "fixed": "Fixed", "removed": "Removed",
          "perf": "Faster or smaller", "docs": "Documentation"}
NAME = re.compile(r"[a-z0-9][a-z0-9-]*\.(" + "|".join(KINDS) + r")\.md")


def fragments(folder):
    return [path for path in sorted(folder.glob("*")) if path.name != "README.md"]


def complaints(folder):
    errors = []
    for path in fragments(folder):
        if not NAME.fullmatch(path.name):
            errors.append(f"changes/{path.name}: is not named <slug>.<kind>.md; kinds are "
                          + ", ".join(KINDS))
        elif not path.read_text(encoding="utf-8").strip():
            errors.append(f"changes/{path.name}: is empty")
    return errors


def section(folder, version, date):
    """The text of one version's section."""
    lines = [f"## {version} ({date})", ""]
    for kind in KINDS:
        texts = [path.read_text(encoding="utf-8").strip() for path in fragments(folder)
                 if path.name.endswith(f".{kind}.md")]
        if texts:
            lines += [f"### {TITLES[kind]}", ""]
            lines += ["- " + text.replace("\n", "\n  ") for text in texts]
            lines.append("")
    return "\n".join(lines)


def main(arguments):
    root = cpp_text.project_root()
    folder = root / "changes"
    errors = complaints(folder)
    if errors or arguments == ["--check"]:
        print("\n".join(errors + [f"changes: {len(fragments(folder))} fragments, "
                                  f"{len(errors)} errors"]))
        return 1 if errors else 0
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    changelog = pathlib.Path(root / "CHANGELOG.md")
    head, mark, rest = changelog.read_text(encoding="utf-8").partition("<!-- newest first -->\n")
    if not mark:
        print("CHANGELOG.md has no line '<!-- newest first -->'", file=sys.stderr)
        return 1
    changelog.write_text(head + mark + "\n" + section(folder, *arguments) + rest, encoding="utf-8")
    for path in fragments(folder):
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
