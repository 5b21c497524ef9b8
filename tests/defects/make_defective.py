#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a copy of the sources in which the defects of defects.toml can be switched on.

    make_defective.py SOURCE_FOLDER TARGET_FOLDER LAYER…

The copy has include/ and src/ of the layers, and list.hpp with the names of the defects. The program
that is built from it reads the name of the one to switch on from SIMUL_DEFECT.
"""

import pathlib
import sys
import tomllib

SWITCH = """// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdlib>
#include <cstring>
namespace simul::defects {
inline bool is_on(const char* name) noexcept {
    static const char* const wanted = std::getenv("SIMUL_DEFECT");
    return wanted != nullptr && std::strcmp(wanted, name) == 0;
}
}  // namespace simul::defects
"""


def insert_defects(text, defects, file):
    """The text with a switch around each statement that has a defect."""
    statements = {}
    for name, defect in defects.items():
        statements.setdefault(defect["right"], []).append((name, defect["wrong"]))
    for right, wrongs in statements.items():
        if text.count(right) != 1:
            sys.exit(f"tests/defects/defects.toml: {file} has {text.count(right)} times: {right}")
        switched = f"{{ {right} }}"
        for name, wrong in wrongs:
            switched = f'if (::simul::defects::is_on("{name}")) {{ {wrong} }} else {switched}'
        text = text.replace(right, switched)
    first_include = text.index("#include")
    return text[:first_include] + '#include "simul/base/defects.hpp"\n' + text[first_include:]


def write(path, text):
    """Leaves the file alone if it has the text already, so that nothing is built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def main(source, target, *layers):
    source, target = pathlib.Path(source), pathlib.Path(target)
    with open(source / "tests/defects/defects.toml", "rb") as file:
        defects = tomllib.load(file)
    changed = {}
    for name, defect in defects.items():
        changed.setdefault(defect["file"], {})[name] = defect
    for layer in layers:
        for folder in (f"include/simul/{layer}", f"src/{layer}"):
            for path in sorted((source / folder).rglob("*.?pp")):
                file = str(path.relative_to(source))
                text = path.read_text()
                if file in changed:
                    text = insert_defects(text, changed.pop(file), file)
                write(target / file, text)
    if changed:
        sys.exit(f"tests/defects/defects.toml: there is no {', '.join(changed)}")
    write(target / "include/simul/base/defects.hpp", SWITCH)
    names = "".join(f'    "{name}",\n' for name in defects)
    write(target / "list.hpp", f"constexpr const char* every_defect[] = {{\n{names}}};\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
