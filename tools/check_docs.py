#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the comments of public headers.

    every header       opens with the SPDX line, an empty comment line and `// simul/<path>: …`
    anything awaitable (a function that returns task<…> or something_awaitable, a class with operator
                       co_await) has the labels Errors and Cancellation. A class that is only what a
                       function returns says so: "What f returns."
    Cancellation       begins with clean, partial or completes
    labels             come from the fixed list, in its order, their text in one column
"""

import re
import sys

import api_docs
import cpp_text

SPDX = "// SPDX-License-Identifier: Apache-2.0"
FIRST_WORDS = ("clean", "partial", "completes")


def check_opening(text, name):
    """Complaints about the first lines of the header that is included as `name`."""
    lines = text.split("\n")
    if lines[0] != SPDX:
        return [(1, f"does not begin with '{SPDX}'")]
    if len(lines) < 3 or lines[1] != "//" or not lines[2].startswith(f"// {name}: "):
        return [(3, f"does not open with '//' and '// {name}: …'")]
    return []


def check_labels(declaration):
    """Complaints about the form of one doc comment's labels."""
    errors, order, in_labels = [], [], False
    for line, text in declaration.doc:
        match = api_docs.LABEL.match(text)
        is_label = match and (match.group(1) in api_docs.LABELS and len(match.group(2)) > 1
                              or len(match.group(2)) > 2)
        if is_label:
            label, gap, rest = match.groups()
            in_labels = True
            if label not in api_docs.LABELS:
                errors.append((line, f"'{label}' is no label; there are "
                               + ", ".join(api_docs.LABELS)))
                continue
            order.append(api_docs.LABELS.index(label))
            if len(label + gap) != api_docs.LABEL_WIDTH:
                errors.append((line, f"the text of {label} does not begin in column "
                               f"{api_docs.LABEL_WIDTH + 1} of the comment"))
            if label == "Cancellation" and not re.match(
                    r"(" + "|".join(FIRST_WORDS) + r")\b", rest):
                errors.append((line, "Cancellation does not begin with clean, partial or completes"))
        elif not text.strip():
            in_labels = False
        elif in_labels and not text.startswith(" " * api_docs.LABEL_WIDTH):
            errors.append((line, "does not continue its label in the label's text column"))
    if order != sorted(order):
        errors.append((declaration.line, "labels are not in the order "
                       + ", ".join(api_docs.LABELS)))
    if len(order) != len(set(order)):
        errors.append((declaration.line, "a label occurs twice"))
    return errors


def check_header(text, name):
    """Returns complaints about one public header as (line, message)."""
    errors = check_opening(text, name)
    declarations = api_docs.Header(text).declarations
    labels_of = {}
    for declaration in declarations:
        errors += check_labels(declaration)
        labels_of.setdefault(declaration.name, set()).update(declaration.labels())
    for declaration in declarations:
        if not declaration.awaits:
            continue
        if declaration.kind == "class" and declaration.name.endswith("_awaitable"):
            # The contract stands at the function.
            if not any(re.search(r"\bWhat .* returns?\b", text) for _, text in declaration.doc):
                errors.append((declaration.line, f"{declaration.name}: its comment does not say "
                               "'What <function> returns.'"))
            continue
        missing = {"Errors", "Cancellation"} - labels_of[declaration.name]
        if missing:
            errors.append((declaration.line, f"{declaration.name} can be awaited and has no label "
                           + " and ".join(sorted(missing))))
    return sorted(set(errors))


def check(root):
    """Returns complaints about the project at `root`, one text each."""
    errors = []
    for path in sorted((root / "include").rglob("*.hpp")):
        name = path.relative_to(root / "include").as_posix()
        text = path.read_text(encoding="utf-8")
        found = check_opening(text, name) if "detail" in path.parts else check_header(text, name)
        errors += [f"include/{name}:{line}: {message}" for line, message in found]
    for path in cpp_text.cpp_files(root, ["src", "tests", "examples", "apps"]):
        if path.read_text(encoding="utf-8").split("\n", 1)[0] != SPDX:
            errors.append(f"{path.relative_to(root)}:1: does not begin with '{SPDX}'")
    return errors


def main():
    errors = check(cpp_text.project_root())
    print("\n".join(errors + [f"docs: {len(errors)} errors"]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
