#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the table of HTML's named character references as C++, from Python's own copy of it.

    tools/generate_entities.py OUTPUT

OUTPUT defines what src/web/html_character_references.hpp declares. It is made at build time and is
the same for every Python 3: the standard promises never to change the list.
"""

import html.entities
import pathlib
import sys

PER_LINE = 8


def table():
    """(name without the ampersand, code points) of every reference, in the order of the bytes."""
    return sorted((name.encode("ascii"), [ord(character) for character in text])
                  for name, text in html.entities.html5.items())


def rows(values, per_line=PER_LINE):
    lines = [", ".join(values[i:i + per_line]) for i in range(0, len(values), per_line)]
    return ",\n    ".join(lines)


def generate(entries):
    assert all(1 <= len(points) <= 2 for _, points in entries)
    begins, names = [0], b""
    for name, _ in entries:
        names += name
        begins.append(len(names))
    first = [sum(name[0] < letter for name, _ in entries) for letter in range(129)]
    text = b"".join(name for name, _ in entries).decode("ascii")
    literals = "\n    ".join(f'"{text[i:i + 80]}"' for i in range(0, len(text), 80))
    points = [f"{{0x{p[0]:X}, 0x{p[1] if len(p) > 1 else 0:X}}}" for _, p in entries]
    return f"""\
// SPDX-License-Identifier: Apache-2.0
//
// Made by tools/generate_entities.py: the {len(entries)} named character references of HTML.
#include "web/html_character_references.hpp"

namespace simul::web::detail {{

const std::size_t reference_count = {len(entries)};
const std::size_t longest_reference = {max(len(name) for name, _ in entries)};

const char reference_names[] =
    {literals};

const std::uint16_t reference_begins[] = {{
    {rows([str(begin) for begin in begins], 16)}}};

const std::uint16_t reference_first[] = {{
    {rows([str(index) for index in first], 16)}}};

const reference_text reference_texts[] = {{
    {rows(points, 6)}}};

}}  // namespace simul::web::detail
"""


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip())
        return 2
    output = pathlib.Path(sys.argv[1])
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(generate(table()), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
