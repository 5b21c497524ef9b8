#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the tables of docs/coming-from.

    tools/check_coming_from.py [--inventory FILE]

    every row      has three cells, There, Here and What differs, and none of them is empty; There
                   names one thing, and each page names it once in a section
    Here           names public headers (`io/tcp.hpp`, below include/simul) and code that stands in
                   them: every word of `tcp_stream::adopt` is a word of one of these, outside of
                   comments. What is between brackets, and what begins with std::, is not looked at.
                   A cell that names no header begins with one of the texts of WITHOUT_HEADER
    the inventory  is a list of the names that the pages have to cover, with sections 2.1 to 2.5. It
                   is no part of the project: without it that check is skipped. Every word that is
                   code in it must be code in the first column of its page; what it proposes to call
                   a thing here (the third column of its tables, and what follows an arrow) is not
                   looked at
"""

import argparse
import pathlib
import re
import sys

import cpp_text

FOLDER = "docs/coming-from"
SECTIONS = {"asyncio.md": ("2.1", "2.2"), "trio.md": ("2.3", "2.4", "2.5")}
HEADINGS = ["There", "Here", "What differs"]
WITHOUT_HEADER = ("not yet", "deliberately not", "nothing", "the language", "the standard library",
                  "the build")
CODE = re.compile(r"`([^`]+)`")
WORD = re.compile(r"[A-Za-z_]\w*")


def cells(line):
    """The cells of a line of a table. A bar inside code separates nothing."""
    masked = CODE.sub(lambda match: match.group().replace("|", "\0"), line.strip())
    masked = masked.replace("\\|", "\0")
    return [cell.strip().replace("\0", "|") for cell in masked.strip("|").split("|")]


def rows(text):
    """Yields (line number, heading above it, cells) of every row of a table, headings too."""
    section, fenced = "", False
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            continue
        elif line.startswith("#"):
            section = line.lstrip("# ")
        elif line.startswith("|"):
            yield number, section, cells(line)


def is_rule(row):
    """True for the line of dashes below the headings of a table."""
    return all(re.fullmatch(r":?-+:?", cell) for cell in row)


def words_of_code(code):
    """The words of a name, without what is in its brackets and without std::names."""
    for brackets in (r"\([^()]*\)", r"<[^<>]*>", r"\{[^{}]*\}"):
        while code != (shorter := re.sub(brackets, "", code)):
            code = shorter
    return [] if code.startswith("std::") else WORD.findall(code)


class Headers:
    """The words of the headers of the project at `root`."""

    def __init__(self, root):
        self.folder = root / "include/simul"
        self.words = {}

    def words_in(self, name):
        """The set of the words of a header, or None if there is no such header."""
        if name not in self.words:
            path = self.folder / name
            self.words[name] = None
            if path.is_file():
                tokens = cpp_text.tokenize(path.read_text(encoding="utf-8")).tokens
                self.words[name] = {token.text for token in tokens if token.kind == "word"}
        return self.words[name]


def check_here(cell, headers):
    """Complaints about one cell of the column Here."""
    code = CODE.findall(cell)
    names = [text for text in code if not text.endswith(".hpp")]
    known, errors = set(), []
    for header in (text for text in code if text.endswith(".hpp")):
        words = headers.words_in(header)
        if "detail/" in header:
            errors.append(f"{header} is not public")
        elif words is None:
            errors.append(f"there is no header include/simul/{header}")
        else:
            known |= words
    if errors:
        return errors
    if len(names) == len(code):
        if not cell.startswith(WITHOUT_HEADER):
            return ["Here names no header and does not begin with one of: "
                    + ", ".join(WITHOUT_HEADER)]
        return []
    return [f"'{word}' of '{name}' is not in the headers that are named beside it"
            for name in names for word in words_of_code(name) if word not in known]


def check_page(text, headers):
    """Complaints about one page as (line, message)."""
    errors, seen, last = [], set(), None
    for number, section, row in rows(text):
        is_first = last is None or number != last + 1
        last = number
        if is_first:
            if row != HEADINGS:
                errors.append((number, "the table is not headed by " + ", ".join(HEADINGS)))
            continue
        if is_rule(row):
            continue
        if len(row) != len(HEADINGS):
            errors.append((number, f"the row has {len(row)} cells instead of {len(HEADINGS)}"))
            continue
        errors += [(number, f"the cell '{heading}' is empty")
                   for heading, cell in zip(HEADINGS, row) if not cell]
        if len(CODE.findall(row[0])) != 1:
            errors.append((number, "There does not name one thing, as code"))
        elif (section, row[0]) in seen:
            errors.append((number, f"{row[0]} has a row in this section already"))
        seen.add((section, row[0]))
        if row[1]:
            errors += [(number, message) for message in check_here(row[1], headers)]
    if last is None:
        errors.append((1, "there is no table on this page"))
    return errors


def names_of_inventory(text, sections):
    """The words that are code in these sections, without what is proposed for the names here."""
    names, wanted = {}, False
    for line in text.split("\n"):
        if line.startswith("#"):
            wanted = line.lstrip("# ").startswith(tuple(section + " " for section in sections))
        if not wanted:
            continue
        if line.startswith("|"):
            line = " ".join(cells(line)[:2])
        else:
            line = re.sub(r"→.*?(?:;|\.\s|$)", " ", line)
        for code in CODE.findall(line):
            for word in WORD.findall(code):
                names.setdefault(word, code)
    return names


def is_covered(word, code, covered):
    """True if a word is covered, or what it abbreviates: all of create_unix_* and sock_recv(_into),
    the second of wait_readable/writable."""
    if word in covered:
        return True
    if word.endswith("_"):
        return any(name.startswith(word) for name in covered)
    if word.startswith("_") or "/" + word in code:
        return any(name.endswith(word) for name in covered)
    return False


def check_inventory(inventory, page, sections):
    """Complaints about names of the inventory that have no row on their page."""
    covered = set()
    for _, _, row in rows(page):
        for code in CODE.findall(row[0]):
            covered.update(WORD.findall(code))
    return [f"'{word}' (of '{code}' in the inventory) has no row"
            for word, code in names_of_inventory(inventory, sections).items()
            if not is_covered(word, code, covered)]


def check(root, inventory=None):
    """Complaints about the pages of the project at `root`, one text each."""
    errors = []
    headers = Headers(root)
    for name, sections in SECTIONS.items():
        path = root / FOLDER / name
        if not path.is_file():
            errors.append(f"{FOLDER}/{name}: is missing")
            continue
        text = path.read_text(encoding="utf-8")
        errors += [f"{FOLDER}/{name}:{line}: {message}"
                   for line, message in check_page(text, headers)]
        if inventory is not None:
            errors += [f"{FOLDER}/{name}: {message}"
                       for message in check_inventory(inventory, text, sections)]
    return errors


def main(arguments):
    parser = argparse.ArgumentParser(description="Checks the tables of docs/coming-from.")
    parser.add_argument("--inventory", type=pathlib.Path, metavar="FILE",
                        help="the names that the pages have to cover")
    path = parser.parse_args(arguments).inventory
    inventory = None
    if path is not None and path.is_file():
        inventory = path.read_text(encoding="utf-8")
    else:
        print("inventory: skipped, " + ("not given" if path is None else f"there is no {path}"))
    errors = check(cpp_text.project_root(), inventory)
    print("\n".join(errors + [f"coming from: {len(errors)} errors"]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
