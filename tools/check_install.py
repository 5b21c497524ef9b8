#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs a build into a temporary folder and builds the consumers of tests/install with it.

    tools/check_install.py BUILD_DIR
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import cpp_text


class Failed(Exception):
    pass


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(str(word) for word in command)}\n{done.stdout[-4000:]}")
    return done.stdout


def cached(build, name):
    for line in (build / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split("=", 1)[1]
    return ""


def consume(root, build, folder, name, *definitions, environment=None):
    """Configures, builds and runs the consumer `name`."""
    tree = folder / name
    definitions = [f"-DCMAKE_CXX_COMPILER={cached(build, 'CMAKE_CXX_COMPILER')}", *definitions]
    if sanitizers := cached(build, "SIMUL_SANITIZE"):
        definitions.append(f"-DCMAKE_CXX_FLAGS=-fsanitize={sanitizers}")
    if shutil.which("ccache"):
        definitions.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    run("cmake", "-G", "Ninja", "-S", root / "tests/install" / name, "-B", tree, *definitions,
        env=environment)
    run("cmake", "--build", tree)
    for program, expected in (("consumer", "42 closed none\n"), ("network", "simul.url\n")):
        output = run(tree / program)
        if output != expected:
            raise Failed(f"{name}: {program} prints {output!r}")


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    root, build = cpp_text.project_root(), pathlib.Path(arguments[0]).resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="simul-install-"))
    try:
        prefix = folder / "prefix"
        run("cmake", "--install", build, "--prefix", prefix)
        configs = list(prefix.rglob("simul-*.pc"))
        if not configs:
            raise Failed("no simul-*.pc was installed")
        for config in configs:
            # The .pc file names the prefix that was configured, the test another one.
            first, rest = config.read_text().split("\n", 1)
            config.write_text(f"prefix={prefix}\n{rest}")
        for header in (root / "include").rglob("*.hpp"):
            if not (prefix / "include" / header.relative_to(root / "include")).is_file():
                raise Failed(f"{header.name} was not installed")
        consume(root, build, folder, "find_package", f"-DCMAKE_PREFIX_PATH={prefix}")
        consume(root, build, folder, "pkg_config",
                environment={**os.environ, "PKG_CONFIG_PATH": str(configs[0].parent)})
        consume(root, build, folder, "add_subdirectory", f"-DSIMUL_SOURCE={root}")
    except Failed as failure:
        print(f"install: {failure}")
        return 1
    finally:
        shutil.rmtree(folder)
    print("install: found by find_package, pkg-config and add_subdirectory")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
