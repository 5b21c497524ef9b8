# SPDX-License-Identifier: Apache-2.0
"""Installs and builds what is compared. What cannot be is left out, with a reason of one line."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from harness.machine import ROOT, Failed

COMPARE = ROOT / "bench" / "compare"
CRATES = "/usr/share/cargo/registry"  # where Debian puts them
LONGEST = 1200  # seconds, for one command


def run(command, log, environment=None, folder=ROOT):
    """Runs a command; what it prints goes to a file, and its first error is why it failed."""
    command = list(map(str, command))
    print(f"{pathlib.Path(command[0]).name} for {log.stem}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(command, cwd=folder, env={**os.environ, **(environment or {})},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=LONGEST, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from error
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(done.stdout)
    if done.returncode != 0:
        raise Failed(f"{pathlib.Path(command[0]).name}: {first_error(done.stdout)}")


def first_error(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()),
                lines[-1] if lines else "failed without a word")[:160]


# --- packages -------------------------------------------------------------------------------------

def version_of(package):
    """What is installed of a Debian package; "" if nothing is, None if this is no Debian."""
    try:
        done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package],
                              capture_output=True, text=True, check=False)
    except OSError:
        return None
    status, _, version = done.stdout.partition(" ")
    return version if status == "installed" else ""


def missing(packages):
    return [package for package in dict.fromkeys(packages) if version_of(package) == ""]


def install(packages, log):
    """Raises Failed if some of the packages are not there and cannot be installed."""
    wanted = missing(packages)
    if not wanted:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as names:
        names.write("\n".join(wanted) + "\n")
        names.flush()
        try:
            run(["bash", ROOT / "tools" / "install_packages.sh", names.name], log)
        except Failed:
            pass  # what is still missing says it better
    if missing(wanted):
        raise Failed(f"not installed: {' '.join(missing(wanted))} (apt-get install as root)")


# --- programs -------------------------------------------------------------------------------------

class Builder:
    """Builds peers into a folder, each program once."""

    def __init__(self, folder):
        self.folder = folder.resolve()
        self.results = {}  # by recipe: None, or why not
        # Debian's compilers fit its crates; others that come first in the path may not.
        self.environment = {"PATH": f"/usr/bin:/bin:{os.environ['PATH']}"}

    def build(self, recipe):
        """Raises Failed if it cannot be built."""
        if not recipe:
            return
        if recipe not in self.results:
            try:
                RECIPES[recipe[0]](self, *recipe[1:])
                self.results[recipe] = None
            except Failed as failure:
                self.results[recipe] = str(failure)
        if self.results[recipe] is not None:
            raise Failed(self.results[recipe])

    def log(self, name):
        return self.folder / "log" / f"{name}.txt"

    def is_built(self, name, language):
        """Whether a program is newer than everything in its language."""
        program = self.folder / name
        sources = [path for path in (COMPARE / language).rglob("*") if path.is_file()]
        return (program.exists()
                and program.stat().st_mtime > max(path.stat().st_mtime for path in sources))

    def make(self, name, language, command):
        if not self.is_built(name, language):
            self.folder.mkdir(parents=True, exist_ok=True)
            run([*command, "-o", self.folder / name], self.log(name))

    def c(self, name, *libraries):
        source = COMPARE / "c" / f"{name}.c"
        self.make(name, "c", ["gcc", "-O2", "-Wall", "-Wextra", "-Wshadow", source, *libraries])

    def cpp(self, name):
        self.make(name, "cpp", ["g++", "-std=c++20", "-O2", "-DNDEBUG", "-pthread",
                                COMPARE / "cpp" / f"{name}.cpp"])

    def go(self, name):
        program = f"go_{name}"
        if self.is_built(program, "go"):
            return
        environment = {**self.environment, "GO111MODULE": "off", "GOFLAGS": "",
                       "GOCACHE": str(self.folder / "go-cache")}
        run(["go", "build", "-o", self.folder / program, COMPARE / "go" / f"{name}.go"],
            self.log(program), environment)

    def rust(self, name):
        """All programs in Rust are one package; the first that is asked for builds them."""
        if self.is_built(name, "rust"):
            return
        package = self.folder / "rust"
        shutil.copytree(COMPARE / "rust", package, dirs_exist_ok=True)
        (package / ".cargo").mkdir(exist_ok=True)
        (package / ".cargo" / "config.toml").write_text(
            '[source.crates-io]\nreplace-with = "debian"\n'
            f'[source.debian]\ndirectory = "{CRATES}"\n')
        run(["cargo", "build", "--release", "--offline"], self.log("rust"),
            {**self.environment, "CARGO_HOME": str(package / "home")}, package)
        for source in (COMPARE / "rust" / "src" / "bin").glob("*.rs"):
            shutil.copy(package / "target" / "release" / source.stem, self.folder / source.stem)


RECIPES = {"c": Builder.c, "c++": Builder.cpp, "go": Builder.go, "rust": Builder.rust}


def build_simul():
    """Builds the preset `bench`. Raises Failed if that fails."""
    log = ROOT / "build" / "log-of-bench.txt"
    packages = ROOT / "tools" / "packages.txt"
    for command in (["bash", ROOT / "tools" / "install_packages.sh", packages],
                    ["cmake", "--preset", "bench"], ["cmake", "--build", "--preset", "bench"]):
        try:
            run(command, log)
        except Failed as failure:
            raise Failed(f"{failure}\n{log.relative_to(ROOT)} has the rest") from failure


def fill(template, values):
    """The words of a command with {names} replaced; other braces stay."""
    words = []
    for word in map(str, template):
        for name, value in values.items():
            word = word.replace(f"{{{name}}}", str(value))
        words.append(word)
    return words


def find(command):
    """Raises Failed if what a command runs is not there."""
    if shutil.which(command[0]) is None:
        raise Failed(f"{pathlib.Path(command[0]).name} is not there")


def versions(of):
    """`name version` of the first package of each peer, once each."""
    found = {}
    for peer in of:
        if peer.packages and peer.packages[0] not in found:
            version = version_of(peer.packages[0])
            if version:
                found[peer.packages[0]] = f"{peer.packages[0]} {version}"
    return list(found.values())


def state_of(peer, program, session):
    """For --list: what there is of a peer's program. Builds and installs nothing."""
    gone = missing(peer.packages)
    if gone:
        return f"to be installed: {' '.join(gone)}"
    try:
        find(session.command(program))
    except Failed as failure:
        return "to be built" if program.builds or peer.is_simul else str(failure)
    return "ready"
