#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include against the table in tools/layers.toml.

Public headers (include/simul/<layer>/) include the standard library and simul/ headers of their own
or lower layers, and no system or third-party header. Sources (src/<layer>/) may also include those,
and private headers of their own or lower layers. Programs (apps, examples) see public headers
outside of detail folders only. No header may include itself through others,
but for the detail header with its bodies, which it includes at its end.
"""

import pathlib
import re
import sys
import tomllib

import cpp_text

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
STANDARD = set("""
algorithm any array atomic barrier bit bitset charconv chrono codecvt compare complex concepts
condition_variable coroutine deque exception execution expected filesystem format forward_list
fstream functional future generator initializer_list iomanip ios iosfwd iostream istream iterator
latch limits list locale map mdspan memory memory_resource mutex new numbers numeric optional ostream
print queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location
span spanstream sstream stack stacktrace stdexcept stdfloat stop_token streambuf string string_view
strstream syncstream system_error thread tuple type_traits typeindex typeinfo unordered_map
unordered_set utility valarray variant vector version
cassert cctype cerrno cfenv cfloat cinttypes climits clocale cmath csetjmp csignal cstdarg cstddef
cstdint cstdio cstdlib cstring ctime cuchar cwchar cwctype
""".split())


class Checker:
    def __init__(self, root, table):
        self.root = root
        self.layers = {name: set(below) for name, below in table["layers"].items()}
        self.programs = {name: set(below) for name, below in table.get("programs", {}).items()}
        self.confined = table.get("confined", {})
        self.errors = []
        self.edges = {}

    def run(self):
        for path in cpp_text.cpp_files(self.root, ["include", "src", *self.programs]):
            self.check_file(path.relative_to(self.root))
        self.check_cycles()
        return self.errors

    def report(self, path, line, message):
        self.errors.append(f"{path}:{line}: {message}")

    def check_file(self, path):
        parts = path.parts
        if parts[0] == "include":
            if parts[1] != "simul":
                self.report(path, 1, "public headers lie below include/simul")
                return
            layer = parts[2] if len(parts) > 3 else None  # None: an umbrella like simul.hpp
            place = "include"
        elif parts[0] == "src":
            layer, place = (parts[1] if len(parts) > 2 else ""), "src"
        else:
            layer, place = parts[0], "program"
        if place != "program" and layer is not None and layer not in self.layers:
            self.report(path, 1, f"'{layer}' is no layer of tools/layers.toml")
            return
        text = (self.root / path).read_text(encoding="utf-8")
        for line, directive in cpp_text.tokenize(text).directives:
            match = INCLUDE.match(directive)
            if match:
                self.check_include(path, line, place, layer, *match.groups())

    def check_include(self, path, line, place, layer, quote, name):
        if name.startswith("simul/"):
            self.check_simul(path, line, place, layer, name)
            return
        for prefix, places in self.confined.items():
            if name.startswith(prefix) and not any(str(path).startswith(p) for p in places):
                self.report(path, line, f"<{name}> belongs into {' or '.join(places)} only")
        if quote == "<":
            if place == "include" and name not in STANDARD:
                self.report(path, line, f"<{name}> is not of the C++ standard library: system and "
                            "third-party headers stay in src/")
            return
        if place == "include":
            self.report(path, line, f'"{name}": a public header includes "simul/…" only')
            return
        beside = (self.root / path).parent / name
        if place == "program":
            # A program's own headers: beside the file, or seen from the program's folder.
            of_program = self.root / pathlib.Path(*path.parts[:2]) / name
            if not beside.is_file() and not of_program.is_file():
                self.report(path, line, f'"{name}" exists neither beside this file nor in '
                            "the program's folder")
            return
        private = beside if beside.is_file() else self.root / "src" / name
        if not private.is_file():
            self.report(path, line, f'"{name}" exists neither beside this file nor in src/')
            return
        target = private.resolve().relative_to(self.root.resolve())
        self.edges.setdefault(str(path), set()).add(str(target))
        owner = target.parts[1] if target.parts[0] == "src" else None
        if owner != layer and owner not in self.layers[layer]:
            self.report(path, line, f'"{name}" is private to {owner}, which {layer} may not include')

    def check_simul(self, path, line, place, layer, name):
        header = pathlib.PurePosixPath("include") / name
        if not (self.root / header).is_file():
            self.report(path, line, f'"{name}" does not exist')
            return
        self.edges.setdefault(str(path), set()).add(str(header))
        parts = header.parts
        if layer is None:
            return  # an umbrella may include everything
        if len(parts) <= 3:
            if parts[2] == "simul.hpp" and place != "program":
                self.report(path, line, "the umbrella header is for trying things out: include "
                            "what is used")
            return
        target = parts[2]
        allowed = self.programs[layer] if place == "program" else self.layers[layer] | {layer}
        if target not in allowed:
            self.report(path, line, f'"{name}": {layer} may not include {target}')
        if place == "program" and "detail" in parts:
            self.report(path, line, f'"{name}": a program sees the public API only')

    def check_cycles(self):
        done, trail = set(), []

        def visit(node):
            if node in done:
                return
            if node in trail:
                cycle = trail[trail.index(node):] + [node]
                self.errors.append(f"{node}:1: includes itself: {' -> '.join(cycle)}")
                return
            trail.append(node)
            for target in sorted(self.edges.get(node, ())):
                if not self.is_second_half(node, target):
                    visit(target)
            trail.pop()
            done.add(node)

        for node in sorted(self.edges):
            visit(node)

    def is_second_half(self, node, target):
        """A detail header that `target` includes at its end, for bodies, may include it back."""
        return node in self.edges.get(target, ()) and \
            pathlib.PurePosixPath(node).parent == pathlib.PurePosixPath(target).parent / "detail"


def check(root):
    """Returns the list of complaints about the project at `root`."""
    with open(root / "tools/layers.toml", "rb") as table:
        return Checker(root, tomllib.load(table)).run()


def main():
    errors = check(cpp_text.project_root())
    print("\n".join(errors + [f"layers: {len(errors)} errors"]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
